"""MANAGEMENT and MANAGEMENT_ERROR_STATUS: the frame around management data (IEEE 1588-2019 15.5.2, 15.5.4)."""

from __future__ import annotations

from struct import Struct
from typing import Self

import msgspec

from ptpstack.wire.tlv import Tlv, TlvType, expect_at_least, register

_ERROR = Struct(">HHL")


@register(TlvType.MANAGEMENT)
class ManagementTlv(Tlv, msgspec.Struct):
    """A managementId and its data, which only management understands."""

    tlv_type = TlvType.MANAGEMENT

    management_id: int
    data_field: bytes = b""

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Split off the managementId."""
        expect_at_least(tlv_type, value, 2)
        return cls(int.from_bytes(value[:2], "big"), value[2:])

    def to_value(self) -> bytes:
        """Return managementId and data."""
        return self.management_id.to_bytes(2, "big") + self.data_field


@register(TlvType.MANAGEMENT_ERROR_STATUS)
class ManagementErrorStatus(Tlv, msgspec.Struct):
    """Why a management message failed; ``display_data`` is the optional PTPText with its pad, as received."""

    tlv_type = TlvType.MANAGEMENT_ERROR_STATUS

    management_error_id: int
    management_id: int
    reserved: int = 0
    display_data: bytes = b""

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Split off the two identifiers."""
        expect_at_least(tlv_type, value, _ERROR.size)
        management_error_id, management_id, reserved = _ERROR.unpack_from(value)
        return cls(management_error_id, management_id, reserved, value[_ERROR.size :])

    def to_value(self) -> bytes:
        """Return identifiers and text."""
        return _ERROR.pack(self.management_error_id, self.management_id, self.reserved) + self.display_data
