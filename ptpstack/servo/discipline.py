"""What every servo does alike: the first frequency, steps, the clock's limits, states and what is told of them.

What lives here: all but the steering. What does not: the frequency that one sample more asks for, which is what
servos differ in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import msgspec

from ptpstack.events import Event
from ptpstack.servo.events import ClockStepped, FrequencyClamped, ServoStateChanged
from ptpstack.servo.interface import ClockCommand, ServoState
from ptpstack.time import MICROSECOND, SECOND, LocalTime, TimeInterval, interval_to_ns, interval_to_seconds

FREQUENCY_ESTIMATE_MARGIN = 0.001
FITS_AGAIN = 256
"""After so many samples whose frequency the clock could run at it is news that it cannot."""


class ServoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """linuxptp's servo options; a threshold of 0 means never."""

    first_step_threshold: TimeInterval = 20 * MICROSECOND
    step_threshold: TimeInterval = 0
    max_frequency_ppb: float = 900_000_000.0
    servo_offset_threshold: TimeInterval = 0
    servo_num_offset_values: int = 10


class Discipline(ABC):
    """The frame of a servo (see :class:`~ptpstack.servo.interface.Servo`).

    *initial_frequency_ppb* is what the clock runs at now; the first estimate builds on it.
    """

    joins_both_ways = False

    def __init__(self, settings: ServoSettings, initial_frequency_ppb: float = 0.0) -> None:
        self.common = settings
        self.state = ServoState.UNLOCKED
        self.drift_ppb = initial_frequency_ppb
        """The frequency that would hold a clock without offset."""
        self.frequency_ppb = initial_frequency_ppb
        self._local = LocalTime(0)
        """When the newest sample was measured, for servos that care."""
        self._first_sample: tuple[TimeInterval, LocalTime] | None = None
        self._estimated = False
        self._first_update = True
        self._clamped = False
        self._fits_since = FITS_AGAIN
        """Samples whose frequency the clock could run at, in a row."""
        self._stable_samples_missing = settings.servo_num_offset_values
        self.set_sync_interval(SECOND)

    # -- what servos differ in -------------------------------------------------------------------------

    @abstractmethod
    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Adapt to samples *interval* apart."""

    @abstractmethod
    def _steer(self, offset: TimeInterval, local: LocalTime, weight: float, events: list[Event]) -> None:
        """Take a sample of an acquired clock: set ``frequency_ppb`` (through :meth:`_clamp`) and ``drift_ppb``."""

    def _estimate_wait_s(self) -> float:
        """Return how far apart the two samples of the first frequency estimate must be."""
        return 0.0

    def _begin(self, offset: TimeInterval, elapsed_s: float, local: LocalTime) -> None:  # noqa: ARG002 (for others)
        """Take that the frequency was just estimated from two samples *elapsed_s* apart, the second one given here."""
        self._local = local

    def _stepped(self, step: TimeInterval) -> None:
        """Carry stored samples over the step that was just asked for."""
        self._local = self._local + step

    # -- samples ---------------------------------------------------------------------------------------

    @property
    def slew_ppb(self) -> float:
        """How fast it steers the offset away, on top of holding the clock."""
        return self.frequency_ppb - self.drift_ppb

    def room_ppb(self, wanted_ppb: float) -> float:
        """Return how much of *wanted_ppb* may be added to its last command, by the clock's limit."""
        limit_ppb = self.common.max_frequency_ppb
        return max(-limit_ppb, min(limit_ppb, self.frequency_ppb + wanted_ppb)) - self.frequency_ppb

    def reset(self, *, clock_moved: bool = False) -> None:
        """Start again with the frequency estimate, from the frequency learnt so far; *clock_moved* allows a step."""
        self._first_sample = None
        self._estimated = False
        self._first_update = self._first_update or clock_moved

    def set_source(self, source: str) -> None:  # noqa: B027 (most judge no noise)
        """Take that samples come from *source* from now on; nothing depends on it where noise does not."""

    def sample_beside(self, source: str, offset: TimeInterval) -> None:  # noqa: B027 (most judge no noise)
        """Take an offset of a *source* that does not steer the clock; nothing depends on it where noise does not."""

    def hold(self, frequency_ppb: float) -> None:
        """Take that the clock was set to *frequency_ppb* while no samples come."""
        self.frequency_ppb = self.drift_ppb = frequency_ppb

    def sample(self, offset: TimeInterval, local: LocalTime, weight: float = 1.0) -> ClockCommand:
        """Take one offset (local - master) measured at *local*; *weight* 0…1 is the trust in it."""
        previous = self.state
        events: list[Event] = []
        if self._estimated:
            rule = self._follow(offset, local, weight, events)
        elif self._first_sample is None or local <= self._first_sample[1]:
            rule = self._keep_first(offset, local)
        else:
            rule = self._estimate(offset, local, events)
        self._count_stable(offset)

        step = -offset if self.state is ServoState.JUMP else 0
        if step:
            self._stepped(step)
            events.append(ClockStepped(step_ns=interval_to_ns(step), offset_ns=interval_to_ns(offset), rule=rule))
        if self.state is not previous:
            if self.state is ServoState.LOCKED_STABLE:
                rule = f"{self.common.servo_num_offset_values} offsets in a row below servo_offset_threshold"
            events.append(
                ServoStateChanged(
                    previous=previous,
                    state=self.state,
                    offset_ns=interval_to_ns(offset),
                    frequency_ppb=self.frequency_ppb,
                    rule=rule,
                )
            )
        return ClockCommand(self.state, self.frequency_ppb, step, tuple(events))

    def _keep_first(self, offset: TimeInterval, local: LocalTime) -> str:
        # A second sample that is not younger than the first is no base for a frequency: wait for a new pair.
        self._first_sample = (offset, local) if self._first_sample is None else None
        self.state = ServoState.UNLOCKED
        return "the frequency estimate needs a second sample"

    def _estimate(self, offset: TimeInterval, local: LocalTime, events: list[Event]) -> str:
        assert self._first_sample is not None
        first_offset, first_local = self._first_sample
        elapsed = local - first_local
        wait_s = self._estimate_wait_s()
        elapsed_s = interval_to_seconds(elapsed)
        if elapsed_s + elapsed_s * FREQUENCY_ESTIMATE_MARGIN < wait_s:
            self.state = ServoState.UNLOCKED
            return f"the frequency estimate needs {wait_s:.3f} s"

        wanted_ppb = self.drift_ppb - (1e9 + self.drift_ppb) * (offset - first_offset) / elapsed
        self.drift_ppb = self.frequency_ppb = self._clamp(wanted_ppb, offset, events)
        self._estimated = True
        self._begin(offset, elapsed_s, local)
        rule = self._step_rule(offset)
        self.state = ServoState.JUMP if rule else ServoState.LOCKED
        self._first_update = False
        return rule or "frequency estimated, no threshold asks for a step"

    def _follow(self, offset: TimeInterval, local: LocalTime, weight: float, events: list[Event]) -> str:
        rule = self._step_rule(offset)
        if rule:
            # The step follows the new frequency estimate, so that it is taken from a known rate.
            self.reset()
            self.state = ServoState.UNLOCKED
            return rule
        self._steer(offset, local, weight, events)
        rule = "the step is done" if self.state is ServoState.JUMP else "offset beyond servo_offset_threshold"
        self.state = ServoState.LOCKED
        return rule

    def _step_rule(self, offset: TimeInterval) -> str:
        settings = self.common
        if self._first_update and settings.first_step_threshold and abs(offset) > settings.first_step_threshold:
            return f"beyond first_step_threshold {interval_to_ns(settings.first_step_threshold):.0f} ns"
        if settings.step_threshold and abs(offset) > settings.step_threshold:
            return f"beyond step_threshold {interval_to_ns(settings.step_threshold):.0f} ns"
        return ""

    def _clamp(self, wanted_ppb: float, offset: TimeInterval, events: list[Event]) -> float:
        limit_ppb = self.common.max_frequency_ppb
        self._clamped = abs(wanted_ppb) > limit_ppb
        if not self._clamped:
            self._fits_since += 1
            return wanted_ppb
        fitted, self._fits_since = self._fits_since, 0
        if fitted >= FITS_AGAIN:
            events.append(
                FrequencyClamped(wanted_ppb=wanted_ppb, limit_ppb=limit_ppb, offset_ns=interval_to_ns(offset))
            )
        return limit_ppb if wanted_ppb > 0 else -limit_ppb

    def _count_stable(self, offset: TimeInterval) -> None:
        threshold = self.common.servo_offset_threshold
        if not threshold:
            return
        if self.state is not ServoState.LOCKED or abs(offset) >= threshold:
            self._stable_samples_missing = self.common.servo_num_offset_values
        elif self._stable_samples_missing > 0:
            self._stable_samples_missing -= 1
        if self.state is ServoState.LOCKED and self._stable_samples_missing == 0:
            self.state = ServoState.LOCKED_STABLE
