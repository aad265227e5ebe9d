"""One socket of the server on the loopback: who is answered, with what, and who is not."""

from __future__ import annotations

import os
import socket
import struct
import time

import pytest

from hw.timestamping import SO_TIMESTAMPING
from ntp.keys import Key
from ntp.server import transmit_stamps
from ntp.server.clients import RateLimit
from ntp.server.counters import Count
from ntp.server.endpoint import FEW, INTERLEAVED_AT_ONCE
from ntp.server.policy import Leak
from ntp.server.time_state import Line
from ntp.server.transmit_stamps import LESSON_BATCHES
from ntp.wire.extension_field import UnknownField
from ntp.wire.packet import Leap, Mac, Packet, decode, encode, encode_without_mac

from .bench import Bench, request

SECOND = 1 << 32
AES, SHA = Key(5, "AES128", bytes(range(16))), Key(6, "SHA256", b"a secret")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 100])
def test_every_request_of_a_batch_is_answered_once(host: str, count: int) -> None:
    with Bench(host) as bench:
        before = time.time()
        replies = [decode(octets) for octets in bench.ask(*(request(number + 1) for number in range(count)))]
        after = time.time()
    assert [reply.origin_timestamp for reply in replies] == list(range(1, count + 1))
    for reply in replies:
        assert (reply.stratum, reply.leap, reply.reference_id) == (1, Leap.NONE, b"TEST")
        assert reply.receive_timestamp <= reply.transmit_timestamp
        assert before - 1 < reply.receive_timestamp / SECOND - 2_208_988_800 < after + 1


@pytest.mark.parametrize("host", ["127.0.0.7", "127.0.0.8"])
@pytest.mark.parametrize("count", [1, 20])
def test_the_answer_comes_from_the_address_that_was_asked(host: str, count: int) -> None:
    with Bench(host, listen="0.0.0.0") as bench:
        bench.client.connect((host, bench.port))  # so that others are not heard
        for _ in range(count):
            bench.client.send(request(1))
        bench.endpoint.serve()
        assert all(len(bench.client.recv(100)) == 48 for _ in range(count))


@pytest.mark.parametrize("count", [1, 20])
def test_another_clock_than_the_systems_is_served_by_its_line(count: int) -> None:
    with Bench() as bench:
        now_ns = time.time_ns()
        bench.tell(realtime=Line(now_ns, now_ns + 3600 * 10**9, 1e-5))
        for octets in bench.ask(*[request(1)] * count):
            reply = decode(octets)
            assert reply.receive_timestamp / SECOND - 2_208_988_800 == pytest.approx(time.time() + 3600, abs=2)
            assert reply.receive_timestamp <= reply.transmit_timestamp


def test_nobody_is_answered_between_a_step_of_the_clock_and_word_of_it() -> None:
    with Bench() as bench:
        bench.tell(stepped_ns=-50_000_000)  # as if CLOCK_REALTIME had been set ahead since
        assert bench.ask(request(1), request(2)) == []
        assert bench.count(Count.STEPPED) == 2
        bench.tell()
        assert len(bench.ask(request(3))) == 1


def test_of_eight_batches_one_at_most_is_stamped_to_learn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transmit_stamps, "LESSON_NS", 0)
    with Bench() as bench:
        for number in range(3 * LESSON_BATCHES):
            bench.ask(request(number + 1))
        wait_until = time.monotonic() + 10
        while bench.count(Count.STAMPS) < 3 and time.monotonic() < wait_until:
            bench.endpoint.take_stamps()
        assert bench.count(Count.STAMPS) == 3


# ---- interleaved mode (RFC 9769)


@pytest.mark.parametrize("others", [0, 30])
def test_the_third_reply_tells_when_the_second_left(others: int) -> None:
    crowd = [request(number) for number in range(1000, 1000 + others)]
    with Bench() as bench:
        first = decode(bench.ask(request(1))[0])
        second = decode(bench.ask(request(2, origin=first.receive_timestamp, receive=11), *crowd)[0])
        time.sleep(0.02)
        bench.endpoint.take_stamps()
        third = decode(bench.ask(request(3, origin=second.receive_timestamp, receive=12), *crowd)[0])
        assert (first.origin_timestamp, second.origin_timestamp) == (1, 2)
        assert third.origin_timestamp == 12
        assert third.transmit_timestamp < third.receive_timestamp
        assert abs(third.transmit_timestamp - second.transmit_timestamp) < SECOND // 100
        assert bench.count(Count.INTERLEAVED) == 1
        again = decode(bench.ask(request(4, origin=second.receive_timestamp, receive=13), *crowd)[0])
        assert again.origin_timestamp == 4


