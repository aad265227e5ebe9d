"""Bytes to messages and back: the door of the wire package (IEEE 1588-2019 13.2 to 13.4)."""

from __future__ import annotations

import struct

import ptpstack.wire.tlvs  # noqa: F401 (registers the known TLVs)
from ptpstack.errors import WireError
from ptpstack.wire import messages
from ptpstack.wire.fields import port_identity
from ptpstack.wire.header import HEADER, Flag, Message
from ptpstack.wire.tlv import decode_tlvs, encode_tlvs
from ptpstack.words import counted

__all__ = ["Flag", "Message", "decode", "encode"]

_CLASSES: dict[int, type[Message]] = {
    message_class.message_type: message_class
    for message_class in (
        messages.Sync,
        messages.DelayReq,
        messages.PdelayReq,
        messages.PdelayResp,
        messages.FollowUp,
        messages.DelayResp,
        messages.PdelayRespFollowUp,
        messages.Announce,
        messages.Signaling,
        messages.Management,
    )
}


def decode(payload: bytes | memoryview) -> Message:
    """Return the message in *payload*, which starts at the PTP header; octets beyond messageLength are ignored.

    Raises ``WireError`` and nothing else. ``encode`` of the result gives the first messageLength octets again.
    """
    if len(payload) < HEADER.size:
        raise WireError(
            f"{counted(len(payload), 'octet is', 'octets are')} no PTP message",
            why=f"the header alone has {HEADER.size}",
        )
    (
        sdo_and_type,
        version,
        length,
        domain_number,
        minor_sdo_id,
        flag_field,
        correction_field,
        message_type_specific,
        source_clock,
        source_port,
        sequence_id,
        control_field,
        log_message_interval,
    ) = HEADER.unpack_from(payload)
    if version & 0x0F != 2:
        raise WireError(f"versionPTP is {version & 0x0F}", why="only PTP version 2 (2.0 and 2.1) is understood")
    message_class = _CLASSES.get(sdo_and_type & 0x0F)
    if message_class is None:
        raise WireError(f"messageType 0x{sdo_and_type & 0x0F:X} is reserved", why="IEEE 1588-2019 Table 36")
    body_end = message_class.body_end
    if length < body_end or length > len(payload):
        raise _length_error(message_class, length, len(payload))
    try:
        message = message_class(
            sdo_and_type >> 4,
            version >> 4,
            2,
            domain_number,
            minor_sdo_id,
            flag_field,
            correction_field,
            message_type_specific,
            port_identity(source_clock, source_port),
            sequence_id,
            control_field,
            log_message_interval,
            decode_tlvs(bytes(payload[body_end:length])) if length > body_end else (),
        )
        message.read_body(payload)
    except WireError as error:
        error.where = f"{message_class.__name__} from {port_identity(source_clock, source_port)}"
        raise
    return message


def encode(message: Message) -> bytes:
    """Return the octets of *message*. Raises ``ValueError`` where a field's value does not fit its place."""
    if message.version_ptp != 2:
        raise ValueError(f"version_ptp is {message.version_ptp}: only version 2 can be written")
    try:
        body = message.body() + encode_tlvs(message.tlvs) if message.tlvs else message.body()
        header = HEADER.pack(
            message.major_sdo_id << 4 | message.message_type,
            message.minor_version_ptp << 4 | 2,
            HEADER.size + len(body),
            message.domain_number,
            message.minor_sdo_id,
            message.flag_field,
            message.correction_field,
            message.message_type_specific,
            *message.source_port_identity,
            message.sequence_id,
            message.control_field,
            message.log_message_interval,
        )
    except (struct.error, OverflowError) as error:
        raise ValueError(f"a field does not fit its place: {error} in {message}") from error
    return header + body


def _length_error(message_class: type[Message], length: int, received: int) -> WireError:
    name = message_class.__name__
    if length > received:
        return WireError(
            f"messageLength is {length}",
            where=name,
            why=f"only {counted(received, 'octet was', 'octets were')} received",
        )
    return WireError(f"messageLength is {length}", where=name, why=f"header and body have {message_class.body_end}")
