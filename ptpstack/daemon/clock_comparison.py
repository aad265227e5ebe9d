"""Two clocks of this host at one instant: how far the one is ahead of the other, and how surely.

A hardware clock is compared with the system clock by the driver's best method (``hw.cross_timestamp``). Two hardware
clocks are compared through the system clock, whose own error cancels out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hw.cross_timestamp import CrossTimestamp
from hw.realtime import RealtimeClock
from ptpstack.errors import HardwareError
from ptpstack.time import (
    NANOSECOND,
    SECOND,
    LocalTime,
    PtpTime,
    TimeInterval,
    UtcTime,
    interval_from_ns,
    offset_between,
)


@runtime_checkable
class CrossTimestamped(Protocol):
    """A clock that can be read together with CLOCK_REALTIME."""

    @property
    def name(self) -> str:
        """What people call it."""

    def cross_timestamp(self, readings: int) -> CrossTimestamp:
        """Read both, the narrowest of *readings*."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A clock read *local* when the one it is compared with read *source*, within ± *uncertainty*."""

    local: LocalTime
    source: PtpTime
    uncertainty: TimeInterval
    method: str

    @property
    def offset(self) -> TimeInterval:
        """How far ahead the clock is."""
        return offset_between(self.local, self.source)


def compare(clock: object, source: object, readings: int) -> Comparison:
    """Return *clock* compared with *source*: two hardware clocks, or one and the system clock.

    Raises ``HardwareError``.
    """
    match clock, source:
        case RealtimeClock(), CrossTimestamped():
            cross = source.cross_timestamp(readings)
            system = LocalTime(_ptp_time(cross.system, clock))
            return Comparison(system, PtpTime(int(cross.phc)), *_quality(cross))
        case CrossTimestamped(), RealtimeClock():
            cross = clock.cross_timestamp(readings)
            return Comparison(cross.phc, PtpTime(_ptp_time(cross.system, source)), *_quality(cross))
        case CrossTimestamped(), CrossTimestamped():
            return _through_system_clock(clock, source, readings)
    raise TypeError(f"{clock!r} and {source!r} cannot be compared")


def _through_system_clock(clock: CrossTimestamped, source: CrossTimestamped, readings: int) -> Comparison:
    """Read *source* before and after *clock*, and interpolate to the instant between."""
    before = source.cross_timestamp(readings)
    own = clock.cross_timestamp(readings)
    after = source.cross_timestamp(readings)
    between, elapsed = own.system - before.system, after.system - before.system
    if not 0 <= between <= elapsed or not elapsed:
        raise HardwareError(f"cannot be compared with {source.name}", where=clock.name, why="the system clock was set")
    at = int(before.phc) + (after.phc - before.phc) * between // elapsed
    uncertainty_ns = own.uncertainty_ns + max(before.uncertainty_ns, after.uncertainty_ns)
    return Comparison(own.phc, PtpTime(at), interval_from_ns(uncertainty_ns), own.method.value)


def _ptp_time(utc: UtcTime, clock: RealtimeClock) -> int:
    return int(utc) + clock.tai_offset_s * SECOND


def _quality(cross: CrossTimestamp) -> tuple[TimeInterval, str]:
    return round(cross.uncertainty_ns * NANOSECOND), cross.method.value
