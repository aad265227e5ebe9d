"""The timers of one port: named absolute deadlines, nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum, auto

from ptpstack.time import MonotonicTime


class Timer(IntEnum):
    """Every timer that a port has; integers, whose hash is no call into Python."""

    ANNOUNCE_RECEIPT = auto()
    QUALIFICATION = auto()
    FOREIGN_MASTER = auto()
    ANNOUNCE = auto()
    SYNC = auto()
    DELAY_REQ = auto()
    PDELAY_REQ = auto()
    SYNC_LOSS = auto()
    FAULT_RESET = auto()
    WAIT_TO_RESTORE = auto()
    UNICAST_CLIENT = auto()
    UNICAST_SERVICE = auto()


class Timers:
    """Deadlines by timer; a timer runs once until it is started again."""

    def __init__(self) -> None:
        self._deadlines: dict[Timer, MonotonicTime] = {}
        self._next: MonotonicTime | None = None
        self._next_is_known = True

    def start(self, timer: Timer, deadline: MonotonicTime) -> None:
        """Let *timer* expire at *deadline*, whatever it was set to before."""
        before = self._deadlines.get(timer)
        self._deadlines[timer] = deadline
        if self._next is None or deadline < self._next:
            self._next = deadline
        elif before == self._next:
            self._next_is_known = False

    def stop(self, *timers: Timer) -> None:
        """Stop *timers*, running or not."""
        for timer in timers:
            if self._deadlines.pop(timer, None) == self._next:
                self._next_is_known = False

    def stop_all(self) -> None:
        """Stop every timer."""
        self._deadlines.clear()
        self._next_is_known = False

    def running(self, timer: Timer) -> bool:
        """Tell whether *timer* will expire."""
        return timer in self._deadlines

    def deadline(self, timer: Timer) -> MonotonicTime | None:
        """Return when *timer* will expire, None if it does not run."""
        return self._deadlines.get(timer)

    def next_deadline(self) -> MonotonicTime | None:
        """Return the earliest deadline, if any timer runs; asked after every message, so it is kept."""
        if not self._next_is_known:
            self._next = min(self._deadlines.values(), default=None)
            self._next_is_known = True
        return self._next

    def take_due(self, now: MonotonicTime) -> Iterator[tuple[Timer, MonotonicTime]]:
        """Yield the timers that are due with their deadlines, earliest first, each stopped when its turn comes.

        What runs for one may stop others, or set them anew: those are not due any more.
        """
        due = [(timer, deadline) for timer, deadline in self._deadlines.items() if deadline <= now]
        due.sort(key=lambda item: item[1])
        for timer, deadline in due:
            if self._deadlines.get(timer) == deadline:
                self.stop(timer)
                yield timer, deadline


def following(deadline: MonotonicTime, interval: int, now: MonotonicTime) -> MonotonicTime:
    """Return the next deadline of a periodic timer: on the grid, or from *now* after a stall."""
    after = deadline + interval
    return after if after > now else now + interval
