"""What is decided about a clock: commands, and word of what became of it (``clock_discipline``)."""

from __future__ import annotations

from enum import Enum, auto
from typing import TypeAlias

import msgspec

from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.servo.both_ways import Joined
from ptpstack.servo.interface import ServoState
from ptpstack.time import TimeInterval


class Purpose(Enum):
    """What a command to the clock is for."""

    RESTORE = auto()
    """Begin at the frequency known from before."""
    FOLLOW = auto()
    """What the servo asks for."""
    BEGIN_TO_HOLD = auto()
    """Run on without measurements."""
    HOLD = auto()
    """Go on to do so."""


class Steer(msgspec.Struct, frozen=True):
    """Run the clock at *frequency_ppb* (positive: faster), then move it by *step* if that is not zero.

    *phase* is for the hardware to slew by itself; only a clock that can is asked to.
    """

    purpose: Purpose
    frequency_ppb: float
    step: TimeInterval = 0
    phase: TimeInterval = 0


class ClockMoved(msgspec.Struct, frozen=True):
    """The clock was moved by *delta*: stored instants of it are to be moved along."""

    delta: TimeInterval


class ServoLocked(msgspec.Struct, frozen=True):
    """What the servo made of the last measurement of *name*."""

    name: str
    locked: bool


class Sampled(msgspec.Struct, frozen=True):
    """*measurement* was used, to steer or to know only; then the servo was in *state*.

    *joined* is what the servo was told where both ways of the path told it together.
    """

    measurement: Measurement
    steering: bool
    state: ServoState
    joined: Joined | None = None


Output: TypeAlias = Event | Steer | ClockMoved | ServoLocked | Sampled
