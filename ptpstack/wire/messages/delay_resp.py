"""Delay_Resp (IEEE 1588-2019 13.8)."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.time import PtpTime
from ptpstack.wire.fields import (
    EPOCH,
    TIMESTAMP_AND_PORT_IDENTITY,
    port_identity,
    timestamp_from_fields,
    timestamp_to_fields,
)
from ptpstack.wire.header import HEADER, Message
from ptpstack.wire.types import NO_PORT, MessageType, PortIdentity


class DelayResp(Message):
    """From the master: when the Delay_Req of this port and sequenceId arrived."""

    message_type: ClassVar[MessageType] = MessageType.DELAY_RESP
    body_end = HEADER.size + TIMESTAMP_AND_PORT_IDENTITY.size

    control_field: int = 3
    log_message_interval: int = 0
    receive_timestamp: PtpTime = EPOCH
    requesting_port_identity: PortIdentity = NO_PORT

    def read_body(self, payload: bytes | memoryview) -> None:
        """Read the timestamp and who asked for it."""
        high, low, nanoseconds, clock, port = TIMESTAMP_AND_PORT_IDENTITY.unpack_from(payload, HEADER.size)
        self.receive_timestamp = timestamp_from_fields(high, low, nanoseconds)
        self.requesting_port_identity = port_identity(clock, port)

    def body(self) -> bytes:
        """Write the timestamp and who asked for it."""
        return TIMESTAMP_AND_PORT_IDENTITY.pack(
            *timestamp_to_fields(self.receive_timestamp), *self.requesting_port_identity
        )
