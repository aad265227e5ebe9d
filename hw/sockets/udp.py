"""UDP over IPv4 and IPv6: one socket per port number, bound to the interface."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Hashable, Sequence
from typing import Any

from hw.sockets.base import PortSocket, Received, set_common_options
from hw.sockets.errors import require_up
from hw.timestamping import (
    L4_FILTERS,
    SOFTWARE_STAMPS,
    Granted,
    Timestamping,
    TxType,
    enable_hardware_timestamping,
)

_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29
_IP_MREQN = struct.Struct("@4s4si")  # group, local address, ifindex
_IPV6_MREQ = struct.Struct("@16si")  # group, ifindex
_ANY_V4 = b"\0\0\0\0"


class UdpSocket(PortSocket):
    """A port on UDP. Sources and destinations are IP addresses as text; the kind of frame chooses the port."""

    filters = L4_FILTERS

    def __init__(
        self,
        interface: str,
        index: int,
        sockets: tuple[socket.socket, socket.socket],
        granted: Granted,
        ports: tuple[int, int],
    ) -> None:
        super().__init__(interface, index, sockets, granted)
        self._event_port, self._general_port = ports
        self._scope = (0, index) if self._event.family == socket.AF_INET6 else ()

    def family_and_ports(self) -> tuple[int, tuple[int, int]]:
        """Return the address family, and the ports of event and general frames."""
        return self._event.family, (self._event_port, self._general_port)

    def _frame(self, payload: bytes, destination: Hashable, *, event: bool) -> tuple[bytes, Any]:
        return payload, (destination, self._event_port if event else self._general_port, *self._scope)

    def _received(self, data: bytes, control: list[tuple[int, int, bytes]], address: Any) -> Received | None:  # noqa: ANN401 (a family's tuple)
        return Received(data, self._stamp(control), address[0])


def open_udp(
    interface: str,
    *,
    family: socket.AddressFamily,
    timestamping: Timestamping,
    groups: Sequence[str],
    ports: tuple[int, int],
    ttl: int,
    dscp: int,
    dscp_general: int,
    priority: int | None,
    tx_type: TxType = TxType.ON,
    local_address: str = "",
) -> UdpSocket:
    """Open the event and general sockets of one port, for all addresses of the host or one.

    Raises ``HardwareError``, and ``OSError`` to be explained.
    """
    join = _join_v4 if family == socket.AF_INET else _join_v6
    with contextlib.ExitStack() as on_failure:
        event, general = (on_failure.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in ports)
        index = require_up(event, interface)
        for sock, port, code_point in zip((event, general), ports, (dscp, dscp_general), strict=True):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            join(sock, index, groups, ttl, code_point)
            set_common_options(sock, priority=priority)  # after DSCP, which sets a priority too
            sock.bind((local_address, port))
        granted = SOFTWARE_STAMPS
        if timestamping is Timestamping.HARDWARE:
            granted = enable_hardware_timestamping(event, interface, L4_FILTERS, tx_type)
        port_socket = UdpSocket(interface, index, (event, general), granted, ports)
        on_failure.pop_all()
        return port_socket


def _join_v4(sock: socket.socket, index: int, groups: Sequence[str], ttl: int, dscp: int) -> None:
    for option, value in (
        (socket.IP_MULTICAST_LOOP, 0),
        (_IP_MULTICAST_ALL, 0),
        (socket.IP_MULTICAST_TTL, ttl),
        (socket.IP_TOS, dscp << 2),
    ):
        sock.setsockopt(socket.IPPROTO_IP, option, value)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _IP_MREQN.pack(_ANY_V4, _ANY_V4, index))
    for group in groups:
        request = _IP_MREQN.pack(socket.inet_pton(socket.AF_INET, group), _ANY_V4, index)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)


def _join_v6(sock: socket.socket, index: int, groups: Sequence[str], ttl: int, dscp: int) -> None:
    for option, value in (
        (socket.IPV6_V6ONLY, 1),  # leaves the ports of IPv4 to another socket
        (socket.IPV6_MULTICAST_LOOP, 0),
        (_IPV6_MULTICAST_ALL, 0),
        (socket.IPV6_MULTICAST_HOPS, ttl),
        (socket.IPV6_TCLASS, dscp << 2),
        (socket.IPV6_MULTICAST_IF, index),
    ):
        sock.setsockopt(socket.IPPROTO_IPV6, option, value)
    for group in groups:
        request = _IPV6_MREQ.pack(socket.inet_pton(socket.AF_INET6, group), index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
