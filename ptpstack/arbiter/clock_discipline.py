"""One clock: the arbiter's verdict on every measurement, the servo's command, what was learnt, what happens without.

Sans-I/O, and the one place where the order of these things is written down: the daemon and the simulator drive the
same object. Inputs are method calls; each returns outputs, to be carried out in order:

- an ``Event`` is to be recorded;
- :class:`Steer` is to be done to the clock, and :meth:`ClockDiscipline.steered` told whether the clock did it;
- :class:`ClockMoved` is to be told to every holder of instants of the clock;
- :class:`ServoLocked` is to be told to the instance it names;
- :class:`Sampled` ends what a measurement led to.

After every input ask :meth:`ClockDiscipline.next_deadline` when to call :meth:`ClockDiscipline.handle_deadline`.

What does not live here: whose measurements count (``clock_arbiter``), what the clock should do (``servo``, and without
measurements ``holdover``), how it does it and who else touches it (``daemon``).
"""

from __future__ import annotations

from ptpstack.arbiter.clock_arbiter import ClockArbiter, Verdict
from ptpstack.arbiter.clock_prediction import ClockPrediction
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.earlier_offset import sample_earlier_offset
from ptpstack.arbiter.events import ClockHeld, FrequencyRestored, OscillatorForgotten
from ptpstack.arbiter.holdover import Holdover
from ptpstack.arbiter.holdover_worth import HoldoverSettings
from ptpstack.arbiter.learnt_frequency import LearntFrequency
from ptpstack.arbiter.new_time import Meeting
from ptpstack.arbiter.outputs import ClockMoved, Output, Purpose, Sampled, ServoLocked, Steer
from ptpstack.arbiter.path_asymmetry import PathAsymmetries
from ptpstack.arbiter.phase_writing import PhaseWriting, equivalent_ppb
from ptpstack.arbiter.reentry import Reentry
from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.servo.both_ways import BothWays, Joined, Reverse
from ptpstack.servo.interface import ClockCommand, Servo, ServoState
from ptpstack.time import (
    LocalTime,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_seconds,
    offset_between,
)
from ptpstack.wire.types import PortIdentity

LOCKED_STATES = (ServoState.LOCKED, ServoState.LOCKED_STABLE)
PAUSE_HALF_INTERVALS = 5
"""Where more than two and a half Sync intervals lie between two samples, the source may have stepped between them."""


