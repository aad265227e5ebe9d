"""ORGANIZATION_EXTENSION and its two siblings: TLVs of standards bodies and vendors (IEEE 1588-2019 14.3)."""

from __future__ import annotations

from typing import Self

import msgspec

from ptpstack.wire.tlv import Tlv, TlvType, expect_at_least, register


@register(
    TlvType.ORGANIZATION_EXTENSION,
    TlvType.ORGANIZATION_EXTENSION_PROPAGATE,
    TlvType.ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE,
)
class OrganizationExtension(Tlv, msgspec.Struct):
    """An extension without a class of its own: who defined it (OUI or CID), which one it is, and its data."""

    tlv_type: int
    organization_id: bytes
    organization_sub_type: int
    data_field: bytes = b""

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Split off the two identifiers."""
        expect_at_least(tlv_type, value, 6)
        return cls(tlv_type, value[:3], int.from_bytes(value[3:6], "big"), value[6:])

    def to_value(self) -> bytes:
        """Return identifiers and data. Raises ``ValueError`` where an identifier is not of 24 bits."""
        if len(self.organization_id) != 3 or not 0 <= self.organization_sub_type < 1 << 24:
            raise ValueError(f"{self}: organizationId and organizationSubType have 3 octets each")
        return self.organization_id + self.organization_sub_type.to_bytes(3, "big") + self.data_field
