"""Kernel timestamps of frames: what to ask of the NIC and the socket, and how to read the answers.

Sources: Documentation/networking/timestamping.rst, <linux/net_tstamp.h>, <linux/errqueue.h>.
"""

from __future__ import annotations

import array
import errno
import fcntl
import socket
import struct
from collections.abc import Iterable, Sequence
from enum import Enum, IntEnum, IntFlag

import msgspec

from ptpstack.errors import HardwareError

SO_TIMESTAMPING = 37
"""Socket option, and the type of the control message that carries ``struct scm_timestamping``."""

SIOCSHWTSTAMP = 0x89B0
SIOCGHWTSTAMP = 0x89B1

_IFREQ = struct.Struct("16sP16x")
_SCM_TIMESTAMPING = struct.Struct("@6l")  # struct timespec[3]: software, (unused), hardware
_SOCK_EXTENDED_ERR = struct.Struct("=IBBBBII")
_SO_EE_ORIGIN_TIMESTAMPING = 4
_ERROR_MESSAGES = frozenset({(263, 16), (socket.SOL_IP, 11), (41, 25)})
"""(SOL_PACKET, PACKET_TX_TIMESTAMP), (SOL_IP, IP_RECVERR), (SOL_IPV6, IPV6_RECVERR)."""

_NOT_SUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOTTY})
_TRY_NEXT_FILTER = frozenset({errno.ERANGE, errno.EINVAL})


class Timestamping(Enum):
    """Who takes the stamps: the NIC by its PHC, or the kernel by CLOCK_REALTIME."""

    HARDWARE = "hardware"
    SOFTWARE = "software"


class SocketFlags(IntFlag):
    """``SOF_TIMESTAMPING_…``."""

    TX_HARDWARE = 1 << 0
    TX_SOFTWARE = 1 << 1
    RX_HARDWARE = 1 << 2
    RX_SOFTWARE = 1 << 3
    SOFTWARE = 1 << 4
    RAW_HARDWARE = 1 << 6
    OPT_ID = 1 << 7
    OPT_CMSG = 1 << 10
    OPT_TSONLY = 1 << 11


class TxType(IntEnum):
    """``HWTSTAMP_TX_…``."""

    OFF = 0
    ON = 1
    ONESTEP_SYNC = 2
    ONESTEP_P2P = 3


class RxFilter(IntEnum):
    """``HWTSTAMP_FILTER_…``."""

    NONE = 0
    ALL = 1
    SOME = 2
    PTP_V1_L4_EVENT = 3
    PTP_V1_L4_SYNC = 4
    PTP_V1_L4_DELAY_REQ = 5
    PTP_V2_L4_EVENT = 6
    PTP_V2_L4_SYNC = 7
    PTP_V2_L4_DELAY_REQ = 8
    PTP_V2_L2_EVENT = 9
    PTP_V2_L2_SYNC = 10
    PTP_V2_L2_DELAY_REQ = 11
    PTP_V2_EVENT = 12
    PTP_V2_SYNC = 13
    PTP_V2_DELAY_REQ = 14
    NTP_ALL = 15


L2_FILTERS = (RxFilter.PTP_V2_EVENT, RxFilter.PTP_V2_L2_EVENT, RxFilter.ALL)
"""The filters to try for frames on Ethernet: the least that suffices first, since stamping all costs some NICs dear."""

L4_FILTERS = (RxFilter.PTP_V2_EVENT, RxFilter.PTP_V2_L4_EVENT, RxFilter.ALL)
"""The filters to try for frames on UDP."""


class Granted(msgspec.Struct, frozen=True):
    """What kernel and NIC agreed to stamp."""

    timestamping: Timestamping
    tx_type: TxType
    rx_filter: RxFilter

    def __str__(self) -> str:
        """Say it for people: ``hardware stamps (transmit: on, receive: ptp_v2_event)``."""
        return (
            f"{self.timestamping.value} stamps "
            f"(transmit: {self.tx_type.name.lower()}, receive: {self.rx_filter.name.lower()})"
        )

    def suffices(self, filters: Sequence[RxFilter], tx_type: TxType = TxType.ON) -> bool:
        """Tell whether event frames of both directions get stamps (a driver's ``SOME`` is taken at its word)."""
        return self.tx_type is tx_type and self.rx_filter in (*filters, RxFilter.ALL, RxFilter.SOME)


SOFTWARE_STAMPS = Granted(Timestamping.SOFTWARE, TxType.ON, RxFilter.ALL)
"""What every Linux interface grants without being asked."""


