"""What a clock may say of itself as a grandmaster: its situation against the rows of its profile.

What lives here: the choice of the row and what follows from it. What does not: the rows (``profiles``), and who finds
out the situation (``daemon.announced_worth``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from profiles.loader import ClockQualityRow, DegradationName, FrequencyName, ReferenceName, StateName
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.wire.types import ClockQuality, TimeSource

STATES: dict[ClockState, StateName] = {
    ClockState.LOCKED: "locked",
    ClockState.HOLDOVER_IN_SPEC: "holdover_in_spec",
    ClockState.HOLDOVER_OUT_OF_SPEC: "holdover_out_of_spec",
    ClockState.FREE_RUNNING: "free_running",
}
GRADES: tuple[ReferenceName, ...] = ("eprtc", "prtc")
"""References that are no other PTP clock: their time comes from the sky, or from a caesium clock."""


class Announced(NamedTuple):
    """What is announced of a clock: its quality and timescale, and whether its time is uncertain."""

    quality: ClockQuality
    properties: TimeProperties
    uncertain: bool = False


class Situation(NamedTuple):
    """*received* is what the reference told of itself when the clock was locked to it last."""

    state: ClockState
    reference: ReferenceName
    frequency: FrequencyName
    received: Announced | None
    degradation: DegradationName = "b"
    """Out of specification: a, not far yet (IEEE 1588-2019 Table 4, degradation alternatives A and B)."""

    def __str__(self) -> str:
        """As `ptpstack why` tells it."""
        state = self.state.label
        if self.state is ClockState.LOCKED:
            state = f"locked to {self.reference}"
        elif self.state.is_holdover:
            state += f" after {self.reference}"
        if self.state is ClockState.HOLDOVER_OUT_OF_SPEC:
            state += f", degradation {self.degradation.upper()}"
        return f"{state}, physical-layer frequency {self.frequency.replace('_', ' ')}"


class SettledState:
    """The state that counts: while a clock acquires, it is worth what it was before, but no more than holdover."""

    def __init__(self) -> None:
        self.state = ClockState.FREE_RUNNING

    def take(self, state: ClockState) -> ClockState:
        """Take the clock's state and return the one that counts."""
        if state is not ClockState.ACQUIRING:
            self.state = state
        elif self.state is ClockState.LOCKED:  # it was moved: its time is not what it was
            self.state = ClockState.HOLDOVER_OUT_OF_SPEC
        return self.state


def worth(rows: Sequence[ClockQualityRow], situation: Situation, configured: Announced) -> Announced:
    """Return what *rows* let a clock announce in *situation*; *configured* where none fits."""
    row = next((row for row in rows if _fits(row, situation)), None)
    if row is None:
        return configured
    received = situation.received
    quality, before = configured.quality, received.properties if received else configured.properties
    properties = before if situation.state is not ClockState.FREE_RUNNING else configured.properties
    if row.clock_class is not None:
        clock_class = row.clock_class
        if row.no_better_than_received and received is not None:
            clock_class = max(clock_class, received.quality.clock_class)
        accuracy, variance = row.clock_accuracy, row.offset_scaled_log_variance
        quality = ClockQuality(
            clock_class,
            quality.clock_accuracy if accuracy == "as_configured" else accuracy,
            quality.offset_scaled_log_variance if variance == "as_configured" else variance,
        )
        if situation.reference in GRADES:
            properties = replace(properties, time_source=_time_source(properties))
    else:
        properties = replace(configured.properties, current_utc_offset=before.current_utc_offset)
    return Announced(
        quality,
        replace(
            properties,
            time_traceable=_flag(row.time_traceable, situation, before=before.time_traceable),
            frequency_traceable=_flag(row.frequency_traceable, situation, before=before.frequency_traceable),
            current_utc_offset_valid=_flag(
                row.current_utc_offset_valid, situation, before=properties.current_utc_offset_valid
            ),
        ),
        row.synchronization_uncertain,
    )


def _fits(row: ClockQualityRow, situation: Situation) -> bool:
    return (
        STATES[situation.state] in row.state
        and (not row.reference or situation.reference in row.reference)
        and (not row.frequency or situation.frequency in row.frequency)
        and (not row.degradation or situation.degradation in row.degradation)
    )


def _flag(wanted: bool | str, situation: Situation, *, before: bool) -> bool:
    match wanted:
        case bool():
            return wanted
        case "category_1":
            return situation.frequency == "category_1"
    return before


def _time_source(properties: TimeProperties) -> TimeSource:
    """An internal oscillator is no source of traceable time: what pulses come from is a receiver, unless told."""
    internal = properties.time_source is TimeSource.INTERNAL_OSCILLATOR
    return TimeSource.GNSS if internal else properties.time_source
