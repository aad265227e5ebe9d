"""NTS in a worker: the short way from octets to octets says what the standard's words say, and refuses what they do."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.nts.aead import KEY_OCTETS, Algorithm, are_authentic
from ntp.nts.fields import seal
from ntp.nts.key_keeper import KeyKeeper
from ntp.server.counters import Count
from ntp.server.datagrams import LENGTH, ROW_OCTETS, Datagrams
from ntp.server.nts import MANY, NtsRequests, NtsResponder, RandomPool, Sessions
from ntp.server.nts_layouts import Layout, layouts
from ntp.server.settings import NtsSettings
from ntp.server.special import Special
from ntp.wire.packet import decode
from ptpstack.errors import WireError
from tests.ntp.nts.pair import NOW_S, Pair, new_jar, reply_header

from .bench import Bench, request


def answered_with_many(server: NtsRequests, *requests: bytes) -> list[bytes | None]:
    """Return the replies that the way for many has for *requests*, None for those that it leaves to the other way."""
    among = MANY  # plain ones, so that they are many in any case
    rows = Datagrams(socket.AF_INET, told_address=False, rows=len(requests) + among + 2)
    rows.requests[:] = 0xA5
    rows.headers[:, LENGTH] = 48
    for row, octets in enumerate(requests, 1):
        rows.requests[row, : len(octets)] = np.frombuffer(octets, np.uint8)
        rows.headers[row, LENGTH] = len(octets)
    sealings, others = server.usual(rows, np.arange(1, len(requests) + 1 + among))
    assert others[len(others) - among :] == list(range(len(requests) + 1, len(requests) + 1 + among))
    replies: dict[int, bytes | None] = dict.fromkeys(others[: len(others) - among])
    for sealing in sealings:
        for row in sealing.rows.tolist():
            rows.replies[row, :48] = np.frombuffer(reply_header(requests[row - 1]), np.uint8)
            rows.requests[row] = 0  # others come into the row before it is sealed
        assert sealing.counts is Count.NTS
        middle = len(sealing.rows) // 2
        for first, end in ((0, middle), (middle, len(sealing.rows))):
            if end > first:
                sealing.seal(first, end)
        for row in sealing.rows.tolist():
            assert rows.reply_lengths[row] <= len(requests[row - 1])
            replies[row] = rows.replies[row, : rows.reply_lengths[row]].tobytes()
    return [replies.pop(row) for row in range(1, len(requests) + 1)]


def answered(server: NtsRequests, octets: bytes) -> tuple[Count, bytes] | None:
    (usual,) = answered_with_many(server, octets)
    if usual is not None:
        return Count.NTS, usual
    prepared = server.by_the_book(octets)
    return (prepared.counts, prepared.seal(reply_header(octets))) if prepared else None


def answered_alone(server: NtsRequests, octets: bytes) -> tuple[Count, bytes] | None:
    prepared = server.prepare(octets)
    return (prepared.counts, prepared.seal(reply_header(octets))) if prepared else None


WAYS = pytest.mark.parametrize("way", [answered, answered_alone])
Way = Callable[[NtsRequests, bytes], tuple[Count, bytes] | None]


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("lost", [0, 1, 7])
@WAYS
def test_the_short_way_gives_as_many_cookies_and_the_same_proof(way: Way, algorithm: Algorithm, lost: int) -> None:
    pair = Pair(algorithm)
    server = NtsRequests(pair.jar, os.urandom)
    for _ in range(lost):
        pair.request()
    octets = pair.request()
    assert answered_with_many(server, octets) != [None]
    found = way(server, octets)
    assert found is not None
    counts, reply = found
    assert counts is Count.NTS
    assert len(reply) == len(pair.reply(octets)) <= len(octets)
    assert pair.client.check(decode(reply), reply) is None
    no_room = algorithm is Algorithm.AES_SIV_CMAC_512 and lost == 7  # for more in a packet that is never cut
    assert pair.client.cookies == (5 if no_room else 8)


@pytest.mark.parametrize("algorithm", Algorithm)
@WAYS
def test_a_thousand_replies_repeat_nothing(way: Way, algorithm: Algorithm) -> None:
    pair = Pair(algorithm)
    server = NtsRequests(pair.jar, RandomPool().octets)
    replies = [found[1] for _ in range(1000) if (found := way(server, pair.request_and_refill()))]
    assert len({reply[84:] for reply in replies}) == 1000


PAIR = Pair()
SERVER = NtsRequests(PAIR.jar, os.urandom)
REQUEST = PAIR.request()


@given(st.integers(48, len(REQUEST) - 1), st.integers(1, 255), st.sampled_from(["change", "cut", "lengthen"]))
def test_whatever_is_changed_is_refused_by_all_ways_alike(at: int, by: int, how: str) -> None:
    octets = {
        "change": REQUEST[:at] + bytes([REQUEST[at] ^ by]) + REQUEST[at + 1 :],
        "cut": REQUEST[:at],
        "lengthen": REQUEST + bytes(4 * by),
    }[how]
    assert answered_with_many(SERVER, octets) == [None]
    try:
        prepared = SERVER.by_the_book(octets)
    except WireError:
        with pytest.raises(WireError):
            SERVER.prepare(octets)
        return
    alone = SERVER.prepare(octets)
    if prepared is None:
        assert alone is None
        return
    reply = prepared.seal(reply_header(octets))
    assert alone is not None
    assert alone.counts is prepared.counts
    assert len(alone.seal(reply_header(octets))) == len(reply)
    assert len(reply) <= len(octets)
    if prepared.counts is Count.NTS_NAKS:
        assert decode(reply).kiss_code == "NTSN"
    else:
        assert how == "lengthen"  # what follows the proof proves nothing and changes nothing (RFC 8915 5.7)


@WAYS
def test_a_replayed_request_is_answered_and_costs_its_client_nothing(way: Way) -> None:
    """The server keeps nothing; the reply to an old identifier is not believed by anybody (RFC 8915 5.7)."""
    pair = Pair()
    server = NtsRequests(pair.jar, os.urandom)
    octets = pair.request()
    first, second = way(server, octets), way(server, octets)
    assert first is not None
    assert second is not None
    assert pair.client.check(decode(first[1]), first[1]) is None
    assert pair.client.check(decode(second[1]), second[1]) is not None


@WAYS
def test_cookies_asked_for_in_one_request_are_never_more_than_eight(way: Way) -> None:
    pair = Pair()
    server = NtsRequests(pair.jar, os.urandom)
    octets = pair.crafted(placeholders=10)
    found = way(server, octets)
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
    assert responder.prepare(pair.request()) is None
    KeyKeeper(file, now_s=NOW_S, random_octets=os.urandom, writes=True)
    responder.refresh()
    prepared = responder.prepare(pair.request())
    assert prepared is not None
    assert prepared.counts is Count.NTS_NAKS


@pytest.mark.parametrize("layout", tuple(layouts()), ids=str)
@WAYS
def test_every_layout_is_that_of_a_request_and_its_reply_is_as_long(way: Way, layout: Layout) -> None:
    pair = Pair(layout.algorithm)
    server = NtsRequests(pair.jar, os.urandom)
    octets = pair.crafted(placeholders=layout.cookies - 1)
    assert len(octets) == layout.octets
    if layout.octets > ROW_OCTETS:
        return  # such a request comes cut, and is refused
    assert layout.fits(octets)
    assert answered_with_many(server, octets) != [None]
    found = way(server, octets)
    assert found is not None
    reply = found[1]
    assert len(reply) == len(octets)
    assert pair.client.check(decode(reply), reply) is None
    assert pair.client.cookies == 8


def test_of_many_requests_each_gets_its_own_reply_whatever_came_between() -> None:
    """Of all layouts, two of which are as long, authentic and forged, once in order and once mixed."""
    jar = new_jar()
    clients: list[Pair] = []
    requests: list[bytes] = []
    for number in range(60):
        pair = Pair(list(Algorithm)[number % 3], jar=jar)
        octets = pair.crafted(placeholders=number % 4)
        if number % 5 == 0:
            octets = octets[:60] + bytes([octets[60] ^ 1]) + octets[61:]
        elif number % 7 == 0:
            octets = bytes([octets[0] ^ 1]) + octets[1:]
        clients.append(pair)
        requests.append(octets)
    order = random.Random(5).sample(range(60), 60)
    for numbers in (range(60), order):
        replies = answered_with_many(NtsRequests(jar, os.urandom), *[requests[number] for number in numbers])
        assert [reply is None for reply in replies] == [number % 5 == 0 or number % 7 == 0 for number in numbers]
    for number, reply in zip(order, replies, strict=True):
        if reply is not None:
            assert clients[number].client.check(decode(reply), reply) is None


def test_a_field_of_another_kind_is_left_to_the_standards_words() -> None:
    """All heads are looked at: what the client proves is of the usual length, and not what it seems."""
    pair = Pair()
    octets = pair.crafted(placeholders=1)
    session = pair.client._session
    assert session is not None
    at = 48 + 36 + 100
    covered = octets[:at] + b"\x7f\xff" + octets[at + 2 : at + 100]
    other = seal(covered, (), session.c2s, os.urandom(16))
    server = NtsRequests(pair.jar, os.urandom)
    assert len(other) == len(octets)
    assert answered_with_many(server, other, octets)[0] is None
    for way in (answered, answered_alone):
        found = way(server, other)
        assert found is not None
        assert found[0] is Count.NTS
        assert len(found[1]) == len(octets) - 100


def test_ciphers_of_a_bounded_number_of_clients_are_kept_and_any_one_gives_way() -> None:
    sessions = Sessions(most=20)
    clients = [os.urandom(64) for _ in range(25)]
    for _ in range(4):
        for secrets in clients:
            assert sessions.of_all([secrets])[0] is sessions.of_all([secrets])[0]
            assert len(sessions) <= 20
    assert len(sessions) == 20
    before = sessions.of_all(clients[-1:])
    (nobody, another) = sessions.of_all([b"", bytes(10)])
    assert nobody is another
    assert nobody.c2s is nobody.s2c
    assert sessions.of_all(clients[-1:]) == before
    assert len(sessions) == 20


@pytest.mark.parametrize("algorithm", Algorithm)
def test_what_cannot_be_opened_is_nobodys_and_proves_nothing(algorithm: Algorithm) -> None:
    """A cookie of keys that are gone, and one that holds what no algorithm takes."""
    pair, octets = Pair(algorithm), KEY_OCTETS[algorithm]
    server = NtsRequests(new_jar(), os.urandom)
    request_octets = pair.request()
    assert answered_with_many(server, request_octets) == [None]
    alone = answered_alone(server, request_octets)
    assert alone is not None
    assert alone[0] is Count.NTS_NAKS
    (nobody,) = Sessions().of_all([bytes(2 * octets - 2)])
    assert not are_authentic([nobody.c2s], [(b"covered", bytes(16), bytes(16))])[0]


def test_random_octets_are_never_given_twice() -> None:
    pool = RandomPool()
    given_out = [pool.octets(16) for _ in range(2000)]
    assert len(set(given_out)) == 2000
    assert {len(octets) for octets in given_out} == {16}
    assert len(pool.octets(100_000)) == 100_000
