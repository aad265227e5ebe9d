"""From a checked :class:`Config` to what the engine (``ptpstack.core.settings``) and ``hw`` take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from profiles.loader import DestinationMacName, Profile, TransportName, load_profile
from ptpstack.config.fill import fill_instance
from ptpstack.config.gptp_resolve import gptp_port_settings, gptp_settings
from ptpstack.config.instance_table import Instance
from ptpstack.config.model import Config
from ptpstack.config.paired_rules import paired_port_numbers
from ptpstack.config.port_table import AcceptableMaster as AcceptableMasterTable
from ptpstack.config.port_table import Port, TimestampingName
from ptpstack.config.signal_fail_table import SignalFailTable
from ptpstack.config.unicast_rules import normal_address, normal_entry
from ptpstack.core.settings import (
    AcceptableMaster,
    DelayMechanism,
    InstanceSettings,
    PortSettings,
    SignalFailSettings,
)
from ptpstack.core.unicast_settings import UnicastClientSettings, UnicastMaster, UnicastServiceSettings
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.settings import GptpPortSettings, GptpSettings
from ptpstack.time import interval_from_ns, interval_from_seconds
from ptpstack.wire.tlvs import AlternateTimeOffsetIndicator, IeeeC37238Of2011
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity, TimeSource

CLOCK_AND_PORT = re.compile(r"((?:[.:-]?[0-9A-Fa-f]){16})(?:-([0-9]{1,5}))?")
DELAY_MECHANISMS = {
    "e2e": DelayMechanism.E2E,
    "p2p": DelayMechanism.P2P,
    "common-p2p": DelayMechanism.P2P,
    "none": DelayMechanism.NO_MECHANISM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPort:
    """One port: the engine's settings, and what its socket needs."""

    settings: PortSettings
    gptp: GptpPortSettings | None
    """Where the profile is gPTP."""
    interface: str
    transport: TransportName
    timestamping: TimestampingName
    destination_mac: DestinationMacName
    udp_ttl: int
    dscp_event: int
    dscp_general: int
    vlan_tag: int | None
    """The tag control information of what is sent (IEEE 802.1Q 9.6), None without a tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedInstance:
    """One instance with nothing left open but an identity that comes from the hardware (``None`` then).

    ``clock`` is ``auto``, ``system``, ``/dev/ptpN`` or a name in ``Config.clock``.
    """

    name: str
    profile: Profile
    clock: str
    free_running: bool
    clock_identity: ClockIdentity | None
    ports: tuple[ResolvedPort, ...]
    values: Instance

    @property
    def is_gptp(self) -> bool:
        """Whether it speaks IEEE 802.1AS."""
        return self.profile.bmca == "gptp"

    def gptp_settings(self, clock_identity: ClockIdentity) -> GptpSettings:
        """Return the gPTP engine's settings; *clock_identity* is used where the configuration gives none."""
        properties = _time_properties(self.values)
        return gptp_settings(self.values, self.clock_identity or clock_identity, properties)

    def instance_settings(self, clock_identity: ClockIdentity | None = None) -> InstanceSettings:
        """Return the engine's settings; *clock_identity* is used where the configuration gives none."""
        identity = self.clock_identity or clock_identity
        if identity is None:
            raise ValueError(f"instance {self.name} has no clock identity yet")
        values = self.values
        quality = ClockQuality(values.clock_class or 0, values.clock_accuracy, values.offset_scaled_log_variance or 0)
        members = _shared(values, InstanceSettings) | {
            "by_quality_level": self.profile.bmca == "ql_g8265",
            "clock_identity": identity,
            "clock_quality": quality,
            "time_properties": _time_properties(values),
            "acceptable_masters": tuple(map(_acceptable, values.acceptable_master)),
            "signal_fail": _signal_fail(values.signal_fail),
        }
        if self.profile.announce_tlv is not None:
            members["extends_inaccuracy_by_ns"] = values.time_inaccuracy_ns
        if self.profile.requires_announce_tlvs:
            members["required_announce_tlvs"] = (IeeeC37238Of2011, AlternateTimeOffsetIndicator)
        return InstanceSettings(**members)


def _time_properties(values: Instance) -> TimeProperties:
    properties = _shared(values, TimeProperties) | {"time_source": TimeSource[values.time_source.upper()]}
    return TimeProperties(**properties)


