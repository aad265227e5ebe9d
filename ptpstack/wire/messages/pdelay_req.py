"""Pdelay_Req (IEEE 1588-2019 13.9)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar

from ptpstack.time import PtpTime
from ptpstack.wire.fields import EPOCH, timestamp_from_fields, timestamp_to_fields
from ptpstack.wire.header import HEADER, Message
from ptpstack.wire.types import MessageType

_BODY = Struct(">HLL10s")


class PdelayReq(Message):
    """To the neighbour: when did this arrive? ``reserved`` makes it as long as its answer."""

    message_type: ClassVar[MessageType] = MessageType.PDELAY_REQ
    body_end = HEADER.size + _BODY.size

    origin_timestamp: PtpTime = EPOCH
    reserved: bytes = bytes(10)

    def read_body(self, payload: bytes | memoryview) -> None:
        """Read the timestamp and keep the reserved octets."""
        high, low, nanoseconds, self.reserved = _BODY.unpack_from(payload, HEADER.size)
        self.origin_timestamp = timestamp_from_fields(high, low, nanoseconds)

    def body(self) -> bytes:
        """Write the timestamp and the reserved octets."""
        if len(self.reserved) != 10:
            raise ValueError(f"Pdelay_Req has 10 reserved octets, not {len(self.reserved)}")
        return _BODY.pack(*timestamp_to_fields(self.origin_timestamp), self.reserved)
