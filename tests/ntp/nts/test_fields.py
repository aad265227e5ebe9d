"""NTS extension fields: octets and back, and packets that prove themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.nts.aead import KEY_OCTETS, NONCE_OCTETS, Aead, Algorithm
from ntp.nts.errors import AuthenticationError
from ntp.nts.fields import (
    Authenticator,
    Cookie,
    CookiePlaceholder,
    UniqueIdentifier,
    decode_fields,
    seal,
    split,
)
from ntp.wire.extension_field import ExtensionField, UnknownField, encode_fields
from ntp.wire.packet import Packet, decode, encode
from ptpstack.errors import WireError

HEADER = bytes(range(0x23, 0x23 + 48))
AEAD = Aead(Algorithm.AES_SIV_CMAC_256, bytes(32))
REQUEST = [UniqueIdentifier(b"\1" * 32), Cookie(b"\2" * 100), CookiePlaceholder(bytes(100))]

VECTORS: list[tuple[ExtensionField, str]] = [
    (UniqueIdentifier(b"\1" * 32), "0104 0024" + "01" * 32),
    (Cookie(b"\2" * 16), "0204 0014" + "02" * 16),
    (CookiePlaceholder(bytes(16)), "0304 0014" + "00" * 16),
    (Authenticator(b"\3" * 16, b"\4" * 16), "0404 0028 0010 0010" + "03" * 16 + "04" * 16),
    (Authenticator(b"\3" * 13, b"\4" * 17), "0404 002c 000d 0011" + "03" * 13 + "000000" + "04" * 17 + "000000"),
    (Authenticator(b"\3" * 12, b"\4" * 16, bytes(4)), "0404 0028 000c 0010" + "03" * 12 + "04" * 16 + "00000000"),
]


@pytest.mark.parametrize(("field", "octets"), VECTORS)
def test_fields_are_read_and_written_octet_for_octet(field: ExtensionField, octets: str) -> None:
    assert encode_fields([field]) == bytes.fromhex(octets)
    assert decode_fields(bytes.fromhex(octets)) == (field,)


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        ("0404 0010 0000 000c 0000000000000000", "parts do not fit"),
        ("0404 0010 ffff ffff 0000000000000000", "parts do not fit"),
        ("0404 0010 0001 0001 aa000001 bb000000", "padding is not zero"),
        ("0404 0010 0001 0001 aa000000 bb010000", "padding is not zero"),
        ("0104 0010 000000000000000000000000 00", "1 octet is left"),
        ("0104 000c 0000000000000000 00000000", "the least is 16"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(octets: str, what: str) -> None:
    with pytest.raises(WireError, match=what):
        decode_fields(bytes.fromhex(octets))


@given(
    st.sampled_from(Algorithm),
    st.lists(st.integers(0x4000, 0x4FFF).map(lambda number: UnknownField(number, bytes(12))), max_size=3),
    st.lists(st.sampled_from([32, 100, 164]).map(lambda length: Cookie(bytes(length))), max_size=8),
)
def test_a_packet_opens_to_what_was_sealed(
    algorithm: Algorithm, clear: list[ExtensionField], secret: list[ExtensionField]
) -> None:
    aead = Aead(algorithm, bytes(KEY_OCTETS[algorithm]))
    fields = [UniqueIdentifier(bytes(32)), *clear]
    octets = seal(HEADER + encode_fields(fields), secret, aead, bytes(NONCE_OCTETS[algorithm]))
    parts = split(octets)
    assert parts is not None
    assert parts.fields == tuple(fields)
    assert parts.open(aead) == tuple(secret)


@given(st.data())
def test_a_packet_of_which_any_bit_was_changed_proves_nothing(data: st.DataObject) -> None:
    octets = bytearray(seal(HEADER + encode_fields(REQUEST), [], AEAD, bytes(16)))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        parts = split(bytes(octets))
    except WireError:
        return
    if parts is not None:
        with pytest.raises((AuthenticationError, WireError)):
            parts.open(AEAD)


def test_what_follows_the_authenticator_is_not_seen() -> None:
    octets = seal(HEADER + encode_fields(REQUEST), [], AEAD, bytes(16)) + encode_fields([Cookie(bytes(100))])
    parts = split(octets)
    assert parts is not None
    assert parts.cookie == b"\2" * 100
    assert parts.open(AEAD) == ()


@pytest.mark.parametrize("octets", [HEADER, HEADER + encode_fields(REQUEST), HEADER + bytes(4)])
def test_a_packet_without_authenticator_is_told_apart(octets: bytes) -> None:
    assert split(octets) is None


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ([REQUEST[0], REQUEST[0], REQUEST[1]], "2 UniqueIdentifier"),
        ([REQUEST[1]], "0 UniqueIdentifier"),
        ([REQUEST[0], REQUEST[1], REQUEST[1]], "2 Cookie"),
        ([REQUEST[0]], "0 Cookie"),
    ],
)
def test_identifier_and_cookie_come_once_each(fields: list[ExtensionField], what: str) -> None:
    parts = split(seal(HEADER + encode_fields(fields), [], AEAD, bytes(16)))
    assert parts is not None
    with pytest.raises(WireError, match=what):
        _ = parts.unique_identifier, parts.cookie


def test_the_packet_codec_reads_and_writes_them_too() -> None:
    packet = Packet(extension_fields=(*REQUEST, Authenticator(bytes(16), bytes(16))))
    assert decode(encode(packet)) == packet
