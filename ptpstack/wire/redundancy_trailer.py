"""The redundancy control trailer of PRP (IEC 62439-3): what a doubly attached node appends to each copy of a frame.

It stands behind the message and any padding, as the last octets of the frame. What lives here: reading it. What does
not: duplicates. Messages of PTP are none, since each copy has a path of its own.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

SUFFIX = 0x88FB
LAN_A, LAN_B = 0xA, 0xB
_TRAILER = Struct(">HHH")
_TAG_SIZE = 4
"""An IEEE 802.1Q tag, which the size counts or not, by where it was stripped."""


class RedundancyTrailer(NamedTuple):
    """What a trailer says."""

    sequence_number: int
    lan_id: int

    @property
    def lan(self) -> str:
        """Return "A" or "B"."""
        return "A" if self.lan_id == LAN_A else "B"


def redundancy_trailer(payload: bytes) -> RedundancyTrailer | None:
    """Return the trailer of an Ethernet frame with this *payload* (from behind its EtherType on), if it has one.

    None unless LAN, size and suffix are all as they must be: padding is anything.
    """
    if len(payload) < _TRAILER.size:
        return None
    sequence_number, lan_and_size, suffix = _TRAILER.unpack_from(payload, len(payload) - _TRAILER.size)
    lan_id, size = lan_and_size >> 12, lan_and_size & 0xFFF
    if suffix != SUFFIX or lan_id not in (LAN_A, LAN_B) or size - len(payload) not in (0, _TAG_SIZE):
        return None
    return RedundancyTrailer(sequence_number, lan_id)
