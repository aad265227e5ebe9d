"""One clock: the arbiter's verdict on every measurement, the servo's command carried out, everybody told of steps.

What lives here: the order of these things, and what is kept over a restart. What does not: whose measurements
count (``arbiter``), what the clock should do (``servo``), how it does it (``hw``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from hw.clock import Clock
from hw.realtime import RealtimeClock
from ptpstack.arbiter.clock_arbiter import ClockArbiter, Verdict
from ptpstack.core.outputs import Measurement
from ptpstack.core.settings import TimeProperties
from ptpstack.daemon.events import ClockFailed, FrequencyRestored
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.state_store import StateStore
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
)
from ptpstack.wire.types import PortIdentity

SAVE_INTERVAL: TimeInterval = 60 * SECOND
FREQUENCY_AVERAGE = 16
"""How many commands the frequency that is kept is averaged over: the last one alone has the noise of one sample."""

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

    *learnt_ppb* is the frequency from before a restart, from which *servo* begins.
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
    ) -> None:
        self.clock = clock
        self.arbiter = arbiter
        self.users: list[StepListener] = []
        self.samples = 0
        self.commands = 0
        self.servo_state = ServoState.UNLOCKED
        self.last_sample: OffsetSample | None = None
        self._utc = UtcKeeper(clock) if isinstance(clock, RealtimeClock) else None
        self._steered_by: MeasuringUser | None = None
        self._servo = servo
        self._check = check
        self._store = store
        self._recorder = recorder
        self._source: tuple[str, int, PortIdentity] | None = None
        self._log_sync_interval: int | None = None
        self.frequency_ppb = 0.0
        self._learnt_ppb = learnt_ppb
        self._say_synchronized_at = MonotonicTime(0)
        self._silence_timer = loop.timer(self._on_silence)
        self._save_timer = loop.timer(self._on_save)

    # -- start and end ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to keep what is learnt."""
        self.frequency_ppb = self.clock.frequency_ppb()
        self._save_timer.set(monotonic_now() + SAVE_INTERVAL)

    def stop(self) -> None:
        """Leave a clock that was steered at the frequency learnt, and keep it for the next start."""
        if self.samples and self._learnt_ppb is not None:
            self._attempt_frequency(self._learnt_ppb)
        if self._utc is not None:
            try:
                self._record(self._utc.give_up("the daemon ends"))
            except HardwareError as error:
                self._failed(error)
        self._save()
        self._silence_timer.close()
        self._save_timer.close()
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
            local_now = self.clock.time()
        except HardwareError as error:
            self._failed(error)
            return
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
                self._failed(error)

    def _follow_timescale(self, user: MeasuringUser) -> bool:
        """Read the system clock on the timescale of what it follows; whether measurements are no use for it now."""
        if self._utc is None or self.arbiter.writer not in (None, user.name):
            return False
        return self.read_timescale(user.time_properties, tell_kernel=self.arbiter.may_steer(user.name))

    def read_timescale(self, properties: TimeProperties | None, *, tell_kernel: bool = False) -> bool:
        """Read the system clock by *properties* (None: by the kernel); whether its reading moved, or is ambiguous.

        Raises ``HardwareError``.
        """
        assert self._utc is not None
        delta, events = self._utc.follow(properties, tell_kernel=tell_kernel)
        self._record(events)
        if delta:
            self.moved_by_others(delta)
        return bool(delta) or self._utc.is_ambiguous()

    def check_kept(self) -> None:
        """Let the kernel know when the system clock is not kept any more; call it every second."""
        try:
            if self._utc is not None:
                self._record(self._utc.watch(self.arbiter.state, monotonic_now()))
        except HardwareError as error:
            self._failed(error)

    def moved_by_others(self, delta: TimeInterval) -> None:
        """Take that another hand moved the clock by *delta*: nothing measured before compares with what follows."""
        self._servo.reset()
        self._check.reset()
        self._tell_step(delta)

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
        if insane := self._check.sample(local_now, raw_now()):
            self._record([insane], user.name)
            self.moved_by_others(interval_from_seconds(insane.interval_s - insane.raw_interval_s))
        command = self._servo.sample(measurement.offset_from_master, measurement.t2)
        self._record(command.events, user.name)
        if self._carry_out(command):
            self.commands += 1
            self.servo_state = command.state
        else:
            self._servo.reset()
            self.servo_state = ServoState.UNLOCKED
        self._record(self.arbiter.servo_moved(self.servo_state), user.name)
        user.servo_locked(locked=self.servo_state in _LOCKED)

    def _begin_to_steer(self, user: MeasuringUser) -> None:
        """Go on from the frequency kept; only now, as until here the clock may have been another program's."""
        if self._learnt_ppb is not None and self._attempt_frequency(self._learnt_ppb):
            self._record([FrequencyRestored(clock=self.clock.name, frequency_ppb=self._learnt_ppb)], user.name)

    def _carry_out(self, command: ClockCommand) -> bool:
        """Do what the servo says; whether the clock took it."""
        if command.state is ServoState.UNLOCKED:
            return True
        if not self._attempt_frequency(command.frequency_ppb):
            return False
        if command.step:
            try:
                self.clock.step(command.step)
            except HardwareError as error:
                self._failed(error)
                return False
            self._check.stepped(command.step)
            self._tell_step(command.step)
        else:
            learnt = command.frequency_ppb if self._learnt_ppb is None else self._learnt_ppb
            self._learnt_ppb = learnt + (command.frequency_ppb - learnt) / FREQUENCY_AVERAGE
        return True

    def _attempt_frequency(self, frequency_ppb: float) -> bool:
        try:
            if elsewhere := self._check.frequency_read(self.clock.frequency_ppb()):
                self._record([elsewhere])
            self.clock.set_frequency(frequency_ppb)
        except HardwareError as error:
            self._failed(error)
            return False
        self._check.set_frequency(frequency_ppb)
        self.frequency_ppb = frequency_ppb
        return True

    def _tell_step(self, delta: TimeInterval) -> None:
        try:
            local = self.clock.time()
        except HardwareError as error:
            self._failed(error)
            return
        for user in self.users:
            user.clock_stepped(delta, local)

    # -- silence, failure, what is kept -----------------------------------------------------------------

    def _on_silence(self) -> None:
        self._record(self.arbiter.check_silence(monotonic_now()))
        self._silence_timer.set(self.arbiter.next_deadline())

    def _on_save(self) -> None:
        self._save()
        self._save_timer.set(monotonic_now() + SAVE_INTERVAL)

    def _save(self) -> None:
        state: dict[str, Any] = {} if self._learnt_ppb is None else {"frequency_ppb": self._learnt_ppb}
        if as_dict := getattr(self.clock, "as_dict", None):
            state["soft_clock"] = as_dict()
        if not state:
            return
        try:
            self._store.save(self.clock.name, state)
        except OSError as error:
            self._record([ClockFailed(clock=self.clock.name, reason=f"its frequency cannot be kept: {error}")])

    def _failed(self, error: HardwareError) -> None:
        self._record(
            [ClockFailed(clock=self.clock.name, reason=f"{error.what} ({error.why})" if error.why else error.what)]
        )

    def _record(self, events: Sequence[Event], instance: str = "") -> None:
        for event in events:
            self._recorder.record(event, instance)


def kept_frequency_ppb(clock: Clock, store: StateStore) -> float | None:
    """Return the frequency kept for *clock*, if there is one it can run at."""
    frequency_ppb = store.load(clock.name).get("frequency_ppb")
    if not isinstance(frequency_ppb, int | float) or not abs(frequency_ppb) <= clock.max_frequency_ppb:
        return None
    return float(frequency_ppb)
