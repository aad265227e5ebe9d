"""Instants are integers in 2**-16 ns on a named timescale; only their differences are plain integers.

To the type checker every timescale is a type of its own, so that subtracting a UTC instant from a
PTP one is an error before the program runs. At run time all of them are ``int``: no cost, no wrapper.

What lives here: the timescales, the unit, and the conversions between them.
What does not: clocks (``hw``), wire timestamps (``ptpstack.wire``), statistics (``ptpstack.observe``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

TimeInterval: TypeAlias = int
"""A signed duration in 2**-16 ns (``TimeInterval.scaledNanoseconds``, IEEE 1588-2019 5.3.2)."""

NANOSECOND: TimeInterval = 1 << 16
MICROSECOND: TimeInterval = 1_000 * NANOSECOND
MILLISECOND: TimeInterval = 1_000_000 * NANOSECOND
SECOND: TimeInterval = 1_000_000_000 * NANOSECOND

if TYPE_CHECKING:
    from typing import Self, overload

    class _Instant:
        """What every timescale allows: move by an interval, differ and compare within the scale."""

        def __init__(self, scaled_ns: int, /) -> None: ...
        def __int__(self) -> int: ...
        def __index__(self) -> int: ...
        def __hash__(self) -> int: ...
        def __add__(self, interval: TimeInterval, /) -> Self: ...
        @overload
        def __sub__(self, other: Self, /) -> TimeInterval: ...
        @overload
        def __sub__(self, other: TimeInterval, /) -> Self: ...
        def __sub__(self, other: Self | TimeInterval, /) -> Self | TimeInterval: ...
        def __lt__(self, other: Self, /) -> bool: ...
        def __le__(self, other: Self, /) -> bool: ...
        def __gt__(self, other: Self, /) -> bool: ...
        def __ge__(self, other: Self, /) -> bool: ...

    class PtpTime(_Instant):
        """The grandmaster's timescale: TAI since 1970 where ptpTimescale is true, else its own epoch."""

    class LocalTime(_Instant):
        """What the clock that stamps this instance's frames reads (a PHC, or its substitute)."""

    class UtcTime(_Instant):
        """UTC since 1970 as POSIX counts it (a leap second repeats a value)."""

    class MonotonicTime(_Instant):
        """The host's CLOCK_MONOTONIC: timers and deadlines, never a time of day."""

else:
    PtpTime = LocalTime = UtcTime = MonotonicTime = int


def interval_from_ns(ns: float) -> TimeInterval:
    """Return the interval of *ns* nanoseconds, exact for integers."""
    return ns * NANOSECOND if isinstance(ns, int) else round(ns * NANOSECOND)


def interval_from_seconds(seconds: float) -> TimeInterval:
    """Return the interval of *seconds* seconds, exact for integers."""
    return seconds * SECOND if isinstance(seconds, int) else round(seconds * SECOND)


def interval_from_log2_seconds(log_interval: int) -> TimeInterval:
    """Return 2**log_interval seconds, the meaning of every logMessageInterval (IEEE 1588-2019 7.7.2.1)."""
    return SECOND << log_interval if log_interval >= 0 else SECOND >> -log_interval


def interval_to_ns(interval: TimeInterval) -> float:
    """Return *interval* in nanoseconds."""
    return interval / NANOSECOND


def interval_to_seconds(interval: TimeInterval) -> float:
    """Return *interval* in seconds."""
    return interval / SECOND


def offset_between(local: LocalTime, reference: PtpTime) -> TimeInterval:
    """Return local − reference, the one place where two timescales are meant to meet (positive: local is ahead)."""
    return int(local) - int(reference)


def ptp_from_local(local: LocalTime) -> PtpTime:
    """Read a local instant as PTP time, which it is on a clock that is, or follows, the grandmaster."""
    return PtpTime(int(local))


def utc_from_ptp(ptp: PtpTime, current_utc_offset_s: int) -> UtcTime:
    """Return the UTC instant of a TAI-based PTP instant (IEEE 1588-2019 7.2.4)."""
    return UtcTime(int(ptp) - current_utc_offset_s * SECOND)


def ptp_from_utc(utc: UtcTime, current_utc_offset_s: int) -> PtpTime:
    """Return the TAI-based PTP instant of a UTC instant (IEEE 1588-2019 7.2.4)."""
    return PtpTime(int(utc) + current_utc_offset_s * SECOND)
