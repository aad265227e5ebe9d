"""Syncs that suddenly come later or earlier, and whether a clock or the path did it.

A longer path holds up a Sync and a Delay_Req alike: the delay measured after the jump is longer by as much. A clock
that was stepped moves one to the left and one to the right: the delay stays. If only the Syncs' way changed, it is
longer by half, which looks the same as half of each: then half counts as offset, as the standard's formula has it. And
if the next Sync is as the ones before, a queue held up that one.

What lives here: noticing the jump, from one Sync to the next, and the verdict. What does not: measuring the delay.
"""

from __future__ import annotations

from ptpstack.core.sync_receiver import SyncPoint
from ptpstack.time import NANOSECOND, LocalTime, TimeInterval, offset_between

USUAL_DIFFERENCES = 8
LEAST_JUMP: TimeInterval = 100 * NANOSECOND
REMEMBERED = 32
"""A jump is more than so many times the usual difference from one Sync to the next, of so many lately."""
AGREEMENT = 4
"""The next Sync, and what the delay has grown by, must not differ from the jump by more than this part of it."""
CALM = 8
"""So many Syncs without one must lie before it: a clock that is being steered away moves them as well."""


class PathWatch:
    """Takes the parent's Syncs, and the path delays measured between them."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Another parent, or the local clock was stepped."""
        self._took: TimeInterval | None = None
        self._usual: TimeInterval = 0
        self._seen = self._calm = 0
        self.jump: TimeInterval = 0
        """By how much Syncs come later since :attr:`_since`; 0 once the cause is known."""
        self._since = LocalTime(0)

    def add(self, point: SyncPoint) -> bool:
        """Take a Sync; whether a jump begins with it."""
        took = offset_between(point.t2, point.t1)
        if self._took is None:
            self._took = took
            return False
        size, self._took = took - self._took, took
        difference = abs(size)
        if self.jump and not self._calm and AGREEMENT * difference > abs(self.jump):
            self.jump = 0
        if self._seen >= REMEMBERED and difference > USUAL_DIFFERENCES * self._usual + LEAST_JUMP:
            was_calm, self._calm = self._calm >= CALM, 0
            if was_calm:
                self.jump, self._since = size, point.t2
            return was_calm
        self._calm += 1
        self._seen += 1
        self._usual += (difference - self._usual) // min(self._seen, REMEMBERED)
        return False

    def is_between_no_two(self, before: SyncPoint, after: SyncPoint) -> bool:
        """Whether nothing can be interpolated between them: the path, a clock or a queue made one of them jump."""
        return after.t2 == self._since or (before.t2 == self._since and not self.jump)

    def path_changed(self, change: TimeInterval, at: LocalTime) -> bool:
        """Whether the path made the Syncs jump, both ways, by the *change* of the delay measured *at*."""
        if not self.jump or at < self._since:
            return False
        jump, self.jump = self.jump, 0
        return abs(change - jump) * AGREEMENT < abs(jump)
