"""What the instances on a clock announce of it, kept up to date: what daemon and simulator drive alike.

What lives here: what the clock was locked to last, and what that told of itself. What does not: the rows' meaning
(``clock_worth``), and when to look (``daemon.announced_worth``, ``sim.host``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from profiles.loader import ClockQualityRow, FrequencyName, ReferenceName
from ptpstack.arbiter.clock_discipline import ClockDiscipline
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.clock_worth import GRADES, Announced, SettledState, Situation, worth
from ptpstack.core.settings import LocalQuality
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.events import Event, Severity
from ptpstack.time import MonotonicTime
from ptpstack.wire.types import ClockQuality


class ClockWorthRuled(Event, frozen=True, kw_only=True):
    """What a clock may announce as a grandmaster was found anew, from its situation and the table of its profile."""

    severity: ClassVar[Severity] = Severity.NOTICE

    profile: str
    situation: str
    clock_class: int
    clock_accuracy: int
    time_traceable: bool
    frequency_traceable: bool
    synchronization_uncertain: bool

    def __str__(self) -> str:
        flags = [
            f"time {'' if self.time_traceable else 'not '}traceable",
            f"frequency {'' if self.frequency_traceable else 'not '}traceable",
            *(["uncertain"] if self.synchronization_uncertain else []),
        ]
        return (
            f"{self.situation}: as a grandmaster class {self.clock_class}, accuracy 0x{self.clock_accuracy:02X}, "
            f"{', '.join(flags)}, by the table of {self.profile}"
        )


class Ruling(NamedTuple):
    """What is to be announced now, and as soon as the parent is lost; *event*: where the former is new."""

    announced: Announced
    when_parent_is_lost: LocalQuality | None
    event: ClockWorthRuled | None


class WorthKeeper:
    """Rules by the *rows* of *profile*; *references* are the grades of what may steer the clock, by name.

    *configured* is what the operator says that the clock is worth by itself.
    """

    def __init__(
        self,
        profile: str,
        rows: Sequence[ClockQualityRow],
        configured: Announced,
        references: Mapping[str, ReferenceName],
    ) -> None:
        self._profile = profile
        self._rows = rows
        self._configured = configured
        self._references = references
        self._settled = SettledState()
        self._reference: ReferenceName = "other"
        self._received: Announced | None = None
        self._told: tuple[str, Announced] | None = None

    def rule(
        self,
        discipline: ClockDiscipline,
        *,
        properties: TimeProperties | None,
        parent_quality: ClockQuality,
        frequency: FrequencyName,
        now: MonotonicTime,
    ) -> Ruling:
        """Look at the clock of *discipline*.

        *properties* are those of the timescale of whoever steers it, *parent_quality* that of the grandmaster that the
        instance follows, *frequency* the category of the physical layer.
        """
        state = discipline.arbiter.state
        assisted = discipline.assisted_is(now) if self._reference in GRADES else None
        self._settled.take(assisted or state)
        if state is ClockState.LOCKED and assisted is None:
            self._learn_reference(discipline, properties, parent_quality)
        degradation = discipline.holdover.degradation(now)
        situation = Situation(self._settled.state, self._reference, frequency, self._received, degradation)
        announced = worth(self._rows, situation, self._configured)
        lost = None
        if self._settled.state is ClockState.LOCKED and self._reference == "ptp":
            held = worth(self._rows, situation._replace(state=discipline.holdover_would_be(now)), self._configured)
            lost = LocalQuality(clock_quality=held.quality, time_properties=held.properties, uncertain=held.uncertain)
        return Ruling(announced, lost, self._event(str(situation), announced))

    def _learn_reference(
        self, discipline: ClockDiscipline, properties: TimeProperties | None, parent_quality: ClockQuality
    ) -> None:
        """Remember what the clock is locked to, and what that tells of itself."""
        self._reference = self._references.get(discipline.arbiter.writer or "", "other")
        if properties is not None:
            quality = parent_quality if self._reference == "ptp" else self._configured.quality
            self._received = Announced(quality, properties)

    def _event(self, situation: str, announced: Announced) -> ClockWorthRuled | None:
        if self._told == (situation, announced):
            return None
        self._told = situation, announced
        return ClockWorthRuled(
            profile=self._profile,
            situation=situation,
            clock_class=announced.quality.clock_class,
            clock_accuracy=announced.quality.clock_accuracy,
            time_traceable=announced.properties.time_traceable,
            frequency_traceable=announced.properties.frequency_traceable,
            synchronization_uncertain=announced.uncertain,
        )
