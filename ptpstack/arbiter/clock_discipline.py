"""One clock: the arbiter's verdict on every measurement, the servo's command, what was learnt, what happens without.

Sans-I/O, and the one place where the order of these things is written down: the daemon and the simulator drive the
same object. Inputs are method calls; each returns outputs, to be carried out in order:

- an ``Event`` is to be recorded;
- :class:`Steer` is to be done to the clock, and :meth:`ClockDiscipline.steered` told whether the clock did it;
- :class:`ClockMoved` is to be told to every holder of instants of the clock;
- :class:`ServoLocked` is to be told to the instance it names;
- :class:`Sampled` ends what a measurement led to.

After every input ask :meth:`ClockDiscipline.next_deadline` when to call :meth:`ClockDiscipline.handle_deadline`.

What does not live here: whose measurements count (``clock_arbiter``), what the clock should do (``servo``), how it
does it and who else touches it (``daemon``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from ptpstack.arbiter.clock_arbiter import ClockArbiter, Verdict
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.events import ClockHeld, FrequencyRestored
from ptpstack.arbiter.learnt_frequency import LearntFrequency
from ptpstack.core.outputs import Measurement
from ptpstack.events import Event
from ptpstack.servo.interface import Servo, ServoState
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval, interval_from_log2_seconds, interval_to_seconds
from ptpstack.wire.types import PortIdentity

LOCKED_STATES = (ServoState.LOCKED, ServoState.LOCKED_STABLE)


class Purpose(Enum):
    """What a command to the clock is for."""

    RESTORE = auto()
    """Begin at the frequency known from before."""
    FOLLOW = auto()
    """What the servo asks for."""
    HOLD = auto()
    """Run on without measurements."""


@dataclass(frozen=True, slots=True)
class Steer:
    """Run the clock at *frequency_ppb* (positive: faster), then move it by *step* if that is not zero."""

    purpose: Purpose
    frequency_ppb: float
    step: TimeInterval = 0


@dataclass(frozen=True, slots=True)
class ClockMoved:
    """The clock was moved by *delta*: stored instants of it are to be moved along."""

    delta: TimeInterval


@dataclass(frozen=True, slots=True)
class ServoLocked:
    """What the servo made of the last measurement of *name*."""

    name: str
    locked: bool


@dataclass(frozen=True, slots=True)
class Sampled:
    """*measurement* was used, to steer or to know only; then the servo was in *state*."""

    measurement: Measurement
    steering: bool
    state: ServoState


Output: TypeAlias = Event | Steer | ClockMoved | ServoLocked | Sampled


class ClockDiscipline:
    """Decides for the clock of *arbiter* by *servo*; *learnt_ppb* is the frequency from before a restart."""

    def __init__(self, servo: Servo, arbiter: ClockArbiter, *, learnt_ppb: float | None = None) -> None:
        self.arbiter = arbiter
        self.servo_state = ServoState.UNLOCKED
        self.steered_by: str | None = None
        """Whose measurement steered the clock last."""
        self.samples = 0
        self.commands = 0
        self._servo = servo
        self._learnt = LearntFrequency(learnt_ppb)
        self._commanded_ppb = 0.0
        self._source: tuple[str, int, PortIdentity] | None = None
        self._log_sync_interval: int | None = None
        self._followed: tuple[str, Measurement, ServoState] | None = None
        """The measurement whose command is on its way to the clock."""

    @property
    def learnt_ppb(self) -> float | None:
        """The frequency at which the clock holds by itself; None while nothing is known."""
        return self._learnt.ppb

    # -- measurements ----------------------------------------------------------------------------------

    def take(self, name: str, measurement: Measurement, local_now: LocalTime, now: MonotonicTime) -> list[Output]:
        """Judge *measurement* of instance *name*, and let the clock, which reads *local_now*, follow it if it may."""
        verdict, events = self.arbiter.judge(name, measurement, local_now, now)
        if verdict is Verdict.REJECT:
            return [*events]
        if verdict is Verdict.MEASURE:
            return [*events, Sampled(measurement, steering=False, state=ServoState.UNLOCKED)]
        return [*events, *self._follow(name, measurement)]

    def _follow(self, name: str, measurement: Measurement) -> list[Output]:
        outputs: list[Output] = []
        self.samples += 1
        self.steered_by = name
        if self.samples == 1 and self._learnt.ppb is not None:
            # Only now, as until here the clock may have been another program's.
            outputs.append(Steer(Purpose.RESTORE, self._learnt.ppb))
        self._tell_servo_of_source(name, measurement)
        command = self._servo.sample(measurement.offset_from_master, measurement.t2)
        outputs += command.events
        self._followed = name, measurement, command.state
        if command.state is ServoState.UNLOCKED:
            return outputs + self._command_done()
        return [*outputs, Steer(Purpose.FOLLOW, command.frequency_ppb, command.step)]

    def _tell_servo_of_source(self, name: str, measurement: Measurement) -> None:
        source = (name, measurement.port_number, measurement.parent_port_identity)
        if source != self._source and self.servo_state is ServoState.UNLOCKED:
            self._servo.reset()  # a frequency estimate needs both its samples from one master
        self._source = source
        if measurement.log_sync_interval != self._log_sync_interval:
            self._log_sync_interval = measurement.log_sync_interval
            self._servo.set_sync_interval(interval_from_log2_seconds(measurement.log_sync_interval))

    # -- what became of commands -----------------------------------------------------------------------

    def steered(self, command: Steer, *, done: bool) -> list[Output]:
        """Take that the clock did *command*, or did not."""
        if done:
            last_ppb, self._commanded_ppb = self._commanded_ppb, command.frequency_ppb
        match command.purpose:
            case Purpose.FOLLOW if done:
                return self._clock_followed(command)
            case Purpose.FOLLOW:
                return self._clock_refused()
            case Purpose.HOLD if done:
                self._servo.hold(command.frequency_ppb)
                return [
                    ClockHeld(clock=self.arbiter.clock, frequency_ppb=command.frequency_ppb, last_command_ppb=last_ppb)
                ]
            case Purpose.RESTORE if done:
                return [FrequencyRestored(clock=self.arbiter.clock, frequency_ppb=command.frequency_ppb)]
        return []

    def _clock_followed(self, command: Steer) -> list[Output]:
        assert self._followed is not None
        if command.step:
            return [ClockMoved(command.step), *self._command_done()]
        interval = interval_from_log2_seconds(self._followed[1].log_sync_interval)
        self._learnt.add(command.frequency_ppb, interval_to_seconds(interval))
        return self._command_done()

    def _command_done(self) -> list[Output]:
        assert self._followed is not None
        name, measurement, state = self._followed
        self.commands += 1
        return [*self._servo_became(name, state), Sampled(measurement, steering=True, state=state)]

    def _clock_refused(self) -> list[Output]:
        assert self._followed is not None
        name, measurement, _ = self._followed
        self._servo.reset(clock_moved=True)  # a step may be what it did not do
        unlocked = ServoState.UNLOCKED
        return [*self._servo_became(name, unlocked), Sampled(measurement, steering=True, state=unlocked)]

    def _servo_became(self, name: str, state: ServoState) -> list[Output]:
        self.servo_state = state
        return [*self.arbiter.servo_moved(state), ServoLocked(name, state in LOCKED_STATES)]

    # -- what others did -------------------------------------------------------------------------------

    def moved_by_others(self, delta: TimeInterval) -> list[Output]:
        """Take that another hand moved the clock by *delta*: nothing measured before compares with what follows."""
        self._servo.reset(clock_moved=True)
        if self.steered_by is None or self.arbiter.writer is None:
            return [ClockMoved(delta)]
        return [ClockMoved(delta), *self._servo_became(self.steered_by, ServoState.UNLOCKED)]

    def clock_replaced(self, clock: str) -> list[Output]:
        """Take that another device, called *clock*, stands where the clock was; it may show any time."""
        self.arbiter.clock = clock
        self._servo.reset(clock_moved=True)
        if not self.samples or self._learnt.ppb is None:
            return []
        return [Steer(Purpose.RESTORE, self._learnt.ppb)]

    # -- silence ---------------------------------------------------------------------------------------

    def parent_lost(self, name: str, now: MonotonicTime) -> list[Output]:
        """Take that instance *name* follows nobody any more, without waiting for its silence."""
        self.arbiter.forget(name)
        return self.handle_deadline(now)

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` should be called, if ever."""
        return self.arbiter.next_deadline()

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        """Let silent instances go; a clock that nobody steers now holds the mean frequency.

        The last command would have the noise of the last sample in it.
        """
        before = self.arbiter.state
        events = self.arbiter.check_silence(now)
        if before is not self.arbiter.state is ClockState.HOLDOVER and self._learnt.ppb is not None:
            return [*events, Steer(Purpose.HOLD, self._learnt.ppb)]
        if before is not self.arbiter.state is ClockState.FREE_RUNNING:
            self._servo.reset()  # the source may step before it is heard again: no frequency estimate across that
        return [*events]
