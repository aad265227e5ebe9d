"""Messages and the octets that they are, made by hand from the tables of IEEE 1588-2019 clause 13.

Every field has a value of its own, so that two exchanged fields cannot go unseen.
"""

from __future__ import annotations

from typing import NamedTuple

from ptpstack.time import SECOND, PtpTime
from ptpstack.wire.message import Flag, Message
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    Management,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Signaling,
    Sync,
)
from ptpstack.wire.messages.management import Action
from ptpstack.wire.tlv import TlvType, UnknownTlv
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
from ptpstack.wire.types import ALL_PORTS, ClockIdentity, ClockQuality, PortIdentity, TimeSource


class Vector(NamedTuple):
    name: str
    message: Message
    octets: bytes


def octets(*groups: str) -> bytes:
    return bytes.fromhex("".join(groups))


def at(seconds: int, nanoseconds: int) -> PtpTime:
    return PtpTime(seconds * SECOND + (nanoseconds << 16))


CLOCK = ClockIdentity.from_mac(bytes.fromhex("001122334455"))
OTHER_CLOCK = ClockIdentity(bytes.fromhex("a0a1a2a3a4a5a6a7"))
PORT = PortIdentity(CLOCK, 1)
OTHER_PORT = PortIdentity(OTHER_CLOCK, 0x0203)

