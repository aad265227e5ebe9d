"""One association: what it sends, which replies it believes, and whom it obeys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from ntp.client.association import Association, AssociationState
from ntp.client.events import AuthenticationFailed, KissOfDeath, ReplyRejected, SourceReachable, SourceUnreachable
from ntp.client.outputs import Output, Send
from ntp.client.packet_tests import Rejected
from ntp.client.sample import Sample, StampSource
from ntp.client.settings import AssociationSettings
from ntp.keys import Key
from ntp.wire.packet import Leap, Mac, Mode, Packet, decode, encode, encode_without_mac
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.time import MILLISECOND, SECOND, MonotonicTime, UtcTime
from tests.ntp.world import START, ms

KEY = Key(7, "AES128", bytes(range(16)))


class Bench:
    """An association that asks by hand: a server's time is true, the local clock is 1 s ahead."""

    def __init__(self, **settings: object) -> None:
        numbers = iter(range(1 << 40, 1 << 41))
        self.association = Association(
            AssociationSettings(name="server", stamps=StampSource.KERNEL, **settings),  # type: ignore[arg-type]
            random_bits=lambda _bits: next(numbers),
            random=lambda: 0.5,
        )
        self.elapsed = 0
        self.association.start(self.now)

    @property
    def now(self) -> MonotonicTime:
        return MonotonicTime(self.elapsed)

    @property
    def local(self) -> UtcTime:
        return UtcTime(START + self.elapsed + SECOND)

    def request(self, *, stamped: bool = True) -> Packet:
        deadline = self.association.next_deadline()
        assert deadline is not None
        self.elapsed = max(int(deadline), self.elapsed)
        sends = [output for output in self.association.handle_deadline(self.now) if isinstance(output, Send)]
        (send,) = sends
        self.context = send.context
        if stamped:
            self.association.transmitted(send.context, self.local, StampSource.KERNEL, self.now)
        return decode(send.octets)

    def reply_to(self, request: Packet, **changes: object) -> Packet:
        server_time = ntp_from_utc(UtcTime(START + self.elapsed + 5 * MILLISECOND))
        reply = Packet(
            mode=Mode.SERVER,
            version=request.version,
            stratum=2,
            precision=-23,
            origin_timestamp=request.transmit_timestamp,
            receive_timestamp=server_time,
            transmit_timestamp=server_time,
        )
        return replace(reply, **changes)  # type: ignore[arg-type]

    def receive(self, octets: bytes | Packet) -> list[Output]:
        self.elapsed += 10 * MILLISECOND
        octets = encode(octets) if isinstance(octets, Packet) else octets
        return self.association.receive(octets, self.local, StampSource.KERNEL, self.now)

    def measure(self) -> list[Output]:
        return self.receive(self.reply_to(self.request()))


def signed(packet: Packet, key: Key) -> Packet:
    return replace(packet, mac=Mac(key.key_id, key.digest(encode_without_mac(packet))))


def samples(outputs: list[Output]) -> list[Sample]:
    return [output for output in outputs if isinstance(output, Sample)]


def test_a_request_tells_nothing_but_that_it_is_one() -> None:
    request = Bench().request()
    assert request == Packet(precision=32, transmit_timestamp=request.transmit_timestamp)
    assert request.transmit_timestamp


