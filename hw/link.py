"""Network interfaces, cheaply: names, index, address and state by ioctl, and a monitor of their changes.

What lives here: what the daemon asks about an interface at start and while it runs, without loading pyroute2.
What does not: relations between interfaces (discovery.py) and what an interface can stamp (ethtool.py).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec
from msgspec.structs import replace

from ptpstack.errors import HardwareError

# linux/sockios.h, net/if.h, net/if_arp.h
SIOCGIFFLAGS = 0x8913
SIOCGIFHWADDR = 0x8927
SIOCGIFINDEX = 0x8933
IFF_UP = 0x1
IFF_LOOPBACK = 0x8
IFF_RUNNING = 0x40
ARPHRD_ETHER = 1
ARPHRD_LOOPBACK = 772
IFNAMSIZ = 16

# linux/rtnetlink.h
RTMGRP_LINK = 1
RTM_NEWLINK = 16
RTM_DELLINK = 17
IFLA_IFNAME = 3
NLMSG_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
IFINFOMSG = struct.Struct("=BxHiII")  # family, hardware type, index, flags, change
RTATTR = struct.Struct("=HH")  # length, type

POLL_INTERVAL_S = 1.0


def interface_ioctl(name: str, request: int, payload: bytes = b"") -> bytes:
    """One ``struct ifreq`` ioctl on interface ``name``: the 24 bytes behind the name, after the call.

    Raises HardwareError when there is no such interface or the kernel refuses; ``errno`` is in its ``__cause__``.
    """
    encoded = os.fsencode(name)
    if not 0 < len(encoded) < IFNAMSIZ:
        raise HardwareError(f"{name!r} cannot be an interface name", why=f"1 to {IFNAMSIZ - 1} bytes are allowed")
    request_bytes = bytearray(struct.pack("16s24s", encoded, payload))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            fcntl.ioctl(sock, request, request_bytes)
        except OSError as error:
            if error.errno == errno.ENODEV:
                raise HardwareError(
                    "no such interface", where=name, next_step="`ptpstack nics` lists the interfaces"
                ) from error
            raise HardwareError("the kernel refused an ioctl", where=name, why=str(error.strerror)) from error
    return bytes(request_bytes[IFNAMSIZ:])


def interface_index(name: str) -> int:
    """The kernel's index of interface ``name``."""
    return int(struct.unpack_from("=i", interface_ioctl(name, SIOCGIFINDEX))[0])


def interface_flags(name: str) -> int:
    """The lower 16 IFF_ flags of interface ``name``."""
    return int(struct.unpack_from("=H", interface_ioctl(name, SIOCGIFFLAGS))[0])


def interface_mac(name: str) -> bytes:
    """The six bytes of the MAC address of ``name`` (zeros on loopback). Raises HardwareError where it has none."""
    hardware_type, mac = struct.unpack_from("=H6s", interface_ioctl(name, SIOCGIFHWADDR))
    if hardware_type not in (ARPHRD_ETHER, ARPHRD_LOOPBACK):
        raise HardwareError("no Ethernet address", where=name, why=f"its hardware type is {hardware_type}")
    return bytes(mac)


def link_is_up(name: str) -> bool:
    """True when ``name`` is up and has a carrier."""
    return _is_up(interface_flags(name))


def interface_names(proc: Path = Path("/proc")) -> list[str]:
    """The interfaces of this thread's network namespace (sysfs may show another namespace's, this never does)."""
    lines = (proc / "thread-self/net/dev").read_text().splitlines()[2:]
    return [line.partition(":")[0].strip() for line in lines]


class LinkChange(msgspec.Struct, frozen=True):
    """What an interface has become: ``up`` means up with a carrier; ``exists`` is False when it was removed."""

    name: str
    index: int
    up: bool
    exists: bool = True


class LinkMonitor:
    """Tells of interfaces that come, go, or change name or link state.

    Wait on ``fileno()``, then ``read()``. Where netlink is refused there is no descriptor (-1): ``read()`` then
    compares with what it saw before, every ``poll_interval_s`` seconds, and ``reason`` says what was refused.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self.reason = ""
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
            )
            self._socket.bind((0, RTMGRP_LINK))
        except OSError as error:
            self.close()
            self.reason = f"netlink refused: {error.strerror}"
        self._known = _links_by_index()

    @property
    def poll_interval_s(self) -> float | None:
        """How often to call ``read()`` unasked; None when ``fileno()`` tells."""
        return POLL_INTERVAL_S if self._socket is None else None

    def fileno(self) -> int:
        """The descriptor that becomes readable on a change; -1 when polling."""
        return -1 if self._socket is None else self._socket.fileno()

    def read(self) -> list[LinkChange]:
        """All changes since the last call, in order; never blocks. A lost message costs a fresh look, no change."""
        if self._socket is None:
            return self._refresh()
        changes: list[LinkChange] = []
        lost = False
        while True:
            try:
                data = self._socket.recv(1 << 17)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = True  # what waits in the socket is older than what was lost: look when it is empty
            else:
                changes += [change for change in decode_link_messages(data) if self._is_news(change)]
        return changes + self._refresh() if lost else changes

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_news(self, change: LinkChange) -> bool:
        known = self._known.get(change.index)
        if change.exists:
            self._known[change.index] = change
        else:
            self._known.pop(change.index, None)
        return known != change and (change.exists or known is not None)

    def _refresh(self) -> list[LinkChange]:
        now = _links_by_index()
        gone = [replace(link, up=False, exists=False) for index, link in self._known.items() if index not in now]
        return [change for change in (*gone, *now.values()) if self._is_news(change)]


def netlink_messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages of a datagram: type, and what follows the header."""
    offset = 0
    while offset + NLMSG_HEADER.size <= len(data):
        length, kind, *_ = NLMSG_HEADER.unpack_from(data, offset)
        yield kind, data[offset + NLMSG_HEADER.size : offset + length]
        offset += max(_aligned(length), NLMSG_HEADER.size)


def decode_link_messages(data: bytes) -> Iterator[LinkChange]:
    """The links told of by a datagram of RTM_NEWLINK and RTM_DELLINK messages; others are passed over."""
    for kind, message in netlink_messages(data):
        if kind not in (RTM_NEWLINK, RTM_DELLINK) or len(message) < IFINFOMSG.size:
            continue
        family, _, index, flags, _ = IFINFOMSG.unpack_from(message)
        if family != socket.AF_UNSPEC:  # AF_BRIDGE's RTM_DELLINK says that a port left its bridge, not the machine
            continue
        name = attribute(message[IFINFOMSG.size :], IFLA_IFNAME)
        exists = kind == RTM_NEWLINK
        yield LinkChange(os.fsdecode(name.rstrip(b"\0")), index, exists and _is_up(flags), exists)


def attribute(data: bytes, wanted: int) -> bytes:
    """Return the value of the first attribute of type *wanted* among those in *data*; empty: there is none."""
    offset = 0
    while offset + RTATTR.size <= len(data):
        length, kind = RTATTR.unpack_from(data, offset)
        if kind == wanted:
            return data[offset + RTATTR.size : offset + length]
        offset += max(_aligned(length), RTATTR.size)
    return b""


def _links_by_index() -> dict[int, LinkChange]:
    links = {}
    for name in interface_names():
        with contextlib.suppress(HardwareError):  # gone between the list and the question
            index = interface_index(name)
            links[index] = LinkChange(name, index, link_is_up(name))
    return links


def _is_up(flags: int) -> bool:
    return flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING


def _aligned(length: int) -> int:
    return (length + 3) & ~3
