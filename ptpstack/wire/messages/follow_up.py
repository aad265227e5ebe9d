"""Follow_Up (IEEE 1588-2019 13.7)."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.time import PtpTime
from ptpstack.wire.fields import EPOCH, TIMESTAMP, timestamp_from_fields, timestamp_to_fields
from ptpstack.wire.header import HEADER, Message
from ptpstack.wire.types import MessageType


class FollowUp(Message):
    """From a two-step master: when the Sync of this sequenceId left."""

    message_type: ClassVar[MessageType] = MessageType.FOLLOW_UP
    body_end = HEADER.size + TIMESTAMP.size

    control_field: int = 2
    log_message_interval: int = 0
    precise_origin_timestamp: PtpTime = EPOCH

    def read_body(self, payload: bytes | memoryview) -> None:
        """Read precise_origin_timestamp."""
        high, low, nanoseconds = TIMESTAMP.unpack_from(payload, HEADER.size)
        self.precise_origin_timestamp = timestamp_from_fields(high, low, nanoseconds)

    def body(self) -> bytes:
        """Write precise_origin_timestamp."""
        return TIMESTAMP.pack(*timestamp_to_fields(self.precise_origin_timestamp))
