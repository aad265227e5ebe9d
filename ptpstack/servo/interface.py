"""The one interface behind which every servo lives: samples in, a clock command out.

A servo never touches a clock: the daemon carries the command out and tells every holder of stored
stamps what changed. Offsets are local - master.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import msgspec

from ptpstack.events import Event
from ptpstack.time import LocalTime, TimeInterval


class ServoState(IntEnum):
    """How far a servo is, in linuxptp's numbering (s0 … s3)."""

    UNLOCKED = 0
    JUMP = 1
    LOCKED = 2
    LOCKED_STABLE = 3


class ClockCommand(msgspec.Struct, frozen=True):
    """What the clock is to do now: run at *frequency_ppb* (positive: faster) after moving by *step*.

    *step* is not zero in ``JUMP`` only. *events* say what the servo decided on this sample, and why.
    """

    state: ServoState
    frequency_ppb: float
    step: TimeInterval = 0
    events: tuple[Event, ...] = ()


class Servo(Protocol):
    """A clock discipline."""

    joins_both_ways: bool
    """Whether it wants the offsets that both ways of a path tell together, of varying weight."""

    @property
    def slew_ppb(self) -> float:
        """How fast it steers the offset away, on top of holding the clock."""

    def room_ppb(self, wanted_ppb: float) -> float:
        """Return how much of *wanted_ppb* may be added to its last command, by the limits that it keeps."""

    def sample(self, offset: TimeInterval, local: LocalTime, weight: float = 1.0) -> ClockCommand:
        """Take one offset measured at *local* and return the command that follows from it."""

    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Say how far apart samples will come from now on."""

    def set_source(self, source: str) -> None:
        """Take that samples come from *source* from now on, whose noise may be another."""

    def sample_beside(self, source: str, offset: TimeInterval) -> None:
        """Take an offset of a *source* that does not steer the clock, but may one day."""

    def reset(self, *, clock_moved: bool = False) -> None:
        """Forget the samples, keep the learnt frequency.

        *clock_moved*: by another hand, so that the servo may step it back as it may at its first update.
        """

    def hold(self, frequency_ppb: float) -> None:
        """Take that the clock was set to *frequency_ppb* and runs on without samples; go on from there."""
