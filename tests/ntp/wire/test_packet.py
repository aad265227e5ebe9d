"""The same packet by hand as octets and as an object, both ways; nothing is lost whatever the values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.wire.extension_field import UnknownField, decode_field, register
from ntp.wire.packet import Mac, Packet, decode, encode
from ptpstack.errors import WireError

from .strategies import any_packet, packet_like_octets
from .vectors import VECTORS, Vector, reply

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


@each_vector
def test_octets_decode_to_the_packet(vector: Vector) -> None:
    assert decode(vector.octets) == vector.packet


@each_vector
def test_the_packet_encodes_to_the_octets(vector: Vector) -> None:
    assert encode(vector.packet).hex() == vector.octets.hex()


@given(any_packet)
def test_every_packet_comes_back_from_its_octets(packet: Packet) -> None:
    assert decode(encode(packet)) == packet


@given(st.binary(max_size=200) | packet_like_octets())
def test_any_octets_are_refused_or_come_back(octets: bytes) -> None:
    try:
        packet = decode(octets)
    except WireError:
        return
    assert encode(packet) == octets


@each_vector
def test_every_cut_of_a_packet_is_refused_or_comes_back(vector: Vector) -> None:
    for length in range(len(vector.octets)):
        test_any_octets_are_refused_or_come_back.hypothesis.inner_test(vector.octets[:length])


PLAIN = encode(reply())
MALFORMED = {
    "nothing at all": (b"", "0 octets are no NTP packet", "48"),
    "half a header": (PLAIN[:47], "47 octets are no NTP packet", "48"),
    "version 0": (b"\x04" + PLAIN[1:], "the version is 0", "1 to 4"),
    "version 5": (b"\x2c" + PLAIN[1:], "the version is 5", "1 to 4"),
    "three octets more": (PLAIN + bytes(3), "3 octets are left", "neither"),
    "a digest too short": (PLAIN + bytes(16), "16 octets are left", "neither"),
    "version 3 with a digest too long": (b"\x1c" + PLAIN[1:] + bytes(72), "72 octets are left", "neither"),
    "a field of odd length": (PLAIN + bytes.fromhex("f00d001d") + bytes(25), "has the length 29", "multiples of 4"),
    "a field of no length": (PLAIN + bytes(28), "has the length 0", "least is 16"),
    "a field past the end": (PLAIN + bytes.fromhex("f00d0020") + bytes(24), "has the length 32", "28 octets are left"),
    "octets after the last field": (PLAIN + bytes.fromhex("f00d001c") + bytes(32), "8 octets are left", "neither"),
}


@pytest.mark.parametrize(("octets", "what", "why"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_octets_are_refused_with_the_reason(octets: bytes, what: str, why: str) -> None:
    with pytest.raises(WireError) as refusal:
        decode(octets)
    assert what in str(refusal.value)
    assert why in refusal.value.why


UNWRITABLE = {
    "a version that is none": Packet(version=5),
    "fields before version 4": Packet(version=3, extension_fields=(UnknownField(1, bytes(24)),)),
    "a poll beyond an octet": Packet(poll=128),
    "a reference id of wrong length, cut in silence otherwise": Packet(stratum=256),
    "a digest that version 4 cannot carry": Packet(mac=Mac(1, bytes(32))),
    "a last field that would be read as a digest": Packet(extension_fields=(UnknownField(1, bytes(20)),)),
    "a last field and a crypto-NAK that would": Packet(extension_fields=(UnknownField(1, bytes(16)),), mac=Mac(0, b"")),
    "a field of odd length": Packet(extension_fields=(UnknownField(1, bytes(25)),)),
    "a field that is too long": Packet(extension_fields=(UnknownField(1, bytes(65536)),)),
}


@pytest.mark.parametrize("packet", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_nobody_could_read_is_not_written(packet: Packet) -> None:
    with pytest.raises(ValueError):
        encode(packet)


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (decode(VECTORS[2].octets), "RATE"),
        (reply(), None),
        (Packet(), None),
        (decode(b"\xe4" + bytes(11) + b"A\x00\xff\x00" + bytes(32)), "A.."),
    ],
)
def test_a_kiss_code_is_the_reference_id_of_stratum_0(packet: Packet, code: str | None) -> None:
    assert packet.kiss_code == code


def test_a_field_type_has_one_decoder() -> None:
    class Another(UnknownField):
        field_type = 0x010A

    with pytest.raises(ValueError, match="registered already"):
        register(Another)


def test_a_network_correction_without_room_for_it_is_refused() -> None:
    with pytest.raises(WireError, match="least is 16"):
        decode_field(bytes.fromhex("010a 0008 00000000"))