def test_a_step_makes_what_was_kept_worthless() -> None:
    with Bench() as bench:
        first = decode(bench.ask(request(1))[0])
        second = decode(bench.ask(request(2, origin=first.receive_timestamp, receive=11))[0])
        bench.endpoint.take_stamps()
        bench.tell(stepped_ns=10**9)
        bench.ask(request(3))
        bench.tell()
        assert decode(bench.ask(request(4, origin=second.receive_timestamp, receive=12))[0]).origin_timestamp == 4


def test_a_flood_of_would_be_interleaved_requests_is_answered_all_the_same() -> None:
    with Bench() as bench:
        asked = [request(number, origin=number, receive=number + 1) for number in range(1, 201)]
        assert [decode(octets).origin_timestamp for octets in bench.ask(*asked)] == list(range(1, 201))
        bench.endpoint.take_stamps()
        assert INTERLEAVED_AT_ONCE <= bench.count(Count.STAMPS) <= INTERLEAVED_AT_ONCE + 1


# ---- keys


@pytest.mark.parametrize("key", [AES, SHA], ids=lambda key: key.kind)
def test_a_request_with_a_digest_gets_a_reply_with_one(key: Key) -> None:
    packet = Packet(version=key.version, transmit_timestamp=99)
    packet.mac = Mac(key.key_id, key.digest(encode_without_mac(packet)))
    with Bench(keys=[AES, SHA]) as bench:
        (octets,) = bench.ask(encode(packet))
        reply = decode(octets)
        assert reply.mac is not None
        assert key.accepts(reply.mac.digest, octets[:48])
        assert (reply.origin_timestamp, reply.mac.key_id) == (99, key.key_id)
        assert bench.count(Count.AUTHENTICATED) == 1


def test_a_digest_by_another_key_gets_no_answer() -> None:
    packet = Packet(transmit_timestamp=99)
    covered = encode_without_mac(packet)
    forged = [Mac(5, AES.digest(covered + b"x")), Mac(7, AES.digest(covered)), Mac(5, SHA.digest(covered)[:16])]
    with Bench(keys=[AES]) as bench:
        for mac in forged:
            packet.mac = mac
            assert bench.ask(encode(packet)) == []
        assert bench.count(Count.NOT_AUTHENTIC) == 3


# ---- who may ask, and how often


@pytest.mark.parametrize("count", [1, 20])
def test_who_is_denied_gets_no_answer(count: int) -> None:
    with Bench(allow=["10.0.0.0/8"]) as bench:
        assert bench.ask(*[request(1)] * count) == []
        assert bench.count(Count.DENIED) == count
    with Bench(allow=["10.0.0.0/8", "127.0.0.1/32"], deny=["127.0.0.0/8"]) as bench:
        assert len(bench.ask(*[request(1)] * count)) == count


@pytest.mark.parametrize("count", [5, 20])
def test_who_asks_too_often_is_not_answered(count: int) -> None:
    with Bench(limit=RateLimit(10**10, 3)) as bench:
        assert len(bench.ask(*[request(1)] * count)) == 3
        assert bench.count(Count.LIMITED) == count - 3


@pytest.mark.parametrize("count", [5, 20])
def test_a_kiss_of_death_asks_for_less_and_is_no_longer_than_a_request(count: int) -> None:
    with Bench(limit=RateLimit(10**10, 3), leak=Leak(0, 1)) as bench:
        bench.endpoint._policy._random = lambda _: 0
        replies = [decode(octets) for octets in bench.ask(*(request(number + 1) for number in range(count)))]
        kisses = [reply for reply in replies if reply.stratum == 0]
        assert len(kisses) == count - 3
        assert {(kiss.kiss_code, kiss.leap, kiss.poll) for kiss in kisses} == {("RATE", Leap.UNSYNCHRONIZED, 7)}
        assert {kiss.origin_timestamp for kiss in kisses} == set(range(4, count + 1))
        assert bench.count(Count.KISSES) == count - 3


@pytest.mark.parametrize("among", [0, 20])
def test_no_kiss_of_death_answers_what_is_no_request(among: int) -> None:
    """It would be longer than a short datagram, and two servers would kiss each other without end."""
    rubbish = [b"\x23", request(1)[:47], request(1, first=0x24), bytes([0x16, 2]) + bytes(46)]
    with Bench(limit=RateLimit(10**10, 1), leak=Leak(0, 1)) as bench:
        bench.endpoint._policy._random = lambda _: 0
        bench.ask(request(1))
        replies = bench.ask(*rubbish, *(request(number + 1) for number in range(among)))
        assert len(replies) == bench.count(Count.KISSES) == among
        assert bench.count(Count.MALFORMED) == 2
        assert bench.count(Count.NOT_A_REQUEST) == 2


