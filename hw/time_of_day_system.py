"""Time of day from CLOCK_REALTIME, where something else keeps it right to half a second: NTP, an RTC."""

from __future__ import annotations

import time
from collections.abc import Callable

from hw.time_of_day import PulseSecond
from hw.timex import AdjTime, Modes, Status, Timex, clock_adjtime
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime, UtcTime

_TIME_OOP = 3  # adjtimex(2): a leap second is in progress, and shown as 23:59:59 once more
_FARTHEST = 2 * SECOND // 5


class SystemTimeOfDay:
    """The system's clock. A :class:`~hw.time_of_day.TimeOfDay`."""

    name = "CLOCK_REALTIME"
    wake_at: MonotonicTime | None = None

    def __init__(
        self, *, adjtime: AdjTime = clock_adjtime, clocks: Callable[[], tuple[UtcTime, MonotonicTime]] | None = None
    ) -> None:
        self._adjtime = adjtime
        self._clocks = clocks or _both_clocks

    def fileno(self) -> int:
        """Nothing to wait on."""
        return -1

    def receive(self, now: MonotonicTime) -> None:
        """Nothing to take in."""

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        """Number the pulse that came about *pulse*, which must be recent: the clock may have been stepped since."""
        utc, now = self._clocks()
        at = int(utc) - (now - pulse)
        utc_s = (at + SECOND // 2) // SECOND
        timex = Timex(modes=Modes.READ)
        try:
            leap_second = self._adjtime(time.CLOCK_REALTIME, timex) == _TIME_OOP
        except OSError as error:
            return PulseSecond(utc_s, doubt=f"the kernel does not tell its clock's state: {error.strerror}")
        return PulseSecond(utc_s + leap_second, 0, leap_second, _doubt(timex, at - utc_s * SECOND))

    def close(self) -> None:
        """Nothing to close."""


def _doubt(timex: Timex, remainder: int) -> str:
    if timex.status & Status.UNSYNC:
        return "nobody keeps the system clock (STA_UNSYNC)"
    if abs(remainder) > _FARTHEST:
        return f"the pulse is {remainder / SECOND:+.2f} s from the system clock's full second: it may mean either"
    return ""


def _both_clocks() -> tuple[UtcTime, MonotonicTime]:
    return UtcTime(time.time_ns() * NANOSECOND), MonotonicTime(time.monotonic_ns() * NANOSECOND)
