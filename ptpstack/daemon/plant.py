"""Everything that runs, by the configuration's names. What does not live here: how it comes about (``build``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ptpstack.config.resolve import ResolvedInstance
from ptpstack.daemon.announce_tlvs import AnnounceTlvs
from ptpstack.daemon.announced_worth import AnnouncedWorth
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.gptp_build import SharedLinks
from ptpstack.daemon.gptp_driver import GptpDriver, LinkDelayDriver
from ptpstack.daemon.host_clocks import HostClocks, Part
from ptpstack.daemon.instance_driver import InstanceDriver
from ptpstack.daemon.leap_seconds import LeapSeconds
from ptpstack.daemon.port_clocks import PortClocks
from ptpstack.daemon.port_io import PortIo
from ptpstack.daemon.smp_synch_output import SmpSynchOutput
from ptpstack.daemon.station_status_output import StationStatusOutput
from ptpstack.daemon.time_bounds import TimeBounds
from ptpstack.daemon.time_trust import TimeTrust
from ptpstack.daemon.transparent_driver import TransparentDriver

if TYPE_CHECKING:
    from ptpstack.daemon.synce_driver import SyncEDriver


@dataclass(slots=True)
class Plant:
    """Everything that runs, by the configuration's names."""

    resolved: dict[str, ResolvedInstance] = field(default_factory=dict)
    clocks: dict[str, ClockDriver] = field(default_factory=dict)
    clock_of: dict[str, ClockDriver | PortClocks] = field(default_factory=dict)
    port_clocks: dict[str, PortClocks] = field(default_factory=dict)
    instances: dict[str, InstanceDriver] = field(default_factory=dict)
    transparent_clocks: dict[str, TransparentDriver] = field(default_factory=dict)
    gptp: dict[str, GptpDriver] = field(default_factory=dict)
    shared_links: list[SharedLinks] = field(default_factory=list)
    announce_tlvs: list[AnnounceTlvs] = field(default_factory=list)
    announced_worth: list[AnnouncedWorth] = field(default_factory=list)
    smp_synch: dict[str, SmpSynchOutput] = field(default_factory=dict)
    station_status: list[StationStatusOutput] = field(default_factory=list)
    synce: SyncEDriver | None = None
    host: HostClocks = field(default_factory=HostClocks)
    port_ios: list[PortIo] = field(default_factory=list)
    time_bounds: TimeBounds | None = None
    trust: TimeTrust | None = None
    leap_seconds: LeapSeconds = field(default_factory=LeapSeconds)

    def beside(self) -> list[Part]:
        """Return what is started after the instances and stopped before their clocks."""
        synce = [self.synce] if self.synce else []
        worth: list[Part] = [*self.announced_worth, *self.smp_synch.values()]
        worth += self.station_status
        return [*self.announce_tlvs, *self.port_clocks.values(), *self.host.parts(), *synce, *worth]

    def following(self) -> dict[str, InstanceDriver | GptpDriver]:
        """Return what drives the instances whose clock may follow a master, by name."""
        return {**self.instances, **self.gptp}

    def drivers(self) -> list[InstanceDriver | GptpDriver | TransparentDriver]:
        """Return what drives the instances of every kind."""
        return [*self.instances.values(), *self.gptp.values(), *self.transparent_clocks.values()]

    def engines(self) -> list[InstanceDriver | GptpDriver | TransparentDriver | LinkDelayDriver]:
        """Return what is started: what drives the instances, and the services that they share."""
        return [*(shared.driver for shared in self.shared_links), *self.drivers()]
