"""TLVs: the framing, the registry of known ones, and those that nobody here knows (IEEE 1588-2019 clause 14).

What lives here: what all TLVs share. What does not: each known TLV's fields, in ``ptpstack.wire.tlvs``.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self, TypeVar

import msgspec

from ptpstack.errors import WireError
from ptpstack.words import counted


class TlvType(IntEnum):
    """tlvType (IEEE 1588-2019 Table 52)."""

    MANAGEMENT = 0x0001
    MANAGEMENT_ERROR_STATUS = 0x0002
    ORGANIZATION_EXTENSION = 0x0003
    REQUEST_UNICAST_TRANSMISSION = 0x0004
    GRANT_UNICAST_TRANSMISSION = 0x0005
    CANCEL_UNICAST_TRANSMISSION = 0x0006
    ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION = 0x0007
    PATH_TRACE = 0x0008
    ALTERNATE_TIME_OFFSET_INDICATOR = 0x0009
    ORGANIZATION_EXTENSION_PROPAGATE = 0x4000
    ENHANCED_ACCURACY_METRICS = 0x4001
    ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE = 0x8000
    L1_SYNC = 0x8001
    PORT_COMMUNICATION_AVAILABILITY = 0x8002
    PROTOCOL_ADDRESS = 0x8003
    SLAVE_RX_SYNC_TIMING_DATA = 0x8004
    SLAVE_RX_SYNC_COMPUTED_DATA = 0x8005
    SLAVE_TX_EVENT_TIMESTAMPS = 0x8006
    CUMULATIVE_RATE_RATIO = 0x8007
    PAD = 0x8008
    AUTHENTICATION = 0x8009


class Tlv:
    """One TLV. A subclass says its type and turns the valueField into fields and back."""

    __slots__ = ()
    tlv_type: int
    may_be_odd: ClassVar[bool] = False
    """Whether it may have an odd number of octets, which IEEE 1588-2019 5.3.8 does not allow but others do."""

    @property
    def propagates(self) -> bool:
        """Whether a boundary clock forwards this TLV of an Announce (IEEE 1588-2019 Table 52)."""
        return 0x4000 <= self.tlv_type < 0x8000 or self.tlv_type in _PROPAGATE_BELOW_0X4000

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Return the TLV whose valueField is *value*. Raises ``WireError``."""
        raise NotImplementedError

    def to_value(self) -> bytes:
        """Return the valueField."""
        raise NotImplementedError


_PROPAGATE_BELOW_0X4000 = (TlvType.PATH_TRACE, TlvType.ALTERNATE_TIME_OFFSET_INDICATOR)


class UnknownTlv(Tlv, msgspec.Struct):
    """A TLV that is not registered, kept octet for octet."""

    tlv_type: int
    value: bytes

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Keep everything."""
        return cls(tlv_type, value)

    def to_value(self) -> bytes:
        """Return what was kept."""
        return self.value


_Key = tuple[int, bytes | None, int | None]
_AnyTlv = TypeVar("_AnyTlv", bound=Tlv)
_registry: dict[_Key, type[Tlv]] = {}
_ORGANIZATION_TYPES = (
    TlvType.ORGANIZATION_EXTENSION,
    TlvType.ORGANIZATION_EXTENSION_PROPAGATE,
    TlvType.ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE,
)


def register(
    *tlv_types: int, organization_id: bytes | None = None, organization_sub_type: int | None = None
) -> Callable[[type[_AnyTlv]], type[_AnyTlv]]:
    """Return a class decorator that makes a class the decoder of *tlv_types*, or of one organization's subtype."""

    def add(tlv_class: type[_AnyTlv]) -> type[_AnyTlv]:
        for tlv_type in tlv_types:
            key = (tlv_type, organization_id, organization_sub_type)
            if key in _registry:
                raise ValueError(f"TLV {key} is registered already, by {_registry[key].__name__}")
            _registry[key] = tlv_class
        return tlv_class

    return add


_FRAME = Struct(">HH")


def decode_tlvs(octets: bytes) -> tuple[Tlv, ...]:
    """Return the TLVs that fill *octets*. Raises ``WireError`` where their frames do not."""
    tlvs = []
    offset = 0
    while offset < len(octets):
        if len(octets) - offset < 4:
            raise WireError(
                f"{counted(len(octets) - offset, 'octet is', 'octets are')} left after the last TLV",
                why="a TLV has at least 4 octets",
            )
        tlv_type, length = _FRAME.unpack_from(octets, offset)
        start, offset = offset + 4, offset + 4 + length
        if offset > len(octets):
            raise WireError(
                f"TLV 0x{tlv_type:04X} claims {counted(length, 'octet')} where {len(octets) - start} are left",
                why="its lengthField passes the end of the message",
            )
        value = octets[start:offset]
        tlv_class = _class_for(tlv_type, value)
        if length % 2 and not tlv_class.may_be_odd:
            raise WireError(f"TLV 0x{tlv_type:04X} has the odd length {length}", why="lengths are even (5.3.8)")
        tlvs.append(tlv_class.from_value(tlv_type, value))
    return tuple(tlvs)


def encode_tlvs(tlvs: tuple[Tlv, ...]) -> bytes:
    """Return the octets of *tlvs* in order. Raises ``ValueError`` on a value of odd length."""
    octets = bytearray()
    for tlv in tlvs:
        value = tlv.to_value()
        if len(value) % 2 and not tlv.may_be_odd:
            raise ValueError(f"{tlv} has {counted(len(value), 'octet')}: TLV lengths are even (IEEE 1588-2019 5.3.8)")
        octets += _FRAME.pack(tlv.tlv_type, len(value)) + value
    return bytes(octets)


def encoded_size(tlv: Tlv) -> int:
    """Return how many octets *tlv* takes in a message."""
    return _FRAME.size + len(tlv.to_value())


def _class_for(tlv_type: int, value: bytes) -> type[Tlv]:
    if tlv_type in _ORGANIZATION_TYPES:
        specific = _registry.get((tlv_type, value[:3], int.from_bytes(value[3:6], "big")))
        if specific is not None:
            return specific
    return _registry.get((tlv_type, None, None), UnknownTlv)


def expect_length(tlv_type: int, value: bytes, length: int) -> None:
    """Raise ``WireError`` unless *value* has exactly *length* octets."""
    if len(value) != length:
        raise WireError(
            f"a {TlvType(tlv_type).name} TLV has {counted(len(value), 'octet')}", why=f"it has {length} always"
        )


def expect_at_least(tlv_type: int, value: bytes, length: int) -> None:
    """Raise ``WireError`` where *value* is shorter than the *length* octets of the fixed fields."""
    if len(value) < length:
        raise WireError(
            f"a {TlvType(tlv_type).name} TLV has {counted(len(value), 'octet')}", why=f"it has {length} at least"
        )
