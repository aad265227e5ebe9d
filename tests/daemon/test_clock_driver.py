"""One clock: decisions carried out, everybody told of steps, others' hands noticed, nothing lost over a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.phc import ClockGone
from hw.timestamping import Timestamping
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.events import ClockHeld, FrequencyRestored
from ptpstack.daemon import clock_driver as clock_driver_module
from ptpstack.daemon import steered_clock as steered_clock_module
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.events import (
    ClockFailed,
    ClockLost,
    ClockMovedByOthers,
    ClockReopened,
)
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.state_store import StateStore
from ptpstack.engine.outputs import Measurement
from ptpstack.errors import HardwareError
from ptpstack.events import Event
from ptpstack.observe.events import OffsetSample
from ptpstack.servo.events import FrequencyChangedElsewhere, SanityFailed
from ptpstack.servo.interface import ClockCommand, ServoState
from ptpstack.servo.sanity import ClockCheck
from ptpstack.time import SECOND, LocalTime, MonotonicTime, PtpTime, interval_from_ns
from ptpstack.wire.types import ClockIdentity, PortIdentity
from tests.arbiter.scripted_servo import ScriptedServo
from tests.daemon.fakes import FakeClock, FakeUser, Workshop

PARENT = PortIdentity(ClockIdentity.from_text("001b19.fffe.000001"), 1)
JUMP, LOCKED, UNLOCKED = ServoState.JUMP, ServoState.LOCKED, ServoState.UNLOCKED


class Bench:
    """A clock driver on fakes, with one instance ``main`` that may steer."""

    def __init__(self, directory: str = "", learnt_ppb: float | None = None) -> None:
        self.shop = Workshop()
        self.clock = FakeClock()
        self.servo = ScriptedServo()
        self.user, self.other = FakeUser("main"), FakeUser("other")
        self.raw = MonotonicTime(0)
        self.driver = ClockDriver(
            self.clock,
            self.servo,
            ClockArbiter("fake", ["main"]),
            ClockCheck(),
            kept=KeptState(StateStore(directory)),
            loop=self.shop.loop,
            recorder=self.shop.recorder,
            learnt_ppb=learnt_ppb,
        )
        self.driver.users += [self.user, self.other]
        self.driver.start()

    def sample(self, command: ClockCommand | None = None, user: FakeUser | None = None, **fields: object) -> None:
        """Let a second pass, then measure 1000 ns."""
        self.clock.now += SECOND
        self.raw += SECOND
        if command is not None:
            self.servo.script.append(command)
        values: dict[str, object] = {
            "port_number": 1,
            "parent_port_identity": PARENT,
            "t1": PtpTime(0),
            "t2": self.clock.now,
            "offset_from_master": interval_from_ns(1000),
            "mean_delay": interval_from_ns(500),
            "log_sync_interval": 0,
        }
        self.driver.take(user or self.user, Measurement(**values | fields))

    def events(self, kind: type[Event]) -> list[Event]:
        return self.shop.events(kind)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench()
    monkeypatch.setattr(steered_clock_module, "raw_now", lambda: bench.raw)
    yield bench
    bench.shop.loop.close()


def test_a_locked_command_sets_the_frequency_and_tells_the_instance(bench: Bench) -> None:
    bench.sample(ClockCommand(LOCKED, -250.0))
    assert bench.clock.set_to_ppb == -250.0
    assert bench.clock.steps == []
    assert bench.user.locked == [True]
    assert bench.servo.samples == [(interval_from_ns(1000), bench.clock.now)]


def test_a_step_is_told_to_every_instance_on_the_clock_with_the_new_reading(bench: Bench) -> None:
    bench.sample(ClockCommand(JUMP, 5.0, step=-interval_from_ns(1000)))
    assert bench.clock.set_to_ppb == 5.0
    assert bench.clock.steps == [-interval_from_ns(1000)]
    expected = [(-interval_from_ns(1000), bench.clock.now)]
    assert bench.user.steps == bench.other.steps == expected
    assert bench.user.locked == [False]


def test_every_sample_becomes_an_event(bench: Bench) -> None:
    bench.sample(ClockCommand(LOCKED, -250.0), log_sync_interval=-3)
    assert bench.events(OffsetSample) == [
        OffsetSample(
            clock="fake",
            port_number=1,
            offset_ns=1000.0,
            mean_delay_ns=500.0,
            frequency_ppb=-250.0,
            state=LOCKED,
            log_sync_interval=-3,
        )
    ]


@pytest.mark.parametrize("refuses", ["read", "set", "step"])
def test_a_clock_that_refuses_is_an_event_and_the_next_sample_tries_again(bench: Bench, refuses: str) -> None:
    bench.sample(ClockCommand(UNLOCKED, 0.0))
    bench.clock.refuses = refuses
    bench.sample(ClockCommand(JUMP, 7.0, step=SECOND))
    assert [event.reason for event in bench.events(ClockFailed)] == [f"cannot {refuses} (a test)"]
    assert bench.driver.servo_state is UNLOCKED
    bench.clock.refuses = None
    bench.servo.script.clear()
    bench.sample(ClockCommand(LOCKED, 8.0))
    assert bench.clock.set_to_ppb == 8.0
    assert bench.user.locked[-1] is True


@pytest.mark.parametrize(("moved_s", "tai_minus_utc"), [(37, True), (-37, True), (1, False), (-0.01, False)])
def test_a_clock_that_another_hand_moved_is_an_alarm_and_its_sample_is_not_used(
    bench: Bench, moved_s: float, tai_minus_utc: bool
) -> None:
    bench.sample(ClockCommand(LOCKED, 0.0))
    moved = round(moved_s * SECOND)
    bench.servo.resets.clear()
    bench.servo.samples.clear()
    bench.clock.now += moved
    bench.sample()
    assert bench.servo.samples == []
    assert bench.servo.resets == [True]
    assert bench.user.steps == bench.other.steps == [(moved, bench.clock.now)]
    assert bench.user.locked[-1] is False
    assert bench.driver.arbiter.state is ClockState.ACQUIRING
    (event,) = bench.events(ClockMovedByOthers)
    assert event.moved_ns == pytest.approx(moved_s * 1e9)
    assert event.tai_minus_utc is tai_minus_utc
    bench.sample(ClockCommand(JUMP, 0.0, step=-moved))
    bench.sample()
    assert len(bench.servo.samples) == 2
    assert len(bench.events(ClockMovedByOthers)) == 1


def test_a_clock_that_is_moved_while_nothing_measures_it_is_an_alarm_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_driver_module, "WATCH_INTERVAL", SECOND // 200)
    bench.driver.start()
    bench.shop.run_for(0.02)
    bench.clock.now += SECOND
    bench.shop.run_for(0.02)
    assert [event.moved_ns for event in bench.events(ClockMovedByOthers)] == [1e9]
    assert bench.servo.resets[-1] is True


def test_a_clock_that_went_on_while_the_machine_slept_was_moved_by_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sample(ClockCommand(LOCKED, 0.0))
    before = steered_clock_module.asleep_now()
    monkeypatch.setattr(steered_clock_module, "asleep_now", lambda: before + 3600 * SECOND)
    bench.clock.now += 3600 * SECOND
    bench.servo.samples.clear()
    bench.sample()
    assert bench.servo.samples == []  # it was somewhere else when that was stamped
    assert bench.servo.resets[-1] is True
    assert bench.events(ClockMovedByOthers) == []
    bench.sample()
    bench.clock.now += SECOND
    bench.sample()
    assert len(bench.events(ClockMovedByOthers)) == 1


def test_a_clock_that_runs_much_too_fast_is_noticed(bench: Bench) -> None:
    bench.sample(ClockCommand(LOCKED, 0.0))
    bench.sample(ClockCommand(LOCKED, 0.0))
    assert bench.events(SanityFailed) == []
    bench.clock.now += SECOND
    bench.driver._steered._watch.reset()
    bench.sample(ClockCommand(LOCKED, 0.0))
    assert len(bench.events(SanityFailed)) == 1


def test_our_own_step_is_no_jump(bench: Bench) -> None:
    bench.sample(ClockCommand(LOCKED, 0.0))
    bench.sample(ClockCommand(JUMP, 0.0, step=30 * SECOND))
    bench.sample(ClockCommand(LOCKED, 0.0))
    assert bench.events(SanityFailed) == bench.events(ClockMovedByOthers) == []


def test_a_frequency_that_another_program_set_is_told(bench: Bench) -> None:
    bench.sample(ClockCommand(LOCKED, 100.0))
    bench.clock.set_to_ppb = 555.0
    bench.sample(ClockCommand(LOCKED, 100.0))
    assert bench.events(FrequencyChangedElsewhere) == [FrequencyChangedElsewhere(expected_ppb=100.0, found_ppb=555.0)]


def test_a_frequency_that_another_program_set_is_told_once_while_nothing_steers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_driver_module, "WATCH_INTERVAL", SECOND // 200)
    bench.sample(ClockCommand(LOCKED, 100.0))
    bench.clock.set_to_ppb = 555.0
    bench.driver.start()
    bench.driver._watch_timer.set(monotonic_now())
    bench.shop.run_for(0.05)
    assert [event.found_ppb for event in bench.events(FrequencyChangedElsewhere)] == [555.0]


def test_a_clock_moved_by_another_hand_resets_the_servo_and_is_told(bench: Bench) -> None:
    bench.driver.moved_by_others(SECOND)
    assert bench.servo.resets == [True]
    assert bench.user.steps == [(SECOND, bench.clock.now)]


def test_silence_is_holdover_at_the_mean_frequency_and_the_servo_goes_on_from_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ptpstack.arbiter.clock_arbiter.SILENCE_MIN", 0)
    for number in range(40):
        bench.sample(ClockCommand(LOCKED, 123.0 + (50.0 if number % 2 else -50.0)), log_sync_interval=-10)
    bench.shop.run_for(0.05)
    assert bench.driver.arbiter.state.is_holdover
    assert bench.clock.set_to_ppb == pytest.approx(123.0, abs=3)
    (event,) = bench.events(ClockHeld)
    assert event.last_command_ppb == 173.0
    assert bench.servo.held == [event.frequency_ppb] == [bench.clock.set_to_ppb]


class Socket:
    """Where a clock is plugged in: empty, or with the next clock."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.next = bench, FakeClock()
        self.next.name = "fake again"
        self.is_empty = True
        bench.driver._steered._reopen = self.reopen

    def pull(self) -> None:
        def gone() -> LocalTime:
            raise ClockGone("cannot read the clock", where="fake")

        self.bench.clock.time = gone

    def reopen(self) -> FakeClock:
        if self.is_empty:
            raise HardwareError("no such interface")
        return self.next


