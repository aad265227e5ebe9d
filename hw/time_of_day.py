"""Which second a pulse began: a PPS says exactly when, and nothing of which.

What lives here: the interface, and the counting of seconds between a source's statements. What does not: the sources
(time_of_day_nmea.py and _ubx.py on a serial port, _gpsd.py, _system.py), and TAI - UTC, which the caller has: none of
them is trusted with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ptpstack.errors import WireError
from ptpstack.time import SECOND, MonotonicTime, PtpTime, TimeInterval, UtcTime, ptp_from_utc

STALE_AFTER = 5 * SECOND
"""How long pulses are counted on without a statement."""

USUAL_DELAY = SECOND // 2
"""What is assumed between a pulse and the statement of its second: it then may be anything from 0 to 1 s."""

_MARGIN = SECOND // 50
_NOT_BEFORE_S = 1_735_689_600  # 2025-01-01: this program did not exist
_NOT_FROM_S = 1 << 34
"""Seconds since 1970 that no source means: the year 2514."""
_DAY_S = 86_400
_FIRST_RETRY, _LAST_RETRY = SECOND, 60 * SECOND


@dataclass(frozen=True, slots=True)
class PulseSecond:
    """A pulse began UTC second *utc_s* (since 1970 as POSIX counts), by a statement *age* old at the pulse.

    A leap second 23:59:60 has the number of the midnight behind it and *leap_second* set; TAI - UTC is still the old
    one then. *doubt* says why the number must not be used; it is empty when it may be. None: nothing is known.
    *early_by* is how much before the second the pulse came, where the receiver tells (u-blox: qErr).
    """

    utc_s: int | None
    age: TimeInterval = 0
    leap_second: bool = False
    doubt: str = ""
    early_by: TimeInterval = 0

    @property
    def is_valid(self) -> bool:
        """True when there is no doubt."""
        return not self.doubt

    def ptp_time(self, current_utc_offset_s: int) -> PtpTime:
        """Return the TAI instant of the pulse. Call it for a second that is known."""
        assert self.utc_s is not None
        return ptp_from_utc(UtcTime(self.utc_s * SECOND), current_utc_offset_s)


class TimeOfDay(Protocol):
    """A source that numbers pulses. Nothing here blocks or raises: what is wrong is said by ``doubt``."""

    @property
    def name(self) -> str:
        """What people call it: the serial port, gpsd's address, CLOCK_REALTIME."""

    @property
    def wake_at(self) -> MonotonicTime | None:
        """When to call ``receive`` even if nothing is readable."""

    def fileno(self) -> int:
        """The descriptor to wait on, -1 while there is none; ``receive`` may change it."""

    def receive(self, now: MonotonicTime) -> None:
        """Take in what has come."""

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        """Number the pulse that came about *pulse*; ± 0.4 s will do."""

    def close(self) -> None:
        """Let go of the port or connection."""


@dataclass(frozen=True, slots=True)
class UtcSecond:
    """A second that a source names, and how far into it the source was (0 ≤ *fraction* < 1)."""

    utc_s: int
    fraction: float = 0.0
    leap_second: bool = False


@dataclass(frozen=True, slots=True)
class _Statement:
    """The pulse about *pulse* began *second*, it was said at *heard*."""

    second: UtcSecond
    pulse: MonotonicTime
    heard: MonotonicTime
    rank: int


class SecondCounter:
    """Numbers pulses by the last statement, and doubts it until the one before agrees."""

    def __init__(self) -> None:
        self.fault = ""
        """What the source itself says against its statements: no fix, not connected."""
        self._last: _Statement | None = None
        self._agreed = False

    def state(self, second: UtcSecond, heard: MonotonicTime, *, delay: TimeInterval, rank: int = 0) -> None:
        """Take a statement heard *delay* after its pulse; one of lower *rank* counts only when the better are stale.

        Statements within a second, as receivers make at 5 Hz, are left out, and those of a time too far ahead.
        """
        last = self._last
        if second.fraction or second.utc_s >= _NOT_FROM_S:
            return
        if last and rank < last.rank and heard - last.heard < STALE_AFTER:
            return
        statement = _Statement(second, heard - delay, heard, rank)
        self._agreed = last is not None and _count(last, statement.pulse)[0] == second.utc_s
        self._last = statement

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        """Number the pulse that came about *pulse*."""
        last = self._last
        if last is None:
            return PulseSecond(None, doubt=self.fault or "no time of day yet")
        utc_s, elapsed, remainder = _count(last, pulse)
        age = max(0, pulse - last.heard)
        doubt = self.fault or self._doubt(last.second.utc_s, utc_s, elapsed, remainder, age)
        return PulseSecond(utc_s, age, last.second.leap_second and elapsed == 0, doubt)

    def _doubt(self, said_s: int, utc_s: int, elapsed: int, remainder: TimeInterval, age: TimeInterval) -> str:
        if age > STALE_AFTER:
            return f"no time of day for {age / SECOND:.1f} s"
        if not self._agreed:
            return "the last two statements disagree, or there was one only"
        if abs(remainder) > SECOND // 2 - _MARGIN:
            return "the statement came so close to a pulse that it may mean either: set its delay"
        if utc_s < _NOT_BEFORE_S:
            return f"{_date(utc_s)} is past: a receiver that has lost count of 1024 weeks shows such dates"
        if elapsed > 0 and _date(said_s)[:7] != _date(utc_s)[:7]:
            return "counted across the end of a month, where a leap second may be"
        return ""


def _count(statement: _Statement, pulse: MonotonicTime) -> tuple[int, int, TimeInterval]:
    """Return the number of *pulse*, how many pulses it is after the statement's, and what is left of a second."""
    gone = pulse - statement.pulse
    elapsed = (gone + SECOND // 2) // SECOND
    after_leap = statement.second.leap_second and elapsed > 0  # the midnight behind it has the same number
    return statement.second.utc_s + elapsed - after_leap, elapsed, gone - elapsed * SECOND


class Backoff:
    """When to try again: after 1 s, then twice as long each time, up to a minute."""

    def __init__(self) -> None:
        self._wait: TimeInterval = _FIRST_RETRY

    def next_try(self, now: MonotonicTime) -> MonotonicTime:
        """Return when to try after a failure at *now*."""
        wait, self._wait = self._wait, min(2 * self._wait, _LAST_RETRY)
        return now + wait

    def reset(self) -> None:
        """Begin at 1 s again: it worked."""
        self._wait = _FIRST_RETRY


def utc_second(date: tuple[int, int, int], clock: str) -> UtcSecond:
    """Return the second of (year, month, day) and ``hhmmss[.fraction]``. Raises ``WireError``."""
    match = re.fullmatch(r"(\d\d)(\d\d)(\d\d)(\.\d*)?", clock, re.ASCII)
    if match is None:
        raise WireError(f"{clock!r} is no time of day")
    hour, minute, second = (int(part) for part in match.groups()[:3])
    leap_second = (hour, minute, second) == (23, 59, 60)
    try:
        moment = datetime(*date, hour, minute, 59 if leap_second else second, tzinfo=UTC)
    except ValueError as error:
        raise WireError(f"{date} {clock} is no date and time", why=str(error)) from error
    return UtcSecond(int(moment.timestamp()) + leap_second, float("0" + (match[4] or "")), leap_second)


def _date(utc_s: int) -> str:
    return f"{datetime.fromtimestamp(utc_s // _DAY_S * _DAY_S, UTC):%Y-%m-%d}"
