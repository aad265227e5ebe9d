"""The newest values in ascending order: what medians and other order statistics of a stream are read from."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import Generic, TypeVar

Number = TypeVar("Number", int, float)


class SortedWindow(Generic[Number]):
    """The last *length* values; :attr:`ordered` has them in ascending order, and is not to be changed."""

    __slots__ = ("_newest", "ordered")

    def __init__(self, length: int) -> None:
        self._newest: deque[Number] = deque(maxlen=length)
        self.ordered: list[Number] = []

    def add(self, value: Number) -> None:
        """Take *value*; the oldest one goes when there are too many."""
        newest, ordered = self._newest, self.ordered
        if len(newest) == newest.maxlen:
            del ordered[bisect_left(ordered, newest[0])]
        newest.append(value)
        insort(ordered, value)

    def upper_median(self) -> Number:
        """Return the middle value, of an even number the upper one of both."""
        return self.ordered[len(self.ordered) // 2]

    def clear(self) -> None:
        """Forget all values."""
        self._newest.clear()
        self.ordered.clear()
