"""Pulses steer a clock once their seconds are known, and what the clock is worth follows from them."""

import os
from collections.abc import Iterator

import pytest

from hw.external_timestamps import ExternalTimestamp
from hw.time_of_day import PulseSecond
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.config.pulse_tables import PulseSource as PulseSourceConfig
from ptpstack.daemon import pulse_source
from ptpstack.daemon import steered_clock as steered_clock_module
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.pulse_source import PulsesDoubted, PulsesNumbered, PulseSource, Served
from ptpstack.daemon.state_store import StateStore
from ptpstack.daemon.utc_keeper import TaiOffsetAssumed
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import HardwareError
from ptpstack.servo.pi import PiServo
from ptpstack.servo.sanity import ClockCheck
from ptpstack.time import NANOSECOND, SECOND, LocalTime, MonotonicTime, interval_from_ns
from ptpstack.wire.types import ClockQuality, TimeSource
from tests.daemon.fakes import FakeClock, Workshop

UTC_S = 1_800_000_000
CONFIGURED = ClockQuality(248, 0x21, 0x4E5D)
UNLOCKED = ClockQuality(248, 0xFE, 0xFFFF)
VALID = TimeProperties(current_utc_offset=38, current_utc_offset_valid=True, time_source=TimeSource.ATOMIC_CLOCK)


class FakeInputs:
    def __init__(self) -> None:
        self.edges: list[ExternalTimestamp] = []
        self.enabled: list[int] = []
        self.closed = self.fails = False
        self._pipe = os.pipe()

    def enable(self, channel: int) -> bool:
        self.enabled.append(channel)
        return True

    def fileno(self) -> int:
        return self._pipe[0]

    def read(self) -> list[ExternalTimestamp]:
        if self.fails:
            raise HardwareError("cannot read external timestamps", why="a test")
        edges, self.edges = self.edges, []
        return edges

    def wake(self) -> None:
        os.write(self._pipe[1], b"x")

    def close(self) -> None:
        if not self.closed:
            os.close(self._pipe[0])
            os.close(self._pipe[1])
        self.closed = True


class FakeTimeOfDay:
    name = "a receiver"

    def __init__(self) -> None:
        self.wake_at: MonotonicTime | None = None
        self.doubt = ""
        self.utc_s = UTC_S
        self.asked: list[MonotonicTime] = []
        self.received = 0
        self.closed = False
        self.fd = -1

    def fileno(self) -> int:
        return self.fd

    def receive(self, _now: MonotonicTime) -> None:
        self.received += 1
        self.wake_at = None
        if self.fd >= 0:
            os.read(self.fd, 1)

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        self.asked.append(pulse)
        return PulseSecond(self.utc_s, doubt=self.doubt)

    def close(self) -> None:
        self.closed = True


class FakeGrandmaster:
    def __init__(self) -> None:
        self.said: list[tuple[ClockQuality, TimeProperties]] = []

    def set_local_quality(self, clock_quality: ClockQuality, time_properties: TimeProperties) -> None:
        self.said.append((clock_quality, time_properties))


class Bench:
    def __init__(self, configured: TimeProperties | None = None, **config: object) -> None:
        self.shop = Workshop()
        self.clock = FakeClock()
        self.clock.now = LocalTime((UTC_S + 37) * SECOND)
        self.inputs: list[FakeInputs] = []
        self.time_of_day = FakeTimeOfDay()
        self.grandmaster = FakeGrandmaster()
        self.kernel_tai_offset_s = 0
        self.driver = ClockDriver(
            self.clock,
            PiServo(),
            ClockArbiter("fake", ["source.gnss", "main"]),
            ClockCheck(),
            kept=KeptState(StateStore("")),
            loop=self.shop.loop,
            recorder=self.shop.recorder,
        )
        values = {"type": "pps", "clock": "/dev/ptp0", "time_of_day": "gpsd"} | config
        self.source = PulseSource(
            "source.gnss",
            PulseSourceConfig(**values),
            self.driver,
            self.time_of_day,
            open_inputs=self._open,
            kernel_tai_offset_s=lambda: self.kernel_tai_offset_s,
            served=[Served(self.grandmaster, CONFIGURED, configured or TimeProperties())],
            loop=self.shop.loop,
            recorder=self.shop.recorder,
        )
        self.driver.users.append(self.source)

    def _open(self, _clock: object) -> FakeInputs:
        self.inputs.append(FakeInputs())
        return self.inputs[-1]

    def pulse(self, at: LocalTime | None = None, *, after_s: int = 1) -> None:
        """An edge, at *at* or now, and the loop woken by it."""
        self.time_of_day.utc_s += after_s
        self.clock.now += after_s * SECOND
        edge = ExternalTimestamp(0, self.clock.now if at is None else at)
        self.inputs[-1].edges.append(edge)
        self.clock.now += 1000 * NANOSECOND
        self.source._on_edges()

    def offsets_ns(self) -> list[float]:
        return [record.event.offset_ns for record in self.shop.records if type(record.event).__name__ == "OffsetSample"]

    def check(self) -> None:
        self.source._on_check()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench()
    monkeypatch.setattr(steered_clock_module, "raw_now", lambda: MonotonicTime(int(bench.clock.now)))
    bench.source.start()
    yield bench
    bench.source.stop()
    bench.shop.loop.close()


