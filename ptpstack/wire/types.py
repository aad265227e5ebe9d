"""The derived data types that messages carry (IEEE 1588-2019 5.3) and their enumerations (clause 7).

What lives here: identities, clock quality, timeSource, messageType. What does not: timestamps
(``ptpstack.time`` and ``ptpstack.wire.timestamp``), messages and TLVs.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Self


class ClockIdentity(bytes):
    """Eight octets that name a PTP Instance, ordered as the standard compares them (IEEE 1588-2019 7.5.2).

    Raises ``ValueError`` on any other length.
    """

    __slots__ = ()

    def __new__(cls, octets: bytes = bytes(8)) -> Self:
        """Take exactly eight *octets*."""
        if len(octets) != 8:
            raise ValueError(f"a clock identity has 8 octets, not {len(octets)}")
        return super().__new__(cls, octets)

    @classmethod
    def from_mac(cls, mac: bytes) -> Self:
        """Return the identity of an EUI-48, FFFE inserted (as IEEE 1588-2008 7.5.2.2.2 and still customary)."""
        if len(mac) != 6:
            raise ValueError(f"a MAC address has 6 octets, not {len(mac)}")
        return cls(mac[:3] + b"\xff\xfe" + mac[3:])

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read ``001122.fffe.334455``; colons, hyphens or nothing between the 16 digits will do as well."""
        digits = text.translate(_NO_SEPARATORS)
        try:
            return cls(bytes.fromhex(digits))
        except ValueError as error:
            raise ValueError(f"{text!r} is not a clock identity such as 001122.fffe.334455") from error

    def __str__(self) -> str:
        digits = self.hex()
        return f"{digits[:6]}.{digits[6:10]}.{digits[10:]}"

    def __repr__(self) -> str:
        return f"ClockIdentity.from_text({str(self)!r})"


_NO_SEPARATORS = str.maketrans("", "", ".:-")


class PortIdentity(NamedTuple):
    """A PTP Port, ordered by clock identity and then by number (IEEE 1588-2019 5.3.5, 7.5.2)."""

    clock_identity: ClockIdentity
    port_number: int

    def __str__(self) -> str:
        return f"{self.clock_identity}-{self.port_number}"


NO_PORT = PortIdentity(ClockIdentity(bytes(8)), 0)
ALL_PORTS = PortIdentity(ClockIdentity(b"\xff" * 8), 0xFFFF)
"""The wildcard target of signaling and management messages (IEEE 1588-2019 13.12.1, 15.4.1.1)."""


class ClockQuality(NamedTuple):
    """How good a clock says it is (IEEE 1588-2019 5.3.7)."""

    clock_class: int
    clock_accuracy: int
    offset_scaled_log_variance: int


class TimeSource(IntEnum):
    """Where a grandmaster's time comes from (IEEE 1588-2019 Table 6). Any other octet stays a nameless member."""

    ATOMIC_CLOCK = 0x10
    GNSS = 0x20
    TERRESTRIAL_RADIO = 0x30
    SERIAL_TIME_CODE = 0x39
    PTP = 0x40
    NTP = 0x50
    HAND_SET = 0x60
    OTHER = 0x90
    INTERNAL_OSCILLATOR = 0xA0

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or not 0 <= value <= 0xFF:
            return None
        unlisted = int.__new__(cls, value)
        unlisted._value_ = value
        unlisted._name_ = f"0x{value:02X}"
        return unlisted


class MessageType(IntEnum):
    """messageType (IEEE 1588-2019 Table 36)."""

    SYNC = 0x0
    DELAY_REQ = 0x1
    PDELAY_REQ = 0x2
    PDELAY_RESP = 0x3
    FOLLOW_UP = 0x8
    DELAY_RESP = 0x9
    PDELAY_RESP_FOLLOW_UP = 0xA
    ANNOUNCE = 0xB
    SIGNALING = 0xC
    MANAGEMENT = 0xD
