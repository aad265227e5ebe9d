"""How soon the link delay of a neighbour that has just come is asked for again (ours; no figure has it).

A link comes up a moment sooner at one end, and the first step of a clock spoils the exchange under way: the first
Pdelay_Req often comes to nothing, and at one a second the next is long in coming for who is to have the time within a
second. What lives here: how long to wait for an answer. What does not: the exchange (``md_pdelay_req.py``).
"""

from __future__ import annotations

from ptpstack.time import TimeInterval, interval_from_log2_seconds


class PdelayHurry:
    """From link-up on, and again from the first Sync, waits 2^*log_interval* s, then twice as long each time.

    That ends at the usual interval, or when a delay is known. None: nothing is hurried.
    """

    def __init__(self, log_interval: int | None) -> None:
        self.interval = None if log_interval is None else interval_from_log2_seconds(log_interval)
        self._wait: TimeInterval | None = None
        self._awaits_sync = False

    def begin(self) -> None:
        """Take that the link is up and its delay unknown."""
        self._wait, self._awaits_sync = self.interval, self.interval is not None

    def sync_heard(self) -> bool:
        """Return whether this is the first Sync, before any delay is known: it is time to hurry once more."""
        first, self._awaits_sync = self._awaits_sync, False
        if first:
            self._wait = self.interval
        return first

    def end(self) -> None:
        """Take that the delay is known, or the link down."""
        self._wait, self._awaits_sync = None, False

    def next_wait(self, usual: TimeInterval) -> TimeInterval:
        """Return how long to wait for an answer before asking again."""
        wait = self._wait
        if wait is None or wait >= usual:
            self._wait = None
            return usual
        self._wait = 2 * wait
        return wait
