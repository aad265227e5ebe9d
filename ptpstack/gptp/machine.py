"""A state machine as the standard draws it: rows of a table, and what is done on the way into a state.

What lives here: how rows are followed. What does not: any figure; each has a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from ptpstack.time import MonotonicTime

Row: TypeAlias = tuple[Enum | tuple[Enum, ...] | None, Callable[[Any], bool], Enum]
"""From a state, one of several, or (None) any other, if the condition holds, to the next; the first that applies."""

STEPS_MAX = 32
LEAST_SENSIBLE, GREATEST_SENSIBLE = -10, 10


def always(_machine: Any) -> bool:  # noqa: ANN401 (any machine)
    """Hold unconditionally (UCT)."""
    return True


def _leaves(origin: Enum | tuple[Enum, ...] | None, state: Enum, target: Enum) -> bool:
    """Whether a row from *origin* to *target* begins in *state*."""
    if origin is None:
        return state is not target
    return state in origin if isinstance(origin, tuple) else state is origin


class Machine:
    """One figure. Conditions read variables; :meth:`run` follows rows until none applies.

    ``deadline`` is when a condition may begin to hold without any input, ``now`` the time of this run.
    """

    ROWS: ClassVar[Sequence[Row]]
    ENTRY: ClassVar[Mapping[Enum, Callable[[Any], None]]]
    _rows_by_state: ClassVar[Mapping[Enum, Sequence[tuple[Callable[[Any], bool], Enum]]]]

    def __init_subclass__(cls) -> None:
        if "ROWS" in cls.__dict__:
            states = type(cls.ROWS[0][2])
            cls._rows_by_state = {
                state: [(condition, target) for origin, condition, target in cls.ROWS if _leaves(origin, state, target)]
                for state in states
            }

    def __init__(self, begin: Enum) -> None:
        self.state = begin
        self.now = MonotonicTime(0)
        self.deadline: MonotonicTime | None = None

    @property
    def expired(self) -> bool:
        """Whether the deadline has come."""
        return self.deadline is not None and self.now >= self.deadline

    def run(self, now: MonotonicTime) -> None:
        """Follow the rows that apply at *now*."""
        self.now = now
        for _ in range(STEPS_MAX):
            target = self._next_state()
            if target is None:
                return
            self.state = target
            if (enter := self.ENTRY.get(target)) is not None:
                enter(self)
        raise AssertionError(f"{type(self).__name__} does not come to rest in {self.state.name}")

    def _next_state(self) -> Enum | None:
        for condition, target in self._rows_by_state[self.state]:
            if condition(self):
                return target
        return None

    def run_if_due(self, now: MonotonicTime) -> None:
        """Run where the deadline has come."""
        if self.deadline is not None and now >= self.deadline:
            self.run(now)


def earliest(*deadlines: MonotonicTime | None) -> MonotonicTime | None:
    """Return the first of *deadlines* to come, None where there is none."""
    return min((deadline for deadline in deadlines if deadline is not None), default=None)


def following(deadline: MonotonicTime, interval: int, now: MonotonicTime) -> MonotonicTime:
    """Return the next deadline of something periodic: on the grid, or from *now* after a stall."""
    after = deadline + interval
    return after if after > now else now + interval


def sensible(log_interval: int) -> int:
    """Return a received logMessageInterval, held within what any port sends at, so that timeouts can be made of it."""
    return max(LEAST_SENSIBLE, min(GREATEST_SENSIBLE, log_interval))
