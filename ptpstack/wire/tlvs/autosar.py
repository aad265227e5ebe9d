"""The TLV that AUTOSAR's Time Synchronization over Ethernet adds to a Follow_Up, after Follow_Up information.

AUTOSAR PRS_TimeSyncProtocol; an ORGANIZATION_EXTENSION of 1A-75-FB, subtype 60-56-76, that holds sub-TLVs of octets:
type, length, value. Its length is odd as it comes, which IEEE 1588 does not allow and AUTOSAR does.

What lives here: the layouts. What does not: what a CRC is made over, and whether one is right (``gptp.autosar_crc``).
"""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self, TypeAlias

import msgspec

from ptpstack.errors import WireError
from ptpstack.wire.tlv import Tlv, TlvType, expect_at_least, register
from ptpstack.words import counted

ORGANIZATION_ID = b"\x1a\x75\xfb"
SUB_TYPE = 0x605676
_IDENTIFIERS = Struct(">3s3s")

USER_DATA_OCTETS = 3
SYNC_TO_GATEWAY = 0x01
"""Of ``status``: the time was not made by the grandmaster of all, but by a gateway on its own."""


class TimeSecured(msgspec.Struct, frozen=True):
    """CRCs over fields of the Follow_Up; ``crc_time_flags`` says over which."""

    sub_type: ClassVar[int] = 0x28
    crc_time_flags: int
    crc_time_0: int
    crc_time_1: int

    @classmethod
    def from_value(cls, _sub_type: int, value: bytes) -> Self:
        """Read the fields."""
        return cls(*value)

    def to_octets(self) -> bytes:
        """Return the whole sub-TLV."""
        return bytes((self.sub_type, 3, self.crc_time_flags, self.crc_time_0, self.crc_time_1))


class Status(msgspec.Struct, frozen=True):
    """What the sender says of its time base; ``crc`` is a reserved octet where it is not *secured*."""

    status: int
    crc: int = 0
    secured: bool = False

    @classmethod
    def from_value(cls, sub_type: int, value: bytes) -> Self:
        """Read the fields."""
        return cls(value[0], value[1], sub_type == STATUS_SECURED)

    def to_octets(self) -> bytes:
        """Return the whole sub-TLV."""
        return bytes((STATUS_SECURED if self.secured else STATUS, 2, self.status, self.crc))


class UserData(msgspec.Struct, frozen=True):
    """Up to three octets of an application; all three are kept, ``length`` says how many are meant."""

    length: int
    octets: bytes
    crc: int = 0
    secured: bool = False

    @classmethod
    def from_value(cls, sub_type: int, value: bytes) -> Self:
        """Read the fields."""
        return cls(value[0], value[1:4], value[4], sub_type == USER_DATA_SECURED)

    def to_octets(self) -> bytes:
        """Return the whole sub-TLV."""
        sub_type = USER_DATA_SECURED if self.secured else USER_DATA
        return bytes((sub_type, 5, self.length)) + self.octets + bytes((self.crc,))


class OffsetTime(msgspec.Struct, frozen=True):
    """OFS: by how much another time domain is ahead of this one."""

    ofs_time_domain: int
    seconds: int
    nanoseconds: int
    status: int = 0
    user_data: UserData = UserData(0, bytes(USER_DATA_OCTETS))
    """Of the offset time base; its ``crc`` and ``secured`` say nothing."""
    crc: int = 0
    secured: bool = False

    @classmethod
    def from_value(cls, sub_type: int, value: bytes) -> Self:
        """Read the fields."""
        domain, high, low, nanoseconds, status, length, octets, crc = _OFFSET.unpack(value)
        return cls(
            domain, high << 32 | low, nanoseconds, status, UserData(length, octets), crc, sub_type == OFFSET_SECURED
        )

    def to_octets(self) -> bytes:
        """Return the whole sub-TLV."""
        return bytes((OFFSET_SECURED if self.secured else OFFSET, _OFFSET.size)) + self.covered() + bytes((self.crc,))

    def covered(self) -> bytes:
        """Return the value without its CRC."""
        high, low = divmod(self.seconds, 1 << 32)
        user = self.user_data
        octets = _OFFSET.pack(
            self.ofs_time_domain, high, low, self.nanoseconds, self.status, user.length, user.octets, 0
        )
        return octets[:-1]


class UnknownSubTlv(msgspec.Struct, frozen=True):
    """A sub-TLV of another type, kept octet for octet."""

    sub_type: int
    value: bytes

    @classmethod
    def from_value(cls, sub_type: int, value: bytes) -> Self:
        """Keep everything."""
        return cls(sub_type, value)

    def to_octets(self) -> bytes:
        """Return the whole sub-TLV."""
        return bytes((self.sub_type, len(self.value))) + self.value


SubTlv: TypeAlias = TimeSecured | Status | UserData | OffsetTime | UnknownSubTlv

STATUS_SECURED, STATUS = 0x50, 0x51
USER_DATA_SECURED, USER_DATA = 0x60, 0x61
OFFSET_SECURED, OFFSET = 0x44, 0x34
_OFFSET = Struct(">BHLLBB3sB")
_LENGTHS: dict[int, tuple[type[SubTlv], int]] = {
    TimeSecured.sub_type: (TimeSecured, 3),
    STATUS_SECURED: (Status, 2),
    STATUS: (Status, 2),
    USER_DATA_SECURED: (UserData, 5),
    USER_DATA: (UserData, 5),
    OFFSET_SECURED: (OffsetTime, _OFFSET.size),
    OFFSET: (OffsetTime, _OFFSET.size),
}


@register(TlvType.ORGANIZATION_EXTENSION, organization_id=ORGANIZATION_ID, organization_sub_type=SUB_TYPE)
class AutosarTimeSync(Tlv, msgspec.Struct):
    """All that AUTOSAR says in one Follow_Up."""

    tlv_type = TlvType.ORGANIZATION_EXTENSION
    may_be_odd = True

    sub_tlvs: tuple[SubTlv, ...] = ()

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the sub-TLVs."""
        expect_at_least(tlv_type, value, _IDENTIFIERS.size)
        return cls(tuple(_sub_tlvs(value[_IDENTIFIERS.size :])))

    def to_value(self) -> bytes:
        """Return the sub-TLVs."""
        identifiers = _IDENTIFIERS.pack(ORGANIZATION_ID, SUB_TYPE.to_bytes(3, "big"))
        return identifiers + b"".join(sub_tlv.to_octets() for sub_tlv in self.sub_tlvs)


def _sub_tlvs(octets: bytes) -> list[SubTlv]:
    found: list[SubTlv] = []
    offset = 0
    while offset < len(octets):
        if len(octets) - offset < 2:
            raise WireError("one octet is left after the last AUTOSAR sub-TLV", why="a sub-TLV has at least 2 octets")
        sub_type, length = octets[offset], octets[offset + 1]
        value = octets[offset + 2 : offset + 2 + length]
        if len(value) < length:
            raise WireError(
                f"AUTOSAR sub-TLV 0x{sub_type:02X} claims {counted(length, 'octet')} where {len(value)} are left",
                why="it passes the end of its TLV",
            )
        kind, expected = _LENGTHS.get(sub_type, (UnknownSubTlv, length))
        if length != expected:
            raise WireError(
                f"AUTOSAR sub-TLV 0x{sub_type:02X} has {counted(length, 'octet')}", why=f"it has {expected} always"
            )
        found.append(kind.from_value(sub_type, value))
        offset += 2 + length
    return found
