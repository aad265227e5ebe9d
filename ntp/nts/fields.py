"""The NTS extension fields of NTP packets (RFC 8915 5), and where a packet's authenticated part ends.

What lives here: the fields as ``ntp.wire`` reads and writes them, sealing a packet and opening one. What does not:
whose keys those are and which cookie is sent (``authenticator`` for a client, ``server_side`` for a server).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Self

from ntp.nts.aead import Aead
from ntp.wire.extension_field import ExtensionField, FieldType, decode_field, encode_fields, register
from ntp.wire.packet import HEADER, SHORTEST_LAST_FIELD
from ptpstack.errors import WireError
from ptpstack.words import counted

UNIQUE_IDENTIFIER_OCTETS = 32
"""Random octets of a Unique Identifier, at least (RFC 8915 5.3)."""

MOST_COOKIES = 8
"""Cookies that a client keeps, and a server gives at a time (RFC 8915 4.1.6, 5.7)."""

_LENGTHS = Struct(">HH")


@dataclass(frozen=True, slots=True)
class _Octets(ExtensionField):
    """A field whose value is octets that only one side understands."""

    octets: bytes

    @classmethod
    def from_value(cls, field_type: int, value: bytes) -> Self:
        """Take the octets as they are."""
        del field_type
        return cls(value)

    def to_value(self) -> bytes:
        return self.octets


@register
@dataclass(frozen=True, slots=True)
class UniqueIdentifier(_Octets):
    """Random octets that the reply repeats: a reply to this request, not to an earlier one (RFC 8915 5.3)."""

    field_type = FieldType.NTS_UNIQUE_IDENTIFIER


@register
@dataclass(frozen=True, slots=True)
class Cookie(_Octets):
    """What the server needs to know of the client, sealed by the server for itself (RFC 8915 5.4)."""

    field_type = FieldType.NTS_COOKIE


@register
@dataclass(frozen=True, slots=True)
class CookiePlaceholder(_Octets):
    """Room for one more cookie in the reply, as long as a cookie: no reply is longer than its request (5.5)."""

    field_type = FieldType.NTS_COOKIE_PLACEHOLDER


@register
@dataclass(frozen=True, slots=True)
class Authenticator(ExtensionField):
    """Proof over all that stands before it, and fields that nobody else reads (RFC 8915 5.6).

    *padding* is what a client adds so that the server has room for a longer nonce.
    """

    field_type = FieldType.NTS_AUTHENTICATOR
    nonce: bytes
    ciphertext: bytes
    padding: bytes = b""

    @classmethod
    def from_value(cls, field_type: int, value: bytes) -> Self:
        """Take the parts. Raises ``WireError`` where they do not fit, or padding within is not zero."""
        where = f"extension field 0x{field_type:04X}"
        nonce_octets, ciphertext_octets = _LENGTHS.unpack_from(value)  # fields have 12 octets or more
        nonce_end = _LENGTHS.size + _padded(nonce_octets)
        end = nonce_end + _padded(ciphertext_octets)
        if end > len(value):
            why = f"nonce and ciphertext take {counted(end, 'octet')}, and it has {len(value)}"
            raise WireError("its parts do not fit", where=where, why=why)
        nonce, nonce_rest = _parted(value[_LENGTHS.size : nonce_end], nonce_octets)
        ciphertext, ciphertext_rest = _parted(value[nonce_end:end], ciphertext_octets)
        if any(nonce_rest) or any(ciphertext_rest):
            raise WireError("its padding is not zero", where=where, why="nonce and ciphertext are padded by zeros")
        return cls(nonce, ciphertext, value[end:])

    def to_value(self) -> bytes:
        """Return lengths, nonce, ciphertext and padding."""
        lengths = _LENGTHS.pack(len(self.nonce), len(self.ciphertext))
        parts = (octets + bytes(-len(octets) % 4) for octets in (self.nonce, self.ciphertext))
        return lengths + b"".join(parts) + self.padding


@dataclass(frozen=True, slots=True)
class Protected:
    """A packet in its parts: the fields before the authenticator, the octets it covers, and itself.

    What follows the authenticator proves nothing and is not here (RFC 8915 5.7).
    """

    fields: tuple[ExtensionField, ...]
    covered: bytes
    authenticator: Authenticator

    @property
    def unique_identifier(self) -> bytes:
        """The one Unique Identifier. Raises ``WireError``."""
        return self._only(UniqueIdentifier).octets

    @property
    def cookie(self) -> bytes:
        """The one cookie of a request. Raises ``WireError``."""
        return self._only(Cookie).octets

    def open(self, aead: Aead) -> tuple[ExtensionField, ...]:
        """Return the encrypted fields. Raises ``AuthenticationError``, and ``WireError`` if they are none."""
        return decode_fields(aead.open(self.authenticator.nonce, self.authenticator.ciphertext, self.covered))

    def _only(self, kind: type[_Octets]) -> _Octets:
        found = [field for field in self.fields if isinstance(field, kind)]
        if len(found) != 1:
            raise WireError(f"there are {len(found)} {kind.__name__} fields", why="one is to be there (RFC 8915 5.7)")
        return found[0]


def split(octets: bytes) -> Protected | None:
    """Return the packet *octets* in its parts, None if it has no authenticator. Raises ``WireError``."""
    fields: list[ExtensionField] = []
    offset = HEADER.size
    while len(octets) - offset >= SHORTEST_LAST_FIELD:  # a digest is shorter
        field, length = decode_field(octets[offset:])
        if isinstance(field, Authenticator):
            return Protected(tuple(fields), octets[:offset], field)
        fields.append(field)
        offset += length
    return None


def seal(covered: bytes, secret_fields: Sequence[ExtensionField], aead: Aead, nonce: bytes) -> bytes:
    """Return the packet of the octets *covered* (header and fields) and the authenticator over them."""
    ciphertext = aead.seal(nonce, encode_fields(secret_fields), covered)
    return covered + encode_fields([Authenticator(nonce, ciphertext)])


def decode_fields(octets: bytes) -> tuple[ExtensionField, ...]:
    """Return the fields that fill *octets*. Raises ``WireError``."""
    fields = []
    while octets:
        if len(octets) < 16:
            raise WireError(
                f"{counted(len(octets), 'octet is', 'octets are')} left at the end",
                why="no extension field is so short",
            )
        field, length = decode_field(octets)
        fields.append(field)
        octets = octets[length:]
    return tuple(fields)


def _padded(octets: int) -> int:
    return octets + -octets % 4


def _parted(octets: bytes, count: int) -> tuple[bytes, bytes]:
    return octets[:count], octets[count:]
