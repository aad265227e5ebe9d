"""The tables below an instance: its ports, and whom it may follow."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from profiles.loader import (
    CommunicationName,
    DelayMechanismName,
    DelayRequestName,
    DestinationMacName,
    TransportName,
    VlanName,
)
from ptpstack.config.gptp_table import GptpPortKeys
from ptpstack.config.table import Table
from ptpstack.config.unicast_table import UnicastMaster, UnicastService

LogInterval: TypeAlias = Annotated[int, Meta(ge=-10, le=10)]
Octet: TypeAlias = Annotated[int, Meta(ge=0, le=0xFF)]
LocalPriority: TypeAlias = Annotated[int, Meta(ge=1, le=0xFF)]
Nanoseconds: TypeAlias = Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)]
Dscp: TypeAlias = Annotated[int, Meta(ge=0, le=63)]
TimestampingName: TypeAlias = Literal["auto", "hardware", "software"]


class Port(GptpPortKeys, frozen=True, kw_only=True):
    """One PTP port of an instance."""

    interface: Annotated[str, Meta(min_length=1, max_length=15, description="The network interface.")]
    transport: Annotated[
        TransportName | UnsetType, Meta(description="Ethernet frames (l2, 0x88F7), or UDP over IPv4 or IPv6.")
    ] = UNSET
    destination_mac: Annotated[
        DestinationMacName | UnsetType,
        Meta(
            description=(
                "Where frames go on Ethernet (l2): 01-1B-19-00-00-00, which bridges forward, or 01-80-C2-00-00-0E, "
                "which they do not. Peer delay always goes to the latter; both are received."
            )
        ),
    ] = UNSET
    delay_mechanism: Annotated[
        DelayMechanismName | UnsetType,
        Meta(
            description=(
                "How the path delay is measured: end to end, peer to peer, once for all domains (common-p2p, gPTP), "
                "or not at all."
            )
        ),
    ] = UNSET
    delay_request: Annotated[
        DelayRequestName | UnsetType,
        Meta(description="Send Delay_Req to the group, or to the master alone (hybrid e2e), which answers alike."),
    ] = UNSET
    timestamping: Annotated[
        TimestampingName, Meta(description="Who stamps frames: the NIC, the kernel, or the NIC where it can (auto).")
    ] = "auto"
    paired_with: Annotated[
        str,
        Meta(
            max_length=15,
            description=(
                "The interface of the port on the other network of a redundant one (PRP, HSR). While one follows, the "
                "other measures by its own path, and takes over."
            ),
        ),
    ] = ""
    master_only: Annotated[bool, Meta(description="Never follow a master on this port (timeTransmitterOnly).")] = False
    local_priority: Annotated[
        LocalPriority | UnsetType,
        Meta(description="Rank of the masters on this port among those of others, here only (telecom profiles)."),
    ] = UNSET
    two_step: Annotated[
        bool,
        Meta(description="Send Syncs with Follow_Ups; false: the NIC writes the time into the Sync, if it can."),
    ] = True
    log_announce_interval: Annotated[
        LogInterval | UnsetType, Meta(description="Announce interval of this port as a master, log2 seconds.")
    ] = UNSET
    announce_receipt_timeout: Annotated[
        Annotated[int, Meta(ge=2, le=255)] | UnsetType,
        Meta(description="Announce intervals of silence after which a master counts as gone."),
    ] = UNSET
    log_sync_interval: Annotated[
        LogInterval | UnsetType, Meta(description="Sync interval of this port as a master, log2 seconds.")
    ] = UNSET
    log_min_delay_req_interval: Annotated[
        LogInterval | UnsetType, Meta(description="Least interval between Delay_Req of a slave, log2 seconds (e2e).")
    ] = UNSET
    log_min_pdelay_req_interval: Annotated[
        LogInterval | UnsetType, Meta(description="Least interval between Pdelay_Req, log2 seconds (p2p).")
    ] = UNSET
    delay_asymmetry_ns: Annotated[
        Nanoseconds,
        Meta(description="How much longer the way from the master is than the mean of both ways, nanoseconds."),
    ] = 0
    ingress_latency_ns: Annotated[
        Nanoseconds, Meta(description="From the wire to the receive stamp, nanoseconds; taken off the stamp.")
    ] = 0
    egress_latency_ns: Annotated[
        Nanoseconds, Meta(description="From the transmit stamp to the wire, nanoseconds; added to the stamp.")
    ] = 0
    minor_version_number: Annotated[
        int, Meta(ge=0, le=1, description="minorVersionPTP sent: 1, or 0 for peers and NICs that know only 2.0.")
    ] = 1
    udp_ttl: Annotated[
        int, Meta(ge=1, le=255, description="Hops that multicast PTP over UDP may take; unicast has the kernel's.")
    ] = 1
    dscp_event: Annotated[Dscp | UnsetType, Meta(description="DiffServ code point of event messages over UDP.")] = UNSET
    dscp_general: Annotated[Dscp | UnsetType, Meta(description="DiffServ code point of general messages over UDP.")] = (
        UNSET
    )
    vlan: Annotated[
        VlanName | UnsetType,
        Meta(description="Send Ethernet frames with an IEEE 802.1Q tag of vlan_id and vlan_priority (l2), or without."),
    ] = UNSET
    vlan_id: Annotated[
        Annotated[int, Meta(ge=0, le=4094)] | UnsetType,
        Meta(description="The VLAN of a tagged port, which takes frames of no other; 0: the tag tells but a priority."),
    ] = UNSET
    vlan_priority: Annotated[
        Annotated[int, Meta(ge=0, le=7)] | UnsetType,
        Meta(description="Priority code point in the tag of a tagged port."),
    ] = UNSET
    communication: Annotated[
        CommunicationName | UnsetType,
        Meta(description="Serve and hear the groups, or by unicast only those that this port negotiates with."),
    ] = UNSET
    unicast_duration_s: Annotated[
        Annotated[int, Meta(ge=10, le=100_000)] | UnsetType,
        Meta(description="How long a grant is asked of the unicast masters, seconds; renewed in time."),
    ] = UNSET
    unicast_log_query_interval: Annotated[
        int,
        Meta(
            ge=-4,
            le=10,
            description="How long after a request without answer the next, log2 seconds; twice as long each time.",
        ),
    ] = 0
    interface_rate_tlv: Annotated[
        bool,
        Meta(
            description=(
                "Tell unicast clients how fast this link is, and take off the asymmetry that a master's other speed "
                "makes (ITU-T G.8275.2 Annex D)."
            )
        ),
    ] = False
    unicast_master: Annotated[
        tuple[UnicastMaster, ...],
        Meta(description="The masters to ask, `[[instance.NAME.port.unicast_master]]` each."),
    ] = ()
    unicast_service: Annotated[
        UnicastService | UnsetType, Meta(description="What is granted, `[instance.NAME.port.unicast_service]`.")
    ] = UNSET


class AcceptableMaster(Table, frozen=True):
    """A clock whose Announces an instance considers; without any, everybody's are (IEEE 1588-2019 17.5)."""

    identity: Annotated[
        str,
        Meta(
            pattern="^([.:-]?[0-9A-Fa-f]){16}(-[0-9]{1,5})?$",
            title="a clock such as 001b19.fffe.000001, or one port of it such as 001b19.fffe.000001-2",
            description="The clock that sends the Announces, or one port of it (-N).",
        ),
    ]
    alternate_priority1: Annotated[
        Octet, Meta(description="Taken for the priority1 that it announces, here only; 0: as announced.")
    ] = 0