def _acceptable(entry: AcceptableMasterTable) -> AcceptableMaster:
    """Return the entry of the engine's table; a clock without a port number stands for all of its ports."""
    identity, number = CLOCK_AND_PORT.fullmatch(entry.identity).groups(default="0")  # type: ignore[union-attr]
    return AcceptableMaster(
        port_identity=PortIdentity(ClockIdentity.from_text(identity), int(number)),
        alternate_priority1=entry.alternate_priority1,
    )


def resolve(config: Config) -> list[ResolvedInstance]:
    """Return the instances of *config* (checked by ``load``) joined with their profiles; ports count from 1."""
    return [_resolve_instance(name, fill_instance(instance)) for name, instance in config.instance.items()]


def _resolve_instance(name: str, values: Instance) -> ResolvedInstance:
    profile = load_profile(values.profile)
    twins = paired_port_numbers(values.port)
    return ResolvedInstance(
        name=name,
        profile=profile,
        clock=values.clock,
        free_running=values.free_running,
        clock_identity=ClockIdentity.from_text(values.clock_identity) if values.clock_identity else None,
        ports=tuple(
            _resolve_port(number, port, profile, twins.get(number, 0))
            for number, port in enumerate(values.port, start=1)
        ),
        values=values,
    )


def _resolve_port(port_number: int, port: Port, profile: Profile, paired_port: int) -> ResolvedPort:
    members = _shared(port, PortSettings) | {
        "port_number": port_number,
        "paired_port": paired_port,
        "delay_mechanism": DELAY_MECHANISMS[port.delay_mechanism or "e2e"],
        "two_step_flag": port.two_step,
        "delay_asymmetry": interval_from_ns(port.delay_asymmetry_ns),
        "ingress_latency": interval_from_ns(port.ingress_latency_ns),
        "egress_latency": interval_from_ns(port.egress_latency_ns),
        "asks_by_unicast": port.delay_request == "unicast",
        "multicast": port.communication != "unicast",
        "unicast_client": _unicast_client(port),
        "unicast_service": _unicast_service(port),
    }
    return ResolvedPort(
        settings=PortSettings(**members),
        gptp=gptp_port_settings(port_number, port, profile) if profile.bmca == "gptp" else None,
        interface=port.interface,
        transport=port.transport or "l2",
        timestamping=port.timestamping,
        destination_mac=port.destination_mac or "forwardable",
        udp_ttl=port.udp_ttl,
        dscp_event=port.dscp_event or 0,
        dscp_general=port.dscp_general or 0,
        vlan_tag=(port.vlan_priority or 0) << 13 | (port.vlan_id or 0) if port.vlan == "tagged" else None,
    )


def _signal_fail(table: SignalFailTable) -> SignalFailSettings | None:
    if not table.enabled:
        return None
    return SignalFailSettings(
        sync_timeout=interval_from_seconds(table.sync_timeout_s),
        delay_resp_timeout=interval_from_seconds(table.delay_resp_timeout_s),
        jitter_limit_ns=table.jitter_ns,
        offset_limit_ns=table.offset_ns,
        heeds_uncertain=table.synchronization_uncertain,
        wait_to_restore=interval_from_seconds(table.wait_to_restore_s),
    )


def _unicast_client(port: Port) -> UnicastClientSettings | None:
    if not port.unicast_master:
        return None
    transport = port.transport or "udpv4"
    return UnicastClientSettings(
        masters=tuple(
            UnicastMaster(_address(row.address, transport), row.local_priority or None) for row in port.unicast_master
        ),
        duration_s=port.unicast_duration_s or UnicastClientSettings(masters=()).duration_s,
        log_query_interval=port.unicast_log_query_interval,
    )


def _address(text: str, transport: TransportName) -> str:
    """Return *text* as the sockets write it; what is no address is a host of the simulator."""
    try:
        return normal_address(text, transport)
    except ValueError:
        return text


def _unicast_service(port: Port) -> UnicastServiceSettings | None:
    if port.unicast_service is UNSET:
        return None
    members = msgspec.structs.asdict(port.unicast_service)
    return UnicastServiceSettings(**(members | {"allow": tuple(map(normal_entry, members["allow"]))}))


def _shared(values: Instance | Port, settings: type[Struct]) -> dict[str, Any]:
    """Return the members that the model and *settings* call by the same name, as far as they are decided."""
    names = settings.__struct_fields__
    return {name: value for name in names if (value := getattr(values, name, UNSET)) is not UNSET}
