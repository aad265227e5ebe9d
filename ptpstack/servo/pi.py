"""The PI servo, the baseline: proportional plus integral, with linuxptp's formulas and constants.

What lives here: gains from the Sync interval, the integrator with its anti-windup. What does not: the frequency
estimate from the first two samples and steps (``discipline``), filtering of samples (``filters``), trust in the
clock itself (``sanity``).

The sign differs from linuxptp's on purpose: frequencies here are what the clock is set to, so they are
the negative of its servo output, bit for bit.
"""

from __future__ import annotations

from typing import NamedTuple

from ptpstack.events import Event
from ptpstack.servo.discipline import Discipline, ServoSettings
from ptpstack.time import LocalTime, TimeInterval, interval_to_ns, interval_to_seconds

HARDWARE_SCALES = (0.7, 0.3)
SOFTWARE_SCALES = (0.1, 0.001)
CONST_NORM_MAX = (1.0, 2.0)

MAX_FREQUENCY_ESTIMATE_INTERVAL_S = 1000.0


class PiSettings(ServoSettings, frozen=True, kw_only=True):
    """linuxptp's ``pi_*`` and servo options; a scale of 0 means the stamping's own."""

    hardware_timestamping: bool = True
    proportional_const: float = 0.0
    integral_const: float = 0.0
    proportional_scale: float = 0.0
    proportional_exponent: float = -0.3
    proportional_norm_max: float = 0.7
    integral_scale: float = 0.0
    integral_exponent: float = 0.4
    integral_norm_max: float = 0.3


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


class PiServo(Discipline):
    """A PI controller from offset to clock frequency; ``drift_ppb`` is its integrator."""

    def __init__(self, settings: PiSettings | None = None, initial_frequency_ppb: float = 0.0) -> None:
        self.settings = settings or PiSettings()
        super().__init__(self.settings, initial_frequency_ppb)

    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Adapt the gains to samples *interval* apart."""
        self.gains = gains(self.settings, interval_to_seconds(interval))

    def _estimate_wait_s(self) -> float:
        return min(0.016 / self.gains.ki, MAX_FREQUENCY_ESTIMATE_INTERVAL_S)

    def _steer(self, offset: TimeInterval, local: LocalTime, weight: float, events: list[Event]) -> None:  # noqa: ARG002 (one frame for all servos)
        offset_ns = interval_to_ns(offset)
        integral_ppb = self.gains.ki * offset_ns * weight
        wanted_ppb = self.drift_ppb - self.gains.kp * offset_ns * weight - integral_ppb
        self.frequency_ppb = self._clamp(wanted_ppb, offset, events)
        if not self._clamped:  # anti-windup
            self.drift_ppb -= integral_ppb