def test_a_pulse_is_where_its_second_began(bench: Bench) -> None:
    bench.clock.now += 250 * NANOSECOND
    bench.pulse()
    assert bench.offsets_ns() == [250.0]
    assert bench.inputs[0].enabled == [0]


def test_the_correction_is_added_to_each_stamp() -> None:
    bench = Bench(correction_ns=-40)
    bench.source.start()
    bench.pulse()
    assert bench.offsets_ns() == [-40.0]
    bench.source.stop()


def test_the_time_of_day_is_asked_for_the_instant_of_the_edge_not_of_its_reading(bench: Bench) -> None:
    before = monotonic_now()
    bench.clock.now += SECOND
    bench.pulse(at=LocalTime(bench.clock.now + SECOND - 300_000_000 * NANOSECOND))
    (asked,) = bench.time_of_day.asked
    late = monotonic_now() - before
    assert -300_001_000 * NANOSECOND <= asked - before <= late - 300_000_000 * NANOSECOND


def test_a_pulse_of_an_unknown_second_is_not_used_and_the_doubt_is_told_once(bench: Bench) -> None:
    for number in range(3):
        bench.time_of_day.doubt = f"no time of day for {number}.5 s"
        bench.pulse()
    assert bench.offsets_ns() == []
    assert len(bench.shop.events(PulsesDoubted)) == 1
    assert bench.source.as_dict()["doubt"] == "no time of day for 2.5 s"
    bench.time_of_day.doubt = ""
    bench.pulse()
    assert len(bench.offsets_ns()) == 1
    (numbered,) = bench.shop.events(PulsesNumbered)
    assert str(numbered) == "fake: pulses come, a receiver names their seconds"


