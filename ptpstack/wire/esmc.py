"""ESMC PDUs: how good the frequency of an Ethernet signal is, told once a second on each link (ITU-T G.8264 11.3).

What lives here: from the payload of a slow-protocols frame (EtherType 0x8809) to an :class:`EsmcPdu` and back. What
does not: what a quality level means (``ptpstack.synce``).
"""

from __future__ import annotations

from struct import Struct

import msgspec

from ptpstack.errors import WireError
from ptpstack.wire.types import ClockIdentity
from ptpstack.words import counted

MAC = bytes.fromhex("0180c2000002")
"""Slow protocols: no bridge forwards it."""
ETHERTYPE = 0x8809

SUBTYPE_ORGANIZATION_SPECIFIC = 0x0A
ORGANIZATION_ID = b"\x00\x19\xa7"
ITU_SUBTYPE = 1
VERSION = 1
LEAST_PAYLOAD = 46
"""What an Ethernet frame must hold: PDUs are padded to it."""

_HEADER = Struct(">B3sHB3x")
_TLV = Struct(">BH")
_QL_TLV, _EXTENDED_QL_TLV = 1, 2
_QL_LENGTH, _EXTENDED_QL_LENGTH = 4, 20
_EXTENDED = Struct(">B8sBBB5x")
_EVENT_FLAG = 0x08
_MIXED, _PARTIAL = 0x01, 0x02
NOT_ENHANCED = 0xFF
"""The enhanced SSM code of a level that has none of its own."""


class ExtendedQl(msgspec.Struct, frozen=True):
    """The extended QL TLV (G.8264 11.3.1.2): *clock_identity* is that of the clock whose quality is told."""

    enhanced_ssm: int = NOT_ENHANCED
    clock_identity: ClockIdentity = ClockIdentity()
    mixed_eec_eeec: bool = False
    """Not all clocks on the way are enhanced ones."""
    partial_chain: bool = False
    """The counts do not go back to the source: some clock on the way does not know this TLV."""
    cascaded_eeec: int = 0
    cascaded_eec: int = 0


class EsmcPdu(msgspec.Struct, frozen=True):
    """One PDU: *ssm* is the four-bit code, *is_event* that it was sent because that changed."""

    ssm: int
    is_event: bool = False
    extended: ExtendedQl | None = None


def encode(pdu: EsmcPdu) -> bytes:
    """Return the payload of the frame."""
    flags = VERSION << 4 | _EVENT_FLAG * pdu.is_event
    octets = _HEADER.pack(SUBTYPE_ORGANIZATION_SPECIFIC, ORGANIZATION_ID, ITU_SUBTYPE, flags)
    octets += _TLV.pack(_QL_TLV, _QL_LENGTH) + bytes((pdu.ssm & 0x0F,))
    if (more := pdu.extended) is not None:
        octets += _TLV.pack(_EXTENDED_QL_TLV, _EXTENDED_QL_LENGTH) + _EXTENDED.pack(
            more.enhanced_ssm,
            bytes(more.clock_identity),
            _MIXED * more.mixed_eec_eeec | _PARTIAL * more.partial_chain,
            min(more.cascaded_eeec, 0xFF),
            min(more.cascaded_eec, 0xFF),
        )
    return octets.ljust(LEAST_PAYLOAD, b"\0")


def decode(payload: bytes) -> EsmcPdu | None:
    """Return the PDU in *payload*, None for another slow protocol (LACP, OAM). Raises :class:`WireError`."""
    if not payload or payload[0] != SUBTYPE_ORGANIZATION_SPECIFIC:
        return None
    if len(payload) < _HEADER.size:
        raise WireError(f"a slow-protocols frame of {counted(len(payload), 'octet')} ends in its header")
    _, organization_id, itu_subtype, flags = _HEADER.unpack_from(payload)
    if organization_id != ORGANIZATION_ID or itu_subtype != ITU_SUBTYPE:
        return None
    if flags >> 4 != VERSION:
        raise WireError(f"an ESMC PDU has version {flags >> 4}", why="this program knows version 1 (G.8264 11.3.1)")
    ssm, extended = _tlvs(payload)
    return EsmcPdu(ssm, bool(flags & _EVENT_FLAG), extended)


def _tlvs(payload: bytes) -> tuple[int, ExtendedQl | None]:
    """Return the code of the QL TLV, which stands first, and the extended TLV; those of later versions are skipped."""
    kind, length, value = _tlv(payload, _HEADER.size)
    if (kind, length) != (_QL_TLV, _QL_LENGTH):
        raise WireError(
            f"an ESMC PDU begins with a TLV {kind} of {counted(length, 'octet')}", why="the QL TLV stands first"
        )
    at, extended = _HEADER.size + length, None
    while at + _TLV.size <= len(payload) and payload[at]:  # a type of 0 is padding
        kind, length, octets = _tlv(payload, at)
        if kind == _EXTENDED_QL_TLV and extended is None:
            if length != _EXTENDED_QL_LENGTH:
                raise WireError(
                    f"an extended QL TLV has {counted(length, 'octet')}", why=f"it has {_EXTENDED_QL_LENGTH}"
                )
            extended = _extended(octets)
        at += length
    return value[0] & 0x0F, extended


def _tlv(payload: bytes, at: int) -> tuple[int, int, bytes]:
    """Return type, whole length and value of the TLV at *at*."""
    if at + _TLV.size > len(payload):
        raise WireError("an ESMC PDU without a QL TLV")
    kind, length = _TLV.unpack_from(payload, at)
    if length < _TLV.size or at + length > len(payload):
        raise WireError(
            f"an ESMC TLV {kind} has a length of {length}",
            why=f"{counted(len(payload) - at, 'octet is', 'octets are')} left",
        )
    return kind, length, payload[at + _TLV.size : at + length]


def _extended(octets: bytes) -> ExtendedQl:
    enhanced_ssm, clock_identity, flags, cascaded_eeec, cascaded_eec = _EXTENDED.unpack(octets)
    return ExtendedQl(
        enhanced_ssm,
        ClockIdentity(clock_identity),
        bool(flags & _MIXED),
        bool(flags & _PARTIAL),
        cascaded_eeec,
        cascaded_eec,
    )
