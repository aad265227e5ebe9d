"""Wireshark's dissector, written by others, reads every field that we write, and finds nothing malformed."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ptpstack.time import SECOND
from ptpstack.wire import addresses
from ptpstack.wire.message import Message, encode
from ptpstack.wire.messages import Announce, Management, Signaling, Sync
from ptpstack.wire.tlv import Tlv, UnknownTlv
from ptpstack.wire.tlvs import (
    AcknowledgeCancelUnicastTransmission,
    AlternateTimeOffsetIndicator,
    CancelUnicastTransmission,
    GrantUnicastTransmission,
    ManagementErrorStatus,
    ManagementTlv,
    OrganizationExtension,
    Pad,
    PathTrace,
    RequestUnicastTransmission,
)
from ptpstack.wire.types import MessageType

from .strategies import any_message
from .test_header import FLAGS
from .vectors import VECTORS

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]

HEADER = {
    "majorsdoid": "major_sdo_id",
    "messagetype": "message_type",
    "minorversionptp": "minor_version_ptp",
    "versionptp": "version_ptp",
    "domainnumber": "domain_number",
    "minorsdoid": "minor_sdo_id",
    "flags": "flag_field",
    "messagetypespecific": "message_type_specific",
    "sequenceid": "sequence_id",
    "controlfield": "control_field",
    "logmessageperiod": "log_message_interval",
}
FLAG_NAMES = {
    "alternate_master_flag": "alternatemaster",
    "two_step_flag": "twostep",
    "unicast_flag": "unicast",
    "profile_specific_1": "specific1",
    "profile_specific_2": "specific2",
    "leap61": "li61",
    "leap59": "li59",
    "current_utc_offset_valid": "utcreasonable",
    "ptp_timescale": "timescale",
    "time_traceable": "timetraceable",
    "frequency_traceable": "frequencytraceable",
    "synchronization_uncertain": "synchronizationUncertain",
}
TIMESTAMPS = {
    MessageType.SYNC: ("sdr.origintimestamp", "origin_timestamp"),
    MessageType.DELAY_REQ: ("sdr.origintimestamp", "origin_timestamp"),
    MessageType.PDELAY_REQ: ("pdrq.origintimestamp", "origin_timestamp"),
    MessageType.PDELAY_RESP: ("pdrs.requestreceipttimestamp", "request_receipt_timestamp"),
    MessageType.FOLLOW_UP: ("fu.preciseorigintimestamp", "precise_origin_timestamp"),
    MessageType.DELAY_RESP: ("dr.receivetimestamp", "receive_timestamp"),
    MessageType.PDELAY_RESP_FOLLOW_UP: ("pdfu.responseorigintimestamp", "response_origin_timestamp"),
    MessageType.ANNOUNCE: ("an.origintimestamp", "origin_timestamp"),
}
PORTS = {
    MessageType.PDELAY_RESP: ("pdrs.requestingportidentity", "pdrs.requestingsourceportid", "requesting_port_identity"),
    MessageType.DELAY_RESP: (
        "dr.requestingsourceportidentity",
        "dr.requestingsourceportid",
        "requesting_port_identity",
    ),
    MessageType.PDELAY_RESP_FOLLOW_UP: (
        "pdfu.requestingportidentity",
        "pdfu.requestingsourceportid",
        "requesting_port_identity",
    ),
    MessageType.SIGNALING: ("sig.targetportidentity", "sig.targetportid", "target_port_identity"),
    MessageType.MANAGEMENT: ("mm.targetportidentity", "mm.targetportid", "target_port_identity"),
}
ANNOUNCE = {
    "an.origincurrentutcoffset": lambda announce: announce.current_utc_offset,
    "an.priority1": lambda announce: announce.grandmaster_priority1,
    "an.priority2": lambda announce: announce.grandmaster_priority2,
    "an.grandmasterclockclass": lambda announce: announce.grandmaster_clock_quality.clock_class,
    "an.grandmasterclockaccuracy": lambda announce: announce.grandmaster_clock_quality.clock_accuracy,
    "an.grandmasterclockvariance": lambda announce: announce.grandmaster_clock_quality.offset_scaled_log_variance,
    "an.grandmasterclockidentity": lambda announce: number(announce.grandmaster_identity),
    "an.localstepsremoved": lambda announce: announce.steps_removed,
    "timesource": lambda announce: int(announce.time_source),
}
MANAGEMENT = {
    "mm.startingboundaryhops": "starting_boundary_hops",
    "mm.boundaryhops": "boundary_hops",
    "mm.action": "action_field",
}


def number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def expected_fields(message: Message) -> dict[str, int]:
    """What tshark should say, by the names of its fields (without ``ptp.v2.``)."""
    fields = {theirs: int(getattr(message, ours)) for theirs, ours in HEADER.items()}
    fields |= {f"flags.{FLAG_NAMES[name]}": int(getattr(message, name)) for name, *_ in FLAGS}
    fields["messagelength"] = len(encode(message))
    fields["correction.ns"] = (message.correction_field >> 16) % (1 << 64)
    fields["clockidentity"] = number(message.source_port_identity.clock_identity)
    fields["sourceportid"] = message.source_port_identity.port_number
    if message.message_type in TIMESTAMPS:
        theirs, ours = TIMESTAMPS[message.message_type]
        fields[f"{theirs}.seconds"], rest = divmod(getattr(message, ours), SECOND)
        fields[f"{theirs}.nanoseconds"] = rest >> 16
    if message.message_type in PORTS:
        clock, port, ours = PORTS[message.message_type]
        fields[clock], fields[port] = number(getattr(message, ours).clock_identity), getattr(message, ours).port_number
    if isinstance(message, Announce):
        fields |= {theirs: value(message) for theirs, value in ANNOUNCE.items()}
    if isinstance(message, Management):
        fields |= {theirs: getattr(message, ours) for theirs, ours in MANAGEMENT.items()}
    return fields


def dissect(messages: list[Message], pcap: Path) -> list[dict[str, Any]]:
    """Return tshark's PTP layer of each message, sent as an Ethernet frame to the primary group."""
    records = [struct.pack("<LHHLLLL", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for second, message in enumerate(messages):
        frame = addresses.MAC_PRIMARY + bytes.fromhex("001122334455") + addresses.ETHERTYPE.to_bytes(2, "big")
        frame = (frame + encode(message)).ljust(60, b"\0")
        records += [struct.pack("<LLLL", second, 0, len(frame), len(frame)), frame]
    pcap.write_bytes(b"".join(records))
    tshark = subprocess.run(
        ["tshark", "-T", "json", "--no-duplicate-keys", "-r", pcap], capture_output=True, text=True, check=True
    )
    packets = json.loads(tshark.stdout)
    assert len(packets) == len(messages)
    for packet in packets:
        complaints = [key for key, _ in walk(packet) if key in ("_ws.malformed", "_ws.expert")]
        assert not complaints, json.dumps(packet, indent=2)
    return [packet["_source"]["layers"]["ptp"] for packet in packets]


def walk(tree: object) -> Iterator[tuple[str, object]]:
    """Every key with its plain values, in the order of the frame."""
    for key, value in tree.items() if isinstance(tree, dict) else ():
        for element in value if isinstance(value, list) else [value]:
            yield key, element
            yield from walk(element)


def values_of(layer: dict[str, Any], field: str) -> list[str]:
    return [value for key, value in walk(layer) if key == f"ptp.v2.{field}"]


def assert_agreement(message: Message, layer: dict[str, Any]) -> None:
    expected = expected_fields(message)
    assert {field: int(values_of(layer, field)[0], 0) for field in expected} == expected
    (sub_nanoseconds,) = values_of(layer, "correction.subns")
    assert round(float(sub_nanoseconds) * 65536) == message.correction_field & 0xFFFF


def as_tshark_knows_it(message: Message) -> Message:
    """Outside gPTP (whose dissector wants more TLVs), with no TLV, or the one a management message must have."""
    message.major_sdo_id = 0
    message.tlvs = (ManagementTlv(0x2005, b"\x80\x00"),) if isinstance(message, Management) else ()
    return message


def test_tshark_reads_every_field_of_the_vectors(tmp_path: Path) -> None:
    messages = [vector.message for vector in VECTORS]
    for message, layer in zip(messages, dissect(messages, tmp_path / "vectors.pcap"), strict=True):
        assert_agreement(message, layer)


@settings(max_examples=5, deadline=None, phases=[Phase.generate])  # shrinking would run tshark a thousand times
@given(st.lists(any_message.map(as_tshark_knows_it), min_size=50, max_size=100))
def test_tshark_reads_every_field_of_any_message(
    tmp_path_factory: pytest.TempPathFactory, messages: list[Message]
) -> None:
    layers = dissect(messages, tmp_path_factory.mktemp("tshark") / "messages.pcap")
    for message, layer in zip(messages, layers, strict=True):
        assert_agreement(message, layer)


def test_tshark_reads_each_flag_alone(tmp_path: Path) -> None:
    messages: list[Message] = [Sync(flag_field=mask) for _, mask, *_ in FLAGS]
    for message, layer in zip(messages, dissect(messages, tmp_path / "flags.pcap"), strict=True):
        assert_agreement(message, layer)


def colons(octets: bytes) -> str:
    return octets.hex(":")


TLV_FIELDS: dict[type[Tlv], dict[str, Callable[[Any], object]]] = {
    PathTrace: {"an.pathsequence": lambda tlv: [f"0x{clock.hex()}" for clock in tlv.path_sequence]},
    AlternateTimeOffsetIndicator: {
        "an.atoi.keyField": lambda tlv: [str(tlv.key_field)],
        "an.atoi.currentOffset": lambda tlv: [str(tlv.current_offset)],
        "an.atoi.jumpSeconds": lambda tlv: [str(tlv.jump_seconds)],
        "an.atoi.timeOfNextJump": lambda tlv: [colons(tlv.time_of_next_jump.to_bytes(6, "big"))],
        "an.atoi.displayName.length": lambda tlv: [str(len(tlv.display_name))],
        "an.atoi.displayName": lambda tlv: [tlv.display_name.decode()] * 2,
    },
    OrganizationExtension: {
        "an.oe.organizationId": lambda tlv: [str(number(tlv.organization_id))],
        "an.oe.organizationSubType": lambda tlv: [f"0x{tlv.organization_sub_type:06x}"],
        "an.oe.dataField": lambda tlv: [colons(tlv.data_field)],
    },
    UnknownTlv: {"an.tlv.data": lambda tlv: [colons(tlv.value)]},
    ManagementTlv: {
        "mm.tlvType": lambda tlv: [str(tlv.tlv_type)],
        "mm.lengthField": lambda tlv: [str(len(tlv.to_value()))],
        "mm.managementId": lambda tlv: [str(tlv.management_id)],
        "mm.data": lambda tlv: [colons(tlv.data_field)],
    },
    ManagementErrorStatus: {
        "mm.tlvType": lambda tlv: [str(tlv.tlv_type)],
        "mm.lengthField": lambda tlv: [str(len(tlv.to_value()))],
        "mm.managementErrorId": lambda tlv: [str(tlv.management_error_id)],
        "mm.managementId": lambda tlv: [str(tlv.management_id)],
        "mm.reserved": lambda tlv: [colons(tlv.reserved.to_bytes(4, "big"))],
        "mm.displayData": lambda tlv: [tlv.display_data[1:].decode()] * 2,
    },
}


def test_tshark_reads_the_tlvs_of_announce_and_management(tmp_path: Path) -> None:
    messages = [vector.message for vector in VECTORS if vector.message.tlvs]
    seen = set()
    for message, layer in zip(messages, dissect(messages, tmp_path / "tlvs.pcap"), strict=True):
        for tlv in message.tlvs:
            for field, expected in TLV_FIELDS.get(type(tlv), {}).items():
                assert values_of(layer, field) == expected(tlv)
                seen.add(type(tlv))
        if isinstance(message, Announce):
            assert values_of(layer, "an.tlvType") == [str(int(tlv.tlv_type)) for tlv in message.tlvs]
            assert values_of(layer, "an.lengthField") == [str(len(tlv.to_value())) for tlv in message.tlvs]
    assert seen == set(TLV_FIELDS)


def test_tshark_reads_the_tlvs_of_unicast_negotiation(tmp_path: Path) -> None:
    (signaling,) = (vector.message for vector in VECTORS if isinstance(vector.message, Signaling))
    (layer,) = dissect([signaling], tmp_path / "signaling.pcap")
    request, grant, cancel, acknowledge, pad = signaling.tlvs
    assert isinstance(request, RequestUnicastTransmission)
    assert isinstance(grant, GrantUnicastTransmission)
    assert isinstance(cancel, CancelUnicastTransmission)
    assert isinstance(acknowledge, AcknowledgeCancelUnicastTransmission)
    assert isinstance(pad, Pad)
    granted = (request, grant)
    expected = {
        "tlvType": [int(tlv.tlv_type) for tlv in signaling.tlvs],
        "lengthField": [len(tlv.to_value()) for tlv in signaling.tlvs],
        "messageType": [tlv.message_type for tlv in (*granted, cancel, acknowledge)],
        "logInterMessagePeriod": [tlv.log_inter_message_period for tlv in granted],
        "durationField": [tlv.duration_field for tlv in granted],
        "renewalInvited": [grant.renewal_invited],
    }
    assert {name: [int(value, 0) for value in values_of(layer, f"sig.tlv.{name}")] for name in expected} == expected
    assert values_of(layer, "sig.tlv.data") == [colons(pad.pad)]
