"""The Test Status message of AVnu Automotive: how far a station is, told while it is tested (5.3).

It is an unsolicited GET_COUNTERS response of AECP (IEEE 1722.1) about the AVB interface. Where the fields of AVnu's own
lie in its counters is known from one implementation only (unverified).
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

import msgspec

from ptpstack.errors import WireError
from ptpstack.words import counted

ETHERTYPE = 0x22F0
MAC = bytes.fromhex("011bc50ac000")
SIZE = 160

_AECP, _RESPONSE = 0xFB, 0x1
_UNSOLICITED, _GET_COUNTERS = 0x8000, 0x29
_AVB_INTERFACE = 0x0009
_LINK_UP_VALID, _LINK_DOWN_VALID, _GM_CHANGED_VALID = 0x01, 0x02, 0x20

_HEAD = Struct(">BBH8s8sHHHHL")
"""subtype, version and message_type, control_data_length, two entity ids, sequence_id, command, descriptor, valid."""
_COUNTERS = Struct(">LL12xL")
_OWN = Struct(">QB3x20x")
"""From octet 128 on: timestamp, station state, its data, and counters 27 to 31."""
_OWN_AT = 128


class StationState(IntEnum):
    """How far a station is."""

    ETHERNET_READY = 1
    AVB_SYNC = 2
    AVB_MEDIA_READY = 3


class StationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a station says of itself. *message_timestamp_ns* is its clock when it said so."""

    mac: bytes
    sequence_id: int
    link_up_count: int
    link_down_count: int
    gm_changed_count: int
    message_timestamp_ns: int
    station_state: StationState

    def encode(self) -> bytes:
        """Return the frame's payload."""
        head = _HEAD.pack(
            _AECP,
            _RESPONSE,
            SIZE - 12,
            self.mac + b"\0\0",
            bytes(8),
            self.sequence_id & 0xFFFF,
            _UNSOLICITED | _GET_COUNTERS,
            _AVB_INTERFACE,
            0,
            _LINK_UP_VALID | _LINK_DOWN_VALID | _GM_CHANGED_VALID,
        )
        counters = _COUNTERS.pack(self.link_up_count, self.link_down_count, self.gm_changed_count)
        own = _OWN.pack(self.message_timestamp_ns & (1 << 64) - 1, self.station_state)
        return (head + counters).ljust(_OWN_AT, b"\0") + own


def decode(payload: bytes) -> StationStatus:
    """Return what *payload* says. Raises ``WireError``."""
    if len(payload) < SIZE:
        raise WireError(f"a Test Status message of {counted(len(payload), 'octet')}", why=f"it has {SIZE}")
    subtype, kind, _, entity, _, sequence_id, command, descriptor, _, _ = _HEAD.unpack_from(payload)
    if (subtype, kind & 0x0F, command & 0x7FFF, descriptor) != (_AECP, _RESPONSE, _GET_COUNTERS, _AVB_INTERFACE):
        raise WireError("no Test Status message", why="it is not an AECP response about the AVB interface's counters")
    up, down, gm_changed = _COUNTERS.unpack_from(payload, _HEAD.size)
    timestamp_ns, state = _OWN.unpack_from(payload, _OWN_AT)
    if state not in StationState._value2member_map_:
        raise WireError(f"station state {state}", why="there are 1 to 3")
    return StationStatus(
        mac=entity[:6],
        sequence_id=sequence_id,
        link_up_count=up,
        link_down_count=down,
        gm_changed_count=gm_changed,
        message_timestamp_ns=timestamp_ns,
        station_state=StationState(state),
    )
