"""Whether a single measurement can be true at all."""

from __future__ import annotations

from ptpstack.engine.outputs import Measurement
from ptpstack.time import MILLISECOND, SECOND, LocalTime, TimeInterval, interval_to_seconds

MAX_AGE: TimeInterval = SECOND
MAX_AHEAD: TimeInterval = MILLISECOND
MAX_DELAY: TimeInterval = SECOND
MIN_DELAY: TimeInterval = -MILLISECOND
"""A little below zero happens: asymmetry, jitter of software stamps."""

LEAST_MISMATCH: TimeInterval = 30 * SECOND
MOST_MISMATCH: TimeInterval = 45 * SECOND
"""TAI - UTC is 37 s since 2017 (32 s in 1999): clocks so far apart are most likely on different timescales."""


def is_timescale_mismatch(offset: TimeInterval) -> bool:
    """Whether *offset* looks like TAI read as UTC, or UTC as TAI."""
    return LEAST_MISMATCH < abs(offset) < MOST_MISMATCH


def implausible(measurement: Measurement, local_now: LocalTime) -> str | None:
    """Return why *measurement* cannot be used when its clock reads *local_now*, or ``None`` if it can."""
    age = local_now - measurement.t2
    if age > MAX_AGE:
        return f"its Sync came {interval_to_seconds(age):.1f} s ago"
    if age < -MAX_AHEAD:
        return f"its Sync is stamped {interval_to_seconds(-age):.3f} s in the clock's future"
    if not MIN_DELAY <= measurement.mean_delay <= MAX_DELAY:
        return f"a path delay of {interval_to_seconds(measurement.mean_delay):.6f} s is not possible"
    return None
