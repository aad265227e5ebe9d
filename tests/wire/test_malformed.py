"""What is no PTP message, and that the answer says what is wrong, where and why."""

from __future__ import annotations

import pytest

from ptpstack.errors import WireError
from ptpstack.wire.message import decode, encode
from ptpstack.wire.messages import Announce, DelayResp, Management, PdelayReq, Signaling, Sync
from ptpstack.wire.types import ClockIdentity, PortIdentity

PORT = PortIdentity(ClockIdentity.from_mac(bytes.fromhex("001122334455")), 1)
SYNC = encode(Sync(source_port_identity=PORT))


def with_octets(octets: bytes, first: int, new: str) -> bytes:
    replacement = bytes.fromhex(new)
    return octets[:first] + replacement + octets[first + len(replacement) :]


def with_tlvs(message: Announce | Signaling | Management, tlvs: str) -> bytes:
    octets = encode(message) + bytes.fromhex(tlvs)
    return with_octets(octets, 2, f"{len(octets):04x}")


ANNOUNCE, SIGNALING, MANAGEMENT = (kind(source_port_identity=PORT) for kind in (Announce, Signaling, Management))

MALFORMED = {
    "nothing at all": (b"", "0 octets are no PTP message", "34"),
    "half a header": (SYNC[:33], "33 octets are no PTP message", "34"),
    "PTP version 1": (with_octets(SYNC, 0, "0001"), "versionPTP is 1", "version 2"),
    "PTP version 3": (with_octets(SYNC, 1, "13"), "versionPTP is 3", "version 2"),
    "version 0": (with_octets(SYNC, 1, "00"), "versionPTP is 0", "version 2"),
    "reserved message type": (with_octets(SYNC, 0, "04"), "messageType 0x4 is reserved", "Table 36"),
    "messageLength of 0": (with_octets(SYNC, 2, "0000"), "Sync: messageLength is 0", "header and body have 44"),
    "messageLength within the body": (with_octets(SYNC, 2, "002b"), "messageLength is 43", "header and body have 44"),
    "messageLength of a shorter type": (with_octets(SYNC, 0, "0b"), "Announce: messageLength", "have 64"),
    "messageLength beyond the frame": (with_octets(SYNC, 2, "002e"), "messageLength is 46", "only 44 octets were"),
    "frame cut within the body": (SYNC[:40], "messageLength is 44", "only 40 octets were received"),
    "a second of nanoseconds": (with_octets(SYNC, 40, "3b9aca00"), "1000000000 nanoseconds", "less than 10**9"),
    "nanoseconds all ones": (
        with_octets(encode(DelayResp(source_port_identity=PORT)), 40, "ffffffff"),
        "DelayResp from 001122.fffe.334455-1: a timestamp has 4294967295 nanoseconds",
        "less than 10**9",
    ),
    "bad nanoseconds before reserved octets": (
        with_octets(encode(PdelayReq()), 40, "7fffffff"),
        "PdelayReq",
        "less than 10**9",
    ),
    "bad nanoseconds of an Announce": (with_octets(encode(ANNOUNCE), 40, "80000000"), "Announce", "less than 10**9"),
    "half a TLV header": (with_tlvs(ANNOUNCE, "0008"), "2 octets are left after the last TLV", "at least 4"),
    "rubbish after a TLV": (with_tlvs(ANNOUNCE, "80080000 01"), "1 octet is left after the last TLV", "at least 4"),
    "TLV of odd length": (with_tlvs(ANNOUNCE, "7fff0003 010203"), "TLV 0x7FFF has the odd length 3", "even"),
    "TLV beyond the message": (with_tlvs(ANNOUNCE, "7fff0004 0102"), "claims 4 octets where 2 are left", "passes the"),
    "second TLV beyond the message": (
        with_tlvs(ANNOUNCE, "80080000 7fffffff"),
        "claims 65535 octets where 0",
        "passes the end",
    ),
    "PATH_TRACE of one and a half clocks": (
        with_tlvs(ANNOUNCE, "0008000c 001122fffe334455 00112233"),
        "Announce from 001122.fffe.334455-1: a PATH_TRACE TLV has 12 octets",
        "8 for each",
    ),
    "displayName beyond its TLV": (
        with_tlvs(ANNOUNCE, "00090010 01 00000e10 00000000 000000000000 01"),
        "names 1 octet of displayName",
        "0 are left",
    ),
    "time zone without its fields": (
        with_tlvs(ANNOUNCE, "00090002 0100"),
        "ALTERNATE_TIME_OFFSET_INDICATOR TLV has 2 octets",
        "16 at least",
    ),
    "organization extension without identifiers": (
        with_tlvs(ANNOUNCE, "00030004 00112200"),
        "ORGANIZATION_EXTENSION TLV has 4 octets",
        "6 at least",
    ),
    "unicast request of the wrong length": (
        with_tlvs(SIGNALING, "00040004 b0000000"),
        "REQUEST_UNICAST_TRANSMISSION TLV has 4 octets",
        "6 always",
    ),
    "unicast grant of the wrong length": (
        with_tlvs(SIGNALING, "0005000a b0000000012c00010000"),
        "GRANT_UNICAST_TRANSMISSION TLV has 10 octets",
        "8 always",
    ),
    "cancellation of the wrong length": (
        with_tlvs(SIGNALING, "00060000"),
        "CANCEL_UNICAST_TRANSMISSION TLV has 0 octets",
        "2 always",
    ),
    "management TLV without an id": (with_tlvs(MANAGEMENT, "00010000"), "MANAGEMENT TLV has 0 octets", "2 at least"),
    "management error without its fields": (
        with_tlvs(MANAGEMENT, "00020004 00012000"),
        "MANAGEMENT_ERROR_STATUS TLV has 4 octets",
        "8 at least",
    ),
}


@pytest.mark.parametrize(("octets", "what", "why"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_octets_are_refused_with_what_and_why(octets: bytes, what: str, why: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(octets)
    assert what in str(caught.value)
    assert why in caught.value.why


@pytest.mark.parametrize("message_type", [0x4, 0x5, 0x6, 0x7, 0xE, 0xF])
def test_every_reserved_message_type_is_refused(message_type: int) -> None:
    with pytest.raises(WireError, match="reserved"):
        decode(with_octets(SYNC, 0, f"0{message_type:x}"))


@pytest.mark.parametrize("length", range(len(encode(ANNOUNCE))))
def test_a_message_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(WireError):
        decode(encode(ANNOUNCE)[:length])
