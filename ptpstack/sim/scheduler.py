"""Virtual time: a queue of things to happen, and the jump from one to the next.

Instants of true time are plain intervals since the world began, in 2**-16 ns. Nothing ticks: what does
not happen costs nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from ptpstack.time import SECOND, TimeInterval, interval_from_seconds


class Scheduler:
    """Runs actions in the order of their true time, and those of one instant in the order they were asked for."""

    def __init__(self) -> None:
        self.now: TimeInterval = 0
        self._queue: list[tuple[TimeInterval, int, Callable[..., object], tuple[Any, ...]]] = []
        self._asked = 0

    @property
    def events(self) -> int:
        """How many actions were run so far."""
        return self._asked - len(self._queue)

    @property
    def now_s(self) -> float:
        """True time in seconds since the world began."""
        return self.now / SECOND

    def at(self, time: TimeInterval, action: Callable[..., object], *arguments: Any) -> None:  # noqa: ANN401 (anything)
        """Run ``action(*arguments)`` at true *time*, or now where that has passed."""
        self._asked += 1
        heapq.heappush(self._queue, (max(time, self.now), self._asked, action, arguments))

    def after(self, delay: TimeInterval, action: Callable[..., object], *arguments: Any) -> None:  # noqa: ANN401 (same)
        """Run ``action(*arguments)`` *delay* from now."""
        self._asked += 1
        heapq.heappush(self._queue, (self.now + max(delay, 0), self._asked, action, arguments))

    def run(self, seconds: float) -> None:
        """Let *seconds* of true time pass."""
        end = self.now + interval_from_seconds(seconds)
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= end:
            self.now, _, action, arguments = pop(queue)
            action(*arguments)
        self.now = end
