"""How far a clock that is kept by UTC sources is ahead of UTC: whole seconds, by whoever knows them.

A clock that PTP steered before goes on on that timescale, so that a change of source is no step of 37 s.
"""

from __future__ import annotations

from collections.abc import Callable

from hw.realtime import RealtimeClock
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.leap_seconds import choose_tai_offset
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import SECOND, LocalTime, TimeInterval, UtcTime


class UtcTimescale:
    """The timescale of *driver*'s clock for sources of UTC."""

    def __init__(self, driver: ClockDriver, kernel_tai_offset_s: Callable[[], int]) -> None:
        self._driver = driver
        self._kernel_tai_offset_s = kernel_tai_offset_s
        self._last_properties: TimeProperties | None = None
        self._own_properties: TimeProperties | None = None
        self.tai_offset_s = 0
        """Clock - UTC."""

    def utc(self, local: LocalTime) -> UtcTime:
        """Return what the clock takes for UTC when it reads *local*."""
        return UtcTime(int(local) - self.tai_offset_s * SECOND)

    def utc_s(self) -> int:
        """Return the second of UTC by the clock. Raises ``HardwareError``."""
        return int(self.utc(self._driver.clock.time())) // SECOND

    def own_properties(self) -> TimeProperties | None:
        """Return what the clock's timescale is while UTC sources steer it; None: nobody tells."""
        self._own_properties = self._driver.leap_seconds.properties(self.utc_s(), self._kernel_tai_offset_s())
        return self._own_properties

    def follow(self, stepped: TimeInterval = 0) -> TimeInterval:
        """Read the timescale anew; return by how much that and a step of the clock move what was measured as UTC.

        A leap second moves the servers' time too: no offset changes by it. Raises ``HardwareError``.
        """
        before_s, self.tai_offset_s = self.tai_offset_s, self._choose()
        change = (before_s - self.tai_offset_s) * SECOND
        is_leap_second = not stepped and abs(change) == SECOND
        return 0 if is_leap_second else stepped + change

    def _choose(self) -> int:
        clock, leap_seconds = self._driver.clock, self._driver.leap_seconds
        if isinstance(clock, RealtimeClock):
            return clock.tai_offset_s
        told = self._driver.time_properties
        if told is not None and told is not self._own_properties:
            self._last_properties = told
        last, utc_s = self._last_properties, self.utc_s()
        if last is not None and last.ptp_timescale and leap_seconds.tai_offset(utc_s) is not None:
            last = None  # a leap second may have been since it was told
        return choose_tai_offset(last, self._kernel_tai_offset_s(), leap_seconds, utc_s).seconds