def socket_flags(timestamping: Timestamping) -> SocketFlags:
    """Return the SO_TIMESTAMPING value for event sockets: stamps of one kind, transmit stamps by id without payload."""
    if timestamping is Timestamping.HARDWARE:
        kind = SocketFlags.TX_HARDWARE | SocketFlags.RX_HARDWARE | SocketFlags.RAW_HARDWARE
    else:
        kind = SocketFlags.TX_SOFTWARE | SocketFlags.RX_SOFTWARE | SocketFlags.SOFTWARE
    return kind | SocketFlags.OPT_ID | SocketFlags.OPT_TSONLY | SocketFlags.OPT_CMSG


def hardware_timestamping(sock: socket.socket, interface: str) -> Granted:
    """Read how *interface* stamps now (SIOCGHWTSTAMP). Raises ``OSError`` where it cannot say."""
    return _hwtstamp_ioctl(sock, interface, SIOCGHWTSTAMP, TxType.OFF, RxFilter.NONE)


def enable_hardware_timestamping(
    sock: socket.socket, interface: str, filters: Sequence[RxFilter], tx_type: TxType = TxType.ON
) -> Granted:
    """Make *interface* stamp event frames by its PHC, with the first of *filters* that it takes.

    The setting is global to the NIC: one that suffices already is left alone. Raises ``HardwareError``.
    """
    try:
        granted = hardware_timestamping(sock, interface)
    except OSError:
        pass  # many drivers can set what they cannot read
    else:
        if granted.suffices(filters, tx_type):
            return granted
    for rx_filter in filters:
        try:
            granted = _hwtstamp_ioctl(sock, interface, SIOCSHWTSTAMP, tx_type, rx_filter)
        except OSError as error:
            if error.errno in _TRY_NEXT_FILTER:
                continue
            raise _refusal(interface, error) from error
        if granted.suffices(filters, tx_type):
            return granted
    if tx_type is not TxType.ON:
        raise HardwareError(
            f"cannot send with transmit stamps of type {tx_type.name.lower()}",
            where=interface,
            why="the NIC or its driver does not write the time of departure into a Sync that leaves",
            next_step="leave two_step = true on this port; `ethtool -T` lists onestep-sync where a NIC can do it",
        )
    raise HardwareError(
        "cannot stamp PTP event frames in hardware",
        where=interface,
        why=f"the driver took none of the receive filters {', '.join(f.name.lower() for f in filters)}",
        next_step="use software timestamping on this interface; `ethtool -T` shows what the NIC can do",
    )


def _refusal(interface: str, error: OSError) -> HardwareError:
    if error.errno in _NOT_SUPPORTED:
        why, next_step = "the driver has no hardware timestamping", "use software timestamping on this interface"
    elif error.errno == errno.EPERM:
        why, next_step = "not permitted", "run as root or grant CAP_NET_ADMIN"
    else:
        why, next_step = str(error.strerror), "see the kernel log; `ethtool -T` shows what the NIC can do"
    return HardwareError("cannot turn on hardware timestamping", where=interface, why=why, next_step=next_step)


def _hwtstamp_ioctl(sock: socket.socket, interface: str, request: int, tx_type: TxType, rx_filter: RxFilter) -> Granted:
    config = array.array("i", [0, tx_type, rx_filter])  # struct hwtstamp_config: flags, tx_type, rx_filter
    fcntl.ioctl(sock, request, _IFREQ.pack(interface.encode(), config.buffer_info()[0]))
    return Granted(Timestamping.HARDWARE, TxType(config[1]), RxFilter(config[2]))


def stamp_from(control: Iterable[tuple[int, int, bytes]], timestamping: Timestamping) -> int | None:
    """Return the stamp in a frame's control messages, in ns of the stamping clock, or None if there is none."""
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPING:
            sw_s, sw_ns, _, _, hw_s, hw_ns = _SCM_TIMESTAMPING.unpack(data)
            stamp: int = (
                hw_s * 1_000_000_000 + hw_ns if timestamping is Timestamping.HARDWARE else sw_s * 1_000_000_000 + sw_ns
            )
            return stamp or None
    return None


def key_from(control: Iterable[tuple[int, int, bytes]]) -> int | None:
    """Return the OPT_ID key in the control messages of an error queue entry, or None if it is not a stamp's."""
    for level, kind, data in control:
        if (level, kind) in _ERROR_MESSAGES:
            _, origin, _, _, _, _, key = _SOCK_EXTENDED_ERR.unpack_from(data)
            return int(key) if origin == _SO_EE_ORIGIN_TIMESTAMPING else None
    return None
