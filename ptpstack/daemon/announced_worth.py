"""Lets the instances of a profile with a table of clock qualities announce what their clock is worth.

What lives here: finding out the situation of a clock, and telling its instances. What does not: what follows from a
situation (``arbiter.clock_worth``, by the profile's rows).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol

from profiles.loader import ClockQualityRow, FrequencyName, ReferenceName
from ptpstack.arbiter.clock_discipline import ClockDiscipline
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.clock_worth import GRADES, Announced, SettledState, Situation, worth
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import LocalQuality
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, TimeInterval
from ptpstack.wire.types import ClockQuality

CHECK_INTERVAL: TimeInterval = SECOND


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


class WorthyClock(Protocol):
    """The clock of an instance (``clock_driver``)."""

    on_state: list[Callable[[ClockState], None]]

    @property
    def discipline(self) -> ClockDiscipline:
        """Who steers it, and what it is worth."""

    @property
    def time_properties(self) -> TimeProperties | None:
        """The timescale of whoever steers it."""


class WorthyInstance(Protocol):
    """An instance that announces (``instance_driver``)."""

    @property
    def name(self) -> str:
        """What it is called in the configuration."""

    @property
    def instance(self) -> PtpInstance:
        """The engine."""

    def set_local_quality(
        self,
        clock_quality: ClockQuality,
        time_properties: TimeProperties,
        *,
        uncertain: bool = False,
        when_parent_is_lost: LocalQuality | None = None,
    ) -> None:
        """Take what the clock is worth."""


class AnnouncedWorth:
    """Tells *driver* by *rows* of its *profile* what *clock* is worth.

    *references* are the grades of what may steer the clock, by name; *frequency* asks for the category of the
    physical layer.
    """

    def __init__(
        self,
        driver: WorthyInstance,
        clock: WorthyClock,
        profile: str,
        rows: Sequence[ClockQualityRow],
        *,
        references: Mapping[str, ReferenceName],
        frequency: Callable[[], FrequencyName],
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self._driver = driver
        self._clock = clock
        self._profile = profile
        self._rows = rows
        self._references = references
        self._frequency = frequency
        self._recorder = recorder
        self._settled = SettledState()
        self._reference: ReferenceName = "other"
        self._received: Announced | None = None
        instance = driver.instance
        self._configured = Announced(instance.default_ds.clock_quality, instance.time_properties_ds)
        self._told: tuple[str, Announced] | None = None
        self._timer = loop.timer(self._on_timer)

    @property
    def name(self) -> str:
        """The instance that announces."""
        return self._driver.name

    def start(self) -> None:
        """Announce what the clock is worth from now on."""
        self._clock.on_state.append(self._on_state)
        self._on_timer()

    def stop(self) -> None:
        """Look no more."""
        self._timer.close()

    def _on_timer(self) -> None:
        self._timer.set(monotonic_now() + CHECK_INTERVAL)
        self._on_state(self._clock.discipline.arbiter.state)

    def _on_state(self, state: ClockState) -> None:
        assisted = self._clock.discipline.assisted_is(monotonic_now()) if self._reference in GRADES else None
        self._settled.take(assisted or state)
        if state is ClockState.LOCKED and assisted is None:
            self._learn_reference()
        situation = self._situation(self._settled.state)
        announced = worth(self._rows, situation, self._configured)
        self._tell(str(situation), announced)
        self._driver.set_local_quality(
            announced.quality,
            announced.properties,
            uncertain=announced.uncertain,
            when_parent_is_lost=self._when_parent_is_lost(),
        )

    def _situation(self, state: ClockState) -> Situation:
        degradation = self._clock.discipline.degradation(monotonic_now())
        return Situation(state, self._reference, self._frequency(), self._received, degradation)

    def _learn_reference(self) -> None:
        """Remember what the clock is locked to, and what that tells of itself."""
        properties = self._clock.time_properties
        self._reference = self._references.get(self._clock.discipline.arbiter.writer or "", "other")
        if properties is not None:
            quality = self._configured.quality
            if self._reference == "ptp":
                quality = self._driver.instance.parent_ds.grandmaster_clock_quality
            self._received = Announced(quality, properties)

    def _when_parent_is_lost(self) -> LocalQuality | None:
        """Return what the clock will be worth at once when its parent is lost; None: it follows none."""
        if self._settled.state is not ClockState.LOCKED or self._reference != "ptp":
            return None
        held = worth(
            self._rows, self._situation(self._clock.discipline.holdover_would_be(monotonic_now())), self._configured
        )
        return LocalQuality(clock_quality=held.quality, time_properties=held.properties, uncertain=held.uncertain)

    def _tell(self, situation: str, announced: Announced) -> None:
        if self._told == (situation, announced):
            return
        self._told = situation, announced
        self._recorder.record(
            ClockWorthRuled(
                profile=self._profile,
                situation=situation,
                clock_class=announced.quality.clock_class,
                clock_accuracy=announced.quality.clock_accuracy,
                time_traceable=announced.properties.time_traceable,
                frequency_traceable=announced.properties.frequency_traceable,
                synchronization_uncertain=announced.uncertain,
            ),
            self._driver.name,
        )
