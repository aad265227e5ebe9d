"""What a transparent clock remembers of messages that passed: bounded, whatever the network sends."""

from __future__ import annotations

from enum import Enum
from typing import Generic, Literal, TypeVar

from ptpstack.time import MonotonicTime, TimeInterval

K = TypeVar("K")
V = TypeVar("V")


class _Nothing(Enum):
    NOTHING = 0


class Memory(Generic[K, V]):
    """At most *capacity* values by key, each for *lifetime*; the oldest goes first."""

    NOTHING: Literal[_Nothing.NOTHING] = _Nothing.NOTHING

    def __init__(self, capacity: int, lifetime: TimeInterval) -> None:
        self._capacity = capacity
        self._lifetime = lifetime
        self._values: dict[K, tuple[MonotonicTime, V]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K, now: MonotonicTime) -> V | Literal[_Nothing.NOTHING]:
        """Return the value of *key*, or ``NOTHING`` where there is none any more."""
        kept = self._values.get(key)
        return self.NOTHING if kept is None or now - kept[0] >= self._lifetime else kept[1]

    def put(self, key: K, value: V, now: MonotonicTime) -> list[V]:
        """Keep *value* from now on; forget what is too old or too much, and return that."""
        forgotten = []
        self._values.pop(key, None)
        self._values[key] = now, value
        while len(self._values) > self._capacity or now - self._oldest() >= self._lifetime:
            forgotten.append(self._values.pop(next(iter(self._values)))[1])
        return forgotten

    def pop(self, key: K, now: MonotonicTime) -> V | Literal[_Nothing.NOTHING]:
        """Return the value of *key* and forget it."""
        value = self.get(key, now)
        self._values.pop(key, None)
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()

    def _oldest(self) -> MonotonicTime:
        return next(iter(self._values.values()))[0]
