"""Management (IEEE 1588-2019 15.4.1): one management TLV to one port or to all."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import ClassVar

from ptpstack.wire.fields import port_identity
from ptpstack.wire.header import HEADER, Message
from ptpstack.wire.types import ALL_PORTS, MessageType, PortIdentity

_BODY = Struct(">8sHBBBB")


class Action(IntEnum):
    """actionField (IEEE 1588-2019 Table 57)."""

    GET = 0
    SET = 1
    RESPONSE = 2
    COMMAND = 3
    ACKNOWLEDGE = 4


class Management(Message):
    """``action_field`` is one of :class:`Action` or a reserved number; ``reserved_bits`` share its octet."""

    message_type: ClassVar[MessageType] = MessageType.MANAGEMENT
    body_end = HEADER.size + _BODY.size

    control_field: int = 4
    target_port_identity: PortIdentity = ALL_PORTS
    starting_boundary_hops: int = 0
    boundary_hops: int = 0
    action_field: int = Action.GET
    reserved_bits: int = 0
    reserved: int = 0

    def read_body(self, payload: bytes | memoryview) -> None:
        """Read target, hops and action."""
        clock, port, self.starting_boundary_hops, self.boundary_hops, action, self.reserved = _BODY.unpack_from(
            payload, HEADER.size
        )
        self.target_port_identity = port_identity(clock, port)
        self.reserved_bits, self.action_field = action >> 4, action & 0x0F

    def body(self) -> bytes:
        """Write target, hops and action."""
        if not 0 <= self.action_field <= 0xF:
            raise ValueError(f"actionField has 4 bits: {self.action_field} does not fit")
        return _BODY.pack(
            *self.target_port_identity,
            self.starting_boundary_hops,
            self.boundary_hops,
            self.reserved_bits << 4 | self.action_field,
            self.reserved,
        )
