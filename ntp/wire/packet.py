"""Octets to packets and back: the door of the wire package (RFC 5905 7.3, RFC 7822).

After the 48 octets of the header come extension fields (version 4 only), then perhaps a key identifier with
a digest. Nothing marks where the fields end: what is left when no field fits is told apart by its length.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from ntp.wire.extension_field import FRAME, ExtensionField, decode_field, encode_fields
from ptpstack.errors import WireError
from ptpstack.words import counted

HEADER = Struct(">BBbbLL4sQQQQ")
KEY_ID = Struct(">L")
SHORTEST_LAST_FIELD = 28
"""Octets of the last extension field, at least, where no digest follows (RFC 7822 7.5.1.4)."""

_VERSION_4_TRAILERS = frozenset({0, 4, 20, 24})
"""What may be left after the fields: nothing, a crypto-NAK, or a key identifier and 16 or 20 octets of digest."""

_EARLIER_TRAILERS = frozenset({0, 4, *range(20, 69, 4)})
"""Before version 4 there are no fields, hence digests of any length up to 64 octets."""


class Mode(IntEnum):
    """Association modes (RFC 5905 Figure 10)."""

    RESERVED = 0
    SYMMETRIC_ACTIVE = 1
    SYMMETRIC_PASSIVE = 2
    CLIENT = 3
    SERVER = 4
    BROADCAST = 5
    CONTROL = 6
    PRIVATE = 7


class Leap(IntEnum):
    """Leap indicator (RFC 5905 Figure 9)."""

    NONE = 0
    INSERT = 1
    DELETE = 2
    UNSYNCHRONIZED = 3


class Mac(NamedTuple):
    """Key identifier and digest; no digest at all is a crypto-NAK: the server did not accept the key."""

    key_id: int
    digest: bytes


@dataclass(slots=True, kw_only=True)
class Packet:
    """An NTP packet. Timestamps are in 2**-32 s since 1900 modulo 2**64, root delay and dispersion in 2**-16 s."""

    leap: Leap = Leap.NONE
    version: int = 4
    mode: Mode = Mode.CLIENT
    stratum: int = 0
    poll: int = 0
    precision: int = 0
    root_delay: int = 0
    root_dispersion: int = 0
    reference_id: bytes = bytes(4)
    reference_timestamp: int = 0
    origin_timestamp: int = 0
    receive_timestamp: int = 0
    transmit_timestamp: int = 0
    extension_fields: tuple[ExtensionField, ...] = ()
    mac: Mac | None = None

    @property
    def kiss_code(self) -> str | None:
        """Return the code of a kiss-o'-death such as ``RATE``, None where the packet is none (RFC 5905 7.4)."""
        if self.stratum or self.mode is not Mode.SERVER or not any(self.reference_id):
            return None
        return "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in self.reference_id.rstrip(b"\0"))


def decode(octets: bytes) -> Packet:
    """Return the packet that fills *octets*. Raises ``WireError`` and nothing else; ``encode`` gives them again."""
    if len(octets) < HEADER.size:
        raise WireError(
            f"{counted(len(octets), 'octet is', 'octets are')} no NTP packet", why=f"the header alone has {HEADER.size}"
        )
    first, stratum, poll, precision, root_delay, root_dispersion, reference_id, *timestamps = HEADER.unpack_from(octets)
    version = first >> 3 & 0x7
    if not 1 <= version <= 4:
        raise WireError(f"the version is {version}", why="only NTP versions 1 to 4 are understood")
    offset = HEADER.size
    fields = []
    if version == 4:
        while len(octets) - offset > max(_VERSION_4_TRAILERS):
            field, length = decode_field(octets[offset:])
            fields.append(field)
            offset += length
    return Packet(
        leap=Leap(first >> 6),
        version=version,
        mode=Mode(first & 0x7),
        stratum=stratum,
        poll=poll,
        precision=precision,
        root_delay=root_delay,
        root_dispersion=root_dispersion,
        reference_id=reference_id,
        reference_timestamp=timestamps[0],
        origin_timestamp=timestamps[1],
        receive_timestamp=timestamps[2],
        transmit_timestamp=timestamps[3],
        extension_fields=tuple(fields),
        mac=_mac(octets[offset:], _VERSION_4_TRAILERS if version == 4 else _EARLIER_TRAILERS),
    )


def encode(packet: Packet) -> bytes:
    """Return the octets of *packet*.

    Raises ``ValueError`` where a value does not fit its place, or where nobody could tell fields from digest.
    """
    octets = encode_without_mac(packet)
    trailer = b"" if packet.mac is None else KEY_ID.pack(packet.mac.key_id) + packet.mac.digest
    if len(trailer) not in (_VERSION_4_TRAILERS if packet.version == 4 else _EARLIER_TRAILERS):
        raise ValueError(
            f"version {packet.version} cannot carry a digest of {counted(len(trailer) - KEY_ID.size, 'octet')}"
        )
    if packet.extension_fields:
        last = FRAME.size + len(packet.extension_fields[-1].to_value()) + len(trailer)
        if last < SHORTEST_LAST_FIELD:
            raise ValueError(
                f"{last} octets from the last field on would be read as a digest: {SHORTEST_LAST_FIELD} or more"
            )
    return octets + trailer


def encode_without_mac(packet: Packet) -> bytes:
    """Return what a digest is computed over: header and extension fields. Raises ``ValueError`` as ``encode``."""
    if not 1 <= packet.version <= 4 or (packet.extension_fields and packet.version != 4):
        raise ValueError(f"cannot write version {packet.version}: there are 1 to 4, and only 4 has extension fields")
    try:
        header = HEADER.pack(
            packet.leap << 6 | packet.version << 3 | packet.mode,
            packet.stratum,
            packet.poll,
            packet.precision,
            packet.root_delay,
            packet.root_dispersion,
            packet.reference_id,
            packet.reference_timestamp,
            packet.origin_timestamp,
            packet.receive_timestamp,
            packet.transmit_timestamp,
        )
    except struct.error as error:
        raise ValueError(f"a field does not fit its place: {error} in {packet}") from error
    return header + encode_fields(packet.extension_fields)


def _mac(trailer: bytes, lengths: frozenset[int]) -> Mac | None:
    if len(trailer) not in lengths:
        raise WireError(
            f"{counted(len(trailer), 'octet is', 'octets are')} left at the end",
            why="neither extension field nor digest is so long",
        )
    return Mac(KEY_ID.unpack_from(trailer)[0], trailer[KEY_ID.size :]) if trailer else None
