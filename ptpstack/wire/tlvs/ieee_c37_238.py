"""IEEE_C37_238 of both editions: how wrong the time may be by now, told in each Announce and added to on its way.

IEEE C37.238-2017 5.4 and C37.238-2011 5.12.2; both as ORGANIZATION_EXTENSION of IEEE's power profile (1C-12-9D).
"""

from __future__ import annotations

from struct import Struct
from typing import Self

import msgspec

from ptpstack.wire.tlv import Tlv, TlvType, expect_length, register

ORGANIZATION_ID = b"\x1c\x12\x9d"
SUB_TYPE_2011, SUB_TYPE_2017 = 1, 2
UNKNOWN_INACCURACY_NS = 0xFFFF_FFFF
"""Exceeded, or not known."""

_FIELDS = Struct(">3s3sHLLH")
"""organizationId, organizationSubType, grandmasterID, two 32-bit fields by edition, reserved."""


def sum_of_inaccuracies_ns(one_ns: int, other_ns: int) -> int:
    """Return both together; what is not known makes the sum not known."""
    return min(one_ns + other_ns, UNKNOWN_INACCURACY_NS)


@register(TlvType.ORGANIZATION_EXTENSION, organization_id=ORGANIZATION_ID, organization_sub_type=SUB_TYPE_2017)
class IeeeC37238(Tlv, msgspec.Struct):
    """The edition of 2017: one inaccuracy, from the source to the receiver."""

    tlv_type = TlvType.ORGANIZATION_EXTENSION

    grandmaster_id: int = 0
    total_time_inaccuracy_ns: int = UNKNOWN_INACCURACY_NS
    reserved: tuple[int, int] = (0, 0)

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fields."""
        expect_length(tlv_type, value, _FIELDS.size)
        _, _, grandmaster_id, reserved, total, trailing = _FIELDS.unpack(value)
        return cls(grandmaster_id, total, (reserved, trailing))

    def to_value(self) -> bytes:
        """Return the fields."""
        sub_type = SUB_TYPE_2017.to_bytes(3, "big")
        reserved, trailing = self.reserved
        return _FIELDS.pack(
            ORGANIZATION_ID, sub_type, self.grandmaster_id, reserved, self.total_time_inaccuracy_ns, trailing
        )

    def with_added(self, inaccuracy_ns: int) -> IeeeC37238:
        """Return what a clock on the way hands on that adds *inaccuracy_ns*."""
        total_ns = sum_of_inaccuracies_ns(self.total_time_inaccuracy_ns, inaccuracy_ns)
        return msgspec.structs.replace(self, total_time_inaccuracy_ns=total_ns)


@register(TlvType.ORGANIZATION_EXTENSION, organization_id=ORGANIZATION_ID, organization_sub_type=SUB_TYPE_2011)
class IeeeC37238Of2011(Tlv, msgspec.Struct):
    """The edition of 2011: the grandmaster's inaccuracy and the network's, told apart."""

    tlv_type = TlvType.ORGANIZATION_EXTENSION

    grandmaster_id: int = 0
    grandmaster_time_inaccuracy_ns: int = UNKNOWN_INACCURACY_NS
    network_time_inaccuracy_ns: int = 0
    reserved: int = 0

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fields."""
        expect_length(tlv_type, value, _FIELDS.size)
        return cls(*_FIELDS.unpack(value)[2:])

    def to_value(self) -> bytes:
        """Return the fields."""
        sub_type = SUB_TYPE_2011.to_bytes(3, "big")
        grandmaster_ns, network_ns = self.grandmaster_time_inaccuracy_ns, self.network_time_inaccuracy_ns
        return _FIELDS.pack(ORGANIZATION_ID, sub_type, self.grandmaster_id, grandmaster_ns, network_ns, self.reserved)

    def with_added(self, inaccuracy_ns: int) -> IeeeC37238Of2011:
        """Return what a clock on the way hands on that adds *inaccuracy_ns*."""
        network_ns = sum_of_inaccuracies_ns(self.network_time_inaccuracy_ns, inaccuracy_ns)
        return msgspec.structs.replace(self, network_time_inaccuracy_ns=network_ns)