def test_the_end_of_a_pulse_is_no_pulse(bench: Bench) -> None:
    bench.pulse()
    bench.pulse(at=LocalTime(bench.clock.now + 100_000_000 * NANOSECOND), after_s=0)
    bench.clock.now += SECOND // 2
    bench.pulse(at=LocalTime(bench.clock.now - SECOND // 4), after_s=0)
    assert len(bench.time_of_day.asked) == 1


def test_an_edge_from_before_the_clock_was_set_is_no_pulse(bench: Bench) -> None:
    bench.pulse(at=LocalTime(bench.clock.now - 5 * SECOND))
    bench.pulse(at=LocalTime(bench.clock.now + 50 * SECOND))
    assert bench.time_of_day.asked == []


def test_a_step_of_the_clock_does_not_hide_the_next_pulse(bench: Bench) -> None:
    bench.pulse()
    bench.clock.step(-SECOND)
    bench.source.clock_stepped(-SECOND, bench.clock.now)
    bench.pulse()
    assert len(bench.time_of_day.asked) == 2


@pytest.mark.parametrize(
    ("configured", "kernel_s", "tai_offset_s", "assumed"),
    [(VALID, 37, 38, 0), (TimeProperties(), 36, 36, 0), (TimeProperties(), 0, 37, 1)],
)
def test_tai_minus_utc_is_the_instances_or_the_kernels_or_assumed(
    configured: TimeProperties, kernel_s: int, tai_offset_s: int, assumed: int
) -> None:
    bench = Bench(configured)
    bench.kernel_tai_offset_s = kernel_s
    bench.source.start()
    bench.pulse()
    assert bench.offsets_ns() == [(37 - tai_offset_s) * 1e9]
    assert len(bench.shop.events(TaiOffsetAssumed)) == assumed
    assert bench.source.time_properties.current_utc_offset_valid is not bool(assumed)
    bench.source.stop()


def lock(bench: Bench) -> None:
    bench.pulse()
    bench.pulse()
    bench.pulse()
    assert bench.driver.arbiter.state is ClockState.LOCKED
    bench.check()


def test_while_locked_the_grandmasters_announce_a_primary_reference(bench: Bench) -> None:
    bench.check()
    assert bench.grandmaster.said == [(UNLOCKED, TimeProperties())]
    lock(bench)
    bench.check()
    _, (quality, properties) = bench.grandmaster.said
    assert quality == ClockQuality(6, 0x21, 0x4E5D)
    assert properties.time_traceable
    assert properties.frequency_traceable
    assert properties.ptp_timescale
    assert properties.time_source is TimeSource.GNSS
    assert bench.source.as_dict()["clock_class"] == 6


def test_when_the_pulses_stop_it_is_holdover_for_a_while_and_then_what_is_configured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(bench)
    late = monotonic_now() + 20 * SECOND
    bench.driver.arbiter.check_silence(late)
    assert bench.driver.arbiter.state.is_holdover
    bench.check()
    assert bench.grandmaster.said[-1][0] == ClockQuality(7, 0xFE, 0xFFFF)
    assert bench.grandmaster.said[-1][1].time_traceable
    monkeypatch.setattr(pulse_source, "monotonic_now", lambda: late + 300 * SECOND)
    bench.check()
    assert bench.grandmaster.said[-1] == (UNLOCKED, TimeProperties())
    assert bench.source.as_dict()["clock_class"] is None


def test_a_new_state_of_the_clock_is_announced_at_once(bench: Bench) -> None:
    lock(bench)
    said = len(bench.grandmaster.said)
    bench.driver.discipline.arbiter.check_silence(monotonic_now() + 20 * SECOND)
    bench.driver._carry_out([])
    assert [quality.clock_class for quality, _ in bench.grandmaster.said[said:]] == [7]


def test_holdover_out_of_spec_is_announced_as_no_holdover(bench: Bench) -> None:
    lock(bench)
    late = monotonic_now() + 20 * SECOND
    bench.driver.arbiter.check_silence(late, ClockState.HOLDOVER_OUT_OF_SPEC, "off by too much")
    bench.check()
    assert bench.grandmaster.said[-1] == (UNLOCKED, TimeProperties())


def test_a_clock_that_another_steers_is_not_worth_what_pulses_make_of_it(bench: Bench) -> None:
    lock(bench)
    bench.driver.arbiter.writer = "main"
    bench.check()
    assert bench.grandmaster.said[-1] == (UNLOCKED, TimeProperties())


def test_a_clock_that_cannot_be_read_is_given_up_until_the_next_look(bench: Bench) -> None:
    bench.inputs[0].fails = True
    bench.source._on_edges()
    assert len(bench.shop.events(ClockFailed)) == 1
    assert bench.inputs[0].closed
    bench.check()
    bench.pulse()
    assert len(bench.inputs) == 2
    assert len(bench.offsets_ns()) == 1


def test_a_clock_that_was_opened_anew_is_listened_to_anew(bench: Bench) -> None:
    bench.driver._steered.device = FakeClock()
    bench.check()
    assert len(bench.inputs) == 2
    assert bench.inputs[0].closed


def test_edges_and_sentences_wake_the_loop(bench: Bench) -> None:
    bench.clock.now += SECOND
    bench.inputs[0].edges.append(ExternalTimestamp(0, LocalTime(bench.clock.now - interval_from_ns(10))))
    bench.inputs[0].wake()
    bench.time_of_day.wake_at = monotonic_now()
    bench.source._on_time_of_day()
    bench.time_of_day.wake_at = monotonic_now()
    bench.source._watch_time_of_day()
    bench.shop.run_for(0.05)
    assert len(bench.time_of_day.asked) == 1
    assert bench.time_of_day.received == 2


def test_a_time_of_day_that_gets_a_descriptor_is_waited_for() -> None:
    bench = Bench()
    reader, writer = os.pipe()
    bench.time_of_day.fd = reader
    bench.source.start()
    os.write(writer, b"x")
    bench.shop.run_for(0.05)
    assert bench.time_of_day.received == 1
    bench.source.stop()
    assert bench.time_of_day.closed
    os.close(reader)
    os.close(writer)
