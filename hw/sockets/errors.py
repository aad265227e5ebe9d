"""The ways in which a socket on an interface fails, and the sentence for each."""

from __future__ import annotations

import errno
import fcntl
import socket
import struct

from ptpstack.errors import HardwareError

_SIOCGIFFLAGS = 0x8913
_SIOCGIFINDEX = 0x8933
_IFF_UP = 1
_IFREQ_NUMBER = struct.Struct("16si20x")
_IFREQ_FLAGS = struct.Struct("16sH22x")


class InterfaceGone(HardwareError):  # noqa: N818 (a state of the interface that callers react to)
    """The interface was deleted, or another one carries its name now: open a new socket when it is back."""


class InterfaceDown(HardwareError):  # noqa: N818 (as above)
    """The interface is administratively down: the socket works again once it is up."""


class TransmitFailed(HardwareError):  # noqa: N818 (as above)
    """One frame was not sent; the socket and its keys are in order."""


def interface_index(sock: socket.socket, interface: str) -> int:
    """Return the ifindex of *interface* in the network namespace of *sock*. Raises ``InterfaceGone``."""
    try:
        answer = fcntl.ioctl(sock, _SIOCGIFINDEX, _IFREQ_NUMBER.pack(interface.encode(), 0))
    except OSError as error:
        raise InterfaceGone(
            "no such interface",
            where=interface,
            why=str(error.strerror),
            next_step="`ip link` lists the interfaces; check the name, the cable's driver and the namespace",
        ) from error
    return int(_IFREQ_NUMBER.unpack(answer)[1])


def require_up(sock: socket.socket, interface: str, index: int | None = None) -> int:
    """Return the ifindex of an interface that is up, and still is the one with *index* if that is given.

    Raises ``InterfaceGone`` or ``InterfaceDown``.
    """
    found = interface_index(sock, interface)
    if index is not None and found != index:
        raise InterfaceGone(
            "the interface was replaced",
            where=interface,
            why=f"its index was {index} and is {found}",
            next_step="open it anew",
        )
    answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, _IFREQ_FLAGS.pack(interface.encode(), 0))
    if not _IFREQ_FLAGS.unpack(answer)[1] & _IFF_UP:
        raise InterfaceDown("the interface is down", where=interface, next_step=f"`ip link set {interface} up`")
    return found


def transmit_error(error: OSError, sock: socket.socket, interface: str, index: int) -> HardwareError:
    """Say what a failed send means: the interface gone, down, or just this frame lost."""
    if reason := _interface_error(error, sock, interface, index):
        return reason
    if error.errno == errno.EADDRNOTAVAIL:
        why, next_step = "no usable source address", f"give {interface} an address (`ip address show dev {interface}`)"
    elif error.errno in (errno.ENOBUFS, errno.EAGAIN):
        why, next_step = "the transmit queue is full", "look for other traffic on the interface"
    elif error.errno in (errno.EPERM, errno.EACCES):
        why, next_step = "forbidden", "look at the firewall's output rules"
    else:
        why, next_step = str(error.strerror), f"`ip address show dev {interface}` and `ip route`"
    return TransmitFailed("frame not sent", where=interface, why=why, next_step=next_step)


def receive_error(error: OSError, sock: socket.socket, interface: str, index: int) -> HardwareError:
    """Say what a failed receive means: the interface gone or down, hardly ever anything else."""
    if reason := _interface_error(error, sock, interface, index):
        return reason
    return HardwareError("cannot receive", where=interface, why=str(error.strerror), next_step="open the socket anew")


def _interface_error(error: OSError, sock: socket.socket, interface: str, index: int) -> HardwareError | None:
    try:
        require_up(sock, interface, index)
    except HardwareError as reason:
        return reason
    if error.errno == errno.ENETDOWN:  # it went down and came up again meanwhile
        return InterfaceDown("the interface was down", where=interface, next_step="none: it is up again")
    return None


def open_error(error: OSError, interface: str) -> HardwareError:
    """Say why a socket could not be opened, and what to do."""
    if error.errno in (errno.EPERM, errno.EACCES):
        next_step = "run as root or grant CAP_NET_RAW, CAP_NET_ADMIN and CAP_NET_BIND_SERVICE"
    elif error.errno == errno.EADDRINUSE:
        next_step = "another program holds the port (`ss -ulpn`): stop it"
    elif error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
        next_step = "the address family is switched off for this interface: choose another transport or enable it"
    else:
        next_step = f"see `ip address show dev {interface}`"
    return HardwareError("cannot open a socket", where=interface, why=str(error.strerror or error), next_step=next_step)
