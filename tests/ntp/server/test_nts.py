"""NTS in a worker: the short way from octets to octets says what the standard's words say, and refuses what they do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.nts.aead import Algorithm
from ntp.nts.errors import AuthenticationError
from ntp.nts.key_keeper import KeyKeeper
from ntp.server.counters import Count
from ntp.server.nts import Layout, NtsRequests, NtsResponder, RandomPool, Sessions, layouts
from ntp.server.settings import NtsSettings
from ntp.server.special import Special
from ntp.wire.packet import decode
from ptpstack.errors import WireError
from tests.ntp.nts.pair import NOW_S, Pair, reply_header

from .bench import Bench, request


def answered(server: NtsRequests, octets: bytes) -> tuple[Count, bytes] | None:
    prepared = server.usual(octets, 0, len(octets)) or server.by_the_book(octets)
    return (prepared.counts, prepared.seal(reply_header(octets))) if prepared else None


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("lost", [0, 1, 7])
def test_the_short_way_gives_as_many_cookies_and_the_same_proof(algorithm: Algorithm, lost: int) -> None:
    pair = Pair(algorithm)
    server = NtsRequests(pair.jar, os.urandom)
    for _ in range(lost):
        pair.request()
    octets = pair.request()
    assert server.usual(octets, 0, len(octets)) is not None
    found = answered(server, octets)
    assert found is not None
    counts, reply = found
    assert counts is Count.NTS
    assert len(reply) == len(pair.reply(octets)) <= len(octets)
    assert pair.client.check(decode(reply), reply) is None
    no_room = algorithm is Algorithm.AES_SIV_CMAC_512 and lost == 7  # for more in a packet that is never cut
    assert pair.client.cookies == (5 if no_room else 8)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_thousand_replies_repeat_nothing(algorithm: Algorithm) -> None:
    pair = Pair(algorithm)
    server = NtsRequests(pair.jar, RandomPool().octets)
    replies = [found[1] for _ in range(1000) if (found := answered(server, pair.request_and_refill()))]
    assert len({reply[84:] for reply in replies}) == 1000


PAIR = Pair()
SERVER = NtsRequests(PAIR.jar, os.urandom)
REQUEST = PAIR.request()


@given(st.integers(48, len(REQUEST) - 1), st.integers(1, 255), st.sampled_from(["change", "cut", "lengthen"]))
def test_whatever_is_changed_is_refused_by_both_ways_alike(at: int, by: int, how: str) -> None:
    octets = {
        "change": REQUEST[:at] + bytes([REQUEST[at] ^ by]) + REQUEST[at + 1 :],
        "cut": REQUEST[:at],
        "lengthen": REQUEST + bytes(4 * by),
    }[how]
    assert SERVER.usual(octets, 0, len(octets)) is None
    try:
        prepared = SERVER.by_the_book(octets)
    except WireError:
        return
    if prepared is None:
        return
    reply = prepared.seal(reply_header(octets))
    assert len(reply) <= len(octets)
    if prepared.counts is Count.NTS_NAKS:
        assert decode(reply).kiss_code == "NTSN"
    else:
        assert how == "lengthen"  # what follows the proof proves nothing and changes nothing (RFC 8915 5.7)


def test_a_replayed_request_is_answered_and_costs_its_client_nothing() -> None:
    """The server keeps nothing; the reply to an old identifier is not believed by anybody (RFC 8915 5.7)."""
    pair = Pair()
    server = NtsRequests(pair.jar, os.urandom)
    octets = pair.request()
    first, second = answered(server, octets), answered(server, octets)
    assert first is not None
    assert second is not None
    assert pair.client.check(decode(first[1]), first[1]) is None
    assert pair.client.check(decode(second[1]), second[1]) is not None


def test_cookies_asked_for_in_one_request_are_never_more_than_eight() -> None:
    pair = Pair()
    server = NtsRequests(pair.jar, os.urandom)
    octets = pair.crafted(placeholders=10)
    found = answered(server, octets)
    assert found is not None
    assert pair.client.check(decode(found[1]), found[1]) is None
    assert pair.client.cookies == 8
    assert len(found[1]) <= len(octets)


def test_on_the_socket_a_forged_cookie_gets_a_nak_and_rubbish_nothing() -> None:
    pair = Pair()
    octets = pair.request()
    forged = octets[:90] + bytes([octets[90] ^ 1]) + octets[91:]
    torn = octets[:48] + b"\x01\x04\xff\xf0" + octets[52:]
    server = NtsRequests(pair.jar, os.urandom)
    with Bench(special=Special({}, server)) as bench:
        for among in (0, 20):
            others = [request(number + 1) for number in range(among)]
            replies = bench.ask(octets, forged, torn, *others)
            assert len(replies) == among + 2
            nak = [reply for reply in replies if decode(reply[:48]).kiss_code == "NTSN"]
            assert len(nak) == 1
            assert len(nak[0]) <= len(forged)
        assert bench.count(Count.NTS) == 2
        assert bench.count(Count.NTS_NAKS) == 2
        assert bench.count(Count.MALFORMED) == 2


def test_a_worker_waits_for_the_master_key_and_follows_it(tmp_path: Path) -> None:
    file = tmp_path / "master.json"
    responder = NtsResponder(NtsSettings(master_key_file=str(file)))
    pair = Pair()
    assert responder.by_the_book(pair.request()) is None
    KeyKeeper(file, now_s=NOW_S, random_octets=os.urandom, writes=True)
    responder.refresh()
    prepared = responder.by_the_book(pair.request())
    assert prepared is not None
    assert prepared.counts is Count.NTS_NAKS


@pytest.mark.parametrize("layout", tuple(layouts()), ids=str)
def test_every_layout_is_that_of_a_request_and_its_reply_is_as_long(layout: Layout) -> None:
    pair = Pair(layout.algorithm)
    server = NtsRequests(pair.jar, os.urandom)
    octets = pair.crafted(placeholders=layout.cookies - 1)
    assert (len(octets), octets[: layout.proof_at]) == (layout.octets, octets[: len(octets) - layout.proof_octets])
    prepared = server.usual(octets, 0, len(octets))
    assert prepared is not None
    reply = prepared.seal(reply_header(octets))
    assert len(reply) == len(octets)
    assert pair.client.check(decode(reply), reply) is None
    assert pair.client.cookies == 8


def test_a_usual_request_is_read_where_it_lies() -> None:
    pair = Pair()
    octets = pair.request()
    row = memoryview(bytearray(os.urandom(100) + octets + os.urandom(100)))
    prepared = NtsRequests(pair.jar, os.urandom).usual(row, 100, len(octets))
    assert prepared is not None
    row[:] = bytes(len(row))  # others come into the row before it is sealed
    reply = prepared.seal(reply_header(octets))
    assert pair.client.check(decode(reply), reply) is None


def test_ciphers_of_a_bounded_number_of_clients_are_kept_and_any_one_gives_way() -> None:
    sessions = Sessions(most=20)
    clients = [os.urandom(64) for _ in range(25)]
    for _ in range(4):
        for secrets in clients:
            assert (sessions.get(secrets) or sessions.add(secrets)) is sessions.get(secrets)
            assert len(sessions) <= 20
    assert len(sessions) == 20
    assert sum(sessions.get(secrets) is not None for secrets in clients) == 20
    with pytest.raises(AuthenticationError, match="another program"):
        sessions.add(bytes(10))


def test_random_octets_are_never_given_twice() -> None:
    pool = RandomPool()
    given_out = [pool.octets(16) for _ in range(2000)]
    assert len(set(given_out)) == 2000
    assert {len(octets) for octets in given_out} == {16}
