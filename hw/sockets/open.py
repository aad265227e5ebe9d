"""The way in: which transport, which stamps, which groups."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from enum import Enum

from hw.sockets.base import PortSocket
from hw.sockets.errors import open_error
from hw.sockets.raw import open_raw
from hw.sockets.udp import open_udp
from hw.timestamping import Timestamping, TxType
from ptpstack.errors import HardwareError


class Transport(Enum):
    """What carries the frames."""

    L2 = "L2"
    UDPV4 = "UDPv4"
    UDPV6 = "UDPv6"


def open_socket(
    interface: str,
    *,
    transport: Transport,
    timestamping: Timestamping,
    groups: Sequence[str],
    ethertype: int,
    event_port: int,
    general_port: int,
    ttl: int = 1,
    dscp: int = 0,
    dscp_general: int = 0,
    vlan_tag: int | None = None,
    priority: int | None = None,
    one_step_sync: bool = False,
    local_address: str = "",
) -> PortSocket:
    """Open the sockets of one port on *interface*, member of all *groups* (MAC or IP addresses as text).

    *ethertype* serves L2, as does *vlan_tag*, the tag control information of an IEEE 802.1Q tag on what is sent;
    *event_port*, *general_port*, *ttl*, *dscp* and *dscp_general* serve UDP, as does *local_address*,
    with which only frames to that address are received and all are sent from it; *priority* is SO_PRIORITY.
    With *one_step_sync* the NIC writes the time of departure into each Sync, and gives no stamp of it.
    Raises ``InterfaceGone``, ``InterfaceDown``, or ``HardwareError`` with the next step.
    """
    tx_type = TxType.ONESTEP_SYNC if one_step_sync else TxType.ON
    if one_step_sync and timestamping is not Timestamping.HARDWARE:
        raise HardwareError(
            "one-step Syncs need hardware stamps",
            where=interface,
            why="only a NIC can write the time of departure into a frame that leaves",
            next_step="leave two_step = true on this port, or use the NIC's clock",
        )
    try:
        if transport is Transport.L2:
            return open_raw(
                interface,
                timestamping=timestamping,
                groups=groups,
                ethertype=ethertype,
                vlan_tag=vlan_tag,
                priority=priority,
                tx_type=tx_type,
            )
        return open_udp(
            interface,
            family=socket.AF_INET if transport is Transport.UDPV4 else socket.AF_INET6,
            timestamping=timestamping,
            groups=groups,
            ports=(event_port, general_port),
            ttl=ttl,
            dscp=dscp,
            dscp_general=dscp_general,
            priority=priority,
            tx_type=tx_type,
            local_address=local_address,
        )
    except OSError as error:
        raise open_error(error, interface) from error
