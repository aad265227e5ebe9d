"""One clock: the arbiter's verdict on every measurement, the servo's command carried out, everybody told of steps.

What lives here: the order of these things, and what is kept over a restart. What does not: whose measurements
count (``arbiter``), what the clock should do (``servo``), how it does it (``hw``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hw.clock import Clock
from hw.realtime import RealtimeClock
from ptpstack.arbiter.clock_arbiter import ClockArbiter, Verdict
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.core.outputs import Measurement
from ptpstack.core.settings import TimeProperties
from ptpstack.daemon.events import ClockFailed, ClockHeld, FrequencyRestored
from ptpstack.daemon.learnt_frequency import LearntFrequency
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.state_store import StateStore
from ptpstack.daemon.steered_clock import SteeredClock
from ptpstack.daemon.utc_keeper import UtcKeeper
from ptpstack.errors import HardwareError
from ptpstack.events import Event
from ptpstack.observe.events import OffsetSample
from ptpstack.observe.recorder import Recorder
from ptpstack.servo.interface import ClockCommand, Servo, ServoState
from ptpstack.servo.sanity import ClockCheck
from ptpstack.time import (
    NANOSECOND,
    SECOND,
    LocalTime,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_from_seconds,
    interval_to_ns,
    interval_to_seconds,
)
from ptpstack.wire.types import PortIdentity

SAVE_INTERVAL: TimeInterval = 60 * SECOND
WATCH_INTERVAL: TimeInterval = SECOND

_LOCKED = (ServoState.LOCKED, ServoState.LOCKED_STABLE)


def raw_now() -> MonotonicTime:
    """Return CLOCK_MONOTONIC_RAW, which nobody steers."""
    return MonotonicTime(time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) * NANOSECOND)


class StepListener(Protocol):
    """What keeps instants of a clock, and so must know of its steps."""

    def clock_stepped(self, delta: TimeInterval, local: LocalTime) -> None:
        """Take that the clock was moved by *delta*, and reads *local*."""


class MeasuringUser(Protocol):
    """What measures a clock: an instance, a follower of another clock, a source of pulses."""

    @property
    def name(self) -> str:
        """What it is called in the configuration."""

    @property
    def time_properties(self) -> TimeProperties | None:
        """The timescale that it measures against; None: nobody tells."""

    def servo_locked(self, *, locked: bool) -> None:
        """Take what the servo made of the last measurement."""


class ClockDriver:
    """Drives *clock* by *servo*, and tells ``users`` of its steps.

    *learnt_ppb* is the frequency from before a restart, from which *servo* begins. *reopen* finds a clock again that
    went away with its driver; it raises ``HardwareError`` while that is not back.
    """

    def __init__(
        self,
        clock: Clock,
        servo: Servo,
        arbiter: ClockArbiter,
        check: ClockCheck,
        *,
        store: StateStore,
        loop: Loop,
        recorder: Recorder,
        learnt_ppb: float | None = None,
        reopen: Callable[[], Clock] | None = None,
    ) -> None:
        self.arbiter = arbiter
        self.users: list[StepListener] = []
        self.samples = 0
        self.commands = 0
        self.servo_state = ServoState.UNLOCKED
        self.last_sample: OffsetSample | None = None
        self._utc = UtcKeeper(clock) if isinstance(clock, RealtimeClock) else None
        self._steered_by: MeasuringUser | None = None
        self._servo = servo
        self._steered = SteeredClock(clock, check, self._record, reopen)
        self._store = store
        self._recorder = recorder
        self._source: tuple[str, int, PortIdentity] | None = None
        self._log_sync_interval: int | None = None
        self._learnt = LearntFrequency(learnt_ppb)
        self._say_synchronized_at = MonotonicTime(0)
        self._silence_timer = loop.timer(self._on_silence)
        self._save_timer = loop.timer(self._on_save)
        self._watch_timer = loop.timer(self._on_watch)

    @property
    def clock(self) -> Clock:
        """The clock; another object after it was gone and came back."""
        return self._steered.device

    @property
    def frequency_ppb(self) -> float:
        """What the clock was set to last."""
        return self._steered.frequency_ppb

    # -- start and end ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to keep what is learnt."""
        self._steered.frequency_ppb = self.clock.frequency_ppb()
        self._save_timer.set(monotonic_now() + SAVE_INTERVAL)
        self._watch_timer.set(monotonic_now() + WATCH_INTERVAL)

    def stop(self) -> None:
        """Leave a clock that was steered at the frequency learnt, and keep it for the next start."""
        if self.samples and self._learnt.ppb is not None and not self._steered.is_gone:
            self._steered.set_frequency(self._learnt.ppb)
        if self._utc is not None:
            try:
                self._record(self._utc.give_up("the daemon ends"))
            except HardwareError as error:
                self._steered.failed(error)
        self._save()
        for timer in (self._silence_timer, self._save_timer, self._watch_timer):
            timer.close()
        self.clock.close()

    # -- what instances ask ----------------------------------------------------------------------------

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Turn a socket's stamp into an instant of the clock."""
        return self.clock.local_time(stamp_ns)

    @property
    def time_properties(self) -> TimeProperties | None:
        """The timescale of whoever steers the clock; None: nobody does, or nobody tells."""
        return self._steered_by.time_properties if self._steered_by and self.arbiter.writer else None

    def take(self, user: MeasuringUser, measurement: Measurement) -> None:
        """Judge *measurement* of *user*, and let the clock follow it if it may."""
        now = monotonic_now()
        try:
            if self._follow_timescale(user):
                return
            local_now, moved = self._look()
        except HardwareError as error:
            self._steered.failed(error)
            return
        if moved:
            return  # stamped by a clock that was somewhere else, or where it is not known to be
        verdict, events = self.arbiter.judge(user.name, measurement, local_now, now)
        self._record(events, user.name)
        self._silence_timer.set(self.arbiter.next_deadline())
        if verdict is Verdict.REJECT:
            return
        steering = verdict is Verdict.STEER
        self.samples += steering
        if steering:
            self._steer(user, measurement, local_now)
        sample = OffsetSample(
            clock=self.clock.name,
            port_number=measurement.port_number,
            offset_ns=interval_to_ns(measurement.offset_from_master),
            mean_delay_ns=interval_to_ns(measurement.mean_delay),
            frequency_ppb=self.frequency_ppb,
            state=self.servo_state if steering else ServoState.UNLOCKED,
            log_sync_interval=measurement.log_sync_interval,
            steering=steering,
        )
        self._recorder.record(sample, user.name)
        if steering or self.arbiter.writer is None:
            self.last_sample = sample
        if self._utc and steering and self.servo_state in _LOCKED and now >= self._say_synchronized_at:
            self._say_synchronized_at = now + SAVE_INTERVAL
            try:
                self._record(self._utc.say_synchronized(sample, now))
            except HardwareError as error:
                self._steered.failed(error)

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
            self.moved_by_others(delta)
        return self._utc.tai_offset_s != before_s or self._utc.is_ambiguous()

    def check_kept(self) -> None:
        """Let the kernel know when the system clock is not kept any more; call it every second."""
        try:
            if self._utc is not None:
                self._record(self._utc.watch(self.arbiter.state, monotonic_now()))
        except HardwareError as error:
            self._steered.failed(error)

    def moved_by_others(self, delta: TimeInterval) -> None:
        """Take that another hand moved the clock by *delta*: nothing measured before compares with what follows."""
        self._servo.reset(clock_moved=True)
        self._steered.forget()
        self._tell_step(delta)
        if self._steered_by is not None and self.arbiter.writer is not None:
            self._take_servo_state(self._steered_by, ServoState.UNLOCKED)

    # -- one sample ------------------------------------------------------------------------------------

    def _steer(self, user: MeasuringUser, measurement: Measurement, local_now: LocalTime) -> None:
        self._steered_by = user
        if self.samples == 1:
            self._begin_to_steer(user)
        source = (user.name, measurement.port_number, measurement.parent_port_identity)
        if source != self._source and self.servo_state is ServoState.UNLOCKED:
            self._servo.reset()  # a frequency estimate needs both its samples from one master
        self._source = source
        if measurement.log_sync_interval != self._log_sync_interval:
            self._log_sync_interval = measurement.log_sync_interval
            self._servo.set_sync_interval(interval_from_log2_seconds(measurement.log_sync_interval))
        if insane := self._steered.check.sample(local_now, raw_now()):
            self._record([insane], user.name)
            self.moved_by_others(interval_from_seconds(insane.interval_s - insane.raw_interval_s))
        command = self._servo.sample(measurement.offset_from_master, measurement.t2)
        self._record(command.events, user.name)
        if self._carry_out(command, interval_from_log2_seconds(measurement.log_sync_interval)):
            self.commands += 1
            self._take_servo_state(user, command.state)
        else:
            self._servo.reset(clock_moved=True)  # a step may be what it did not do
            self._take_servo_state(user, ServoState.UNLOCKED)

    def _take_servo_state(self, user: MeasuringUser, state: ServoState) -> None:
        self.servo_state = state
        self._record(self.arbiter.servo_moved(state), user.name)
        user.servo_locked(locked=state in _LOCKED)

    def _begin_to_steer(self, user: MeasuringUser) -> None:
        """Go on from the frequency kept; only now, as until here the clock may have been another program's."""
        if self._learnt.ppb is not None and self._steered.set_frequency(self._learnt.ppb):
            self._record([FrequencyRestored(clock=self.clock.name, frequency_ppb=self._learnt.ppb)], user.name)

    def _carry_out(self, command: ClockCommand, interval: TimeInterval) -> bool:
        """Do what the servo says; whether the clock took it."""
        if command.state is ServoState.UNLOCKED:
            return True
        if not self._steered.set_frequency(command.frequency_ppb):
            return False
        if command.step:
            if not self._steered.step(command.step):
                return False
            self._tell_step(command.step)
        else:
            self._learnt.add(command.frequency_ppb, interval_to_seconds(interval))
        return True

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

    # -- what others do to the clock --------------------------------------------------------------------

    def _look(self) -> tuple[LocalTime, TimeInterval]:
        """Read the clock, and by how much another hand moved it since the last look. Raises ``HardwareError``."""
        local, moved = self._steered.look(raw_now)
        if moved:
            self.moved_by_others(moved)
        return local, moved

    def _on_watch(self) -> None:
        """Look at a clock that no measurement looks at, and whether it runs as it was set."""
        self._watch_timer.set(monotonic_now() + WATCH_INTERVAL)
        try:
            if self._steered.is_gone:
                self.revive()
            if self._utc is None:  # the system clock's leap seconds are no foreign hand
                self._look()
            self._steered.read_back()
        except HardwareError as error:
            self._steered.failed(error)

    def revive(self) -> None:
        """Open the clock anew if it went away with its driver. Raises ``HardwareError`` while it is not back."""
        if not self._steered.reopen():
            return
        self.arbiter.clock = self.clock.name
        self._servo.reset(clock_moved=True)
        if self.samples and self._learnt.ppb is not None:
            self._steered.set_frequency(self._learnt.ppb)

    # -- silence, what is kept ---------------------------------------------------------------------------

    def parent_lost(self, name: str) -> None:
        """Take that instance *name* follows nobody any more, without waiting for its silence."""
        self.arbiter.forget(name)
        self._on_silence()

    def _on_silence(self) -> None:
        before = self.arbiter.state
        self._record(self.arbiter.check_silence(monotonic_now()))
        self._silence_timer.set(self.arbiter.next_deadline())
        if before is not self.arbiter.state is ClockState.HOLDOVER and self._learnt.ppb is not None:
            self._hold(self._learnt.ppb)

    def _hold(self, frequency_ppb: float) -> None:
        """Leave the clock at the mean frequency: the last command has the noise of the last sample in it."""
        last_ppb = self.frequency_ppb
        if not self._steered.is_gone and self._steered.set_frequency(frequency_ppb):
            self._servo.hold(frequency_ppb)
            self._record([ClockHeld(clock=self.clock.name, frequency_ppb=frequency_ppb, last_command_ppb=last_ppb)])

    def _on_save(self) -> None:
        self._save()
        self._save_timer.set(monotonic_now() + SAVE_INTERVAL)

    def _save(self) -> None:
        state: dict[str, Any] = {} if self._learnt.ppb is None else {"frequency_ppb": self._learnt.ppb}
        if as_dict := getattr(self.clock, "as_dict", None):
            state["soft_clock"] = as_dict()
        if not state:
            return
        try:
            self._store.save(self.clock.name, state)
        except OSError as error:
            self._record([ClockFailed(clock=self.clock.name, reason=f"its frequency cannot be kept: {error}")])

    def _record(self, events: Sequence[Event], instance: str = "") -> None:
        for event in events:
            self._recorder.record(event, instance)


def kept_frequency_ppb(clock: Clock, store: StateStore) -> float | None:
    """Return the frequency kept for *clock*, if there is one it can run at."""
    frequency_ppb = store.load(clock.name).get("frequency_ppb")
    if not isinstance(frequency_ppb, int | float) or not abs(frequency_ppb) <= clock.max_frequency_ppb:
        return None
    return float(frequency_ppb)
