"""Durations and instants as people type and read them: ``37s``, ``-250ns``, ``2026-01-01T00:00:37.000000000``."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND, LocalTime, TimeInterval

UNITS = {"s": SECOND, "ms": MILLISECOND, "us": MICROSECOND, "µs": MICROSECOND, "ns": NANOSECOND}

_DURATION = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))\s*([a-zµ]+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_duration(text: str) -> TimeInterval:
    """Return the interval that *text* names, exact to 2**-16 ns. Made for argparse's ``type``."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or match[2] not in UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: a number and s, ms, us or ns, as in 37s or -250ns")
    return round(Decimal(match[1]) * UNITS[match[2]])


def signed_duration(interval: TimeInterval) -> str:
    """Say a measured *interval* with its sign: in ns below a second, else in seconds with nine places."""
    sign = "-" if interval < 0 else "+"
    if abs(interval) < SECOND:
        return f"{sign}{abs(interval) / NANOSECOND:.1f} ns"
    return f"{sign}{seconds_text(abs(interval))} s"


def nominal_duration(interval: TimeInterval) -> str:
    """Say an *interval* as somebody would have typed it: ``100 ms``, ``-250 ns``."""
    unit = next((name for name, size in UNITS.items() if interval % size == 0), "")
    return f"{interval // UNITS[unit]} {unit}" if unit else f"{interval / NANOSECOND:.3f} ns"


def seconds_text(scaled: int) -> str:
    """Write an instant or interval in seconds with nine places; no float touches it."""
    nanoseconds = round_to_ns(scaled)
    seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{rest:09d}"


def date_text(instant: LocalTime) -> str:
    """Write an instant as a date and time of its own timescale, or nothing where no calendar reaches."""
    seconds, nanoseconds = divmod(round_to_ns(int(instant)), 1_000_000_000)
    try:
        date = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return ""
    return f"{date:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}"


def round_to_ns(scaled: int) -> int:
    """Round to whole nanoseconds, in integers."""
    return (scaled + NANOSECOND // 2) // NANOSECOND
