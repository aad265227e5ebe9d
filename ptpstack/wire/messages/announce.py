"""Announce (IEEE 1588-2019 13.5)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar

from ptpstack.time import PtpTime
from ptpstack.wire.fields import EPOCH, timestamp_from_fields, timestamp_to_fields
from ptpstack.wire.header import HEADER, Message
from ptpstack.wire.types import NO_PORT, ClockIdentity, ClockQuality, MessageType, TimeSource

_BODY = Struct(">HLLhBBBBHB8sHB")
_UNKNOWN_QUALITY = ClockQuality(248, 0xFE, 0xFFFF)


class Announce(Message):
    """What a master says of its grandmaster: the input of the BMCA and of timePropertiesDS.

    ``origin_timestamp`` is 0 or an estimate within 1 s; ``current_utc_offset`` is TAI - UTC in seconds.
    """

    message_type: ClassVar[MessageType] = MessageType.ANNOUNCE
    body_end = HEADER.size + _BODY.size

    log_message_interval: int = 0
    origin_timestamp: PtpTime = EPOCH
    current_utc_offset: int = 37
    reserved: int = 0
    grandmaster_priority1: int = 128
    grandmaster_clock_quality: ClockQuality = _UNKNOWN_QUALITY
    grandmaster_priority2: int = 128
    grandmaster_identity: ClockIdentity = NO_PORT.clock_identity
    steps_removed: int = 0
    time_source: TimeSource = TimeSource.INTERNAL_OSCILLATOR

    def read_body(self, payload: bytes | memoryview) -> None:
        """Read the body in Table 43's order."""
        (
            *timestamp,
            self.current_utc_offset,
            self.reserved,
            self.grandmaster_priority1,
            clock_class,
            clock_accuracy,
            variance,
            self.grandmaster_priority2,
            grandmaster_identity,
            self.steps_removed,
            time_source,
        ) = _BODY.unpack_from(payload, HEADER.size)
        self.origin_timestamp = timestamp_from_fields(*timestamp)
        self.grandmaster_clock_quality = ClockQuality(clock_class, clock_accuracy, variance)
        self.grandmaster_identity = ClockIdentity(grandmaster_identity)
        self.time_source = TimeSource(time_source)

    def body(self) -> bytes:
        """Write the body in Table 43's order."""
        return _BODY.pack(
            *timestamp_to_fields(self.origin_timestamp),
            self.current_utc_offset,
            self.reserved,
            self.grandmaster_priority1,
            *self.grandmaster_clock_quality,
            self.grandmaster_priority2,
            self.grandmaster_identity,
            self.steps_removed,
            self.time_source,
        )
