"""Scapy's PTPv2 layer, written by others, reads and writes the same values (it knows eight types and no TLVs)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.time import SECOND, PtpTime
from ptpstack.wire.message import Message, decode, encode
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Sync,
)

from .strategies import messages_of

ptp_v2 = pytest.importorskip("scapy.contrib.ptp_v2", reason="scapy is not installed")

TIMESTAMPS = {
    Sync: "origin_timestamp",
    DelayReq: "origin_timestamp",
    PdelayReq: "origin_timestamp",
    PdelayResp: "request_receipt_timestamp",
    FollowUp: "precise_origin_timestamp",
    DelayResp: "receive_timestamp",
    PdelayRespFollowUp: "response_origin_timestamp",
    Announce: "origin_timestamp",
}
HEADER = {
    "transportSpecific": "major_sdo_id",
    "messageType": "message_type",
    "reserved1": "minor_version_ptp",
    "version": "version_ptp",
    "domainNumber": "domain_number",
    "reserved2": "minor_sdo_id",
    "flags": "flag_field",
    "reserved3": "message_type_specific",
    "sequenceId": "sequence_id",
    "controlField": "control_field",
}
ANNOUNCE = {
    "reserved4": "reserved",
    "grandmasterPriority1": "grandmaster_priority1",
    "grandmasterPriority2": "grandmaster_priority2",
    "stepsRemoved": "steps_removed",
    "timeSource": "time_source",
}


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def scapy_fields(message: Message) -> dict[str, int]:
    """What scapy, which knows no negative numbers here, should call this message's fields."""
    fields = {theirs: int(getattr(message, ours)) for theirs, ours in HEADER.items()}
    fields["correctionField"] = message.correction_field % (1 << 64)
    fields["clockIdentity"] = int.from_bytes(message.source_port_identity.clock_identity, "big")
    fields["portNumber"] = message.source_port_identity.port_number
    fields["logMessageInterval"] = message.log_message_interval % 256
    timestamp = TIMESTAMPS[type(message)]
    instant: PtpTime = getattr(message, timestamp)
    fields[f"{camel(timestamp)}_seconds"] = int(instant) // SECOND
    fields[f"{camel(timestamp)}_nanoseconds"] = int(instant) % SECOND >> 16
    if isinstance(message, Announce):
        fields |= {theirs: getattr(message, ours) for theirs, ours in ANNOUNCE.items()}
        fields["currentUtcOffset"] = message.current_utc_offset % (1 << 16)
        fields["grandmasterClockClass"] = message.grandmaster_clock_quality.clock_class
        fields["grandmasterClockAccuracy"] = message.grandmaster_clock_quality.clock_accuracy
        fields["grandmasterClockVariance"] = message.grandmaster_clock_quality.offset_scaled_log_variance
        fields["grandmasterIdentity"] = int.from_bytes(message.grandmaster_identity, "big")
    return fields


def any_of_theirs() -> st.SearchStrategy[Message]:
    return st.one_of([messages_of(message_class) for message_class in TIMESTAMPS])


@given(any_of_theirs())
def test_scapy_reads_what_we_write(message: Message) -> None:
    octets = encode(message)
    packet = ptp_v2.PTP(octets)
    expected = scapy_fields(message) | {"messageLength": len(octets)}
    assert {name: int(value) for name, value in packet.fields.items()} == expected


@given(any_of_theirs())
def test_we_read_what_scapy_writes(message: Message) -> None:
    message.tlvs = ()
    body_scapy_does_not_know = encode(message)[44:] if not isinstance(message, Announce) else b""
    packet = ptp_v2.PTP(**scapy_fields(message), messageLength=len(encode(message)))
    assert decode(bytes(packet) + body_scapy_does_not_know) == message