@pytest.mark.parametrize("year", [2027, 2040, 2090])
def test_a_clock_that_starts_in_1970_is_told_the_era_of_its_server(year: int) -> None:
    bench = Bench()
    there = UtcTime(round(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND)
    here = UtcTime(5 * SECOND)
    request = decode(bench.association.handle_deadline(bench.now)[0].octets)  # type: ignore[union-attr]
    bench.association.transmitted(1, here, StampSource.KERNEL, bench.now)
    server_time = ntp_from_utc(there)
    reply = bench.reply_to(request, receive_timestamp=server_time, transmit_timestamp=server_time)
    outputs = bench.association.receive(encode(reply), here, StampSource.KERNEL, bench.now)
    (sample,) = (output for output in outputs if isinstance(output, Sample))
    assert sample.offset == pytest.approx(here - there, abs=MILLISECOND)


def test_every_request_has_a_cookie_of_its_own() -> None:
    bench = Bench()
    cookies = [bench.request().transmit_timestamp for _ in range(20)]
    assert len(set(cookies)) == 20


def test_a_reply_gives_offset_and_delay() -> None:
    bench = Bench()
    event, sample = bench.measure()
    assert isinstance(event, SourceReachable)
    assert isinstance(sample, Sample)
    assert ms(sample.offset) == pytest.approx(1000, abs=1e-3)
    assert ms(sample.delay) == pytest.approx(10, abs=1e-3)
    assert sample.root_distance >= sample.delay // 2
    assert bench.association.reachable


def with_origin(bench: Bench, request: Packet) -> Packet:
    return bench.reply_to(request, origin_timestamp=request.transmit_timestamp ^ 1)


def empty_reply(change: dict[str, object]) -> Callable[[Bench, Packet], Packet]:
    return lambda bench, request: bench.reply_to(request, **change)


UNUSED = {
    "not a server's": (empty_reply({"mode": Mode.SYMMETRIC_PASSIVE}), Rejected.NOT_A_REPLY),
    "of another version": (empty_reply({"version": 3}), Rejected.NOT_A_REPLY),
    "with another's cookie": (with_origin, Rejected.NOT_OURS),
    "with no cookie": (empty_reply({"origin_timestamp": 0}), Rejected.NOT_OURS),
    "of a server without time": (empty_reply({"leap": Leap.UNSYNCHRONIZED}), Rejected.UNSYNCHRONIZED),
    "of stratum 16": (empty_reply({"stratum": 16}), Rejected.UNSYNCHRONIZED),
    "without a receive timestamp": (empty_reply({"receive_timestamp": 0}), Rejected.NO_TIMESTAMPS),
    "without a transmit timestamp": (empty_reply({"transmit_timestamp": 0}), Rejected.NO_TIMESTAMPS),
    "from far away": (empty_reply({"root_dispersion": 16 << 16}), Rejected.TOO_DISTANT),
    "of a server that follows us": (empty_reply({"reference_id": b"\x0a\0\0\x01"}), Rejected.SYNC_LOOP),
    "that left before it came": (
        lambda bench, request: bench.reply_to(
            request, transmit_timestamp=bench.reply_to(request).receive_timestamp - 1
        ),
        Rejected.TURNED_BACK,
    ),
    "kept for five seconds": (
        lambda bench, request: bench.reply_to(
            request, transmit_timestamp=bench.reply_to(request).receive_timestamp + (5 << 32)
        ),
        Rejected.KEPT_TOO_LONG,
    ),
}


@pytest.mark.parametrize(("make", "reason"), UNUSED.values(), ids=UNUSED)
def test_a_bad_reply_gives_no_sample_and_a_counted_reason(
    make: Callable[[Bench, Packet], Packet], reason: Rejected
) -> None:
    bench = Bench()
    bench.association.own_reference_id = b"\x0a\0\0\x01"
    outputs = bench.receive(make(bench, bench.request()))
    assert not samples(outputs)
    assert bench.association.rejected == {reason: 1}
    assert any(isinstance(output, ReplyRejected) and output.reason == reason.value for output in outputs)


def test_a_forged_reply_does_not_keep_the_real_one_out() -> None:
    bench = Bench()
    request = bench.request()
    for attempt in range(1000):
        forged = encode(bench.reply_to(request, origin_timestamp=attempt))
        assert not samples(bench.association.receive(forged, bench.local, StampSource.KERNEL, bench.now))
    assert samples(bench.receive(bench.reply_to(request)))


def test_octets_that_are_no_packet_are_counted() -> None:
    bench = Bench()
    bench.request()
    bench.receive(b"\x24 short")
    assert bench.association.rejected == {Rejected.MALFORMED: 1}


def test_a_copy_of_a_reply_is_not_used_again() -> None:
    bench = Bench()
    reply = bench.reply_to(bench.request())
    assert samples(bench.receive(reply))
    assert not samples(bench.receive(reply))
    bench.request()
    assert not samples(bench.receive(reply))


def test_a_reply_waits_for_the_stamp_of_its_request() -> None:
    bench = Bench()
    left = bench.local
    reply = bench.reply_to(bench.request(stamped=False))
    assert not samples(bench.receive(reply))
    (sample,) = samples(bench.association.transmitted(bench.context, left, StampSource.KERNEL, bench.now))
    assert ms(sample.delay) == pytest.approx(10, abs=1e-3)


@pytest.mark.parametrize("interleaved", [False, True])
def test_after_a_reply_only_a_stamp_that_is_missing_is_awaited(interleaved: bool) -> None:
    bench = Bench(interleaved=interleaved)
    bench.measure()
    assert not bench.association.awaits_something
    request = bench.request(stamped=False)
    assert bench.association.awaits_something
    server_time = ntp_from_utc(UtcTime(START + bench.elapsed))
    origin = request.receive_timestamp if interleaved else request.transmit_timestamp
    bench.receive(bench.reply_to(request, origin_timestamp=origin, receive_timestamp=server_time))
    assert bench.association.awaits_something
    bench.association.transmitted(bench.context, bench.local, StampSource.KERNEL, bench.now)
    assert not bench.association.awaits_something


def test_a_better_stamp_replaces_the_daemon_s_own() -> None:
    bench = Bench()
    reply = bench.reply_to(bench.request(stamped=False))
    kernel = bench.local
    bench.association.transmitted(bench.context, kernel - 3 * MILLISECOND, StampSource.DAEMON, bench.now)
    bench.association.transmitted(bench.context, kernel, StampSource.KERNEL, bench.now)
    (sample,) = samples(bench.receive(reply))
    assert ms(sample.delay) == pytest.approx(10, abs=1e-3)
    assert sample.stamps is StampSource.KERNEL


def test_without_the_better_stamp_the_daemon_s_own_serves_after_a_while() -> None:
    bench = Bench()
    reply = bench.reply_to(bench.request(stamped=False))
    bench.association.transmitted(bench.context, bench.local, StampSource.DAEMON, bench.now)
    assert not samples(bench.receive(reply))
    deadline = bench.association.next_deadline()
    assert deadline is not None
    (sample,) = samples(bench.association.handle_deadline(deadline))
    assert sample.stamps is StampSource.DAEMON


@pytest.mark.parametrize("kind", ["AES128", "AES256", "SHA256", "SHA384", "SHA512"])
def test_with_a_key_requests_are_signed_and_signed_replies_believed(kind: str) -> None:
    key = Key(7, kind, bytes(range(32 if kind == "AES256" else 16)))
    bench = Bench(key=key)
    request = bench.request()
    assert request.mac is not None
    assert key.accepts(request.mac.digest, encode_without_mac(request))
    assert samples(bench.receive(signed(bench.reply_to(request), key)))


OTHER_SECRET = Key(7, "AES128", bytes(16))
OTHER_NUMBER = Key(8, "AES128", bytes(range(16)))
NOT_AUTHENTIC = {
    "without a digest": (lambda reply: reply, Rejected.NOT_AUTHENTICATED),
    "by another key": (lambda reply: signed(reply, OTHER_NUMBER), Rejected.WRONG_KEY),
    "by another secret": (lambda reply: signed(reply, OTHER_SECRET), Rejected.WRONG_DIGEST),
    "changed on the way": (lambda reply: replace(signed(reply, KEY), stratum=1), Rejected.WRONG_DIGEST),
    "a crypto-NAK": (lambda reply: replace(reply, mac=Mac(0, b"")), Rejected.KEY_REFUSED),
}


@pytest.mark.parametrize(("change", "reason"), NOT_AUTHENTIC.values(), ids=NOT_AUTHENTIC)
def test_with_a_key_nothing_else_is_believed(change: Callable[[Packet], Packet], reason: Rejected) -> None:
    bench = Bench(key=KEY)
    (event,) = bench.receive(change(bench.reply_to(bench.request())))
    assert isinstance(event, AuthenticationFailed)
    assert event.reason == reason.value
    assert bench.association.rejected == {reason: 1}


def kiss(bench: Bench, code: str, **changes: object) -> Packet:
    return bench.reply_to(bench.request(), stratum=0, leap=Leap.UNSYNCHRONIZED, reference_id=code.encode(), **changes)


def test_a_kiss_without_our_cookie_or_digest_is_not_obeyed() -> None:
    bench = Bench()
    bench.receive(kiss(bench, "DENY", origin_timestamp=5))
    assert bench.association.state is AssociationState.ACTIVE
    bench = Bench(key=KEY)
    bench.receive(kiss(bench, "DENY"))
    assert bench.association.state is AssociationState.ACTIVE


def test_a_kiss_from_which_nothing_follows_is_told_once_and_is_why_there_is_no_sample() -> None:
    bench = Bench()
    told = [event for _ in range(5) for event in bench.receive(kiss(bench, "INIT"))]
    assert [str(event) for event in told] == [
        f"NTP source {bench.association.settings.name} sent INIT: nothing follows from it"
    ]
    assert bench.association.trouble == "the server sent INIT"
    bench.measure()
    assert bench.association.trouble == "no reply"


def test_replies_that_answer_nothing_are_counted_where_no_other_comes() -> None:
    bench = Bench()
    for _ in range(3):
        bench.receive(bench.reply_to(bench.request(), origin_timestamp=5))
    assert bench.association.trouble == "no reply in time, but 3 that answer no open request"
    bench.measure()
    assert bench.association.trouble == "no reply"
    bench.receive(kiss(bench, "INIT"))
    bench.receive(bench.reply_to(bench.request(), origin_timestamp=5))
    assert bench.association.trouble == "the server sent INIT"  # anybody can send the others


@pytest.mark.parametrize("code", ["DENY", "RSTR"])
def test_a_server_that_sends_us_away_is_not_asked_again(code: str) -> None:
    bench = Bench()
    (event,) = bench.receive(kiss(bench, code))
    assert isinstance(event, KissOfDeath)
    assert event.code == code
    assert bench.association.state is AssociationState.STOPPED
    assert bench.association.stopped_by == code
    assert bench.association.next_deadline() is None


def test_rate_ends_a_burst_and_doubles_the_interval_for_good() -> None:
    bench = Bench(min_poll=4, max_poll=10)
    (event,) = bench.receive(kiss(bench, "RATE"))
    assert "every 32 s" in str(event)
    before = bench.elapsed
    bench.measure()
    assert bench.elapsed - before > 32 * SECOND
    for _ in range(40):
        bench.measure()
        assert bench.association.poll.exponent >= 5
    bench.receive(kiss(bench, "RATE"))
    assert bench.association.poll.exponent >= 6


def test_rate_goes_beyond_max_poll() -> None:
    bench = Bench(min_poll=4, max_poll=4)
    bench.receive(kiss(bench, "RATE"))
    assert bench.association.poll.exponent == 5


def test_a_kiss_nobody_knows_changes_nothing() -> None:
    bench = Bench()
    (event,) = bench.receive(kiss(bench, "BEER"))
    assert "BEER" in str(event)
    assert "nothing" in str(event)
    assert samples(bench.measure())


def test_a_burst_ends_when_enough_is_measured_and_intervals_double_from_then_on() -> None:
    bench = Bench(min_poll=6)
    times = []
    for _ in range(12):
        bench.measure()
        times.append(bench.elapsed / SECOND)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:3] == pytest.approx([2, 2, 2], abs=0.2)
    assert gaps[3:] == pytest.approx([2, 4, 8, 16, 32, 64, 64, 64], abs=0.2)


