"""PATH_TRACE: the clocks that an Announce came through (IEEE 1588-2019 16.2)."""

from __future__ import annotations

from typing import Self

import msgspec

from ptpstack.errors import WireError
from ptpstack.wire.tlv import Tlv, TlvType, register
from ptpstack.wire.types import ClockIdentity
from ptpstack.words import counted


@register(TlvType.PATH_TRACE)
class PathTrace(Tlv, msgspec.Struct):
    """The identities of the grandmaster and of each boundary clock after it, in that order."""

    tlv_type = TlvType.PATH_TRACE

    path_sequence: tuple[ClockIdentity, ...] = ()

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Split *value* into identities."""
        if len(value) % 8:
            raise WireError(
                f"a {TlvType(tlv_type).name} TLV has {counted(len(value), 'octet')}", why="8 for each clock identity"
            )
        return cls(tuple(ClockIdentity(value[start : start + 8]) for start in range(0, len(value), 8)))

    def to_value(self) -> bytes:
        """Join the identities."""
        return b"".join(self.path_sequence)
