"""Client sockets: a fresh port for every request, the server's address only, stamps by kernel or NIC.

What lives here: opening, sending, receiving. What does not: names (``ntp.resolver``), and what the octets mean.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import Any, NamedTuple, Self

from hw.sockets.keys import StampedSends, kernel_takes_keys
from hw.timestamping import (
    RxFilter,
    SocketFlags,
    Timestamping,
    enable_hardware_timestamping,
    stamp_from,
)
from ptpstack.errors import HardwareError

FILTERS = (RxFilter.NTP_ALL, RxFilter.ALL)
"""The receive filters that stamp NTP in hardware, the one that stamps least first."""

_SO_TIMESTAMPING = 37
_LARGEST_REPLY = 2048
_CONTROL_SIZE = 256
_AT_ONCE = 16

REFUSALS = {
    errno.ECONNREFUSED: "nothing listens on the server's port",
    errno.EHOSTUNREACH: "the server's host cannot be reached",
    errno.ENETUNREACH: "there is no route to the server",
    errno.EACCES: "a firewall forbids it",
    errno.EPERM: "a firewall forbids it",
    errno.EADDRNOTAVAIL: "there is no address to send from",
}


class Address(NamedTuple):
    """Where a server is: family, and the address as ``socket`` has it."""

    family: int
    sockaddr: tuple[Any, ...]

    @property
    def host(self) -> str:
        """The address without the port."""
        return str(self.sockaddr[0])


class Received(NamedTuple):
    """One datagram; *stamp_ns* by the stamping clock, None if it came without one."""

    octets: bytes
    stamp_ns: int | None


class NotSentError(HardwareError):
    """A request did not leave, or the network said that the server is not there."""


class ClientSocket:
    """One request's socket: an unpredictable port (RFC 9109), connected, so that others are not even heard.

    *interface* is bound to where that is given, which hardware stamps need.
    """

    def __init__(self, address: Address, timestamping: Timestamping, interface: str = "", *, dscp: int = 0) -> None:
        self._timestamping = timestamping
        self.address = address
        with contextlib.ExitStack() as on_failure:
            self._socket = on_failure.enter_context(socket.socket(address.family, socket.SOCK_DGRAM))
            self._socket.setblocking(False)
            try:
                if interface:
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
                if timestamping is Timestamping.HARDWARE:
                    enable_hardware_timestamping(self._socket, interface, FILTERS)
                _set_dscp(self._socket, address.family, dscp)
                self._socket.connect(address.sockaddr)
                self._sends = StampedSends(self._socket, timestamping, give_keys=kernel_takes_keys())
            except OSError as error:
                raise _not_sent(error, address) from error
            on_failure.pop_all()

    def fileno(self) -> int:
        """Return the descriptor that is readable when a reply, a transmit stamp or a refusal waits."""
        return self._socket.fileno()

    @property
    def local_host(self) -> str:
        """The address that the request is sent from."""
        host: str = self._socket.getsockname()[0]
        return host

    @property
    def own_place(self) -> tuple[str, int] | None:
        """The address and port of this machine that the request goes to; None where it goes to another."""
        host, port, *_ = self._socket.getpeername()
        return (host, port) if host == self.local_host else None

    def send(self, octets: bytes) -> None:
        """Send the request. Raises ``NotSentError``."""
        try:
            self._sends.send(octets)
        except OSError as error:
            raise _not_sent(error, self.address) from error

    def transmit_stamp_ns(self) -> int | None:
        """Return the stamp of the request, in ns of the stamping clock, if it has come. Raises ``NotSentError``."""
        try:
            stamps = self._sends.stamps()
        except OSError as error:
            raise _not_sent(error, self.address) from error
        return stamps[-1].stamp_ns if stamps else None

    def receive(self) -> list[Received]:
        """Return what has come. Raises ``NotSentError`` when the network said that the server is not there."""
        received = []
        for _ in range(_AT_ONCE):
            try:
                octets, control, _, _ = self._socket.recvmsg(_LARGEST_REPLY, _CONTROL_SIZE)
            except BlockingIOError:
                break
            except OSError as error:
                raise _not_sent(error, self.address) from error
            received.append(Received(octets, stamp_from(control, self._timestamping)))
        return received

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


class StampKeeper:
    """Keeps the kernel stamping while no request is open: it begins anew so slowly that a reply may miss it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, SocketFlags.RX_SOFTWARE | SocketFlags.SOFTWARE)

    def close(self) -> None:
        """Let go."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _set_dscp(sock: socket.socket, family: int, dscp: int) -> None:
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)


def _not_sent(error: OSError, address: Address) -> NotSentError:
    why = REFUSALS.get(error.errno or 0, str(error.strerror or error))
    return NotSentError(
        "no request to the server", where=address.host, why=why, next_step="`ip route get` shows the way"
    )
