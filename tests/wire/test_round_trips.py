"""Nothing is lost on the way there and back, whatever the values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.errors import WireError
from ptpstack.wire.message import Message, decode, encode

from .strategies import any_message, message_like_octets
from .vectors import VECTORS


@given(any_message)
def test_every_message_comes_back_from_its_octets(message: Message) -> None:
    octets = encode(message)
    assert len(octets) == int.from_bytes(octets[2:4], "big")
    assert decode(octets) == message


@given(any_message, st.binary(max_size=40))
def test_padding_changes_nothing(message: Message, padding: bytes) -> None:
    assert decode(encode(message) + padding) == message


def assert_same_octets_or_wire_error(octets: bytes) -> None:
    try:
        message = decode(octets)
    except WireError:
        return
    assert encode(message) == octets[: int.from_bytes(octets[2:4], "big")]


@given(st.binary(max_size=200) | message_like_octets())
def test_any_octets_are_refused_or_come_back(octets: bytes) -> None:
    assert_same_octets_or_wire_error(octets)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_message_with_any_one_octet_changed_is_refused_or_comes_back(vector: object) -> None:
    for place in range(len(vector.octets)):
        for value in (0x00, 0x01, 0x02, 0x7F, 0x80, 0xFF, vector.octets[place] ^ 0x04):
            octets = bytearray(vector.octets)
            octets[place] = value
            assert_same_octets_or_wire_error(bytes(octets))
