"""Filters of the path delay: what a burst of queueing in the network must not move.

Plain Python: on ten values it beats numpy tenfold. Intervals in, intervals out, all in 2**-16 ns.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import Protocol

from ptpstack.time import TimeInterval


class Filter(Protocol):
    """One value in, the filtered value out."""

    def update(self, value: TimeInterval) -> TimeInterval:
        """Take *value* and return the filtered one."""

    def reset(self) -> None:
        """Forget all values: another master, another path."""


class MovingMedian:
    """The median of the last *length* values, of those there are while filling; even counts average the middle two."""

    def __init__(self, length: int = 10) -> None:
        self._values: deque[TimeInterval] = deque(maxlen=length)
        self._ordered: list[TimeInterval] = []

    def update(self, value: TimeInterval) -> TimeInterval:
        """Take *value* and return the median."""
        values, ordered = self._values, self._ordered
        if len(values) == values.maxlen:
            del ordered[bisect_left(ordered, values[0])]
        values.append(value)
        insort(ordered, value)
        middle, odd = divmod(len(ordered), 2)
        return ordered[middle] if odd else (ordered[middle - 1] + ordered[middle]) // 2

    def reset(self) -> None:
        """Forget all values."""
        self._values.clear()
        self._ordered.clear()


class MovingMean:
    """The mean of the last *length* values, of those there are while filling."""

    def __init__(self, length: int = 10) -> None:
        self._values: deque[TimeInterval] = deque(maxlen=length)
        self._sum: TimeInterval = 0

    def update(self, value: TimeInterval) -> TimeInterval:
        """Take *value* and return the mean, rounded down to a unit."""
        if len(self._values) == self._values.maxlen:
            self._sum -= self._values[0]
        self._values.append(value)
        self._sum += value
        return self._sum // len(self._values)

    def reset(self) -> None:
        """Forget all values."""
        self._values.clear()
        self._sum = 0


class LuckyDelay:
    """The mean of the least quarter of the last *length* values: of the packets that found the queues empty."""

    def __init__(self, length: int = 40) -> None:
        self._values: deque[TimeInterval] = deque(maxlen=length)

    def update(self, value: TimeInterval) -> TimeInterval:
        """Take *value* and return the mean of the least."""
        self._values.append(value)
        lucky = sorted(self._values)[: (len(self._values) + 3) // 4]
        return sum(lucky) // len(lucky)

    def reset(self) -> None:
        """Forget all values."""
        self._values.clear()


class NoFilter:
    """Every value as it comes."""

    def update(self, value: TimeInterval) -> TimeInterval:
        """Return *value*."""
        return value

    def reset(self) -> None:
        """Nothing to forget."""
