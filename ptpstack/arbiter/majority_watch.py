"""Whether what steers a clock departs from what a majority of servers says of the same clock.

What lives here: the comparison, and how often it must be confirmed. What does not: who belongs to the majority (the
servers choose among themselves, ``ntp.selection``), and who steers instead (``clock_arbiter``).
"""

from __future__ import annotations

from ptpstack.arbiter.events import SourceAgreesAgain, SourceDeparted
from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.time import TimeInterval, interval_to_ns

CONFIRMATIONS = 3
"""So many looks in a row must agree, before an alarm as before its end."""


class MajorityWatch:
    """Compares by *watcher*, whose measurements carry their bound as mean_delay, what else measures the clock.

    A source departs when it is off by more than *limit* whatever the bound; it agrees again within *limit*. *refuses*:
    until then it does not steer.
    """

    def __init__(self, watcher: str, limit: TimeInterval, *, refuses: bool = False) -> None:
        self.watcher = watcher
        self.departed: str | None = None
        self._limit = limit
        self._refuses = refuses
        self._offsets: dict[str, TimeInterval] = {}
        self._confirmed = 0

    @property
    def refused(self) -> str | None:
        """Who must not steer now."""
        return self.departed if self._refuses else None

    def take(self, clock: str, name: str, measurement: Measurement, writer: str | None) -> list[Event]:
        """Take a *measurement* of *name*, while *writer* steers *clock*."""
        if name != self.watcher:
            self._offsets[name] = measurement.offset_from_master
            return []
        source = self.departed or writer
        watched = self._offsets.pop(source, None) if source is not None else None
        if source is None or watched is None:
            return []  # nothing measured since the last look
        departure, bound = watched - measurement.offset_from_master, measurement.mean_delay
        changes = abs(departure) <= self._limit if self.departed else abs(departure) - bound > self._limit
        self._confirmed = self._confirmed + 1 if changes else 0
        if self._confirmed < CONFIRMATIONS:
            return []
        self._confirmed = 0
        self.departed = None if self.departed else source
        told = SourceDeparted if self.departed else SourceAgreesAgain
        return [
            told(
                clock=clock,
                source=source,
                watcher=self.watcher,
                departure_ns=-interval_to_ns(departure),
                bound_ns=interval_to_ns(bound),
                limit_ns=interval_to_ns(self._limit),
                refused=self._refuses,
            )
        ]