class ClockDiscipline:
    """Decides for the clock of *arbiter* by *servo*; *learnt_ppb* is the frequency from before a restart.

    *prediction* is what learns and predicts; *step_threshold* is the servo's, so that holdover ends as it asks. With
    *phase_writing* offsets are steered away by the clock's own hardware.
    """

    def __init__(
        self,
        servo: Servo,
        arbiter: ClockArbiter,
        *,
        learnt_ppb: float | None = None,
        holdover: HoldoverSettings | None = None,
        prediction: ClockPrediction | None = None,
        step_threshold: TimeInterval = 0,
        asymmetries: PathAsymmetries | None = None,
        phase_writing: PhaseWriting | None = None,
    ) -> None:
        self.arbiter = arbiter
        self.prediction = prediction or ClockPrediction()
        self.servo_state = ServoState.UNLOCKED
        self.steered_by: str | None = None
        """Whose measurement steered the clock last."""
        self.samples = 0
        self.commands = 0
        self.asymmetries = asymmetries or PathAsymmetries()
        self.phase_writing = phase_writing
        """None: offsets are steered away by frequency alone."""
        self._servo = servo
        self.holdover = Holdover(holdover or HoldoverSettings(), self.prediction)
        self._learnt = LearntFrequency(learnt_ppb)
        self._reentry = Reentry(step_threshold)
        self._both_ways = BothWays()
        self._joined: Joined | None = None
        self._commanded_ppb = 0.0
        self._target_ppb = 0.0
        """How much of it takes the clock along with the target of a re-entry."""
        self._source: tuple[str, int, PortIdentity] | None = None
        self._log_sync_interval: int | None = None
        self._followed: tuple[str, Measurement, ServoState] | None = None
        """The measurement whose command is on its way to the clock."""

    @property
    def learnt_ppb(self) -> float | None:
        """The frequency at which the clock holds by itself; None while nothing is known."""
        return self._learnt.ppb

    def holdover_seconds(self, now: MonotonicTime) -> float | None:
        """Return how long ago the last measurement steered a clock in holdover; None: it is in no holdover."""
        return self.holdover.sampled_seconds_ago(now) if self.arbiter.state.is_holdover else None

    def bound_ns(self, now: MonotonicTime) -> float | None:
        """Return by how much the clock is off its reference at most, by what was measured; None: nobody knows."""
        if self.arbiter.state is not ClockState.LOCKED and not self.arbiter.state.is_holdover:
            return None
        return self.prediction.bound_ns(now)

    # -- measurements ----------------------------------------------------------------------------------

    def take(self, name: str, measurement: Measurement, local_now: LocalTime, now: MonotonicTime) -> list[Output]:
        """Judge *measurement* of instance *name*, and let the clock, which reads *local_now*, follow it if it may."""
        outputs: list[Output] = []
        if name in self.asymmetries.assisted:
            measurement, learnt = self._without_asymmetry(name, measurement, now)
            outputs += learnt
        verdict, events = self.arbiter.judge(name, measurement, local_now, now)
        outputs += events
        if verdict is Verdict.REJECT:
            return outputs
        if verdict is Verdict.MEASURE:
            if self.servo_state in LOCKED_STATES:
                self._servo.sample_beside(name, measurement.offset_from_master)
            told = [ServoLocked(name, locked=False)] if self.arbiter.is_refused(name) else []
            return [*outputs, *told, Sampled(measurement, steering=False, state=ServoState.UNLOCKED)]
        if self.servo_state in LOCKED_STATES:
            if self.holdover.deadline is None and self.steered_by != name:
                outputs += self._hold(now)
            if self.holdover.deadline is not None:
                self._reentry.begin()
            self.prediction.sampled(measurement.offset_from_master, measurement.t2, local_now, now)
        self.holdover.deadline = None
        outputs += self._follow(name, measurement, now)
        self.holdover.sampled_at = now
        return outputs

    def _without_asymmetry(
        self, name: str, measurement: Measurement, now: MonotonicTime
    ) -> tuple[Measurement, list[Event]]:
        """Learn the asymmetry of a path while a reference steers, and take it off (assisted partial timing)."""
        arbiter = self.arbiter
        return self.asymmetries.take(
            name,
            measurement,
            now,
            clock=arbiter.clock,
            learns=arbiter.writer in self.asymmetries.references and arbiter.state is ClockState.LOCKED,
            steers=arbiter.writer == name,
        )

    @property
    def asymmetry_bound_ns(self) -> float | None:
        """How far the learnt asymmetry of the path in use may be off; None: none is in use."""
        writer = self.arbiter.writer or self.steered_by
        return None if writer is None else self.asymmetries.bound_ns(writer)

    def assisted_is(self, now: MonotonicTime) -> ClockState | None:
        """Return what the clock is worth while the learnt asymmetry of a path keeps it; None: something else does."""
        measured_ns, asymmetry_ns = self.bound_ns(now), self.asymmetry_bound_ns
        if asymmetry_ns is None or self.arbiter.state is not ClockState.LOCKED:
            return None
        within = measured_ns is not None and measured_ns + asymmetry_ns < self.holdover.settings.bound_ns
        return ClockState.HOLDOVER_IN_SPEC if within else ClockState.HOLDOVER_OUT_OF_SPEC

    def _follow(self, name: str, measurement: Measurement, now: MonotonicTime) -> list[Output]:
        outputs: list[Output] = []
        self.samples += 1
        if self.steered_by != name:
            self.steered_by = name
            self._servo.set_source(name)
        if self.samples == 1 and self._learnt.ppb is not None:
            # Only now, as until here the clock may have been another program's.
            outputs.append(Steer(Purpose.RESTORE, self._learnt.ppb))
        self._tell_servo_of_source(name, measurement, now)
        meeting, events = self._meets_new_time(name, measurement)
        outputs += events
        if meeting is Meeting.DOUBTED:
            self.commands += 1  # as below
            return [*outputs, Sampled(measurement, steering=True, state=self.servo_state)]
        if self.samples == 1 and self._learnt.ppb is None and name not in self.asymmetries.assisted:
            outputs += sample_earlier_offset(self._servo, self.arbiter.clock, measurement)  # nobody steered until here
        self._joined = joined = self._join_both_ways(measurement)
        interval = interval_from_log2_seconds(measurement.log_sync_interval)
        offset = self._reentry.take(joined.offset if joined else measurement.offset_from_master, now, interval)
        if offset is None:
            self.commands += 1  # it goes on as it does, and that is what was decided
            return [*outputs, Sampled(measurement, steering=True, state=self.servo_state)]
        command = self._servo.sample(offset, measurement.t2, joined.weight if joined else 1.0)
        outputs += command.events
        self._followed = name, measurement, command.state
        if command.state is ServoState.UNLOCKED:
            if meeting is Meeting.ANOTHER and self._learnt.ppb is not None:
                self._servo.reset()  # it wants more samples, and the clock may be slewing wildly after it already
                outputs.append(Steer(Purpose.HOLD, self._learnt.ppb))
            return outputs + self._command_done()
        return [*outputs, self._steer(command, measurement, now)]

    def _steer(self, command: ClockCommand, measurement: Measurement, now: MonotonicTime) -> Steer:
        self._target_ppb = 0.0
        if command.state not in LOCKED_STATES:
            return Steer(Purpose.FOLLOW, command.frequency_ppb, command.step)
        interval = interval_from_log2_seconds(measurement.log_sync_interval)
        if target_ppb := self._reentry.rate_ppb(now, interval):
            self._target_ppb = self._servo.room_ppb(target_ppb)
        frequency_ppb = command.frequency_ppb + self._target_ppb
        if self.phase_writing is None:
            return Steer(Purpose.FOLLOW, frequency_ppb)
        parted = self.phase_writing.part(frequency_ppb, self._servo.slew_ppb, interval)
        return Steer(Purpose.FOLLOW, parted.frequency_ppb, phase=parted.phase)

    def _meets_new_time(self, name: str, measurement: Measurement) -> tuple[Meeting, list[Event]]:
        """Another timescale or grandmaster is met by a step where that is allowed, never by a slew of seconds.

        The two measurements that tell it are the servo's first ones: how the clock ran between them is known.
        """
        new_time = self.arbiter.new_time
        if self.servo_state not in LOCKED_STATES:
            new_time.acquires(measurement)
            return Meeting.KEPT, []
        first = new_time.doubted
        meeting, events = new_time.follow(name, measurement)
        if meeting is Meeting.KEPT:
            new_time.locked(measurement)
        elif meeting is Meeting.ANOTHER and first is not None:
            self._lose_phase()
            self.servo_state = ServoState.UNLOCKED
            self._servo.hold(self._commanded_ppb)
            events += self._servo.sample(first.offset_from_master, first.t2).events
        return meeting, events

    def _join_both_ways(self, measurement: Measurement) -> Joined | None:
        t3, t4 = measurement.t3, measurement.t4
        if t3 is None or t4 is None or self.servo_state not in LOCKED_STATES or not self._servo.joins_both_ways:
            return None
        reverse = Reverse(offset_between(t3, t4) + measurement.mean_delay, t3, t4)
        slew_ppb = self._servo.slew_ppb + self._target_ppb
        return self._both_ways.join(measurement.offset_from_master, measurement.t2, reverse, slew_ppb)

    def _tell_servo_of_source(self, name: str, measurement: Measurement, now: MonotonicTime) -> None:
        """A frequency estimate needs both its samples from one master that did not step between them."""
        source = (name, measurement.port_number, measurement.parent_port_identity)
        interval = interval_from_log2_seconds(measurement.log_sync_interval)
        last = self.holdover.sampled_at
        paused = last is not None and 2 * (now - last) > PAUSE_HALF_INTERVALS * interval
        if self.servo_state is ServoState.UNLOCKED and (source != self._source or paused):
            self._servo.reset()
        if source != self._source:
            self._both_ways.forget()
        self._source = source
        if measurement.log_sync_interval != self._log_sync_interval:
            self._log_sync_interval = measurement.log_sync_interval
            self._servo.set_sync_interval(interval)

    # -- what became of commands -----------------------------------------------------------------------

    def steered(
        self, command: Steer, now: MonotonicTime, *, done: bool, frequency_ppb: float | None = None
    ) -> list[Output]:
        """Take that the clock did *command*, or did not; *frequency_ppb* is what it runs at in fact, if told."""
        last_ppb = self._commanded_ppb
        if done:
            self._commanded_ppb = command.frequency_ppb if frequency_ppb is None else frequency_ppb
            moves_ppb = self._commanded_ppb
            if command.phase and self._followed is not None:
                interval = interval_from_log2_seconds(self._followed[1].log_sync_interval)
                moves_ppb = equivalent_ppb(moves_ppb, command.phase, interval)
            self.prediction.commanded(moves_ppb, now)
        match command.purpose:
            case Purpose.FOLLOW if done:
                return self._clock_followed(command)
            case Purpose.FOLLOW:
                return self._clock_refused()
            case Purpose.HOLD if done:
                self._servo.hold(self._commanded_ppb)
                return []
            case Purpose.BEGIN_TO_HOLD if done:
                self._servo.hold(self._commanded_ppb)
                clock = self.arbiter.clock
                return [ClockHeld(clock=clock, frequency_ppb=command.frequency_ppb, last_command_ppb=last_ppb)]
            case Purpose.RESTORE if done:
                return [FrequencyRestored(clock=self.arbiter.clock, frequency_ppb=command.frequency_ppb)]
        return []

    def _clock_followed(self, command: Steer) -> list[Output]:
        assert self._followed is not None
        if command.step:
            self._reentry.cancel()
            self._both_ways.forget()
            self.prediction.stepped(command.step)
            self.arbiter.clock_moved(command.step)
            return [ClockMoved(command.step), *self._command_done()]
        interval = interval_from_log2_seconds(self._followed[1].log_sync_interval)
        self._learnt.add(command.frequency_ppb - self._target_ppb, interval_to_seconds(interval))
        return self._command_done()

    def _command_done(self) -> list[Output]:
        assert self._followed is not None
        name, measurement, state = self._followed
        self.commands += 1
        sampled = Sampled(measurement, steering=True, state=state, joined=self._joined)
        return [*self._servo_became(name, state), sampled]

    def _clock_refused(self) -> list[Output]:
        assert self._followed is not None
        name, measurement, _ = self._followed
        self._lose_phase()  # a step may be what it did not do
        unlocked = ServoState.UNLOCKED
        return [*self._servo_became(name, unlocked), Sampled(measurement, steering=True, state=unlocked)]

    def _servo_became(self, name: str, state: ServoState, rule: str = "") -> list[Output]:
        self.servo_state = state
        return [*self.arbiter.servo_moved(state, rule), ServoLocked(name, state in LOCKED_STATES)]

    # -- what others did -------------------------------------------------------------------------------

    def moved_by_others(self, delta: TimeInterval, why: str = "another hand moved it") -> list[Output]:
        """Take that something else moved the clock by *delta*: nothing measured before compares with what follows."""
        self._lose_phase()
        self.arbiter.clock_moved(delta)
        return [ClockMoved(delta), *self._lost(why)]

    def frequency_set_by_others(self, frequency_ppb: float, now: MonotonicTime) -> list[Output]:
        """Take that another hand set the clock to *frequency_ppb*, some time ago: a servo sees what that does."""
        self._commanded_ppb = frequency_ppb
        self.prediction.commanded(frequency_ppb, now)
        self.prediction.forget_phase()
        if not self.arbiter.state.is_holdover or self.arbiter.writer is not None:
            return []
        self._lose_phase()
        return self._lost("another hand set its frequency")

    def oscillator_changed(self, reason: str) -> list[Event]:
        """Take that the physical layer, or no longer the physical layer, makes the clock's frequency."""
        if not self.prediction.is_known:
            return []
        self.prediction.forget_oscillator()
        return [OscillatorForgotten(clock=self.arbiter.clock, reason=reason)]

    def clock_replaced(self, clock: str) -> list[Output]:
        """Take that another device, called *clock*, stands where the clock was; it may show any time."""
        self.arbiter.clock = clock
        self._lose_phase()
        outputs = self._lost("its device went away, and another one shows any time")
        if self.samples and self._learnt.ppb is not None:
            outputs.append(Steer(Purpose.RESTORE, self._learnt.ppb))
        return outputs

    def _lose_phase(self) -> None:
        self._servo.reset(clock_moved=True)
        self._reentry.cancel()
        self._both_ways.forget()
        self.prediction.forget_phase()

    def _lost(self, rule: str) -> list[Output]:
        if self.steered_by is None:
            return []
        if self.arbiter.writer is not None:
            return self._servo_became(self.steered_by, ServoState.UNLOCKED, rule)
        self.servo_state = ServoState.UNLOCKED
        return [*self.arbiter.clock_lost(rule)]

    # -- silence ---------------------------------------------------------------------------------------

    def parent_lost(self, name: str, now: MonotonicTime) -> list[Output]:
        """Take that instance *name* follows nobody any more, without waiting for its silence."""
        self.arbiter.forget(name)
        return self.handle_deadline(now)

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` should be called, if ever."""
        silence, hold = self.arbiter.next_deadline(), self.holdover.deadline
        if silence is None or hold is None:
            return hold if silence is None else silence
        return min(silence, hold)

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        """Let silent instances go; steer a clock in holdover along what was learnt, and say what it is worth."""
        before = self.arbiter.state
        events = self.arbiter.check_silence(now, *self.holdover.worth(now))
        if before is not self.arbiter.state is ClockState.FREE_RUNNING:
            self._servo.reset()  # the source may step before it is heard again: no frequency estimate across that
        writer = self.arbiter.writer
        is_awaited = writer is not None and writer != self.steered_by and self.servo_state in LOCKED_STATES
        if not is_awaited and (writer is not None or not self.arbiter.state.is_holdover):
            self.holdover.deadline = None
            return [*events]
        return [*events, *self._hold(now)]

    def _hold(self, now: MonotonicTime) -> list[Steer]:
        """Steer the clock along what was learnt, until a measurement steers it."""
        return self.holdover.steer(self._learnt.ppb, self._commanded_ppb, now)

    def holdover_would_be(self, now: MonotonicTime) -> ClockState:
        """Return what the clock would be worth if measurements stopped now."""
        return self.holdover.worth(now)[0]
