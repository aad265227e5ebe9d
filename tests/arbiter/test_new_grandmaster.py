"""A clock under a real servo meets another grandmaster: one late stamp changes nothing, another time is stepped to."""

from copy import deepcopy
from functools import lru_cache

import numpy as np
import pytest

from ptpstack.arbiter.arbiter_settings import ArbiterSettings
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_discipline import LOCKED_STATES, ClockDiscipline
from ptpstack.arbiter.events import NewTimeDoubted, StepAllowedAgain
from ptpstack.arbiter.new_time import NewTimeSettings
from ptpstack.arbiter.outputs import Output, Steer
from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.servo.registry import make_servo
from ptpstack.time import SECOND, LocalTime, MonotonicTime, PtpTime, interval_from_log2_seconds, interval_from_ns
from ptpstack.wire.types import ClockIdentity, PortIdentity

NEIGHBOUR, GRANDMASTER = (ClockIdentity.from_text(f"0000aa.fffe.00000{number}") for number in (1, 2))
LOCKS, LOCKS_S = 70, 10.0
NOISE_NS = tuple(np.random.default_rng(1).uniform(-20.0, 20.0, 2_000).tolist())
POSITIONS = (0, 1, 2, 7, 38)
"""After how many samples of another grandmaster the trouble comes."""
LOG_INTERVALS = range(-7, 1)


class Clock:
    """A clock 20 ppm fast behind one port; the truth is ``offset_ns``, from the grandmaster of the moment."""

    def __init__(self, servo: str, log_sync_interval: int, rule: str = "always") -> None:
        settings = ArbiterSettings(new_time=NewTimeSettings(step_on_new_grandmaster=rule))  # type: ignore[arg-type]
        self.discipline = ClockDiscipline(make_servo(servo), ClockArbiter("clock", ["main"], settings=settings))
        self.log_sync_interval = log_sync_interval
        self.interval_s = interval_from_log2_seconds(log_sync_interval) / SECOND
        self.samples = 0
        self.offset_ns, self.frequency_ppb, self.now_s = 0.0, 0.0, 0.0
        self.grandmaster = NEIGHBOUR
        self.steps = 0
        self.events: list[Event] = []

    def sample(self, late_ns: float = 0.0) -> None:
        """Let a Sync interval pass, then measure, by a stamp that is *late_ns*."""
        self.samples += 1
        self.now_s += self.interval_s
        self.offset_ns += (20_000.0 + self.frequency_ppb) * self.interval_s
        measured = interval_from_ns(self.offset_ns + NOISE_NS[self.samples] + late_ns)
        t1, now = PtpTime(round((1e9 + self.now_s) * SECOND)), MonotonicTime(round(self.now_s * SECOND))
        t2 = LocalTime(int(t1) + measured)
        measurement = Measurement(
            port_number=1,
            parent_port_identity=PortIdentity(NEIGHBOUR, 1),
            t1=t1,
            t2=t2,
            offset_from_master=measured,
            mean_delay=0,
            log_sync_interval=self.log_sync_interval,
            grandmaster_identity=self.grandmaster,
            ptp_timescale=True,
            time_traceable=False,
        )
        self._obey(self.discipline.take("main", measurement, t2, now), now)

    def _obey(self, outputs: list[Output], now: MonotonicTime) -> None:
        for output in outputs:
            if isinstance(output, Steer):
                self.frequency_ppb = output.frequency_ppb
                self.offset_ns += output.step / interval_from_ns(1)
                self.steps += bool(output.step)
                self._obey(self.discipline.steered(output, now, done=True), now)
            elif isinstance(output, Event):
                self.events.append(output)

    @property
    def is_locked(self) -> bool:
        return self.discipline.servo_state in LOCKED_STATES

    def told(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


@lru_cache
def _locked(servo: str, log_sync_interval: int) -> Clock:
    clock = Clock(servo, log_sync_interval)
    for _ in range(round(LOCKS + LOCKS_S / clock.interval_s)):
        clock.sample()
    assert clock.is_locked
    assert abs(clock.offset_ns) < 200
    clock.grandmaster, clock.steps, clock.events = GRANDMASTER, 0, []
    return clock


def locked(servo: str, log_sync_interval: int) -> Clock:
    """Return a clock that is locked and hears of another grandmaster with the next sample."""
    return deepcopy(_locked(servo, log_sync_interval))


@pytest.mark.parametrize("late_ns", [21_000.0, -56_000.0, 1e6, -3e9])
@pytest.mark.parametrize("log_sync_interval", LOG_INTERVALS)
@pytest.mark.parametrize("servo", ["auto", "pi"])
def test_one_outlier_anywhere_after_a_change_of_grandmaster_is_doubted_and_moves_nothing(
    servo: str, log_sync_interval: int, late_ns: float
) -> None:
    for position in POSITIONS:
        clock = locked(servo, log_sync_interval)
        for number in range(position + 4):
            clock.sample(late_ns if number == position else 0.0)
            assert clock.is_locked
            assert abs(clock.offset_ns) < 200
        assert (clock.steps, clock.told(NewTimeDoubted), clock.told(StepAllowedAgain)) == (0, 1, 0)


@pytest.mark.parametrize("jump_ns", [-21_000.0, 1e6, -3e9])
@pytest.mark.parametrize("log_sync_interval", LOG_INTERVALS)
@pytest.mark.parametrize("servo", ["auto", "pi"])
def test_another_time_is_stepped_to_with_the_second_sample_that_shows_it_and_never_steered_to(
    servo: str, log_sync_interval: int, jump_ns: float
) -> None:
    for position in POSITIONS:
        clock = locked(servo, log_sync_interval)
        for _ in range(position):
            clock.sample()
        clock.offset_ns += jump_ns
        clock.sample()
        assert clock.is_locked
        while not clock.steps:
            assert abs(clock.offset_ns - jump_ns) < 200
            clock.sample()
            assert servo == "pi" or clock.steps  # PI may want two that are further apart, for its first frequency
        clock.sample()
        assert clock.is_locked
        assert clock.steps == 1
        assert abs(clock.offset_ns) < 300
        assert (clock.told(NewTimeDoubted), clock.told(StepAllowedAgain)) == (1, 1)
