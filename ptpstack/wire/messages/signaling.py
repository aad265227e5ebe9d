"""Signaling (IEEE 1588-2019 13.12): TLVs to one port or to all."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.wire.fields import PORT_IDENTITY, port_identity
from ptpstack.wire.header import HEADER, Message
from ptpstack.wire.types import ALL_PORTS, MessageType, PortIdentity


class Signaling(Message):
    """An envelope: what it says is in its TLVs."""

    message_type: ClassVar[MessageType] = MessageType.SIGNALING
    body_end = HEADER.size + PORT_IDENTITY.size

    target_port_identity: PortIdentity = ALL_PORTS

    def read_body(self, payload: bytes | memoryview) -> None:
        """Read the target."""
        self.target_port_identity = port_identity(*PORT_IDENTITY.unpack_from(payload, HEADER.size))

    def body(self) -> bytes:
        """Write the target."""
        return PORT_IDENTITY.pack(*self.target_port_identity)
