"""What a clock does that meets another time than the one it kept: another timescale, or another grandmaster.

A slew of 37 s is never what anybody wants, and neither is one of minutes towards the first real grandmaster by a clock
that had only its neighbour before. Both are told, and by policy the clock may be stepped, once. One offset alone may be
that of a late stamp, so a second one has to agree; until then the clock goes on as it does.

What does not live here: who steers (``clock_arbiter``), and steps themselves (``servo``).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Literal

import msgspec

from ptpstack.arbiter.events import NewTimeDoubted, StepAllowedAgain, TimescaleChanged
from ptpstack.arbiter.sanity import is_timescale_mismatch
from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.time import (
    MICROSECOND,
    SECOND,
    LocalTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_ns,
)
from ptpstack.wire.types import ClockIdentity

ARMED: TimeInterval = 60 * SECOND
"""For so long after a change of grandmaster a step towards it may still come: its boundary clocks step one by one."""

AGREE_WITHIN_INTERVALS = 2.5
"""Two offsets that are further apart say nothing about each other: the source may have stepped between them."""


class Meeting(Enum):
    """What a measurement says of the time that a locked clock meets."""

    KEPT = auto()
    """The time that it keeps, or one that it is to be slewed to."""
    DOUBTED = auto()
    """Perhaps another one: the next measurement tells."""
    ANOTHER = auto()
    """Another one, by two measurements: the clock may be stepped to it."""


class NewTimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """See ``[arbiter]`` of the configuration; *first_step_threshold* is the servo's, 0: it never steps."""

    timescale_change: Literal["step", "refuse"] = "step"
    step_on_new_grandmaster: Literal["untraceable", "always", "never"] = "untraceable"
    first_step_threshold: TimeInterval = 20 * MICROSECOND


class NewTime:
    """The time that one clock keeps, by what has steered it."""

    def __init__(self, clock: str, settings: NewTimeSettings | None = None) -> None:
        self.clock = clock
        self._settings = settings or NewTimeSettings()
        self._ptp_timescale: bool | None = None
        self._grandmaster: ClockIdentity | None = None
        self._previous: ClockIdentity | None = None
        self._grandmaster_changed_at: LocalTime | None = None
        self._timescale_changed_at: LocalTime | None = None
        """When another one was followed, by the clock; None: it may not be stepped for that any more."""
        self.doubted: Measurement | None = None
        """The newest measurement, if it waits for a second one that agrees."""
        self._was_traceable = False
        self._told_refusal: tuple[str, bool] | None = None

    def refuses(self, name: str, measurement: Measurement) -> tuple[bool, list[Event]]:
        """Return whether *measurement* of *name* is on a timescale that the clock must not be taken to."""
        told, kept = measurement.ptp_timescale, self._ptp_timescale
        if told is None or kept is None or told == kept or self._settings.timescale_change != "refuse":
            if told == kept:
                self._told_refusal = None
            return False, []
        if self._told_refusal == (name, told):
            return True, []
        self._told_refusal = name, told
        return True, [self._changed(name, measurement, refused=True)]

    def follow(self, name: str, measurement: Measurement) -> tuple[Meeting, list[Event]]:
        """Return what *measurement* of *name*, which would steer a locked clock, says, and what is to be told."""
        offset, threshold = measurement.offset_from_master, self._settings.first_step_threshold
        events = list[Event]()
        told = measurement.ptp_timescale
        if told is not None:
            if self._ptp_timescale is not None and told != self._ptp_timescale:
                events.append(self._changed(name, measurement, refused=False))
                self._timescale_changed_at = measurement.t2
            self._ptp_timescale = told
        self._note_grandmaster(measurement)
        timescale_changed = _is_near(self._timescale_changed_at, measurement) or is_timescale_mismatch(offset)
        is_another = timescale_changed or _is_near(self._grandmaster_changed_at, measurement)
        if not (is_another and threshold and abs(offset) > threshold):
            self.doubted = None
            return Meeting.KEPT, events
        first, self.doubted = self.doubted, measurement
        if first is None or not _agree(first, measurement):
            if first is None:
                events.append(NewTimeDoubted(clock=self.clock, source=name, offset_ns=interval_to_ns(offset)))
            return Meeting.DOUBTED, events
        if not timescale_changed:
            events.append(
                StepAllowedAgain(
                    clock=self.clock,
                    previous=str(self._previous),
                    grandmaster=str(self._grandmaster),
                    offset_ns=interval_to_ns(offset),
                    rule=self._settings.step_on_new_grandmaster,
                )
            )
        self._forget_changes()
        return Meeting.ANOTHER, events

    def acquires(self, measurement: Measurement) -> None:
        """Take that *measurement* steers a clock that is not locked yet, and may be stepped anyway."""
        if measurement.ptp_timescale is not None:
            self._ptp_timescale = measurement.ptp_timescale
        self._grandmaster = measurement.grandmaster_identity
        self._forget_changes()

    def _forget_changes(self) -> None:
        self._grandmaster_changed_at = self._timescale_changed_at = self.doubted = None

    def _note_grandmaster(self, measurement: Measurement) -> None:
        grandmaster = measurement.grandmaster_identity
        if grandmaster != self._grandmaster:
            arms = None not in {grandmaster, self._grandmaster} and self._may_step_to_another
            self._previous, self._grandmaster = self._grandmaster, grandmaster
            self._grandmaster_changed_at = measurement.t2 if arms else None

    def locked(self, measurement: Measurement) -> None:
        """Take that the clock is locked to what *measurement* is of; where no grandmaster is, UTC or GNSS is."""
        if measurement.time_traceable is not False:
            self._was_traceable = True

    @property
    def _may_step_to_another(self) -> bool:
        rule = self._settings.step_on_new_grandmaster
        return rule == "always" or (rule == "untraceable" and not self._was_traceable)

    def _changed(self, name: str, measurement: Measurement, *, refused: bool) -> TimescaleChanged:
        return TimescaleChanged(
            clock=self.clock,
            source=name,
            ptp_timescale=bool(measurement.ptp_timescale),
            offset_ns=interval_to_ns(measurement.offset_from_master),
            refused=refused,
        )


def _is_near(change: LocalTime | None, measurement: Measurement) -> bool:
    return change is not None and measurement.t2 - change < ARMED


def _agree(first: Measurement, second: Measurement) -> bool:
    """Whether two offsets of one source lie on one side and neither is more than twice the other."""
    if (first.grandmaster_identity, first.parent_port_identity, first.port_number) != (
        second.grandmaster_identity,
        second.parent_port_identity,
        second.port_number,
    ):
        return False
    if second.t2 - first.t2 > AGREE_WITHIN_INTERVALS * interval_from_log2_seconds(second.log_sync_interval):
        return False
    one, other = first.offset_from_master, second.offset_from_master
    return one * other > 0 and abs(one) <= 2 * abs(other) <= 4 * abs(one)