def test_a_burst_nobody_answers_ends_too() -> None:
    bench = Bench(min_poll=6)
    times = []
    for _ in range(14):
        bench.request()
        times.append(bench.elapsed / SECOND)
    assert times[5] == pytest.approx(10, abs=0.1)
    assert times[11] - times[10] > 60


def test_eight_requests_without_an_answer_are_unreachable_and_the_reason_is_told() -> None:
    bench = Bench(iburst=False)
    bench.measure()
    outputs: list[Output] = []
    for number in range(8):
        deadline = bench.association.next_deadline()
        assert deadline is not None
        bench.association.refused("port unreachable")
        assert bench.association.reachable, number
        outputs = bench.association.handle_deadline(deadline)
    (event,) = [output for output in outputs if isinstance(output, SourceUnreachable)]
    assert "port unreachable" in str(event)


def test_a_clock_step_carries_samples_over_and_voids_the_open_request() -> None:
    bench = Bench(iburst=False, min_poll=4)
    for _ in range(6):
        bench.measure()
    before = bench.association.estimate(bench.local)
    request = bench.request()
    bench.association.clock_stepped(-SECOND)
    after = bench.association.estimate(bench.local - SECOND)
    assert before is not None
    assert after is not None
    assert after.offset - before.offset == pytest.approx(-SECOND, abs=2)
    assert not samples(bench.receive(bench.reply_to(request)))
    assert bench.association.rejected[Rejected.CLOCK_MOVED] == 1
