"""When a client asks for keys, how it backs off, and what it does when the clock is set after all."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest

from ntp.client.association import Association
from ntp.client.events import SourceReachable
from ntp.client.outputs import Send
from ntp.client.sample import Sample, StampSource
from ntp.client.settings import AssociationSettings
from ntp.nts.aead import PREFERRED, Algorithm
from ntp.nts.authenticator import REFRESH, NtsAuthenticator
from ntp.nts.errors import Cause, KeyEstablishmentError
from ntp.nts.events import CertificatesWereNotValid, KeyEstablishmentFailed, KeysEstablished, KeysRefused
from ntp.nts.fields import UniqueIdentifier
from ntp.nts.server_side import ServerSide, VerifiedRequest
from ntp.wire.extension_field import encode_fields
from ntp.wire.packet import Packet, decode
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.time import MILLISECOND, SECOND, MonotonicTime, UtcTime

from .pair import NOW_S, Pair, at, new_grant, new_jar, reply_header

ERROR = KeyEstablishmentError(Cause.UNREACHABLE, where="NTS-KE ntp.test:4460", why="no route")


def new(random: float = 0.0) -> NtsAuthenticator:
    return NtsAuthenticator("ntp.test", random_octets=os.urandom, random=lambda: random)


def waits_after_failures(client: NtsAuthenticator, count: int) -> list[float]:
    """Let as many establishments fail at once when they are due; return the seconds between their begins."""
    begins: list[int] = []
    for _ in range(count):
        due = client.next_exchange()
        assert due is not None
        begins.append(int(due))
        client.begin_exchange(due)
        client.failed(ERROR, due)
    return [(later - earlier) / SECOND for earlier, later in pairwise(begins)]


def test_keys_are_wanted_at_once_and_not_twice_at_a_time() -> None:
    client = new()
    assert client.next_exchange() == 0
    offered, events = client.begin_exchange(at(1))
    assert offered == PREFERRED
    assert events == []
    assert client.next_exchange() is None
    assert client.lacks == "NTS keys are being established"


def test_failures_are_followed_by_waits_that_grow_as_rfc_8915_says() -> None:
    waits = waits_after_failures(new(), 6)
    assert waits == pytest.approx([10, 15, 22.5, 33.75, 50.625])


def test_waits_end_growing_at_four_hours() -> None:
    assert waits_after_failures(new(), 60)[-1] == 4 * 3600


def test_waits_are_spread_so_that_clients_do_not_come_at_once() -> None:
    assert waits_after_failures(new(0.5), 2)[0] == pytest.approx(10 * 1.125)


def test_a_failure_is_told_with_the_reason_and_when_the_next_try_is() -> None:
    client = new()
    client.begin_exchange(at(0))
    (event,) = client.failed(ERROR, at(3))
    assert isinstance(event, KeyEstablishmentFailed)
    assert "no route" in str(event)
    assert event.retry_s == pytest.approx(10)
    assert client.next_exchange() == at(13)
    assert client.lacks == "it has no NTS keys: the server was not reached, no route"


def test_only_a_proven_reply_ends_the_back_off() -> None:
    """RFC 8915 4.2: keys alone prove nothing, a server may give keys that do not work again and again."""
    pair = Pair()
    pair.client.begin_exchange(at(100))
    pair.client.granted(new_grant(pair.jar), at(100))
    pair.client.begin_exchange(at(200))
    pair.client.granted(new_grant(pair.jar, cookies=1), at(200))
    pair.request()
    assert pair.client.protect(Packet()) is None
    due = pair.client.next_exchange()
    assert due is not None
    assert at(200 + 22.5) <= due <= at(200 + 22.5 * 1.25)
    pair.client.begin_exchange(at(300))
    pair.client.granted(new_grant(pair.jar, cookies=1), at(300))
    pair.exchange()
    due = pair.client.next_exchange()
    assert due is not None
    assert due >= at(300) + REFRESH
    pair.client.begin_exchange(due)
    pair.client.failed(ERROR, due)
    assert pair.client._not_before - due < 13 * SECOND


@pytest.mark.parametrize(
    ("cause", "at_once"), [(Cause.UNREACHABLE, True), (Cause.TIMEOUT, True), (Cause.CERTIFICATE, False)]
)
def test_when_a_network_comes_keys_are_wanted_at_once_if_that_was_it(cause: Cause, at_once: bool) -> None:
    client = new()
    for failures in range(8):
        client.begin_exchange(at(100 * failures))
        client.failed(KeyEstablishmentError(cause), at(100 * failures))
    client.network_came(at(750))
    due = client.next_exchange()
    assert due is not None
    assert (due <= at(750)) is at_once


def test_a_grant_is_told_without_secrets() -> None:
    client = new()
    client.begin_exchange(at(0))
    grant = new_grant(new_jar())
    (event,) = client.granted(grant, at(0))
    assert isinstance(event, KeysEstablished)
    assert str(event) == "NTS source ntp.test: 8 cookies for 192.0.2.1 port 123, AES_SIV_CMAC_256"
    for shown in (repr(grant), str(event), repr(event)):
        assert grant.c2s.hex() not in shown
        assert repr(grant.c2s) not in shown


def test_keys_are_renewed_after_four_weeks_while_the_old_ones_go_on() -> None:
    pair = Pair()
    pair.exchange()
    assert pair.client.next_exchange() == at(0) + REFRESH
    pair.client.begin_exchange(MonotonicTime(REFRESH))
    pair.client.failed(ERROR, MonotonicTime(REFRESH))
    pair.exchange()


def nak(pair: Pair) -> None:
    request = pair.request()
    identifiers = [field for field in decode(request).extension_fields if isinstance(field, UniqueIdentifier)]
    octets = reply_header(request, stratum=0, reference_id=b"NTSN") + encode_fields(identifiers)
    pair.client.check(decode(octets), octets)
    assert pair.client.protect(Packet()) is None


def test_keys_for_30_that_never_worked_are_not_asked_for_again() -> None:
    """Both sides may derive them in different ways (chrony before 4.6.1)."""
    pair = Pair(Algorithm.AES_128_GCM_SIV)
    nak(pair)
    offered, events = pair.client.begin_exchange(at(60))
    assert offered == (Algorithm.AES_SIV_CMAC_256, Algorithm.AES_SIV_CMAC_512)
    assert [type(event) for event in events] == [KeysRefused]


def test_keys_for_30_that_worked_once_are() -> None:
    pair = Pair(Algorithm.AES_128_GCM_SIV)
    pair.exchange()
    nak(pair)
    assert pair.client.begin_exchange(at(60))[0] == PREFERRED


@pytest.mark.parametrize(("now_s", "believed"), [(NOW_S, True), (NOW_S - 101, False), (NOW_S + 101, False)])
def test_certificates_taken_on_trust_are_judged_when_the_clock_is_set(now_s: int, believed: bool) -> None:
    pair = Pair()
    pair.client.granted(new_grant(pair.jar, time_checked=False), at(0))
    pair.exchange()
    events = pair.client.clock_is_set(now_s)
    assert [type(event) for event in events] == ([] if believed else [CertificatesWereNotValid])
    assert bool(pair.client.cookies) is believed
    assert pair.client.clock_is_set(now_s + 10_000) == []


def test_an_association_asks_with_cookies_and_waits_for_keys() -> None:
    """The whole of a client but sockets: no keys, keys, a proven reply, a sample."""
    jar = new_jar()
    server = ServerSide(jar, os.urandom)
    client = new()
    association = Association(
        AssociationSettings(name="ntp.test", iburst=False, authenticator=client),
        random_bits=lambda bits: int.from_bytes(os.urandom(bits // 8), "big"),
        random=lambda: 0.5,
    )
    association.start(at(0))
    assert not [output for output in association.handle_deadline(at(0)) if isinstance(output, Send)]
    client.begin_exchange(at(0))
    client.granted(new_grant(jar), at(1))
    association.burst(at(1))
    (send,) = [output for output in association.handle_deadline(at(1)) if isinstance(output, Send)]
    left = UtcTime(NOW_S * SECOND)
    association.transmitted(send.context, left, StampSource.DAEMON, at(1))
    verified = server.verify(send.octets)
    assert isinstance(verified, VerifiedRequest)
    stamp = ntp_from_utc(left + 5 * MILLISECOND)
    header = reply_header(send.octets, receive_timestamp=stamp, transmit_timestamp=stamp)
    octets = server.reply(verified, header)
    forged = reply_header(send.octets, receive_timestamp=1, transmit_timestamp=1)
    assert not association.reachable
    association.receive(forged, left + 6 * MILLISECOND, StampSource.DAEMON, at(1))
    assert not association.reachable
    outputs = association.receive(octets, left + 10 * MILLISECOND, StampSource.DAEMON, at(1))
    assert association.authenticated
    assert [type(output) for output in outputs if isinstance(output, Sample | SourceReachable)] == [
        SourceReachable,
        Sample,
    ]
