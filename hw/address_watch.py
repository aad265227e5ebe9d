"""Word of addresses that this machine gets: a network is there, or is there again.

What lives here: the netlink socket, and telling a new address from one that is only renewed. What does not: links
(``link``), and what follows from a network.
"""

from __future__ import annotations

import errno
import socket
from struct import Struct

from hw.link import attribute, netlink_messages

# linux/rtnetlink.h, linux/if_addr.h
RTMGRP_IPV4_IFADDR = 0x10
RTMGRP_IPV6_IFADDR = 0x100
RTM_NEWADDR = 20
RTM_DELADDR = 21
IFA_ADDRESS = 1
IFA_LOCAL = 2
IFA_F_TENTATIVE = 0x40
RT_SCOPE_HOST = 254
IFADDRMSG = Struct("=BBBBI")  # family, prefix length, flags, scope, index


class AddressWatch:
    """Wait on ``fileno()``, then ``read()``; without netlink there is no descriptor (-1), and nothing to be told."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._known: set[tuple[int, bytes]] = set()
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
            )
            self._socket.bind((0, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR))
        except OSError:
            self.close()

    def fileno(self) -> int:
        """The descriptor that becomes readable when an address comes, goes, or is renewed."""
        return -1 if self._socket is None else self._socket.fileno()

    def read(self) -> bool:
        """Tell whether an address has come since the last call; never blocks. What was lost may have been one."""
        has_come = False
        while self._socket is not None:
            try:
                has_come |= self._take(self._socket.recv(1 << 17))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                has_come = True
        return has_come

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _take(self, data: bytes) -> bool:
        has_come = False
        for kind, message in netlink_messages(data):
            if kind not in (RTM_NEWADDR, RTM_DELADDR) or len(message) < IFADDRMSG.size:
                continue
            _, _, flags, scope, index = IFADDRMSG.unpack_from(message)
            attributes = message[IFADDRMSG.size :]
            address = index, attribute(attributes, IFA_LOCAL) or attribute(attributes, IFA_ADDRESS)
            if kind == RTM_DELADDR:
                self._known.discard(address)
            elif scope != RT_SCOPE_HOST and not flags & IFA_F_TENTATIVE and address not in self._known:
                self._known.add(address)
                has_come = True
        return has_come
