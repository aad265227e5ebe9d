"""What one interface can stamp, its driver and its speed: SIOCETHTOOL, without netlink.

What lives here: three questions of linux/ethtool.h and what their answers mean. What does not: switching timestamping
on, and the numbers of its modes and filters (timestamping.py); finding interfaces (discovery.py).
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import NamedTuple

from hw.link import interface_ioctl
from hw.timestamping import RxFilter, TxType
from ptpstack.errors import HardwareError

# linux/sockios.h, linux/ethtool.h
SIOCETHTOOL = 0x8946
ETHTOOL_GDRVINFO = 0x03
ETHTOOL_GET_TS_INFO = 0x41
ETHTOOL_GLINKSETTINGS = 0x4C
SPEED_UNKNOWN = 0xFFFFFFFF

DRVINFO = struct.Struct("=I32s32s32s32s32s12sIIIII")
TS_INFO = struct.Struct("=IIiI12xI12x")  # command, SOF_TIMESTAMPING_, PHC, TX types, RX filters
LINK_SETTINGS = struct.Struct("=IIBBBBBBBb36x")  # command, speed, ..., link_mode_masks_nwords


class Capability(IntFlag):
    """SOF_TIMESTAMPING_*: what a driver says it can do."""

    TX_HARDWARE = 1 << 0
    TX_SOFTWARE = 1 << 1
    RX_HARDWARE = 1 << 2
    RX_SOFTWARE = 1 << 3
    SOFTWARE = 1 << 4
    SYS_HARDWARE = 1 << 5
    RAW_HARDWARE = 1 << 6


CAPABILITY_WORDS = {  # as `ethtool -T` spells them
    Capability.TX_HARDWARE: "hardware-transmit",
    Capability.TX_SOFTWARE: "software-transmit",
    Capability.RX_HARDWARE: "hardware-receive",
    Capability.RX_SOFTWARE: "software-receive",
    Capability.SOFTWARE: "software-system-clock",
    Capability.SYS_HARDWARE: "hardware-legacy-clock",
    Capability.RAW_HARDWARE: "hardware-raw-clock",
}
NOTHING = Capability(0)
SOFTWARE_STAMPS = Capability.TX_SOFTWARE | Capability.RX_SOFTWARE | Capability.SOFTWARE
HARDWARE_STAMPS = Capability.TX_HARDWARE | Capability.RX_HARDWARE | Capability.RAW_HARDWARE


@dataclass(frozen=True)
class TimestampingInfo:
    """What an interface can stamp, and with which clock. ``phc_index`` is -1 where there is no PHC."""

    capabilities: Capability = NOTHING
    phc_index: int = -1
    tx_types: frozenset[TxType] = frozenset()
    rx_filters: frozenset[RxFilter] = frozenset()

    @classmethod
    def from_masks(cls, capabilities: int, phc_index: int, tx_types: int, rx_filters: int) -> TimestampingInfo:
        """From the kernel's bit masks; bits of later kernels that have no name here are left out."""
        return cls(
            Capability(capabilities & (HARDWARE_STAMPS | SOFTWARE_STAMPS | Capability.SYS_HARDWARE)),
            phc_index,
            frozenset(kind for kind in TxType if tx_types >> kind & 1),
            frozenset(kind for kind in RxFilter if rx_filters >> kind & 1),
        )

    @property
    def stamps_in_hardware(self) -> bool:
        """True when arrivals and departures can be stamped by a PHC."""
        return HARDWARE_STAMPS in self.capabilities and self.phc_index >= 0 and TxType.ON in self.tx_types

    @property
    def stamps_in_software(self) -> bool:
        """True when the kernel can stamp arrivals and departures."""
        return SOFTWARE_STAMPS in self.capabilities

    def receives(self, *filters: RxFilter) -> bool:
        """True when the hardware can stamp what any of ``filters`` lets pass."""
        return not self.rx_filters.isdisjoint(filters)


class Driver(NamedTuple):
    """A driver's name and the bus address of its device; empty where the interface has no device."""

    name: str = ""
    bus: str = ""


def ethtool_word(member: TxType | RxFilter) -> str:
    """As ``ethtool -T`` spells it: ptpv2-event."""
    return member.name.lower().replace("ptp_v", "ptpv").replace("_", "-")


def timestamping_info(name: str) -> TimestampingInfo:
    """What ``name`` can stamp (ETHTOOL_GET_TS_INFO). Raises HardwareError where there is no such interface."""
    _, capabilities, phc_index, tx_types, rx_filters = TS_INFO.unpack(
        _ethtool_ioctl(name, TS_INFO.pack(ETHTOOL_GET_TS_INFO, 0, 0, 0, 0))
    )
    return TimestampingInfo.from_masks(capabilities, phc_index, tx_types, rx_filters)


def driver(name: str) -> Driver:
    """The driver of ``name`` (ETHTOOL_GDRVINFO); empty where it has none, as loopback."""
    question = struct.pack("=I", ETHTOOL_GDRVINFO).ljust(DRVINFO.size, b"\0")
    try:
        _, driver_name, _, _, bus, *_ = DRVINFO.unpack(_ethtool_ioctl(name, question))
    except HardwareError:
        return Driver()
    return Driver(_text(driver_name), _text(bus))


def link_speed_mbps(name: str) -> int | None:
    """The speed of the link in Mbit/s (ETHTOOL_GLINKSETTINGS); None where there is none or it is not known."""
    size = LINK_SETTINGS.size + 3 * 4 * 127  # three masks, as long as the kernel may say
    try:
        first = _ethtool_ioctl(name, _link_settings_question(0).ljust(size, b"\0"))
        words = -LINK_SETTINGS.unpack_from(first)[-1]  # the kernel's answer to a wrong length: the right one, negated
        answer = _ethtool_ioctl(name, _link_settings_question(words).ljust(size, b"\0"))
    except HardwareError:
        return None
    speed = LINK_SETTINGS.unpack_from(answer)[1]
    return None if speed in (0, SPEED_UNKNOWN) else int(speed)


def _link_settings_question(words: int) -> bytes:
    return LINK_SETTINGS.pack(ETHTOOL_GLINKSETTINGS, 0, 0, 0, 0, 0, 0, 0, 0, words)


def _ethtool_ioctl(name: str, question: bytes) -> bytes:
    buffer = ctypes.create_string_buffer(question, len(question))
    interface_ioctl(name, SIOCETHTOOL, struct.pack("@P", ctypes.addressof(buffer)))
    return buffer.raw


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="replace")
