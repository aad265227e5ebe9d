"""The common message header (IEEE 1588-2019 13.3): what every message has, and its flags."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar

import msgspec

from ptpstack.time import TimeInterval
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.types import NO_PORT, MessageType, PortIdentity

HEADER = Struct(">BBHBBHqL8sHHBb")
"""majorSdoId|messageType, minorVersionPTP|versionPTP, messageLength, domainNumber, minorSdoId, flagField,
correctionField, messageTypeSpecific, sourcePortIdentity (2), sequenceId, controlField, logMessageInterval."""

LOG_INTERVAL_UNSPECIFIED = 0x7F
"""logMessageInterval of messages that announce no rate (IEEE 1588-2019 Table 42)."""


class Flag:
    """Masks of ``flag_field``, octet 0 in the high byte (IEEE 1588-2019 Table 37)."""

    ALTERNATE_MASTER = 0x0100
    TWO_STEP = 0x0200
    UNICAST = 0x0400
    PROFILE_SPECIFIC_1 = 0x2000
    PROFILE_SPECIFIC_2 = 0x4000
    LEAP61 = 0x0001
    LEAP59 = 0x0002
    CURRENT_UTC_OFFSET_VALID = 0x0004
    PTP_TIMESCALE = 0x0008
    TIME_TRACEABLE = 0x0010
    FREQUENCY_TRACEABLE = 0x0020
    SYNCHRONIZATION_UNCERTAIN = 0x0040


class _FlagBit:
    """One bit of ``flag_field`` as a read-only boolean attribute."""

    def __init__(self, mask: int) -> None:
        self._mask = mask

    def __get__(self, message: Message, owner: type[Message]) -> bool:
        return message.flag_field & self._mask != 0

    def __set__(self, message: Message, value: bool) -> None:
        raise AttributeError("set flags in flag_field, with the masks of Flag")


class Message(msgspec.Struct):
    """A PTP message: the header's fields here, the body's in each subclass, TLVs in ``tlvs``.

    Reserved bits are fields too, so that what was received is what would be sent. messageLength is
    computed on encoding. ``log_message_interval`` is log2 of seconds, ``correction_field`` in 2**-16 ns.
    """

    message_type: ClassVar[MessageType]
    body_end: ClassVar[int]
    """Octets of header and body: where the TLVs begin."""

    major_sdo_id: int = 0
    minor_version_ptp: int = 1
    version_ptp: int = 2
    domain_number: int = 0
    minor_sdo_id: int = 0
    flag_field: int = 0
    correction_field: TimeInterval = 0
    message_type_specific: int = 0
    source_port_identity: PortIdentity = NO_PORT
    sequence_id: int = 0
    control_field: int = 5
    log_message_interval: int = LOG_INTERVAL_UNSPECIFIED
    tlvs: tuple[Tlv, ...] = ()

    alternate_master_flag = _FlagBit(Flag.ALTERNATE_MASTER)
    two_step_flag = _FlagBit(Flag.TWO_STEP)
    unicast_flag = _FlagBit(Flag.UNICAST)
    profile_specific_1 = _FlagBit(Flag.PROFILE_SPECIFIC_1)
    profile_specific_2 = _FlagBit(Flag.PROFILE_SPECIFIC_2)
    leap61 = _FlagBit(Flag.LEAP61)
    leap59 = _FlagBit(Flag.LEAP59)
    current_utc_offset_valid = _FlagBit(Flag.CURRENT_UTC_OFFSET_VALID)
    ptp_timescale = _FlagBit(Flag.PTP_TIMESCALE)
    time_traceable = _FlagBit(Flag.TIME_TRACEABLE)
    frequency_traceable = _FlagBit(Flag.FREQUENCY_TRACEABLE)
    synchronization_uncertain = _FlagBit(Flag.SYNCHRONIZATION_UNCERTAIN)

    @property
    def sdo_id(self) -> int:
        """The 12-bit sdoId (IEEE 1588-2019 7.1.4): majorSdoId above minorSdoId."""
        return self.major_sdo_id << 8 | self.minor_sdo_id

    @property
    def is_event(self) -> bool:
        """Whether this is an event message, one that is timestamped (IEEE 1588-2019 7.3.3)."""
        return self.message_type <= MessageType.PDELAY_RESP

    def read_body(self, payload: bytes | memoryview) -> None:
        """Take the body's fields from *payload*, which is long enough. Raises ``WireError``."""
        raise NotImplementedError

    def body(self) -> bytes:
        """Return the body's octets. Raises ``ValueError`` or ``struct.error`` on values that do not fit."""
        raise NotImplementedError
