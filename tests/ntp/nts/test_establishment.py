"""Key establishment without TLS: both halves with each other, and each with a peer that misbehaves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import pytest

from ntp.nts.aead import KEY_OCTETS, PREFERRED, Algorithm
from ntp.nts.cookies import SessionKeys
from ntp.nts.errors import Cause, KeyEstablishmentError
from ntp.nts.establishment import ClientEstablishment, Established, Offer, ServerEstablishment, export_keys
from ntp.nts.records import LONGEST_MESSAGE

from .vectors import octets

SIV_256, SIV_512, GCM_SIV = Algorithm.AES_SIV_CMAC_256, Algorithm.AES_SIV_CMAC_512, Algorithm.AES_128_GCM_SIV
END = "8000 0000"
NTPV4, NO_PROTOCOL = "8001 0002 0000", "8001 0000"
AEAD = "8004 0002 000f"
COOKIE = "0005 0004 aaaaaaaa"


def export(label: bytes, length: int, context: bytes) -> bytes:
    """As two ends of one connection export: the same for the same, nothing alike for anything else."""
    return hashlib.shake_256(label + b"/" + context).digest(length)


def seal(keys: SessionKeys) -> bytes:
    return b"cookie: " + keys.c2s[:4]


def server(algorithms: Sequence[Algorithm] = PREFERRED, **offer: object) -> ServerEstablishment:
    return ServerEstablishment(Offer(algorithms=frozenset(algorithms), **offer), seal)  # type: ignore[arg-type]


def establish(offered: Sequence[Algorithm], granted: Sequence[Algorithm], **offer: object) -> Established | None:
    client = ClientEstablishment(offered)
    answer = server(granted, **offer).receive(client.request(), export)
    assert answer is not None
    return client.receive(answer, export)


@pytest.mark.parametrize(
    ("offered", "granted", "chosen"),
    [
        (PREFERRED, PREFERRED, GCM_SIV),
        (PREFERRED, [SIV_256], SIV_256),
        ([SIV_512, SIV_256], PREFERRED, SIV_512),
        ([SIV_256], PREFERRED, SIV_256),
    ],
)
def test_the_first_of_the_clients_algorithms_that_the_server_knows_is_chosen(
    offered: Sequence[Algorithm], granted: Sequence[Algorithm], chosen: Algorithm
) -> None:
    established = establish(offered, granted)
    assert established is not None
    assert established.keys.algorithm is chosen
    assert established.keys == export_keys(export, chosen, compliant=True)
    assert len(established.cookies) == 8


def test_server_and_port_are_those_that_the_server_names() -> None:
    established = establish([SIV_256], PREFERRED, server="ntp.test", port=1123)
    assert established is not None
    assert (established.server, established.port) == ("ntp.test", 1123)


def test_each_direction_and_algorithm_has_a_key_of_its_own_of_the_right_length() -> None:
    keys = [export_keys(export, algorithm, compliant=True) for algorithm in Algorithm]
    assert all(len(pair.c2s) == len(pair.s2c) == KEY_OCTETS[pair.algorithm] for pair in keys)
    assert len({secret[:16] for pair in keys for secret in (pair.c2s, pair.s2c)}) == 6


def test_the_context_of_the_exporter_is_protocol_algorithm_and_direction() -> None:
    contexts: list[bytes] = []

    def note(label: bytes, length: int, context: bytes) -> bytes:
        assert label == b"EXPORTER-network-time-security"
        contexts.append(context)
        return bytes(length)

    export_keys(note, SIV_256, compliant=True)
    export_keys(note, GCM_SIV, compliant=True)
    export_keys(note, GCM_SIV, compliant=False)
    expected = "0000000f00 0000000f01 0000001e00 0000001e01 0000000f00 0000000f01"
    assert [context.hex() for context in contexts] == expected.split()


def test_keys_for_30_are_those_of_rfc_8915_only_where_both_sides_say_so() -> None:
    request = octets(NTPV4, "8004 0002 001e", END)
    answer = server().receive(request, export)
    assert answer is not None
    established = ClientEstablishment([GCM_SIV]).receive(answer, export)
    assert established is not None
    assert established.keys == export_keys(export, GCM_SIV, compliant=False)
    assert seal(established.keys) in answer


# ---- a client and what servers say


@pytest.mark.parametrize(
    ("response", "cause", "why"),
    [
        (octets("8002 0002 0001", END), Cause.REFUSED, "bad request"),
        (octets("8001 0000", END), Cause.REFUSED, "knows no NTS for NTPv4"),
        (octets("8001 0002 8001", AEAD, COOKIE, END), Cause.REFUSED, "knows no NTS for NTPv4"),
        (octets(NTPV4, "8004 0000", END), Cause.NO_COMMON_ALGORITHM, "chose none"),
        (octets(NTPV4, "8004 0002 001e", COOKIE, END), Cause.NO_COMMON_ALGORITHM, "chose 30"),
        (octets(NTPV4, AEAD, END), Cause.MALFORMED, "of 0 cookies none can be used"),
        (octets(NTPV4, AEAD, "0005 0003 aaaaaa", END), Cause.MALFORMED, "of 1 cookie none can be used"),
        (octets(NTPV4, AEAD, "0005 0204" + "00" * 516, END), Cause.MALFORMED, "of 1 cookie none can be used"),
        (octets(NTPV4, AEAD, COOKIE, "8007 0002 0000", END), Cause.MALFORMED, "port is 0"),
        (octets(NTPV4, AEAD, COOKIE, "ffff 0000", END), Cause.MALFORMED, "record 32767"),
        (octets(NTPV4, AEAD, COOKIE, END, "00"), Cause.MALFORMED, "1 octet follows End of Message"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(LONGEST_MESSAGE), Cause.MALFORMED, "longer than"),
    ],
)
def test_a_response_that_grants_nothing_is_told_by_cause_and_reason(response: bytes, cause: Cause, why: str) -> None:
    with pytest.raises(KeyEstablishmentError, match=why) as caught:
        ClientEstablishment([SIV_256]).receive(response, export)
    assert caught.value.cause is cause
    assert caught.value.next_step


def test_a_client_keeps_eight_cookies_of_however_many() -> None:
    established = ClientEstablishment([SIV_256]).receive(octets(NTPV4, AEAD, COOKIE * 100, END), export)
    assert established is not None
    assert len(established.cookies) == 8


# ---- a server and what clients say


@pytest.mark.parametrize(
    ("request_octets", "answer", "why"),
    [
        (octets(NTPV4, END), octets("8002 0002 0001", NO_PROTOCOL, END), "AEAD Algorithm is missing"),
        (octets(NTPV4, AEAD, "cbcd 0000", END), octets("8002 0002 0000", NO_PROTOCOL, END), "record 19405"),
        (octets("8002 0002 0001", END), octets("8002 0002 0001", NO_PROTOCOL, END), "record 2"),
        (b"GET / HTTP/1.1\r\n" + bytes(2000), octets("8002 0002 0001", NO_PROTOCOL, END), "longer than 1024"),
        (octets(NTPV4, AEAD, END, "00"), octets("8002 0002 0001", NO_PROTOCOL, END), "1 octet follows End of Message"),
        (octets("8001 0002 8001", AEAD, END), octets("8001 0000 8004 0000", END), "not for NTPv4"),
        (octets(NTPV4, "8004 0002 0001", END), octets(NTPV4, "8004 0000", END), r"only the algorithms \(1,\)"),
    ],
)
def test_a_request_that_gets_nothing_is_answered_as_rfc_8915_says_and_noted(
    request_octets: bytes, answer: bytes, why: str
) -> None:
    side = server()
    assert side.receive(request_octets, export) == answer
    assert re.search(why, side.refused_because)


def test_a_request_may_come_octet_by_octet() -> None:
    side = server()
    request = ClientEstablishment([SIV_256]).request()
    answers = [side.receive(bytes([octet]), export) for octet in request]
    assert answers[:-1] == [None] * (len(request) - 1)
    assert answers[-1] is not None
    assert side.refused_because == ""
