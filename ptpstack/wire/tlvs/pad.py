"""PAD: octets that only make a message longer (IEEE 1588-2019 14.4.2)."""

from __future__ import annotations

from typing import Self

import msgspec

from ptpstack.wire.tlv import Tlv, TlvType, register


@register(TlvType.PAD)
class Pad(Tlv, msgspec.Struct):
    """Filling, whose content nobody reads."""

    tlv_type = TlvType.PAD

    pad: bytes = b""

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:  # noqa: ARG003 (the interface of every TLV)
        """Keep the filling."""
        return cls(value)

    def to_value(self) -> bytes:
        """Return the filling."""
        return self.pad
