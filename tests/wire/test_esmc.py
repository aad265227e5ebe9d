"""ESMC PDUs: vectors both ways, rubbish, and Wireshark's packet-ossp as the independent reader."""

import contextlib
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.errors import WireError
from ptpstack.wire import esmc
from ptpstack.wire.esmc import EsmcPdu, ExtendedQl, decode, encode
from ptpstack.wire.types import ClockIdentity

CLOCK = ClockIdentity.from_text("0000aa.fffe.000001")
INFORMATION = bytes.fromhex("0a0019a700011000000001000402") + bytes(32)
EVENT = bytes.fromhex("0a0019a70001180000000100040b020014220000aafffe0000010304050000000000") + bytes(12)
VECTORS = [
    (INFORMATION, EsmcPdu(2)),
    (EVENT, EsmcPdu(0xB, is_event=True, extended=ExtendedQl(0x22, CLOCK, True, True, 4, 5))),
]  # fmt: skip

octet = st.integers(0, 255)
pdus = st.builds(
    EsmcPdu,
    st.integers(0, 15),
    st.booleans(),
    st.none()
    | st.builds(
        ExtendedQl,
        octet,
        st.binary(min_size=8, max_size=8).map(ClockIdentity),
        st.booleans(),
        st.booleans(),
        octet,
        octet,
    ),
)


@pytest.mark.parametrize(("octets", "pdu"), VECTORS)
def test_vectors_both_ways(octets: bytes, pdu: EsmcPdu) -> None:
    assert encode(pdu) == octets
    assert decode(octets) == pdu


@given(pdus)
def test_round_trip(pdu: EsmcPdu) -> None:
    assert decode(encode(pdu)) == pdu
    assert len(encode(pdu)) >= esmc.LEAST_PAYLOAD


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: EVENT[:10] + tail))
def test_rubbish_is_an_error_or_nothing(octets: bytes) -> None:
    with contextlib.suppress(WireError):
        decode(octets)


@pytest.mark.parametrize(
    "octets",
    [
        INFORMATION[:6],
        INFORMATION[:10],
        INFORMATION[:6] + b"\x20" + INFORMATION[7:],
        INFORMATION[:10] + b"\x02" + INFORMATION[11:],
        INFORMATION[:11] + b"\x00\x02" + INFORMATION[13:],
        EVENT[:14] + b"\x02\x00\x10" + EVENT[17:],
        EVENT[:14] + b"\x02\x00\xff" + EVENT[17:],
    ],
    ids=["header", "no TLV", "version", "QL TLV not first", "QL length", "extended length", "beyond the end"],
)
def test_what_is_malformed(octets: bytes) -> None:
    with pytest.raises(WireError):
        decode(octets)


@pytest.mark.parametrize("octets", [b"\x01\x01" + bytes(44), b"\x0a\x00\x00\x00" + bytes(42), b""])
def test_other_slow_protocols_are_none_of_ours(octets: bytes) -> None:
    assert decode(octets) is None


def test_a_tlv_of_a_later_version_is_skipped() -> None:
    later = EVENT[:14] + bytes.fromhex("070005abcd") + EVENT[14:]
    assert decode(later) == VECTORS[1][1]


FIELDS = {
    "ossp.oui": str(0x0019A7),
    "ossp.itu.subtype": "0x0001",
    "ossp.esmc.version": "0x01",
    "ossp.esmc.event_flag": "1",
    "ossp.esmc.tlv_ql_ssm": "0x0b",
    "ossp.esmc.tlv_ext_ql_essm": "0x22",
    "ossp.esmc.tlv_ext_ql_clockid": "0x0000aafffe000001",
    "ossp.esmc.tlv_ext_ql_flag_mixed": "1",
    "ossp.esmc.tlv_ext_ql_flag_chain": "1",
    "ossp.esmc.tlv_ext_ql_eeec": "4",
    "ossp.esmc.tlv_ext_ql_eec": "5",
}


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_reads_every_field_and_finds_nothing_wrong(tmp_path: Path) -> None:
    frame = esmc.MAC + bytes.fromhex("020000000001") + esmc.ETHERTYPE.to_bytes(2, "big") + encode(VECTORS[1][1])
    capture = tmp_path / "esmc.pcap"
    capture.write_bytes(
        struct.pack("<LHHlLLL", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        + struct.pack("<LLLL", 0, 0, len(frame), len(frame))
        + frame
    )
    names = [*FIELDS, "_ws.malformed", "_ws.expert.message"]
    command = ["tshark", "-r", str(capture), "-T", "fields", *(part for name in names for part in ("-e", name))]
    values = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip("\n").split("\t")
    assert dict(zip(names, values, strict=True)) == FIELDS | {"_ws.malformed": "", "_ws.expert.message": ""}