@pytest.mark.parametrize("count", [2, 20])
def test_a_request_that_the_kernel_did_not_stamp_is_answered_from_the_address_that_was_asked(count: int) -> None:
    off = struct.pack("@i", 0)
    with Bench("127.0.0.7", listen="0.0.0.0") as bench:
        bench.client.connect((bench.host, bench.port))  # so that others are not heard
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with other:
            for _ in range(count):  # leaves another address in the rows
                other.sendto(request(1), ("127.0.0.8", bench.port))
            bench.endpoint.serve()
        bench.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, off)
        before = time.time()
        for _ in range(count):
            bench.client.send(request(1))
        bench.endpoint.serve()
        for _ in range(count):
            reply = decode(bench.client.recv(100))
            assert before - 1 < reply.receive_timestamp / SECOND - 2_208_988_800 < time.time() + 1
        assert len(bench.datagrams.unstamped) == count


def test_of_what_is_beyond_the_limit_some_is_answered_still() -> None:
    with Bench(limit=RateLimit(10**10, 1), leak=Leak(2, 0)) as bench:
        turns = iter(range(1000))
        bench.endpoint._policy._random = lambda most: next(turns) % most
        assert len(bench.ask(*[request(1)] * 41)) == 21


# ---- rubbish and attacks

RUBBISH = {
    "control mode (ntpq)": bytes([0x16, 2]) + bytes(10),
    "control mode, long": bytes([0x16, 2]) + bytes(466),
    "private mode (ntpdc monlist)": bytes([0x17, 0, 3, 0x2A]) + bytes(188),
    "a server's reply": request(1, first=0x24),
    "broadcast": request(1, first=0x25),
    "symmetric active": request(1, first=0x21),
    "version 0": request(1, first=0x03),
    "version 5": request(1, first=0x2B),
    "nothing": b"",
    "one octet": b"\x23",
    "half a header": request(1)[:47],
    "a length of field below the least": request(1) + bytes.fromhex("01040004") + bytes(60),
    "a field of odd length": request(1) + bytes.fromhex("0104001d") + bytes(60),
    "a field that is longer than the packet": request(1) + bytes.fromhex("0104ffff") + bytes(60),
    "an impossible digest": request(1) + bytes(12),
    "cut by the limit of what is looked at": request(1) + bytes.fromhex("01040800") + bytes(2044),
}


@pytest.mark.parametrize("octets", RUBBISH.values(), ids=RUBBISH.keys())
@pytest.mark.parametrize("among", [0, 30])
def test_rubbish_gets_no_answer_and_is_counted_and_the_others_are_answered(octets: bytes, among: int) -> None:
    with Bench(keys=[AES]) as bench:
        replies = bench.ask(octets, *(request(number + 1) for number in range(among)))
        assert len(replies) == among
        unanswered = sum(bench.count(what) for what in (Count.MALFORMED, Count.NOT_A_REQUEST, Count.NOT_AUTHENTIC))
        assert unanswered == 1


def test_fields_that_nobody_here_knows_are_passed_over() -> None:
    packet = Packet(transmit_timestamp=5, extension_fields=(UnknownField(0x7FFF, bytes(200)),))
    with Bench() as bench:
        (octets,) = bench.ask(encode(packet))
        assert len(octets) == 48
        assert decode(octets).origin_timestamp == 5


def test_whatever_comes_the_reply_is_not_longer() -> None:
    """Random octets after every kind of first octet: nothing is amplified, and nothing ends the server."""
    with Bench(keys=[AES, SHA]) as bench:
        for length in (1, 47, 48, 52, 68, 72, 100, 228, 500, 1280):
            for first in (0x23, 0x1B, 0xE3, 0x24, 0x16, 0x17):
                asked = bytes([first]) + os.urandom(length - 1)
                assert all(len(octets) <= length for octets in bench.ask(asked))
        assert len(bench.ask(request(1))) == 1


def test_a_client_that_is_gone_does_not_hold_the_others_up() -> None:
    with Bench() as bench:
        gone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        gone.sendto(request(7), (bench.host, bench.port))
        gone.close()
        bench.endpoint.serve()
        time.sleep(0.05)  # the refusal by ICMP comes to our socket, not to theirs
        assert len(bench.ask(*[request(1)] * 10)) == 10
