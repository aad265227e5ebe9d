"""The TLVs of gPTP (IEEE 802.1AS-2020 10.6.4, 11.4.4), and what Wireshark makes of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ptpstack.errors import WireError
from ptpstack.time import NANOSECOND
from ptpstack.wire.message import decode, encode
from ptpstack.wire.messages import FollowUp, Signaling, Sync
from ptpstack.wire.tlv import Tlv, decode_tlvs, encode_tlvs
from ptpstack.wire.tlvs import (
    FollowUpInformation,
    GptpCapable,
    GptpCapableIntervalRequest,
    MessageIntervalRequest,
    OrganizationExtension,
)
from ptpstack.wire.tlvs.ieee_802_1as import INTERVAL_REQUEST_FLAGS, NO_CHANGE, STOP

from .test_agreement_with_tshark import dissect, walk

VECTORS: list[tuple[Tlv, str]] = [
    (
        FollowUpInformation(-0x01020304, 0x1122, -5 * NANOSECOND, 0x0A0B0C0D),
        "0003 001c 0080c2 000001 fefdfcfc 1122 ffffffffffffffff fffb0000 0a0b0c0d",
    ),
    (MessageIntervalRequest(-3, STOP, NO_CHANGE, 0x06), "0003 000c 0080c2 000002 fd 7f 80 06 0000"),
    (GptpCapable(3, 0x81), "8000 000c 0080c2 000004 03 81 00000000"),
    (GptpCapableIntervalRequest(-2), "8000 000a 0080c2 000005 fe 000000"),
]


@pytest.mark.parametrize(("tlv", "octets"), VECTORS, ids=lambda value: type(value).__name__)
class TestEach:
    def test_is_read(self, tlv: Tlv, octets: str) -> None:
        assert decode_tlvs(bytes.fromhex(octets)) == (tlv,)

    def test_is_written(self, tlv: Tlv, octets: str) -> None:
        assert encode_tlvs((tlv,)) == bytes.fromhex(octets)

    def test_is_refused_when_it_is_cut(self, tlv: Tlv, octets: str) -> None:
        value = bytes.fromhex(octets)[4:10]
        with pytest.raises(WireError, match="has 6 octets"):
            decode_tlvs(encode_tlvs((OrganizationExtension(tlv.tlv_type, value[:3], value[5]),)))


def test_messages_are_as_long_as_the_standard_says() -> None:
    assert len(encode(FollowUp(tlvs=(FollowUpInformation(),)))) == 76
    assert len(encode(Sync(tlvs=(FollowUpInformation(),)))) == 76  # one-step
    assert len(encode(Signaling(tlvs=(MessageIntervalRequest(),)))) == 60


def test_a_phase_change_of_ten_thousand_years_fits() -> None:
    tlv = FollowUpInformation(last_gm_phase_change=10_000 * 365 * 86_400 * 10**9 * NANOSECOND)
    assert decode_tlvs(encode_tlvs((tlv,))) == (tlv,)


def test_the_editions_disagree_about_the_flags() -> None:
    of_2011, of_2020 = INTERVAL_REQUEST_FLAGS["2011"], INTERVAL_REQUEST_FLAGS["2020"]
    assert of_2011.compute_mean_link_delay == of_2020.one_step_receive_capable == 0x04


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_every_field(tmp_path: Path) -> None:
    follow_up, *requests = (tlv for tlv, _ in VECTORS)
    messages = [
        FollowUp(major_sdo_id=1, tlvs=(follow_up,)),
        *(Signaling(major_sdo_id=1, tlvs=(request,)) for request in requests[:2]),
        Signaling(major_sdo_id=1, tlvs=(requests[2],)),
    ]
    assert [decode(encode(message)) for message in messages] == messages
    layers = dissect(messages, tmp_path / "gptp.pcap")
    expected = [
        {
            "as.fu.organizationSubType": ["1"],
            "as.fu.cumulativeScaledRateOffset": [str(-0x01020304 & 0xFFFFFFFF)],
            "as.fu.gmTimeBaseIndicator": [str(0x1122)],
            "as.fu.lastGmPhaseChange": ["ff:ff:ff:ff:ff:ff:ff:ff:ff:fb:00:00"],
            "as.fu.scaledLastGmFreqChange": [str(0x0A0B0C0D)],
        },
        {
            "as.sig.tlv.organizationSubType": ["2"],
            "as.sig.tlv.linkdelayinterval": ["-3"],
            "as.sig.tlv.timesyncinterval": ["127"],
            "as.sig.tlv.announceinterval": ["-128"],
            "as.sig.tlv.flags": ["0x06"],
        },
        {"as.sig.tlv.organizationSubType": ["4"], "as.sig.tlv.gptpcapablemessageinterval": ["3"]},
        {"as.sig.tlv.organizationSubType": ["5"]},
    ]
    for layer, fields in zip(layers, expected, strict=True):
        assert {field: [value for key, value in walk(layer) if key == f"ptp.{field}"] for field in fields} == fields, (
            layer
        )
