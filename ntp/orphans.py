"""Orphans: servers of one network that no source keeps any more, and that agree on one of them to follow.

All have the same *stratum* configured, and each other as sources. One that was without any source for *wait* leads: it
serves its own time at that stratum. The others follow it, one stratum below. A source at the stratum or beyond is taken
for an orphan and counts only when nothing else does; of several that lead, the one with the least reference identifier
is followed (its IPv4 address, or a hash of its IPv6 one). chronyd (`local orphan`) and ntpd (`tos orphan`) elect by the
same rule, and may be among them.

Who leads goes on to lead until it has a source again, or meets another leader with a lesser identifier. A server that
does not lead follows any leader: so one that comes back after a reboot, with the time of its battery, joins the others
instead of taking them along.

What lives here: who leads, and whom to follow. What does not: judging sources (``selection``), and serving.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from ptpstack.time import MonotonicTime, TimeInterval


class Orphan(Protocol):
    """A source as this module sees it."""

    @property
    def stratum(self) -> int:
        """What it says it is."""

    @property
    def reference_id(self) -> bytes:
        """By which its followers name it."""

    @property
    def own_reference_id(self) -> bytes:
        """By which it would name this server, if it followed; empty: unknown."""


_Source = TypeVar("_Source", bound=Orphan)


class Orphans:
    """This server among the orphans of *stratum*."""

    def __init__(self, stratum: int, wait: TimeInterval) -> None:
        self.stratum = stratum
        self.wait = wait
        self.leads = False
        """Whether this server serves its own time to the others."""

        self.has_source = False
        """Whether something else than an orphan keeps the clock, or did a moment ago."""

        self._followed_at: MonotonicTime | None = None
        self._source_at: MonotonicTime | None = None

    def update(self, now: MonotonicTime, *, is_locked: bool, follows_orphan: bool) -> None:
        """Take in whether the clock is locked, and whether that is to an orphan. Call it each second."""
        if is_locked or self._followed_at is None:
            self._followed_at = now
        if is_locked and not follows_orphan:
            self._source_at = now
        self.has_source = self._source_at is not None and now - self._source_at < self.wait
        self.leads = now - self._followed_at >= self.wait

    def includes(self, source: Orphan) -> bool:
        """Tell whether *source* is an orphan, or follows one."""
        return source.stratum >= self.stratum

    def leader(self, sources: Iterable[_Source]) -> _Source | None:
        """Return which of *sources* leads; None: this server, or nobody."""
        leaders = [source for source in sources if source.stratum == self.stratum]
        found = min(leaders, key=lambda source: source.reference_id, default=None)
        if found is None or (self.leads and found.reference_id > found.own_reference_id):
            return None
        return found
