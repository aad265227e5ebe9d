"""Syntonization by calculation: residence times in the master's seconds, though the clock runs free (10.1, 11.5.1)."""

from __future__ import annotations

from collections import deque

from ptpstack.time import SECOND, LocalTime, PtpTime, TimeInterval
from ptpstack.wire.types import PortIdentity

POINTS_KEPT = 9
POINTS_APART: TimeInterval = SECOND
SHORTEST_BASELINE: TimeInterval = 2 * SECOND
MASTER_SILENT: TimeInterval = 4 * SECOND
"""When another master's Syncs are taken instead."""

PLAUSIBLE_RATE = 1000
"""One part in this many is the largest difference in rate between two clocks that nobody steps."""


class RateRatio:
    """The master's rate over the local clock's, from the Syncs that pass, over some eight seconds."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything: the local clock was stepped."""
        self._points: deque[tuple[PtpTime, LocalTime]] = deque(maxlen=POINTS_KEPT)
        self._master: PortIdentity | None = None
        self._ratio: tuple[TimeInterval, TimeInterval] | None = None

    @property
    def offset_ppb(self) -> float | None:
        """How much faster than the local clock the master's runs; None: not known."""
        return None if self._ratio is None else (self._ratio[0] - self._ratio[1]) * 1e9 / self._ratio[1]

    def add(self, master: PortIdentity, origin: PtpTime, ingress: LocalTime) -> None:
        """Take a Sync of *master* that left at *origin*, corrected for its way, and came in at *ingress*."""
        if master != self._master:
            if self._points and ingress - self._points[-1][1] < MASTER_SILENT:
                return  # one master after the other: two clocks may differ
            self.clear()
            self._master = master
        if self._points and ingress - self._points[-1][1] < POINTS_APART:
            return
        self._points.append((origin, ingress))
        first_origin, first_ingress = self._points[0]
        by_master, by_local = origin - first_origin, ingress - first_ingress
        if by_local < SHORTEST_BASELINE:
            return
        if abs(by_master - by_local) * PLAUSIBLE_RATE > by_local:
            self.clear()  # somebody stepped
            return
        self._ratio = by_master, by_local

    def to_master(self, interval: TimeInterval) -> TimeInterval:
        """Return an *interval* of the local clock in the master's seconds."""
        return interval if self._ratio is None else interval * self._ratio[0] // self._ratio[1]
