"""When what was granted is sent: one timer wheel for each type of message and rate.

A wheel turns once an interval; each of its slots holds the grants that are served together. What is due is thus a
list that is there already, however many clients there are, and a driver may send it as one.
"""

from __future__ import annotations

from ptpstack.engine.unicast_slot import Grant, Slot
from ptpstack.time import SECOND, MonotonicTime, TimeInterval, interval_from_log2_seconds
from ptpstack.wire.types import MessageType

SLOTS = 1024
"""Into so many at most a wheel is divided."""


class Wheel:
    """All grants of one type and rate: *together* in a slot while there are slots, then spread evenly."""

    def __init__(self, log_interval: int, slots_per_second: int, together: int, now: MonotonicTime) -> None:
        interval = interval_from_log2_seconds(log_interval)
        count = min(SLOTS, max(1, interval * slots_per_second // SECOND))
        self._slots = [Slot() for _ in range(count)]
        self._together = together
        self._step: TimeInterval = interval // count
        self._position = 0
        self._due: MonotonicTime = now + self._step
        """When the slot at the position is due."""
        self.size = 0

    def add(self, grant: Grant) -> None:
        """Take *grant* into a slot begun that has room for it, else the emptiest; of several the one due first."""
        ahead = self._slots[self._position :] + self._slots[: self._position]
        begun = [slot for slot in ahead if 0 < len(slot.grants) < self._together]
        min(begun or ahead, key=lambda slot: len(slot.grants)).add(grant)
        self.size += 1

    def remove(self, grant: Grant) -> None:
        """Drop *grant*."""
        assert grant.slot is not None
        grant.slot.remove(grant)
        self.size -= 1

    def next_deadline(self) -> MonotonicTime | None:
        """Return when the next slot that holds anything is due."""
        count = len(self._slots)
        for place in range(count):
            if self._slots[(self._position + place) % count].grants:
                return self._due + place * self._step
        return None

    def take_due(self, now: MonotonicTime) -> list[Slot]:
        """Return the slots that are due, each at most once: what a stall made late is not made up for."""
        due: list[Slot] = []
        count = len(self._slots)
        behind = (now - self._due) // self._step + 1 - count
        if behind > 0:
            self._position = (self._position + behind) % count
            self._due += behind * self._step
        while self._due <= now:
            if self._slots[self._position].grants:
                due.append(self._slots[self._position])
            self._position = (self._position + 1) % count
            self._due += self._step
        return due


class Schedule:
    """All wheels, each with *slots_per_second*, of which one is filled with *together* before another is begun."""

    def __init__(self, slots_per_second: int, together: int = 1) -> None:
        self._slots_per_second = slots_per_second
        self._together = together
        self._wheels: dict[tuple[MessageType, int], Wheel] = {}

    def add(self, grant: Grant, now: MonotonicTime) -> None:
        """Serve *grant* at its rate."""
        key = grant.message_type, grant.log_interval
        if key not in self._wheels:
            self._wheels[key] = Wheel(grant.log_interval, self._slots_per_second, self._together, now)
        self._wheels[key].add(grant)

    def remove(self, grant: Grant) -> None:
        """Serve *grant* no more."""
        key = grant.message_type, grant.log_interval
        self._wheels[key].remove(grant)
        if not self._wheels[key].size:
            del self._wheels[key]

    def clear(self) -> None:
        """Serve nobody."""
        self._wheels.clear()

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`take_due` will next give something."""
        deadlines = [wheel.next_deadline() for wheel in self._wheels.values()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def take_due(self, now: MonotonicTime) -> list[tuple[MessageType, Slot]]:
        """Return what is due by *now*, slot by slot."""
        return [(kind, slot) for (kind, _), wheel in self._wheels.items() for slot in wheel.take_due(now)]
