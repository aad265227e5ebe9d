"""The interface rate TLV of ITU-T G.8275.2 Annex D, an ORGANIZATION_EXTENSION carried in Signaling messages."""

from __future__ import annotations

from struct import Struct
from typing import Self

import msgspec

from ptpstack.wire.tlv import Tlv, TlvType, expect_length, register

_VALUE = Struct(">3s3sQHH")
ORGANIZATION_ID = b"\x00\x19\xa7"
ORGANIZATION_SUB_TYPE = 2
_SUB_TYPE = ORGANIZATION_SUB_TYPE.to_bytes(3, "big")


@register(
    TlvType.ORGANIZATION_EXTENSION,
    organization_id=ORGANIZATION_ID,
    organization_sub_type=ORGANIZATION_SUB_TYPE,
)
class InterfaceRate(Tlv, msgspec.Struct):
    """How long a bit takes on the sender's link, attoseconds, and how many pass before and after the stamped point."""

    tlv_type = TlvType.ORGANIZATION_EXTENSION

    interface_bit_period: int
    number_of_bits_before_timestamp: int = 64
    number_of_bits_after_timestamp: int = 720

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fields."""
        expect_length(tlv_type, value, _VALUE.size)
        return cls(*_VALUE.unpack(value)[2:])

    def to_value(self) -> bytes:
        """Return the fields."""
        bits = self.number_of_bits_before_timestamp, self.number_of_bits_after_timestamp
        return _VALUE.pack(ORGANIZATION_ID, _SUB_TYPE, self.interface_bit_period, *bits)