def test_a_clock_that_went_away_is_told_once_and_taken_up_again_at_the_frequency_learnt(bench: Bench) -> None:
    bench.sample(ClockCommand(LOCKED, 100.0))
    socket = Socket(bench)
    socket.pull()
    for _ in range(3):
        bench.driver._on_watch()
    assert bench.events(ClockLost) == [ClockLost(clock="fake")]
    assert bench.events(ClockFailed) == []
    socket.is_empty = False
    bench.driver.revive()
    assert bench.clock.closed
    assert bench.events(ClockReopened) == [ClockReopened(clock="fake again", previous="fake")]
    assert bench.driver.clock is socket.next
    assert socket.next.set_to_ppb == 100.0
    assert bench.servo.resets[-1] is True
    bench.clock = socket.next
    bench.sample(ClockCommand(LOCKED, 90.0))
    assert socket.next.set_to_ppb == 90.0


def test_a_clock_that_went_away_is_looked_for_every_second(bench: Bench) -> None:
    socket = Socket(bench)
    socket.pull()
    bench.driver._on_watch()
    socket.is_empty = False
    bench.driver._on_watch()
    assert bench.driver.clock is socket.next


def test_what_stands_where_the_clock_was_and_stamps_otherwise_is_not_taken(bench: Bench) -> None:
    socket = Socket(bench)
    socket.pull()
    socket.is_empty = False
    socket.next.stamping = Timestamping.HARDWARE
    with pytest.raises(HardwareError, match="no hardware clock"):
        bench.driver.revive()
    assert socket.next.closed
    assert bench.driver.clock is bench.clock


