"""The time formats of RFC 5905 6: 64-bit timestamps that wrap every 136 years, and 32-bit short intervals.

A timestamp names an instant only together with a *pivot*, an instant known to within 68 years; on the wire
it stays a plain integer in 2**-32 s, so that nothing is lost by reading and writing it again.
"""

from __future__ import annotations

from ptpstack.time import SECOND, TimeInterval, UtcTime

UNIX_EPOCH_S = 2_208_988_800
"""From 1900-01-01, where NTP's era 0 begins, to 1970-01-01 (RFC 5905 6)."""

_ERA = 1 << 64
_HALF_ERA = 1 << 63


def ntp_from_utc(instant: UtcTime) -> int:
    """Return the 64-bit timestamp of *instant*, rounded to the nearest 2**-32 s; the era is dropped."""
    return _fixed_point(int(instant)) % _ERA


def utc_from_ntp(timestamp: int, pivot: UtcTime) -> UtcTime:
    """Return the instant of a 64-bit *timestamp* in the era that puts it nearest to *pivot*.

    ``ntp_from_utc`` of the result gives *timestamp* again.
    """
    near = _fixed_point(int(pivot))
    since_1900 = near + (timestamp - near + _HALF_ERA) % _ERA - _HALF_ERA
    return UtcTime(_rounded(since_1900) - UNIX_EPOCH_S * SECOND)


def interval_from_short(short: int) -> TimeInterval:
    """Return the interval of a 32-bit value in 2**-16 s, such as Root Delay."""
    return (short * SECOND + (1 << 15)) >> 16


def interval_from_log2(exponent: int) -> TimeInterval:
    """Return 2**exponent seconds, the meaning of Poll and Precision; at least 2**-16 ns."""
    return SECOND << exponent if exponent >= 0 else max(SECOND >> -exponent, 1)


def _fixed_point(since_1970: int) -> int:
    """Return an instant in 2**-32 s since 1900."""
    return (((since_1970 + UNIX_EPOCH_S * SECOND) << 32) + SECOND // 2) // SECOND


def _rounded(fixed_point: int) -> int:
    """Return 2**-32 s in 2**-16 ns, which are 15259 times finer."""
    return (fixed_point * SECOND + (1 << 31)) >> 32
