"""Those whom a clock concerns, as its driver sees them: who measures it, who keeps instants of it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import LocalTime, TimeInterval


class StepListener(Protocol):
    """What keeps instants of a clock, and so must know of its steps."""

    def clock_stepped(self, delta: TimeInterval, local: LocalTime) -> None:
        """Take that the clock was moved by *delta*, and reads *local*."""


class MeasuringUser(Protocol):
    """What measures a clock: an instance, a follower of another clock, a source of pulses."""

    @property
    def name(self) -> str:
        """What it is called in the configuration."""

    @property
    def time_properties(self) -> TimeProperties | None:
        """The timescale that it measures against; None: nobody tells."""

    def servo_locked(self, *, locked: bool) -> None:
        """Take what the servo made of the last measurement."""


@runtime_checkable
class KeepsUtc(Protocol):
    """What keeps a clock by UTC, and so knows how far the clock is from that, whatever TAI is."""

    @property
    def utc_offset_s(self) -> int:
        """Clock - UTC, whole seconds."""
