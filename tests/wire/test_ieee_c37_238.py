"""The TLV of the power profile, both editions (IEEE C37.238-2017 5.4, C37.238-2011 5.12.2)."""

from __future__ import annotations

import pytest

from ptpstack.errors import WireError
from ptpstack.wire.message import decode, encode
from ptpstack.wire.messages import Announce
from ptpstack.wire.tlv import decode_tlvs, encode_tlvs
from ptpstack.wire.tlvs import AlternateTimeOffsetIndicator, IeeeC37238, IeeeC37238Of2011
from ptpstack.wire.tlvs.ieee_c37_238 import UNKNOWN_INACCURACY_NS

OF_2017 = bytes.fromhex("0003 0012 1c129d 000002 00fe 00000000 000000fa 0000")
OF_2011 = bytes.fromhex("0003 0012 1c129d 000001 0003 000000c8 00000032 0000")


def test_the_edition_of_2017() -> None:
    assert decode_tlvs(OF_2017) == (IeeeC37238(0xFE, 250),)
    assert encode_tlvs((IeeeC37238(0xFE, 250),)) == OF_2017


def test_the_edition_of_2011() -> None:
    assert decode_tlvs(OF_2011) == (IeeeC37238Of2011(3, 200, 50),)
    assert encode_tlvs((IeeeC37238Of2011(3, 200, 50),)) == OF_2011


def test_reserved_octets_are_kept() -> None:
    octets = bytes.fromhex("0003 0012 1c129d 000002 00fe 01020304 000000fa 0506")
    assert encode_tlvs(decode_tlvs(octets)) == octets


def test_its_octets_stand_where_the_profile_says() -> None:
    announce = encode(Announce(tlvs=(IeeeC37238(0x1234, 0x56789ABC), AlternateTimeOffsetIndicator(7, 3563))))
    assert announce[64:68] == bytes.fromhex("0003 0012")
    assert announce[74:76] == bytes.fromhex("1234")
    assert announce[80:84] == bytes.fromhex("56789abc")
    assert announce[86:88] == bytes.fromhex("0009")
    assert announce[90] == 7
    assert decode(announce).tlvs[0] == IeeeC37238(0x1234, 0x56789ABC)


@pytest.mark.parametrize("length", [6, 8, 12, 16, 20])
def test_another_length_is_no_such_tlv(length: int) -> None:
    value = OF_2017[4:10] + bytes(length - 6)
    with pytest.raises(WireError, match=f"has {length} octets"):
        decode_tlvs(b"\x00\x03" + length.to_bytes(2, "big") + value)


@pytest.mark.parametrize(
    ("told", "added", "total"),
    [
        (250, 50, 300),
        (0, 0, 0),
        (UNKNOWN_INACCURACY_NS, 50, UNKNOWN_INACCURACY_NS),
        (250, UNKNOWN_INACCURACY_NS, UNKNOWN_INACCURACY_NS),
        (UNKNOWN_INACCURACY_NS - 1, 50, UNKNOWN_INACCURACY_NS),
    ],
)
def test_each_clock_on_the_way_adds_its_own(told: int, added: int, total: int) -> None:
    assert IeeeC37238(1, told).with_added(added) == IeeeC37238(1, total)
    of_2011 = IeeeC37238Of2011(1, 200, told).with_added(added)
    assert of_2011 == IeeeC37238Of2011(1, 200, total)