VECTORS = [
    Vector(
        "Sync, two-step",
        Sync(
            domain_number=24,
            flag_field=Flag.TWO_STEP,
            source_port_identity=PORT,
            sequence_id=0x1234,
            log_message_interval=-3,
        ),
        octets(
            "00 12 002c",  # majorSdoId 0, Sync; PTP 2.1; messageLength 44
            "18 00 0200",  # domainNumber 24, minorSdoId 0, flags
            "0000000000000000 00000000",  # correctionField, messageTypeSpecific
            "001122fffe334455 0001",  # sourcePortIdentity
            "1234 00 fd",  # sequenceId, controlField, logMessageInterval -3
            "000000000000 00000000",  # originTimestamp
        ),
    ),
    Vector(
        "Sync of PTP 2.0, one-step, with all header fields in use",
        Sync(
            major_sdo_id=2,
            minor_version_ptp=0,
            domain_number=0xFE,
            minor_sdo_id=0x42,
            flag_field=0x80FF,
            correction_field=-(1 << 16) - 0x8000,
            message_type_specific=0xDEADBEEF,
            source_port_identity=OTHER_PORT,
            sequence_id=0xFFFF,
            control_field=0x77,
            log_message_interval=1,
            origin_timestamp=at(0x123456789ABC, 999_999_999),
        ),
        octets(
            "20 02 002c",
            "fe 42 80ff",
            "fffffffffffe8000 deadbeef",  # -1.5 ns
            "a0a1a2a3a4a5a6a7 0203",
            "ffff 77 01",
            "123456789abc 3b9ac9ff",
        ),
    ),
    Vector(
        "Delay_Req",
        DelayReq(source_port_identity=PORT, sequence_id=7, origin_timestamp=at(1, 2)),
        octets(
            "01 12 002c",
            "00 00 0000",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "0007 01 7f",
            "000000000001 00000002",  # originTimestamp
        ),
    ),
    Vector(
        "Pdelay_Req",
        PdelayReq(
            source_port_identity=PORT,
            sequence_id=8,
            log_message_interval=0,
            origin_timestamp=at(3, 4),
            reserved=bytes.fromhex("00112233445566778899"),
        ),
        octets(
            "02 12 0036",
            "00 00 0000",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "0008 05 00",
            "000000000003 00000004",  # originTimestamp
            "00112233445566778899",  # reserved
        ),
    ),
    Vector(
        "Pdelay_Resp",
        PdelayResp(
            flag_field=Flag.TWO_STEP,
            source_port_identity=PORT,
            sequence_id=9,
            request_receipt_timestamp=at(5, 6),
            requesting_port_identity=OTHER_PORT,
        ),
        octets(
            "03 12 0036",
            "00 00 0200",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "0009 05 7f",
            "000000000005 00000006",  # requestReceiptTimestamp
            "a0a1a2a3a4a5a6a7 0203",  # requestingPortIdentity
        ),
    ),
    Vector(
        "Follow_Up",
        FollowUp(
            correction_field=0x12345,
            source_port_identity=PORT,
            sequence_id=0x1234,
            log_message_interval=-4,
            precise_origin_timestamp=at(1_700_000_000, 123_456_789),
        ),
        octets(
            "08 12 002c",
            "00 00 0000",
            "0000000000012345 00000000",
            "001122fffe334455 0001",
            "1234 02 fc",
            "00006553f100 075bcd15",  # preciseOriginTimestamp
        ),
    ),
    Vector(
        "Delay_Resp, unicast",
        DelayResp(
            flag_field=Flag.UNICAST,
            source_port_identity=PORT,
            sequence_id=10,
            log_message_interval=0x7F,
            receive_timestamp=at(7, 8),
            requesting_port_identity=OTHER_PORT,
        ),
        octets(
            "09 12 0036",
            "00 00 0400",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "000a 03 7f",
            "000000000007 00000008",  # receiveTimestamp
            "a0a1a2a3a4a5a6a7 0203",  # requestingPortIdentity
        ),
    ),
    Vector(
        "Pdelay_Resp_Follow_Up",
        PdelayRespFollowUp(
            source_port_identity=PORT,
            sequence_id=11,
            response_origin_timestamp=at(9, 10),
            requesting_port_identity=OTHER_PORT,
        ),
        octets(
            "0a 12 0036",
            "00 00 0000",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "000b 05 7f",
            "000000000009 0000000a",  # responseOriginTimestamp
            "a0a1a2a3a4a5a6a7 0203",  # requestingPortIdentity
        ),
    ),
    Vector(
        "Announce",
        Announce(
            flag_field=Flag.LEAP59 | Flag.CURRENT_UTC_OFFSET_VALID | Flag.PTP_TIMESCALE | Flag.TIME_TRACEABLE,
            source_port_identity=PORT,
            sequence_id=12,
            log_message_interval=1,
            origin_timestamp=at(11, 12),
            current_utc_offset=-37,
            reserved=0x5A,
            grandmaster_priority1=127,
            grandmaster_clock_quality=ClockQuality(6, 0x21, 0x4E5D),
            grandmaster_priority2=129,
            grandmaster_identity=OTHER_CLOCK,
            steps_removed=0x0102,
            time_source=TimeSource.GNSS,
        ),
        octets(
            "0b 12 0040",
            "00 00 001e",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "000c 05 01",
            "00000000000b 0000000c",  # originTimestamp
            "ffdb 5a 7f",  # currentUtcOffset -37, reserved, grandmasterPriority1
            "06 21 4e5d",  # grandmasterClockQuality
            "81 a0a1a2a3a4a5a6a7",  # grandmasterPriority2, grandmasterIdentity
            "0102 20",  # stepsRemoved, timeSource
        ),
    ),
    Vector(
        "Announce with the TLVs that an Announce carries",
        Announce(
            source_port_identity=PORT,
            tlvs=(
                PathTrace((CLOCK, OTHER_CLOCK)),
                AlternateTimeOffsetIndicator(1, 3600, -1, 0x0001_6000_0000, b"CET"),
                OrganizationExtension(TlvType.ORGANIZATION_EXTENSION, b"\x00\x1c\xc0", 0x010203, b"\xca\xfe"),
                UnknownTlv(0x7FFF, b"\x01\x02\x03\x04"),
            ),
        ),
        octets(
            "0b 12 0080",
            "00 00 0000",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "0000 05 00",
            "000000000000 00000000",
            "0025 00 80",
            "f8 fe ffff",
            "80 0000000000000000",
            "0000 a0",
            "0008 0010 001122fffe334455 a0a1a2a3a4a5a6a7",  # PATH_TRACE
            "0009 0014 01 00000e10 ffffffff 000160000000 03 434554 00",  # ALTERNATE_TIME_OFFSET_INDICATOR, one pad
            "0003 0008 001cc0 010203 cafe",  # ORGANIZATION_EXTENSION
            "7fff 0004 01020304",  # experimental
        ),
    ),
    Vector(
        "Signaling with unicast negotiation",
        Signaling(
            flag_field=Flag.UNICAST,
            source_port_identity=PORT,
            sequence_id=13,
            target_port_identity=OTHER_PORT,
            tlvs=(
                RequestUnicastTransmission(0x0, -4, 300, reserved_bits=0x3),
                GrantUnicastTransmission(0xB, 1, 0x01020304, flags=1, reserved=0x66),
                CancelUnicastTransmission(0x9, flags=0x2, reserved=0x55),
                AcknowledgeCancelUnicastTransmission(0x9, flags=0x1),
                Pad(b"\xaa\xbb"),
            ),
        ),
        octets(
            "0c 12 0054",
            "00 00 0400",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "000d 05 7f",
            "a0a1a2a3a4a5a6a7 0203",  # targetPortIdentity
            "0004 0006 03 fc 0000012c",  # REQUEST_UNICAST_TRANSMISSION of Sync
            "0005 0008 b0 01 01020304 66 01",  # GRANT_UNICAST_TRANSMISSION of Announce, renewal invited
            "0006 0002 92 55",  # CANCEL_UNICAST_TRANSMISSION of Delay_Resp
            "0007 0002 91 00",  # ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION
            "8008 0002 aabb",  # PAD
        ),
    ),
    Vector(
        "Management, SET PRIORITY1",
        Management(
            source_port_identity=PORT,
            sequence_id=14,
            target_port_identity=ALL_PORTS,
            starting_boundary_hops=3,
            boundary_hops=2,
            action_field=Action.SET,
            reserved_bits=0xC,
            reserved=0x99,
            tlvs=(ManagementTlv(0x2005, b"\x64\x00"),),
        ),
        octets(
            "0d 12 0038",
            "00 00 0000",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "000e 04 7f",
            "ffffffffffffffff ffff",  # targetPortIdentity
            "03 02 c1 99",  # startingBoundaryHops, boundaryHops, reserved and actionField, reserved
            "0001 0004 2005 6400",  # MANAGEMENT
        ),
    ),
    Vector(
        "Management, refused",
        Management(
            source_port_identity=PORT,
            target_port_identity=OTHER_PORT,
            action_field=Action.RESPONSE,
            tlvs=(ManagementErrorStatus(0x0002, 0x2001, 0x01020304, b"\x03no!"),),
        ),
        octets(
            "0d 12 0040",
            "00 00 0000",
            "0000000000000000 00000000",
            "001122fffe334455 0001",
            "0000 04 7f",
            "a0a1a2a3a4a5a6a7 0203",
            "00 00 02 00",
            "0002 000c 0002 2001 01020304 036e6f21",  # NO_SUCH_ID, managementId, reserved, displayData
        ),
    ),
]
