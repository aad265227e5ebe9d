"""The TLV registry, TLVs that nobody knows, and the corners of those that are known."""

from __future__ import annotations

from typing import Self

import msgspec
import pytest

from ptpstack.wire import tlv
from ptpstack.wire.message import decode, encode
from ptpstack.wire.messages import Announce
from ptpstack.wire.tlv import Tlv, TlvType, UnknownTlv, decode_tlvs, encode_tlvs, register
from ptpstack.wire.tlvs import (
    AlternateTimeOffsetIndicator,
    CancelUnicastTransmission,
    GrantUnicastTransmission,
    ManagementTlv,
    OrganizationExtension,
    Pad,
    PathTrace,
)
from ptpstack.wire.types import ClockIdentity

CLOCK = ClockIdentity.from_mac(bytes.fromhex("001122334455"))
ORGANIZATION_TYPES = [0x0003, 0x4000, 0x8000]


@pytest.fixture
def _registry_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tlv, "_registry", dict(tlv._registry))


@pytest.mark.parametrize("tlv_type", [0x0000, 0x000A, 0x2004, 0x21FE, 0x4001, 0x7F00, 0x8001, 0x8009, 0xFFFF])
@pytest.mark.parametrize("value", [b"", b"\x00\x01", bytes(range(256))])
def test_an_unknown_tlv_is_kept_octet_for_octet(tlv_type: int, value: bytes) -> None:
    message = Announce(tlvs=(UnknownTlv(tlv_type, value),))
    assert decode(encode(message)) == message


@pytest.mark.parametrize("tlv_type", ORGANIZATION_TYPES)
def test_an_unknown_organization_is_kept_octet_for_octet(tlv_type: int) -> None:
    value = bytes.fromhex("001cc0 abcdef 0102030405060708")
    (extension,) = decode_tlvs(tlv_type.to_bytes(2, "big") + b"\x00\x0e" + value)
    assert extension == OrganizationExtension(tlv_type, b"\x00\x1c\xc0", 0xABCDEF, value[6:])
    assert extension.to_value() == value


@pytest.mark.usefixtures("_registry_of_this_test")
def test_a_registered_subtype_of_an_organization_is_decoded_by_its_class() -> None:
    @register(TlvType.ORGANIZATION_EXTENSION, organization_id=b"\x00\x80\xc9", organization_sub_type=1)
    class Ours(Tlv, msgspec.Struct):
        tlv_type = TlvType.ORGANIZATION_EXTENSION
        number: int

        @classmethod
        def from_value(cls, tlv_type: int, value: bytes) -> Self:
            assert tlv_type == TlvType.ORGANIZATION_EXTENSION
            return cls(int.from_bytes(value[6:], "big"))

        def to_value(self) -> bytes:
            return bytes.fromhex("0080c9 000001") + self.number.to_bytes(2, "big")

    octets = bytes.fromhex("0003 0008 0080c9 000001 1234")
    assert decode_tlvs(octets) == (Ours(0x1234),)
    assert encode_tlvs((Ours(0x1234),)) == octets
    for stranger in ("0003 0008 0080c9 000002 1234", "8000 0008 0080c9 000001 1234", "0003 0008 0080c3 000001 1234"):
        assert type(decode_tlvs(bytes.fromhex(stranger))[0]) is OrganizationExtension


@pytest.mark.usefixtures("_registry_of_this_test")
def test_one_key_has_one_class() -> None:
    with pytest.raises(ValueError, match="registered already, by PathTrace"):
        register(TlvType.PATH_TRACE)(UnknownTlv)


PROPAGATION = [
    (TlvType.PATH_TRACE, True),
    (TlvType.ALTERNATE_TIME_OFFSET_INDICATOR, True),
    (TlvType.ORGANIZATION_EXTENSION, False),
    (TlvType.MANAGEMENT, False),
    (0x3FFF, False),
    (TlvType.ORGANIZATION_EXTENSION_PROPAGATE, True),
    (TlvType.ENHANCED_ACCURACY_METRICS, True),
    (0x7FFF, True),
    (TlvType.ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE, False),
    (TlvType.AUTHENTICATION, False),
]


@pytest.mark.parametrize(("tlv_type", "propagates"), PROPAGATION)
def test_a_boundary_clock_forwards_by_the_number_of_the_type(tlv_type: int, propagates: bool) -> None:
    assert UnknownTlv(tlv_type, b"").propagates is propagates


def test_known_tlvs_propagate_by_the_same_rule() -> None:
    assert PathTrace().propagates
    assert OrganizationExtension(0x4000, b"abc", 0).propagates
    assert not OrganizationExtension(0x8000, b"abc", 0).propagates
    assert not Pad().propagates


@pytest.mark.parametrize("count", [0, 1, 179])
def test_a_path_has_any_number_of_clocks(count: int) -> None:
    message = Announce(tlvs=(PathTrace((CLOCK,) * count),))
    assert decode(encode(message)) == message


@pytest.mark.parametrize("name", [b"", b"Z", b"CET", "Zürich".encode(), b"0123456789"])
def test_a_time_zone_name_is_padded_to_an_even_length(name: bytes) -> None:
    zone = AlternateTimeOffsetIndicator(1, -3600, 3600, (1 << 48) - 1, name)
    octets = encode_tlvs((zone,))
    assert len(octets) % 2 == 0
    assert decode_tlvs(octets) == (zone,)


@pytest.mark.parametrize("name_and_rest", ["00", "01 41 00", "01 41 ff", "01 41 000000", "02 4142", "02 4142 0102"])
def test_what_follows_a_time_zone_name_is_kept(name_and_rest: str) -> None:
    value = bytes.fromhex("01 00000e10 00000000 000000000000" + name_and_rest)
    octets = b"\x00\x09" + len(value).to_bytes(2, "big") + value
    assert encode_tlvs(decode_tlvs(octets)) == octets


def test_flags_of_unicast_negotiation_have_names() -> None:
    assert GrantUnicastTransmission(0, 0, 300, flags=1).renewal_invited
    assert not GrantUnicastTransmission(0, 0, 300, flags=0xFE).renewal_invited
    cancellation = CancelUnicastTransmission(0, flags=2)
    assert (cancellation.maintain_request, cancellation.maintain_grant) == (False, True)


UNFIT = [
    UnknownTlv(0x7FFF, b"odd"),
    UnknownTlv(0x1_0000, b""),
    UnknownTlv(0x7FFF, bytes(0x1_0000)),
    OrganizationExtension(0x0003, b"four", 0),
    OrganizationExtension(0x0003, b"abc", 1 << 24),
    ManagementTlv(0x1_0000),
    GrantUnicastTransmission(16, 0, 0),
    CancelUnicastTransmission(0, flags=16),
    CancelUnicastTransmission(0, reserved=256),
    AlternateTimeOffsetIndicator(1, 1 << 31),
    AlternateTimeOffsetIndicator(1, 0, 0, 1 << 48),
]


@pytest.mark.parametrize("unfit", UNFIT, ids=repr)
def test_a_tlv_that_does_not_fit_cannot_be_encoded(unfit: Tlv) -> None:
    with pytest.raises(ValueError):
        encode(Announce(tlvs=(unfit,)))


def test_a_message_longer_than_its_length_field_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode(Announce(tlvs=(UnknownTlv(0x7FFF, bytes(0xFFFE)),)))
