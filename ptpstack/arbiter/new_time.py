"""What a clock does that meets another time than the one it kept: another timescale, or another grandmaster.

A slew of 37 s is never what anybody wants, and neither is one of minutes towards the first real grandmaster by a clock
that had only its neighbour before. Both are told, and by policy the clock may be stepped, once.

What does not live here: who steers (``clock_arbiter``), and steps themselves (``servo``).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ptpstack.arbiter.events import StepAllowedAgain, TimescaleChanged
from ptpstack.arbiter.sanity import is_timescale_mismatch
from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.time import MICROSECOND, SECOND, LocalTime, TimeInterval, interval_to_ns
from ptpstack.wire.types import ClockIdentity

ARMED: TimeInterval = 60 * SECOND
"""For so long after a change of grandmaster a step towards it may still come: its boundary clocks step one by one."""


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
        self._changed_at: LocalTime | None = None
        """When another grandmaster was followed, by the clock; None: it may not be stepped for that any more."""
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

    def follow(self, name: str, measurement: Measurement) -> tuple[bool, list[Event]]:
        """Take that *measurement* of *name* steers a clock that is locked; whether it may be stepped to it, and why."""
        offset, threshold = measurement.offset_from_master, self._settings.first_step_threshold
        is_far = bool(threshold) and abs(offset) > threshold
        may_step, events = is_far and is_timescale_mismatch(offset), list[Event]()
        told = measurement.ptp_timescale
        if told is not None:
            if self._ptp_timescale is not None and told != self._ptp_timescale:
                events.append(self._changed(name, measurement, refused=False))
                may_step = is_far
            self._ptp_timescale = told
        if self._is_near_a_change(measurement) and is_far and not may_step:
            events.append(
                StepAllowedAgain(
                    clock=self.clock,
                    previous=str(self._previous),
                    grandmaster=str(self._grandmaster),
                    offset_ns=interval_to_ns(offset),
                    rule=self._settings.step_on_new_grandmaster,
                )
            )
            may_step = True
        if may_step:
            self._changed_at = None
        return may_step, events

    def acquires(self, measurement: Measurement) -> None:
        """Take that *measurement* steers a clock that is not locked yet, and may be stepped anyway."""
        if measurement.ptp_timescale is not None:
            self._ptp_timescale = measurement.ptp_timescale
        self._grandmaster, self._changed_at = measurement.grandmaster_identity, None

    def _is_near_a_change(self, measurement: Measurement) -> bool:
        grandmaster = measurement.grandmaster_identity
        if grandmaster != self._grandmaster:
            arms = None not in {grandmaster, self._grandmaster} and self._may_step_to_another
            self._previous, self._grandmaster = self._grandmaster, grandmaster
            self._changed_at = measurement.t2 if arms else None
        return self._changed_at is not None and measurement.t2 - self._changed_at < ARMED

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
