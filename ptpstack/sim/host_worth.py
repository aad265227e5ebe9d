"""What the instances of a simulated host announce of its clock, as the daemon's do by the table of their profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from profiles.loader import Profile, ReferenceName
from ptpstack.arbiter.clock_discipline import ClockDiscipline
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.clock_worth import Announced
from ptpstack.arbiter.worth_keeper import WorthKeeper
from ptpstack.core.instance import PtpInstance
from ptpstack.engine.outputs import Output
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.events import Event
from ptpstack.sim.scheduler import Scheduler
from ptpstack.time import SECOND, MonotonicTime, TimeInterval

CHECK_INTERVAL: TimeInterval = SECOND
OF_A_RECEIVER = TimeProperties(current_utc_offset_valid=True, time_traceable=True, frequency_traceable=True)


class WorthyHost(Protocol):
    """A host, as seen from here."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def discipline(self) -> ClockDiscipline | None:
        """What steers its clock."""

    @property
    def instances(self) -> dict[int, PtpInstance]:
        """Its instances by domain."""

    def monotonic(self) -> MonotonicTime:
        """Return its time."""

    def carry_out(self, domain: int, outputs: list[Output]) -> None:
        """Do what an instance asks for."""


class HostWorth:
    """Looks each second, and whenever the clock is in another state; *grades* are those of what steers it."""

    def __init__(
        self,
        host: WorthyHost,
        scheduler: Scheduler,
        record: Callable[[str, int | None, Event], None],
        grades: Mapping[str, ReferenceName],
    ) -> None:
        self._host = host
        self._scheduler = scheduler
        self._record = record
        self._grades = grades
        self._keepers: dict[int, WorthKeeper] = {}
        self._state: ClockState | None = None

    def add(self, domain: int, instance: PtpInstance, profile: Profile) -> None:
        """Let *instance* announce by the table of *profile*, if that has one."""
        if profile.clock_quality and self._host.discipline is not None:
            configured = Announced(instance.default_ds.clock_quality, instance.time_properties_ds)
            self._keepers[domain] = WorthKeeper(profile.ident, profile.clock_quality, configured, self._grades)

    def start(self) -> None:
        """Look each second from now on: the bound on the clock's error grows without anything happening."""
        if self._keepers and self._host.instances:
            self._announce()
            self._scheduler.after(CHECK_INTERVAL, self.start)

    def take_state(self, state: ClockState) -> None:
        """Look at once if the clock is in another state than before."""
        if self._keepers and state is not self._state:
            self._state = state
            self._announce()

    def _announce(self) -> None:
        discipline, now = self._host.discipline, self._host.monotonic()
        assert discipline is not None
        for domain, keeper in self._keepers.items():
            if (instance := self._host.instances.get(domain)) is None:
                continue
            ruling = keeper.rule(
                discipline,
                properties=self._properties_of(discipline.arbiter.writer),
                parent_quality=instance.parent_ds.grandmaster_clock_quality,
                frequency="none",
                now=now,
            )
            if ruling.event is not None:
                self._record(self._host.name, domain, ruling.event)
            announced, lost = ruling.announced, ruling.when_parent_is_lost
            quality, properties, uncertain = announced
            outputs = instance.set_local_quality(
                quality, properties, now, uncertain=uncertain, when_parent_is_lost=lost
            )
            self._host.carry_out(domain, outputs)

    def _properties_of(self, writer: str | None) -> TimeProperties | None:
        if writer is None:
            return None
        if not writer.isdecimal():
            return OF_A_RECEIVER
        instance = self._host.instances.get(int(writer))
        return instance.time_properties_ds if instance else None
