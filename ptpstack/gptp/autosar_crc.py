"""The CRCs of AUTOSAR's Time Synchronization over Ethernet: over what, and by which table (PRS_TimeSyncProtocol).

CRC8H2F: polynomial 0x2F, begun and ended with 0xFF. The last octet under each is the DataID, which a list of sixteen
gives for the sequenceId; both sides know the list, so a CRC of another sender, or of an older message, is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag

from msgspec.structs import replace

from ptpstack.wire.tlvs.autosar import OffsetTime, Status, SubTlv, TimeSecured, UserData

POLYNOMIAL, BEGIN, END = 0x2F, 0xFF, 0xFF
DATA_IDS = 16


class CrcTimeFlag(IntFlag):
    """Which fields of the Follow_Up are covered (CRC_Time_Flags)."""

    MESSAGE_LENGTH = 0x01
    DOMAIN_NUMBER = 0x02
    CORRECTION_FIELD = 0x04
    SOURCE_PORT_IDENTITY = 0x08
    SEQUENCE_ID = 0x10
    PRECISE_ORIGIN_TIMESTAMP = 0x20


ALL_FIELDS = (1 << len(CrcTimeFlag)) - 1

_UNDER_CRC_0 = (
    (CrcTimeFlag.DOMAIN_NUMBER, slice(4, 5)),
    (CrcTimeFlag.SOURCE_PORT_IDENTITY, slice(20, 30)),
    (CrcTimeFlag.PRECISE_ORIGIN_TIMESTAMP, slice(34, 44)),
)
_UNDER_CRC_1 = (
    (CrcTimeFlag.MESSAGE_LENGTH, slice(2, 4)),
    (CrcTimeFlag.CORRECTION_FIELD, slice(8, 16)),
    (CrcTimeFlag.SEQUENCE_ID, slice(30, 32)),
)


def _table() -> bytes:
    entries = []
    for octet in range(256):
        remainder = octet
        for _ in range(8):
            remainder = (remainder << 1) ^ POLYNOMIAL if remainder & 0x80 else remainder << 1
        entries.append(remainder & 0xFF)
    return bytes(entries)


_TABLE = _table()


def crc8h2f(octets: bytes) -> int:
    """Return the CRC of *octets*."""
    crc = BEGIN
    for octet in octets:
        crc = _TABLE[crc ^ octet]
    return crc ^ END


def data_id_of(data_ids: Sequence[int], sequence_id: int) -> int:
    """Return the DataID of a Follow_Up with *sequence_id*."""
    return data_ids[sequence_id % DATA_IDS]


def time_secured(follow_up: bytes, crc_time_flags: int, data_id: int) -> TimeSecured:
    """Return the sub-TLV that secures the fields of *follow_up*, a whole message, that the flags name."""
    flags = bytes((crc_time_flags,))

    def over(fields: tuple[tuple[CrcTimeFlag, slice], ...]) -> int:
        covered = b"".join(follow_up[place] for flag, place in fields if flag & crc_time_flags)
        return crc8h2f(flags + covered + bytes((data_id,)))

    return TimeSecured(crc_time_flags, over(_UNDER_CRC_0), over(_UNDER_CRC_1))


def secured(sub_tlv: SubTlv, data_id: int) -> SubTlv:
    """Return *sub_tlv* with the CRC that its value and *data_id* give, where it is one that has a CRC."""
    match sub_tlv:
        case Status(secured=True):
            covered = bytes((sub_tlv.status,))
        case UserData(secured=True):
            covered = bytes((sub_tlv.length,)) + sub_tlv.octets
        case OffsetTime(secured=True):
            covered = sub_tlv.covered()
        case _:
            return sub_tlv
    return replace(sub_tlv, crc=crc8h2f(covered + bytes((data_id,))))
