"""Ethernet frames by AF_PACKET: one socket for event frames, one for general ones."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Hashable, Sequence
from typing import Any

from hw.sockets.base import PortSocket, Received, set_common_options
from hw.sockets.errors import require_up
from hw.sockets.frame_filter import attach, frame_filter
from hw.timestamping import (
    L2_FILTERS,
    SOFTWARE_STAMPS,
    Granted,
    Timestamping,
    TxType,
    enable_hardware_timestamping,
)
from ptpstack.errors import HardwareError

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP, _PACKET_AUXDATA, _PACKET_IGNORE_OUTGOING = 1, 8, 23
_PACKET_MR_MULTICAST = 0
_PACKET_MREQ = struct.Struct("@iHH8s")  # ifindex, type, address length, address
_AUXDATA = struct.Struct("@I12xHH")  # status, vlan tci, vlan tpid; between them lengths and offsets
_TP_STATUS_VLAN_VALID = 1 << 4
_ETHERNET_TYPES = frozenset({1, 772})  # ARPHRD_ETHER, ARPHRD_LOOPBACK
_HEADER_SIZE = 14
_TAG_SIZE = 4
_CUSTOMER_TAG = b"\x81\x00"
_VLAN_TYPES = frozenset({_CUSTOMER_TAG, b"\x88\xa8"})


class RawSocket(PortSocket):
    """A port on Ethernet. Sources and destinations are MAC addresses as text."""

    filters = L2_FILTERS

    def __init__(
        self,
        interface: str,
        index: int,
        sockets: tuple[socket.socket, socket.socket],
        granted: Granted,
        ethertype: int,
        *,
        vlan_tag: int | None = None,
    ) -> None:
        super().__init__(interface, index, sockets, granted)
        tag = b"" if vlan_tag is None else _CUSTOMER_TAG + vlan_tag.to_bytes(2, "big")
        self._own_mac: bytes = self._event.getsockname()[4]
        self._ethertype = ethertype.to_bytes(2, "big")
        self._type = tag + self._ethertype
        self._headers: dict[Hashable, bytes] = {}

    def _frame(self, payload: bytes, destination: Hashable, *, event: bool) -> tuple[bytes, Any]:  # noqa: ARG002 (both kinds look the same)
        header = self._headers.get(destination)
        if header is None:
            if len(self._headers) >= 1024:  # bounded, whatever addresses the network makes up
                self._headers.clear()
            header = self._headers[destination] = mac_from_text(str(destination)) + self._own_mac + self._type
        return header + payload, None

    def _received(self, data: bytes, control: list[tuple[int, int, bytes]], address: Any) -> Received | None:  # noqa: ANN401, ARG002 (the frame holds the address)
        start = _HEADER_SIZE
        vlan_id = _stripped_vlan_id(control)
        if data[12:14] != self._ethertype:
            while data[start - 2 : start] in _VLAN_TYPES:
                if vlan_id is None:
                    vlan_id = int.from_bytes(data[start : start + 2], "big") & 0xFFF
                start += _TAG_SIZE
        return Received(data[start:], self._stamp(control), data[6:12].hex(":"), vlan_id, not data[0] & 1)


def open_raw(
    interface: str,
    *,
    timestamping: Timestamping,
    groups: Sequence[str],
    ethertype: int,
    vlan_tag: int | None = None,
    priority: int | None,
    tx_type: TxType = TxType.ON,
) -> RawSocket:
    """Open the raw sockets of one port. Raises ``HardwareError``, and ``OSError`` for the caller to explain."""
    with contextlib.ExitStack() as on_failure:
        event = on_failure.enter_context(_bound(interface, frame_filter(ethertype, general=False), priority))
        general = on_failure.enter_context(_bound(interface, frame_filter(ethertype, general=True), priority))
        index = require_up(event, interface)
        if event.getsockname()[3] not in _ETHERNET_TYPES:
            raise HardwareError("not an Ethernet interface", where=interface, next_step="choose a UDP transport")
        for group in groups:  # of the device, so one socket's membership serves both
            mac = mac_from_text(group)
            request = _PACKET_MREQ.pack(index, _PACKET_MR_MULTICAST, len(mac), mac)
            event.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)
        granted = SOFTWARE_STAMPS
        if timestamping is Timestamping.HARDWARE:
            granted = enable_hardware_timestamping(event, interface, L2_FILTERS, tx_type)
        port_socket = RawSocket(interface, index, (event, general), granted, ethertype, vlan_tag=vlan_tag)
        on_failure.pop_all()
        return port_socket


def _bound(interface: str, program: bytes, priority: int | None) -> socket.socket:
    """Return a socket that has seen no frame but those of *program*: protocol 0 receives nothing until bound.

    It listens to all protocols because only those taps see a tagged frame before its VLAN interface does.
    """
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        require_up(sock, interface)
        set_common_options(sock, priority=priority)
        attach(sock, program)
        sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        sock.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        sock.bind((interface, _ETH_P_ALL))
    except BaseException:
        sock.close()
        raise
    return sock


def _stripped_vlan_id(control: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in control:
        if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
            status, tci, _ = _AUXDATA.unpack_from(data)
            return tci & 0xFFF if status & _TP_STATUS_VLAN_VALID else None
    return None


def mac_from_text(text: str) -> bytes:
    """Return the six bytes of ``01:1b:19:00:00:00``. Raises ``ValueError``."""
    mac = bytes.fromhex(text.replace(":", "").replace("-", ""))
    if len(mac) != 6:
        raise ValueError(f"{text!r} is not a MAC address (six bytes as 01:1b:19:00:00:00)")
    return mac
