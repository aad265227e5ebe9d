"""Which socket and which group addresses a transport of the configuration means (IEEE 1588-2019 Annexes C, D, E)."""

from __future__ import annotations

from collections.abc import Mapping

from hw.sockets import PortSocket, Transport, open_socket
from hw.timestamping import Timestamping
from profiles.loader import DestinationMacName, TransportName
from ptpstack.engine.outputs import Destination
from ptpstack.wire import addresses

TRANSPORTS: Mapping[TransportName, Transport] = {
    "l2": Transport.L2,
    "udpv4": Transport.UDPV4,
    "udpv6": Transport.UDPV6,
}

GROUPS: Mapping[TransportName, Mapping[Destination, str]] = {
    "l2": {
        Destination.PRIMARY: addresses.MAC_PRIMARY.hex(":"),
        Destination.PEER_DELAY: addresses.MAC_PEER_DELAY.hex(":"),
    },
    "udpv4": {Destination.PRIMARY: addresses.IPV4_PRIMARY, Destination.PEER_DELAY: addresses.IPV4_PEER_DELAY},
    "udpv6": {Destination.PRIMARY: addresses.IPV6_PRIMARY, Destination.PEER_DELAY: addresses.IPV6_PEER_DELAY},
}


def groups_of(transport: TransportName, destination_mac: DestinationMacName) -> Mapping[Destination, str]:
    """Return where messages go; on Ethernet *destination_mac* tells where all but those of peer delay do."""
    groups = GROUPS[transport]
    if transport == "l2" and destination_mac == "non_forwardable":
        return {**groups, Destination.PRIMARY: groups[Destination.PEER_DELAY]}
    return groups


def open_port_socket(
    interface: str,
    transport: TransportName,
    timestamping: Timestamping,
    *,
    ttl: int,
    dscp_event: int,
    dscp_general: int,
    vlan_tag: int | None,
    one_step_sync: bool,
    local_address: str = "",
) -> PortSocket:
    """Open the sockets of a PTP port, member of both groups, over UDP for all addresses of the host or one.

    Raises ``HardwareError``.
    """
    return open_socket(
        interface,
        transport=TRANSPORTS[transport],
        timestamping=timestamping,
        groups=list(GROUPS[transport].values()),
        ethertype=addresses.ETHERTYPE,
        event_port=addresses.EVENT_PORT,
        general_port=addresses.GENERAL_PORT,
        ttl=ttl,
        dscp=dscp_event,
        dscp_general=dscp_general,
        vlan_tag=vlan_tag,
        one_step_sync=one_step_sync,
        local_address=local_address,
    )
