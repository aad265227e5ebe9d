"""ALTERNATE_TIME_OFFSET_INDICATOR: a time zone beside the PTP timescale (IEEE 1588-2019 16.3)."""

from __future__ import annotations

from struct import Struct
from typing import Self

import msgspec

from ptpstack.errors import WireError
from ptpstack.wire.tlv import Tlv, TlvType, expect_at_least, register
from ptpstack.words import counted

_FIXED = Struct(">BllHLB")
"""keyField, currentOffset, jumpSeconds, timeOfNextJump (48 bits in two), length of displayName."""


@register(TlvType.ALTERNATE_TIME_OFFSET_INDICATOR)
class AlternateTimeOffsetIndicator(Tlv, msgspec.Struct):
    """Offset now and after the next jump, in seconds; ``display_name`` is UTF-8 of at most 10 octets.

    ``trailer`` holds received octets after the name other than the one that makes the length even.
    """

    tlv_type = TlvType.ALTERNATE_TIME_OFFSET_INDICATOR

    key_field: int
    current_offset: int
    jump_seconds: int = 0
    time_of_next_jump: int = 0
    display_name: bytes = b""
    trailer: bytes = b""

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fixed fields and the name."""
        expect_at_least(tlv_type, value, _FIXED.size)
        key, offset, jump, next_high, next_low, name_length = _FIXED.unpack_from(value)
        name_end = _FIXED.size + name_length
        if name_end > len(value):
            raise WireError(
                f"an ALTERNATE_TIME_OFFSET_INDICATOR TLV names {counted(name_length, 'octet')} of displayName",
                why=f"{len(value) - _FIXED.size} are left",
            )
        trailer = value[name_end:]
        if trailer == b"\0":
            trailer = b""
        return cls(key, offset, jump, next_high << 32 | next_low, value[_FIXED.size : name_end], trailer)

    def to_value(self) -> bytes:
        """Return the fields, padded to an even length."""
        fixed = _FIXED.pack(
            self.key_field,
            self.current_offset,
            self.jump_seconds,
            self.time_of_next_jump >> 32,
            self.time_of_next_jump & 0xFFFF_FFFF,
            len(self.display_name),
        )
        octets = fixed + self.display_name + self.trailer
        return octets + bytes(len(octets) % 2)
