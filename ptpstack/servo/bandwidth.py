"""A loop of a given bandwidth, for the noise transfer that ITU-T G.8273.2 asks of a T-BC and T-TSC.

Transfer from the measured offset to the clock: a low-pass of second order whose -3 dB point is *bandwidth_hz*
(0.05 to 0.1 Hz there) and whose gain nowhere exceeds 1 by more than 0.1 dB. So much damping, and so slow an
integrator, would take minutes to learn the frequency: until the loop's own time has passed, its gains are
those of a least-squares line through the samples so far.
"""

from __future__ import annotations

import math

from ptpstack.events import Event
from ptpstack.servo.discipline import Discipline, ServoSettings
from ptpstack.time import LocalTime, TimeInterval, interval_to_ns, interval_to_seconds

DAMPING = 5.0
"""Peaking of a second-order loop with a zero is 0.09 dB there."""
MAX_GAIN_PER_SAMPLE = 0.7


class BandwidthSettings(ServoSettings, frozen=True, kw_only=True):
    """*bandwidth_hz*: where the transfer has fallen by 3 dB."""

    bandwidth_hz: float = 0.075


def loop_gains(bandwidth_hz: float) -> tuple[float, float]:
    """Return the proportional (1/s) and integral (1/s²) gain of the loop with this -3 dB point."""
    # The zero of the loop lifts its -3 dB point above the natural frequency.
    lift = math.sqrt(1 + 2 * DAMPING**2 + math.sqrt((1 + 2 * DAMPING**2) ** 2 + 1))
    natural = 2 * math.pi * bandwidth_hz / lift
    return 2 * DAMPING * natural, natural**2


class BandwidthServo(Discipline):
    """A PI loop by its bandwidth and damping instead of by its constants."""

    def __init__(self, settings: BandwidthSettings | None = None, initial_frequency_ppb: float = 0.0) -> None:
        settings = settings or BandwidthSettings()
        self._kp, self._ki = loop_gains(settings.bandwidth_hz)
        self._interval_s = 1.0
        self._elapsed_s = 0.0
        super().__init__(settings, initial_frequency_ppb)

    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Adapt to samples *interval* apart."""
        self._interval_s = interval_to_seconds(interval)

    def _begin(self, offset: TimeInterval, elapsed_s: float, local: LocalTime) -> None:
        super()._begin(offset, elapsed_s, local)
        self._elapsed_s = elapsed_s

    def _steer(self, offset: TimeInterval, local: LocalTime, weight: float, events: list[Event]) -> None:
        elapsed_s = max(0.0, interval_to_seconds(local - self._local))
        self._local = local
        self._elapsed_s += elapsed_s
        offset_ns = interval_to_ns(offset) * weight
        kp = min(max(self._kp, 4.0 / self._elapsed_s), MAX_GAIN_PER_SAMPLE / self._interval_s)
        ki = max(self._ki, 6.0 / self._elapsed_s**2) if 4.0 / self._elapsed_s < kp * 2 else 0.0
        # An interval without Syncs counts once: the integral is over what was measured.
        integral_ppb = ki * offset_ns * min(elapsed_s, 2.0 * self._interval_s)
        self.frequency_ppb = self._clamp(self.drift_ppb - kp * offset_ns - integral_ppb, offset, events)
        if not self._clamped:
            self.drift_ppb -= integral_ppb
