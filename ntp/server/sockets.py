"""The server's sockets: any address, an interface or VRF, a network namespace, shared by several workers.

What lives here: opening them. What does not: rows and calls (``datagrams``), and entering a namespace (``ntp.child``).
"""

from __future__ import annotations

import contextlib
import errno
import socket

from hw.sockets.frame_filter import attach_to_group, steer_by_source
from hw.timestamping import SO_TIMESTAMPING, SocketFlags, Timestamping, enable_hardware_timestamping
from ntp.transport import FILTERS
from ptpstack.errors import ConfigError, HardwareError

_BUFFER_OCTETS = 4 << 20
_SO_RCVBUFFORCE = 33
_IP_PKTINFO, _IPV6_RECVPKTINFO = 8, 49
ANY = ("0.0.0.0", "::")  # noqa: S104 (a server is there to be reached)


def socket_flags(timestamping: Timestamping) -> SocketFlags:
    """Return the SO_TIMESTAMPING value of the server's sockets: every request is stamped, replies where they ask."""
    flags = SocketFlags.RX_SOFTWARE | SocketFlags.SOFTWARE
    if timestamping is Timestamping.HARDWARE:
        flags |= SocketFlags.RX_HARDWARE | SocketFlags.RAW_HARDWARE
    return flags | SocketFlags.OPT_ID | SocketFlags.OPT_TSONLY | SocketFlags.OPT_CMSG


def family_of(address: str) -> int:
    """Return the address family of *address*, an IP address. Raises ``ConfigError``."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, address.partition("%")[0])
            return family
    raise ConfigError(
        f"{address} is no address", where="ntp.server.listen", next_step='write "0.0.0.0" or "::" for all'
    )


def open_socket(
    address: str,
    port: int,
    *,
    interface: str = "",
    timestamping: Timestamping = Timestamping.SOFTWARE,
    dscp: int = 0,
    workers: int = 1,
) -> socket.socket:
    """Return a socket that listens at *address*, beside those of the other *workers*. Raises ``HardwareError``.

    What comes from one client goes to one worker, which knows it: when its replies left, how often it asks.
    """
    family = family_of(address)
    where = f"NTP server {address} port {port}"
    with contextlib.ExitStack() as on_failure:
        try:
            sock = on_failure.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            _set_buffers(sock)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
            if interface:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            if timestamping is Timestamping.HARDWARE:
                enable_hardware_timestamping(sock, interface, FILTERS)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, socket_flags(timestamping))
            if address in ANY:
                _ask_for_address(sock, family)
            sock.bind(socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0][4])
            if workers > 1:
                attach_to_group(sock, steer_by_source(family, workers))
        except OSError as error:
            raise _refusal(error, where) from error
        on_failure.pop_all()
        return sock


def is_taken(address: str, port: int) -> bool:
    """Tell whether another program listens at *address*, be it one that would share the port with us."""
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as probe:
        if probe.family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind(socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0][4])
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _set_buffers(sock: socket.socket) -> None:
    """Make room for what comes while a batch is answered, as much as is allowed."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_OCTETS)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_OCTETS)


def _ask_for_address(sock: socket.socket, family: int) -> None:
    """Have the kernel tell to which of our addresses a request came."""
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _refusal(error: OSError, where: str) -> HardwareError:
    why = str(error.strerror or error)
    match error.errno:
        case errno.EADDRINUSE:
            next_step = "another NTP server has the port (`ss -ulpn sport = :123`): stop it"
        case errno.EACCES | errno.EPERM:
            next_step = "run as root or grant CAP_NET_BIND_SERVICE, and CAP_NET_RAW for an interface"
        case errno.EADDRNOTAVAIL:
            next_step = "give the address to an interface (`ip address`), or listen at 0.0.0.0 and ::"
        case errno.ENODEV:
            next_step = "`ip link` lists the interfaces and VRFs"
        case _:
            next_step = "see `ip address`"
    return HardwareError("cannot listen", where=where, why=why, next_step=next_step)
