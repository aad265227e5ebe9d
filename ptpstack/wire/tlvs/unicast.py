"""The four TLVs of unicast negotiation (IEEE 1588-2019 16.1.4), carried in Signaling messages.

``message_type`` is the plain number: which messages may be asked for is the negotiation's rule, not the wire's.
"""

from __future__ import annotations

from struct import Struct
from typing import Self

import msgspec

from ptpstack.wire.tlv import Tlv, TlvType, expect_length, register

_REQUEST = Struct(">BbL")
_GRANT = Struct(">BbLBB")


@register(TlvType.REQUEST_UNICAST_TRANSMISSION)
class RequestUnicastTransmission(Tlv, msgspec.Struct):
    """Send me these messages, one each 2**log_inter_message_period s, for ``duration_field`` seconds."""

    tlv_type = TlvType.REQUEST_UNICAST_TRANSMISSION

    message_type: int
    log_inter_message_period: int
    duration_field: int
    reserved_bits: int = 0

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fields."""
        expect_length(tlv_type, value, _REQUEST.size)
        first, period, duration = _REQUEST.unpack(value)
        return cls(first >> 4, period, duration, first & 0x0F)

    def to_value(self) -> bytes:
        """Return the fields."""
        first = _nibbles(self.message_type, self.reserved_bits)
        return _REQUEST.pack(first, self.log_inter_message_period, self.duration_field)


@register(TlvType.GRANT_UNICAST_TRANSMISSION)
class GrantUnicastTransmission(Tlv, msgspec.Struct):
    """You get them so often for so long; a ``duration_field`` of 0 denies the request."""

    tlv_type = TlvType.GRANT_UNICAST_TRANSMISSION

    message_type: int
    log_inter_message_period: int
    duration_field: int
    flags: int = 0
    reserved: int = 0
    reserved_bits: int = 0

    @property
    def renewal_invited(self) -> bool:
        """Whether the grantor will probably grant again."""
        return self.flags & 1 != 0

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fields."""
        expect_length(tlv_type, value, _GRANT.size)
        first, period, duration, reserved, flags = _GRANT.unpack(value)
        return cls(first >> 4, period, duration, flags, reserved, first & 0x0F)

    def to_value(self) -> bytes:
        """Return the fields."""
        first = _nibbles(self.message_type, self.reserved_bits)
        return _GRANT.pack(first, self.log_inter_message_period, self.duration_field, self.reserved, self.flags)


class _Cancellation(Tlv, msgspec.Struct):
    message_type: int
    flags: int = 0
    reserved: int = 0

    @property
    def maintain_request(self) -> bool:
        """Whether the grantee keeps wanting the messages."""
        return self.flags & 1 != 0

    @property
    def maintain_grant(self) -> bool:
        """Whether the grantor keeps sending the messages."""
        return self.flags & 2 != 0

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fields."""
        expect_length(tlv_type, value, 2)
        return cls(value[0] >> 4, value[0] & 0x0F, value[1])

    def to_value(self) -> bytes:
        """Return the fields."""
        return bytes([_nibbles(self.message_type, self.flags), self.reserved])


@register(TlvType.CANCEL_UNICAST_TRANSMISSION)
class CancelUnicastTransmission(_Cancellation):
    """Either side ends a grant."""

    tlv_type = TlvType.CANCEL_UNICAST_TRANSMISSION


@register(TlvType.ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION)
class AcknowledgeCancelUnicastTransmission(_Cancellation):
    """The other side has understood the cancellation."""

    tlv_type = TlvType.ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION


def _nibbles(high: int, low: int) -> int:
    if not (0 <= high <= 0xF and 0 <= low <= 0xF):
        raise ValueError(f"{high} and {low} share an octet and have 4 bits each")
    return high << 4 | low
