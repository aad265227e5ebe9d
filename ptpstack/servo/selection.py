"""Packet selection, a stage before any servo: in a loaded network the packets that found the queues empty are true.

What lives here: which samples a servo gets to see. What does not: the path delay, which must be selected alike (the
delay filter ``lucky``): a floor on one way and a mean on the other would be an offset.

Queueing only ever adds, so its trace is a long tail on one side of the offsets. While there is one, the least
offset of each block of samples counts for all of them; without one every sample passes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

from ptpstack.servo.discipline import Discipline
from ptpstack.servo.interface import ClockCommand, ServoState
from ptpstack.time import SECOND, LocalTime, TimeInterval

WINDOW = 64
BLOCK = 8
TAIL_BEGINS, TAIL_ENDS = 2.5, 1.8
"""Way from the median up to the 95 % quantile over that down to the 5 % one: 1 without queues, 3.6 if exponential."""


class PacketSelection:
    """A servo that sees the luckiest of every ``BLOCK`` samples while the network queues, and all while it does not."""

    joins_both_ways = False
    """One way's queues say nothing of the other's."""

    def __init__(self, servo: Discipline) -> None:
        self.servo = servo
        self.selecting = False
        self._interval: TimeInterval = SECOND
        self._window: deque[float] = deque(maxlen=WINDOW)
        self._ordered: list[float] = []
        self._block: list[float] = []
        self._local: LocalTime | None = None
        self._moved = 0.0

    @property
    def slew_ppb(self) -> float:
        """The servo's."""
        return self.servo.slew_ppb

    def room_ppb(self, wanted_ppb: float) -> float:
        """The servo's."""
        return self.servo.room_ppb(wanted_ppb)

    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Say how far apart the samples are; those that the servo sees may be further."""
        self._interval = interval
        self.servo.set_sync_interval(interval * BLOCK if self.selecting else interval)

    def reset(self, *, clock_moved: bool = False) -> None:
        """Forget the samples here and there."""
        self._forget()
        self.servo.reset(clock_moved=clock_moved)

    def set_source(self, source: str) -> None:
        """Take that samples come from *source* from now on."""
        self._forget()
        self.servo.set_source(source)

    def sample_beside(self, source: str, offset: TimeInterval) -> None:
        """Take an offset of a *source* that does not steer the clock."""
        self.servo.sample_beside(source, offset)

    def hold(self, frequency_ppb: float) -> None:
        """Take that the clock was set to *frequency_ppb* while no samples come."""
        self._forget()
        self.servo.hold(frequency_ppb)

    def sample(self, offset: TimeInterval, local: LocalTime, weight: float = 1.0) -> ClockCommand:
        """Take one offset; the command is the servo's, or its last one again until a block is full."""
        servo = self.servo
        if servo.state < ServoState.LOCKED:
            command = servo.sample(offset, local, weight)
            self._forget()
            return command
        if self._local is not None:
            # What the servo does beyond holding the clock moves the offset, and is no news.
            self._moved += servo.slew_ppb * 1e-9 * (local - self._local)
        self._local = local
        still = offset - self._moved
        self._watch_the_tail(still)
        if self.selecting:
            self._block.append(still)
            if len(self._block) < BLOCK:
                return ClockCommand(servo.state, servo.frequency_ppb)
            offset = round(min(self._block) + self._moved)
            self._block.clear()
        command = servo.sample(offset, local, weight)
        if command.state < ServoState.LOCKED:
            self._forget()
        return command

    def _forget(self) -> None:
        self._window.clear()
        self._ordered.clear()
        self._block.clear()
        self._local, self._moved = None, 0.0

    def _watch_the_tail(self, still: float) -> None:
        window, ordered = self._window, self._ordered
        if len(window) == WINDOW:
            del ordered[bisect_left(ordered, window[0])]
        window.append(still)
        insort(ordered, still)
        if len(ordered) < WINDOW:
            return
        low, median, high = (ordered[round(share * (WINDOW - 1))] for share in (0.05, 0.5, 0.95))
        selecting = high - median > (TAIL_ENDS if self.selecting else TAIL_BEGINS) * (median - low)
        if selecting != self.selecting:
            self.selecting = selecting
            self._block.clear()
            self.set_sync_interval(self._interval)
