"""Pdelay_Resp (IEEE 1588-2019 13.10)."""

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


class PdelayResp(Message):
    """From the neighbour: when your Pdelay_Req arrived (two-step), or 0 with the turnaround in the correction."""

    message_type: ClassVar[MessageType] = MessageType.PDELAY_RESP
    body_end = HEADER.size + TIMESTAMP_AND_PORT_IDENTITY.size

    request_receipt_timestamp: PtpTime = EPOCH
    requesting_port_identity: PortIdentity = NO_PORT

    def read_body(self, payload: bytes | memoryview) -> None:
        """Read the timestamp and who asked for it."""
        high, low, nanoseconds, clock, port = TIMESTAMP_AND_PORT_IDENTITY.unpack_from(payload, HEADER.size)
        self.request_receipt_timestamp = timestamp_from_fields(high, low, nanoseconds)
        self.requesting_port_identity = port_identity(clock, port)

    def body(self) -> bytes:
        """Write the timestamp and who asked for it."""
        return TIMESTAMP_AND_PORT_IDENTITY.pack(
            *timestamp_to_fields(self.request_receipt_timestamp), *self.requesting_port_identity
        )