def test_a_clock_that_is_there_is_not_opened_again(bench: Bench) -> None:
    socket = Socket(bench)
    socket.is_empty = False
    bench.driver.revive()
    assert bench.driver.clock is bench.clock


def test_the_frequency_learnt_outlives_a_restart_without_the_noise_of_the_last_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(str(tmp_path))
    monkeypatch.setattr(steered_clock_module, "raw_now", lambda: bench.raw)
    for number in range(200):
        bench.sample(ClockCommand(LOCKED, 1000.0 + (100.0 if number % 2 else -100.0)))
    bench.driver.stop()
    assert bench.clock.closed
    assert bench.clock.set_to_ppb == pytest.approx(1000.0, abs=10)
    kept_ppb = KeptState(StateStore(str(tmp_path))).frequency_ppb(FakeClock())
    assert kept_ppb == bench.clock.set_to_ppb


def test_the_frequency_kept_is_set_when_steering_begins_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(learnt_ppb=77.0)
    monkeypatch.setattr(steered_clock_module, "raw_now", lambda: bench.raw)
    bench.sample(user=bench.other)
    assert bench.clock.set_to_ppb == 0.0
    bench.sample(ClockCommand(UNLOCKED, 77.0))
    assert bench.clock.set_to_ppb == 77.0
    bench.sample(ClockCommand(UNLOCKED, 77.0))
    assert bench.events(FrequencyRestored) == [FrequencyRestored(clock="fake", frequency_ppb=77.0)]


def test_a_run_without_samples_keeps_what_an_earlier_one_learnt(tmp_path: Path) -> None:
    StateStore(str(tmp_path)).save("fake", {"frequency_ppb": 77.0})
    bench = Bench(str(tmp_path), learnt_ppb=77.0)
    bench.driver.stop()
    assert bench.clock.set_to_ppb == 0.0
    assert StateStore(str(tmp_path)).load("fake") == {"frequency_ppb": 77.0}


@pytest.mark.parametrize("kept", [{}, {"frequency_ppb": "fast"}, {"frequency_ppb": 1e9}, {"frequency_ppb": None}])
def test_a_frequency_that_is_no_use_is_not_restored(tmp_path: Path, kept: dict[str, object]) -> None:
    StateStore(str(tmp_path)).save("fake", kept)
    assert KeptState(StateStore(str(tmp_path))).frequency_ppb(FakeClock()) is None
