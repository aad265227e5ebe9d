"""The PI servo, the baseline: proportional plus integral, with linuxptp's formulas and constants.

What lives here: gains from the Sync interval, the frequency estimate from the first two samples, steps,
the integrator with its anti-windup. What does not: filtering of samples (``filters``), trust in the
clock itself (``sanity``).

The sign differs from linuxptp's on purpose: frequencies here are what the clock is set to, so they are
the negative of its servo output, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ptpstack.events import Event
from ptpstack.servo.events import ClockStepped, FrequencyClamped, ServoStateChanged
from ptpstack.servo.interface import ClockCommand, ServoState
from ptpstack.time import MICROSECOND, SECOND, LocalTime, TimeInterval, interval_to_ns, interval_to_seconds

HARDWARE_SCALES = (0.7, 0.3)
SOFTWARE_SCALES = (0.1, 0.001)
CONST_NORM_MAX = (1.0, 2.0)

FREQUENCY_ESTIMATE_MARGIN = 0.001
MAX_FREQUENCY_ESTIMATE_INTERVAL_S = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PiSettings:
    """linuxptp's ``pi_*`` and servo options; a threshold of 0 means never, a scale of 0 the stamping's own."""

    hardware_timestamping: bool = True
    proportional_const: float = 0.0
    integral_const: float = 0.0
    proportional_scale: float = 0.0
    proportional_exponent: float = -0.3
    proportional_norm_max: float = 0.7
    integral_scale: float = 0.0
    integral_exponent: float = 0.4
    integral_norm_max: float = 0.3
    first_step_threshold: TimeInterval = 20 * MICROSECOND
    step_threshold: TimeInterval = 0
    max_frequency_ppb: float = 900_000_000.0
    servo_offset_threshold: TimeInterval = 0
    servo_num_offset_values: int = 10


class Gains(NamedTuple):
    """Proportional and integral gain, in ppb of frequency for 1 ns of offset."""

    kp: float
    ki: float


def gains(settings: PiSettings, sync_interval_s: float) -> Gains:
    """Return the gains for samples *sync_interval_s* apart."""
    kp_scale, ki_scale = settings.proportional_scale, settings.integral_scale
    kp_exponent, ki_exponent = settings.proportional_exponent, settings.integral_exponent
    kp_norm_max, ki_norm_max = settings.proportional_norm_max, settings.integral_norm_max
    if settings.proportional_const and settings.integral_const:
        kp_scale, ki_scale = settings.proportional_const, settings.integral_const
        kp_exponent = ki_exponent = 0.0
        kp_norm_max, ki_norm_max = CONST_NORM_MAX
    elif not (kp_scale and ki_scale):
        kp_scale, ki_scale = HARDWARE_SCALES if settings.hardware_timestamping else SOFTWARE_SCALES
    return Gains(
        min(kp_scale * sync_interval_s**kp_exponent, kp_norm_max / sync_interval_s),
        min(ki_scale * sync_interval_s**ki_exponent, ki_norm_max / sync_interval_s),
    )


class PiServo:
    """A PI controller from offset to clock frequency (see :class:`~ptpstack.servo.interface.Servo`).

    *initial_frequency_ppb* is what the clock runs at now; the first estimate builds on it.
    """

    def __init__(self, settings: PiSettings | None = None, initial_frequency_ppb: float = 0.0) -> None:
        self.settings = settings or PiSettings()
        self.state = ServoState.UNLOCKED
        self.drift_ppb = initial_frequency_ppb
        """The integrator: the frequency that would hold a clock without offset."""
        self.frequency_ppb = initial_frequency_ppb
        self._first_sample: tuple[TimeInterval, LocalTime] | None = None
        self._estimated = False
        self._first_update = True
        self._clamped = False
        self._stable_samples_missing = self.settings.servo_num_offset_values
        self.set_sync_interval(SECOND)

    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Adapt the gains to samples *interval* apart."""
        self.gains = gains(self.settings, interval_to_seconds(interval))

    def reset(self) -> None:
        """Start again with the frequency estimate, from the frequency learnt so far."""
        self._first_sample = None
        self._estimated = False

    def sample(self, offset: TimeInterval, local: LocalTime, weight: float = 1.0) -> ClockCommand:
        """Take one offset (local - master) measured at *local*; *weight* 0…1 is the trust in it."""
        previous = self.state
        events: list[Event] = []
        if self._estimated:
            rule = self._steer(offset, weight, events)
        elif self._first_sample is None or local <= self._first_sample[1]:
            rule = self._keep_first(offset, local)
        else:
            rule = self._estimate(offset, local, events)
        self._count_stable(offset)

        step = -offset if self.state is ServoState.JUMP else 0
        if step:
            events.append(ClockStepped(step_ns=interval_to_ns(step), offset_ns=interval_to_ns(offset), rule=rule))
        if self.state is not previous:
            if self.state is ServoState.LOCKED_STABLE:
                rule = f"{self.settings.servo_num_offset_values} offsets in a row below servo_offset_threshold"
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
        wait_s = min(0.016 / self.gains.ki, MAX_FREQUENCY_ESTIMATE_INTERVAL_S)
        elapsed_s = interval_to_seconds(elapsed)
        if elapsed_s + elapsed_s * FREQUENCY_ESTIMATE_MARGIN < wait_s:
            self.state = ServoState.UNLOCKED
            return f"the frequency estimate needs {wait_s:.3f} s"

        wanted_ppb = self.drift_ppb - (1e9 + self.drift_ppb) * (offset - first_offset) / elapsed
        self.drift_ppb = self.frequency_ppb = self._clamp(wanted_ppb, offset, events)
        self._estimated = True
        rule = self._step_rule(offset)
        self.state = ServoState.JUMP if rule else ServoState.LOCKED
        self._first_update = False
        return rule or "frequency estimated, no threshold asks for a step"

    def _step_rule(self, offset: TimeInterval) -> str:
        settings = self.settings
        if self._first_update and settings.first_step_threshold and abs(offset) > settings.first_step_threshold:
            return f"beyond first_step_threshold {interval_to_ns(settings.first_step_threshold):.0f} ns"
        if settings.step_threshold and abs(offset) > settings.step_threshold:
            return f"beyond step_threshold {interval_to_ns(settings.step_threshold):.0f} ns"
        return ""

    def _steer(self, offset: TimeInterval, weight: float, events: list[Event]) -> str:
        rule = self._step_rule(offset)
        if rule:
            # The step follows the new frequency estimate, so that it is taken from a known rate.
            self.reset()
            self.state = ServoState.UNLOCKED
            return rule
        offset_ns = interval_to_ns(offset)
        integral_ppb = self.gains.ki * offset_ns * weight
        wanted_ppb = self.drift_ppb - self.gains.kp * offset_ns * weight - integral_ppb
        self.frequency_ppb = self._clamp(wanted_ppb, offset, events)
        if not self._clamped:  # anti-windup
            self.drift_ppb -= integral_ppb
        rule = "the step is done" if self.state is ServoState.JUMP else "offset beyond servo_offset_threshold"
        self.state = ServoState.LOCKED
        return rule

    def _clamp(self, wanted_ppb: float, offset: TimeInterval, events: list[Event]) -> float:
        limit_ppb = self.settings.max_frequency_ppb
        was_clamped, self._clamped = self._clamped, abs(wanted_ppb) > limit_ppb
        if not self._clamped:
            return wanted_ppb
        if not was_clamped:
            events.append(
                FrequencyClamped(wanted_ppb=wanted_ppb, limit_ppb=limit_ppb, offset_ns=interval_to_ns(offset))
            )
        return limit_ppb if wanted_ppb > 0 else -limit_ppb

    def _count_stable(self, offset: TimeInterval) -> None:
        threshold = self.settings.servo_offset_threshold
        if not threshold:
            return
        if self.state is not ServoState.LOCKED or abs(offset) >= threshold:
            self._stable_samples_missing = self.settings.servo_num_offset_values
        elif self._stable_samples_missing > 0:
            self._stable_samples_missing -= 1
        if self.state is ServoState.LOCKED and self._stable_samples_missing == 0:
            self.state = ServoState.LOCKED_STABLE
