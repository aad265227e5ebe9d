"""Extension fields: the framing, the registry of known ones, and those that nobody here knows (RFC 7822)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Self

from ptpstack.errors import WireError
from ptpstack.words import counted

FRAME = Struct(">HH")
SHORTEST = 16
"""Octets of the shortest extension field with its frame (RFC 7822 7.5)."""


class FieldType(IntEnum):
    """Field types by name (the IANA registry of NTP extension field types)."""

    NTS_UNIQUE_IDENTIFIER = 0x0104
    NETWORK_CORRECTION = 0x010A
    NTS_COOKIE = 0x0204
    NTS_COOKIE_PLACEHOLDER = 0x0304
    NTS_AUTHENTICATOR = 0x0404
    CHECKSUM_COMPLEMENT = 0x2005


class ExtensionField:
    """One extension field. A subclass says its type and turns the value into fields and back."""

    __slots__ = ()
    field_type: int

    @classmethod
    def from_value(cls, field_type: int, value: bytes) -> Self:
        """Return the field whose value is *value*. Raises ``WireError``."""
        raise NotImplementedError

    def to_value(self) -> bytes:
        """Return the value, without the frame."""
        raise NotImplementedError


@dataclass(slots=True)
class UnknownField(ExtensionField):
    """A field that is not registered, kept octet for octet, padding included."""

    field_type: int
    value: bytes

    @classmethod
    def from_value(cls, field_type: int, value: bytes) -> Self:
        """Keep everything."""
        return cls(field_type, value)

    def to_value(self) -> bytes:
        """Return what was kept."""
        return self.value


_registry: dict[int, type[ExtensionField]] = {}


def register(field_class: type[ExtensionField]) -> type[ExtensionField]:
    """Make *field_class* the decoder of its type (a class decorator)."""
    known = _registry.setdefault(field_class.field_type, field_class)
    if known is not field_class:
        raise ValueError(f"extension field 0x{field_class.field_type:04X} is registered already, by {known.__name__}")
    return field_class


@register
@dataclass(slots=True)
class NetworkCorrection(ExtensionField):
    """How long transparent clocks held the request on its way, in 2**-32 s (NTP over PTP)."""

    field_type = FieldType.NETWORK_CORRECTION

    correction: int
    padding: bytes = bytes(16)

    @classmethod
    def from_value(cls, field_type: int, value: bytes) -> Self:
        """Take the first eight octets. Raises ``WireError`` where there are fewer."""
        if len(value) < 8:
            raise WireError(
                f"extension field 0x{field_type:04X} has {counted(len(value), 'octet')}", why="a correction takes 8"
            )
        return cls(int.from_bytes(value[:8], "big"), value[8:])

    def to_value(self) -> bytes:
        """Return correction and padding."""
        return self.correction.to_bytes(8, "big") + self.padding


def decode_field(octets: bytes) -> tuple[ExtensionField, int]:
    """Return the field that *octets* begin with, and its length. Raises ``WireError``."""
    field_type, length = FRAME.unpack_from(octets)
    where = f"extension field 0x{field_type:04X}"
    if length % 4:
        raise WireError(f"has the length {length}", where=where, why="lengths are multiples of 4 (RFC 7822 7.5)")
    if length < SHORTEST:
        raise WireError(f"has the length {length}", where=where, why=f"the least is {SHORTEST} (RFC 7822 7.5)")
    if length > len(octets):
        raise WireError(
            f"has the length {length}", where=where, why=f"only {counted(len(octets), 'octet is', 'octets are')} left"
        )
    known = _registry.get(field_type, UnknownField)
    return known.from_value(field_type, octets[FRAME.size : length]), length


def encode_fields(fields: Sequence[ExtensionField]) -> bytes:
    """Return the octets of *fields* in order. Raises ``ValueError`` on a length that no decoder takes."""
    octets = bytearray()
    for field in fields:
        value = field.to_value()
        length = FRAME.size + len(value)
        if length % 4 or not SHORTEST <= length <= 0xFFFC:
            raise ValueError(f"{field} has {counted(length, 'octet')}: 16, 20, … 65532 can be written (RFC 7822)")
        octets += FRAME.pack(field.field_type, length) + value
    return bytes(octets)
