"""Sync (IEEE 1588-2019 13.6)."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.time import PtpTime
from ptpstack.wire.fields import EPOCH, TIMESTAMP, timestamp_from_fields, timestamp_to_fields
from ptpstack.wire.header import HEADER, Message
from ptpstack.wire.types import MessageType


class Sync(Message):
    """From the master: your clock should have read ``origin_timestamp`` (+ correction) when I left."""

    message_type: ClassVar[MessageType] = MessageType.SYNC
    body_end = HEADER.size + TIMESTAMP.size

    control_field: int = 0
    log_message_interval: int = 0
    origin_timestamp: PtpTime = EPOCH

    def read_body(self, payload: bytes | memoryview) -> None:
        """Read origin_timestamp."""
        high, low, nanoseconds = TIMESTAMP.unpack_from(payload, HEADER.size)
        self.origin_timestamp = timestamp_from_fields(high, low, nanoseconds)

    def body(self) -> bytes:
        """Write origin_timestamp."""
        return TIMESTAMP.pack(*timestamp_to_fields(self.origin_timestamp))
