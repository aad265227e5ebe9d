"""One clock and those it concerns: looked at, steered as was decided, everybody told of steps, nothing lost at the end.

What lives here: reading and setting the clock, telling, and what is kept over a restart. What does not: every decision
(``arbiter.clock_discipline``), how a clock is moved (``hw``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hw.clock import Clock
from hw.realtime import RealtimeClock
from hw.temperature import TemperatureSensor
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_discipline import LOCKED_STATES, ClockDiscipline
from ptpstack.arbiter.clock_prediction import ClockPrediction
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.holdover_worth import HoldoverSettings
from ptpstack.arbiter.outputs import ClockMoved, Output, Purpose, Sampled, ServoLocked, Steer
from ptpstack.arbiter.path_asymmetry import PathAsymmetries
from ptpstack.daemon.clock_users import KeepsUtc, MeasuringUser, StepListener
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.leap_seconds import LeapSeconds, choose_tai_offset
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.steered_clock import Look, SteeredClock, phase_writing_of
from ptpstack.daemon.utc_keeper import UtcKeeper
from ptpstack.engine.outputs import Measurement
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import HardwareError
from ptpstack.events import Event
from ptpstack.observe.events import OffsetSample
from ptpstack.observe.recorder import Recorder
from ptpstack.servo.interface import Servo, ServoState
from ptpstack.servo.sanity import ClockCheck
from ptpstack.time import (
    SECOND,
    LocalTime,
    MonotonicTime,
    TimeInterval,
    interval_from_seconds,
)

SAVE_INTERVAL: TimeInterval = 60 * SECOND
WATCH_INTERVAL: TimeInterval = SECOND


class ClockDriver:
    """Drives *clock* by *servo*, and tells ``users`` of its steps.

    *learnt_ppb* is the frequency from before a restart, from which *servo* begins. *reopen* finds a clock again that
    went away with its driver; it raises ``HardwareError`` while that is not back. *sensor* is near its oscillator.
    """

    def __init__(
        self,
        clock: Clock,
        servo: Servo,
        arbiter: ClockArbiter,
        check: ClockCheck,
        *,
        kept: KeptState,
        loop: Loop,
        recorder: Recorder,
        learnt_ppb: float | None = None,
        reopen: Callable[[], Clock] | None = None,
        holdover: HoldoverSettings | None = None,
        sensor: TemperatureSensor | None = None,
        step_threshold: TimeInterval = 0,
        leap_seconds: LeapSeconds | None = None,
        asymmetries: PathAsymmetries | None = None,
        write_phase: bool = False,
    ) -> None:
        self.discipline = ClockDiscipline(
            servo,
            arbiter,
            learnt_ppb=learnt_ppb,
            holdover=holdover,
            prediction=ClockPrediction(senses_temperature=sensor is not None),
            step_threshold=step_threshold,
            asymmetries=asymmetries,
        )
        self._writes_phase = write_phase
        self._sensor = sensor
        self.users: list[StepListener] = []
        self.on_state: list[Callable[[ClockState], None]] = []
        """To be called when the clock is worth something else: who announces it need not ask."""
        self.on_sample: list[Callable[[OffsetSample, str], None]] = []
        """To be called with what was measured, and by whom."""
        self._told_state = arbiter.state
        self.last_sample: OffsetSample | None = None
        self.leap_seconds = leap_seconds or LeapSeconds(())
        self._utc = UtcKeeper(clock, self.leap_seconds) if isinstance(clock, RealtimeClock) else None
        self._measuring: dict[str, MeasuringUser] = {}
        self._steered = SteeredClock(clock, check, self._record, reopen)
        self.kept = kept
        self._recorder = recorder
        self._say_synchronized_at = MonotonicTime(0)
        self._deadline_timer = loop.timer(self._on_deadline)
        self._save_timer = loop.timer(self._on_save)
        self._watch_timer = loop.timer(self._on_watch)

    @property
    def clock(self) -> Clock:
        """The clock; another object after it was gone and came back."""
        return self._steered.device

    @property
    def arbiter(self) -> ClockArbiter:
        """Who steers the clock, and what it is worth."""
        return self.discipline.arbiter

    @property
    def servo_state(self) -> ServoState:
        """How far the servo is."""
        return self.discipline.servo_state

    @property
    def samples(self) -> int:
        """How many measurements were to steer the clock."""
        return self.discipline.samples

    @property
    def commands(self) -> int:
        """How many of them it took."""
        return self.discipline.commands

    @property
    def frequency_ppb(self) -> float:
        """What the clock was set to last."""
        return self._steered.frequency_ppb

    @property
    def time_properties(self) -> TimeProperties | None:
        """The timescale of whoever steers the clock; None: nobody does, or nobody tells."""
        user = self._measuring.get(self.arbiter.writer or "")
        return user.time_properties if user else None

    # -- start and end ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to keep what is learnt."""
        self._steered.begin()
        self._look_for_phase_control()
        knowledge, events = self.kept.knowledge(self.clock)
        if knowledge is not None:
            self.discipline.prediction.restore(knowledge, monotonic_now())
        self._record(events)
        self._save_timer.set(monotonic_now() + SAVE_INTERVAL)
        self._watch_timer.set(monotonic_now() + WATCH_INTERVAL)

    def stop(self) -> None:
        """Leave a clock that was steered at the frequency learnt, and keep it for the next start."""
        learnt_ppb = self.discipline.learnt_ppb
        if self.samples and learnt_ppb is not None and not self._steered.is_gone:
            self._steered.set_frequency(learnt_ppb)
        if self._utc is not None:
            try:
                self._record(self._utc.give_up("the daemon ends"))
            except HardwareError as error:
                self._steered.failed(error)
        self._save()
        for timer in (self._deadline_timer, self._save_timer, self._watch_timer):
            timer.close()
        self.clock.close()

    def _look_for_phase_control(self) -> None:
        """Let the hardware slew by itself where it can and is to; tell what became of that wish."""
        if self._writes_phase:
            self.discipline.phase_writing, event = phase_writing_of(self.clock)
            self._record([event])

    # -- what instances ask ----------------------------------------------------------------------------

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Turn a socket's stamp into an instant of the clock."""
        return self._steered.device.local_time(stamp_ns)

    def take(self, user: MeasuringUser, measurement: Measurement) -> None:
        """Let what is decided about *measurement* of *user* happen to the clock."""
        now = monotonic_now()
        self._measuring[user.name] = user
        try:
            if self._follow_timescale(user):
                return
            look = self._look()
        except HardwareError as error:
            self._steered.failed(error)
            return
        if look.moved:
            return  # stamped by a clock that was somewhere else, or where it is not known to be
        if insane := self._steered.check.sample(look.local, look.raw, look.bracket):
            self._record([insane], user.name)
            self.moved_by_others(interval_from_seconds(insane.interval_s - insane.raw_interval_s))
        self._carry_out(self.discipline.take(user.name, measurement, look.local, now), user.name)

    def parent_lost(self, name: str) -> None:
        """Take that instance *name* follows nobody any more, without waiting for its silence."""
        self._carry_out(self.discipline.parent_lost(name, monotonic_now()))

    def _on_deadline(self) -> None:
        self._carry_out(self.discipline.handle_deadline(monotonic_now()))

    # -- what was decided --------------------------------------------------------------------------------

    def _carry_out(self, outputs: Sequence[Output], name: str = "") -> None:
        """Do *outputs* in order, and what follows from each, on behalf of instance *name*."""
        self._do(outputs, name)
        self._deadline_timer.set(self.discipline.next_deadline())
        if (state := self.arbiter.state) is not self._told_state:
            self._told_state = state
            for listener in self.on_state:
                listener(state)

    def _do(self, outputs: Sequence[Output], name: str) -> None:
        for output in outputs:
            match output:
                case Steer():
                    self._do(self._steer(output), name)
                case ClockMoved():
                    self._tell_step(output.delta)
                case ServoLocked():
                    self._measuring[output.name].servo_locked(locked=output.locked)
                case Sampled():
                    self._tell_sample(output, name)
                case _:
                    self._recorder.record(output, name)

    def _steer(self, command: Steer) -> list[Output]:
        """Do *command*; return what follows from what the clock did."""
        holds = command.purpose in (Purpose.BEGIN_TO_HOLD, Purpose.HOLD)
        done = not (self._steered.is_gone and command.purpose is not Purpose.FOLLOW)
        done = done and self._steered.set_frequency(command.frequency_ppb)
        done = done and (not command.step or self._steered.step(command.step))
        if done and command.phase and not self._steered.adjust_phase(command.phase):
            self.discipline.phase_writing, done = None, False
        in_fact_ppb = self._steered.frequency_in_fact_ppb() if done and holds else None
        return self.discipline.steered(command, monotonic_now(), done=done, frequency_ppb=in_fact_ppb)

    def _tell_step(self, delta: TimeInterval) -> None:
        self._say_synchronized_at = MonotonicTime(0)
        try:
            local = self.clock.time()
            if self._utc is not None:
                self._utc.stepped()
        except HardwareError as error:
            self._steered.failed(error)
            return
        for user in self.users:
            user.clock_stepped(delta, local)

    def _tell_sample(self, sampled: Sampled, name: str) -> None:
        sample = OffsetSample.of(sampled, self.clock.name, self.frequency_ppb)
        self._recorder.record(sample, name)
        for take in self.on_sample:
            take(sample, name)
        if sampled.steering or self.arbiter.writer is None:
            self.last_sample = sample
        if self._utc is not None and sampled.steering and sampled.state in LOCKED_STATES:
            self._say_synchronized(self._utc, sample)

    # -- the timescale of the system clock, and the kernel's flags ------------------------------------------

    def _follow_timescale(self, user: MeasuringUser) -> bool:
        """Read the system clock on the timescale of what it follows; whether measurements are no use for it now."""
        if self._utc is None or self.arbiter.writer not in (None, user.name):
            return False
        return self.read_timescale(user.time_properties, tell_kernel=self.arbiter.may_steer(user.name))

    def read_timescale(self, properties: TimeProperties | None, *, tell_kernel: bool = False) -> bool:
        """Read the system clock by *properties* (None: by the kernel); whether that changed, or is ambiguous.

        Raises ``HardwareError``.
        """
        assert self._utc is not None
        before_s = self._utc.tai_offset_s
        delta, events = self._utc.follow(properties, tell_kernel=tell_kernel)
        self._record(events)
        if delta:
            self.moved_by_others(delta, "it is read on another timescale")
        return self._utc.tai_offset_s != before_s or self._utc.is_ambiguous()

    def _say_synchronized(self, utc: UtcKeeper, sample: OffsetSample) -> None:
        now = monotonic_now()
        if now < self._say_synchronized_at:
            return
        self._say_synchronized_at = now + SAVE_INTERVAL
        try:
            self._record(utc.say_synchronized(sample, now))
        except HardwareError as error:
            self._steered.failed(error)

    def utc_offset_s(self) -> int | None:
        """Return PTP time - UTC as it is known now, None where it is not. Raises ``HardwareError``."""
        if self._utc is not None:
            return None if self._utc.is_ambiguous() else self._utc.tai_offset_s
        user = self._measuring.get(self.discipline.steered_by or "")
        if isinstance(user, KeepsUtc):
            return user.utc_offset_s
        kernel_s, utc_s = RealtimeClock(tai_offset_s=0).kernel_tai_offset_s(), time.time_ns() // 1_000_000_000
        chosen = choose_tai_offset(self.time_properties, kernel_s, self.leap_seconds, utc_s)
        return None if chosen.assumed else chosen.seconds

    def drifted_ns(self) -> float | None:
        """Return how much further off the clock may be than when it was locked: in holdover; None: not known."""
        if not self.arbiter.state.is_holdover:
            return 0.0
        return self.discipline.bound_ns(monotonic_now())

    def check_kept(self) -> None:
        """Let the kernel know when the system clock is not kept any more; call it every second."""
        try:
            if self._utc is not None:
                self._record(self._utc.watch(self.arbiter.state, monotonic_now()))
        except HardwareError as error:
            self._steered.failed(error)

    # -- what others do to the clock --------------------------------------------------------------------

    def moved_by_others(self, delta: TimeInterval, why: str = "another hand moved it") -> None:
        """Take that something else moved the clock by *delta*."""
        self._steered.forget()
        self._carry_out(self.discipline.moved_by_others(delta, why), self.discipline.steered_by or "")

    def put_ahead(self, seconds: float) -> None:
        """Move a clock that shows an instant that has been, before anything was measured. Raises ``HardwareError``."""
        self.clock.step(round(seconds * SECOND))

    def look_now(self) -> None:
        """See whether another hand moved the clock; a leap second of the system clock is none."""
        if self._utc is not None and (self._utc.is_ambiguous() or not self.arbiter.has_candidates):
            return
        try:
            self._look()
        except HardwareError as error:
            self._steered.failed(error)

    def _look(self) -> Look:
        """Look at the clock as :meth:`SteeredClock.look` does, and follow what it saw."""
        look = self._steered.look()
        if look.moved:
            self.moved_by_others(look.moved)
        return look

    def _on_watch(self) -> None:
        """Look at a clock that no measurement looks at, and whether it runs as it was set."""
        self._watch_timer.set(monotonic_now() + WATCH_INTERVAL)
        try:
            if self._steered.is_gone:
                self.revive()
            self.look_now()
            if self._sensor is not None:
                self.discipline.prediction.temperature_c = self._sensor.celsius()
            before_ppb = self.frequency_ppb
            self._steered.read_back()
            if self.frequency_ppb != before_ppb:
                self._carry_out(self.discipline.frequency_set_by_others(self.frequency_ppb, monotonic_now()))
        except HardwareError as error:
            self._steered.failed(error)

    def revive(self) -> None:
        """Open the clock anew if it went away with its driver. Raises ``HardwareError`` while it is not back."""
        if self._steered.reopen():
            self._look_for_phase_control()
            self._carry_out(self.discipline.clock_replaced(self.clock.name))

    # -- what is kept ------------------------------------------------------------------------------------

    def _on_save(self) -> None:
        self._save()
        self._save_timer.set(monotonic_now() + SAVE_INTERVAL)

    def _save(self) -> None:
        try:
            knowledge = self.discipline.prediction.knowledge(monotonic_now())
            paths = self.discipline.asymmetries.kept()
            self.kept.save(self.clock, self.discipline.learnt_ppb, knowledge, paths)
        except OSError as error:
            self._record([ClockFailed(clock=self.clock.name, reason=f"its frequency cannot be kept: {error}")])

    def _record(self, events: Sequence[Event], instance: str = "") -> None:
        for event in events:
            self._recorder.record(event, instance)
