"""Lets the instances of a profile with a table of clock qualities announce what their clock is worth.

What lives here: when to look at a clock, and telling its instances. What does not: what is announced
(``arbiter.worth_keeper``, by the profile's rows).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from profiles.loader import ClockQualityRow, FrequencyName, ReferenceName
from ptpstack.arbiter.clock_discipline import ClockDiscipline
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.clock_worth import Announced
from ptpstack.arbiter.worth_keeper import WorthKeeper
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import LocalQuality
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, TimeInterval
from ptpstack.wire.types import ClockQuality

CHECK_INTERVAL: TimeInterval = SECOND


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
        self._frequency = frequency
        self._recorder = recorder
        configured = Announced(driver.instance.default_ds.clock_quality, driver.instance.time_properties_ds)
        self._keeper = WorthKeeper(profile, rows, configured, references)
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

    def _on_state(self, _state: ClockState) -> None:
        ruling = self._keeper.rule(
            self._clock.discipline,
            properties=self._clock.time_properties,
            parent_quality=self._driver.instance.parent_ds.grandmaster_clock_quality,
            frequency=self._frequency(),
            now=monotonic_now(),
        )
        if ruling.event is not None:
            self._recorder.record(ruling.event, self._driver.name)
        self._driver.set_local_quality(
            ruling.announced.quality,
            ruling.announced.properties,
            uncertain=ruling.announced.uncertain,
            when_parent_is_lost=ruling.when_parent_is_lost,
        )
