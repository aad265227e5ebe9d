"""The same message by hand as octets and as an object, both ways."""

from __future__ import annotations

import pytest

from ptpstack.wire.message import decode, encode
from ptpstack.wire.types import MessageType

from .vectors import VECTORS, Vector

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


@each_vector
def test_octets_decode_to_the_message(vector: Vector) -> None:
    assert decode(vector.octets) == vector.message


@each_vector
def test_the_message_encodes_to_the_octets(vector: Vector) -> None:
    assert encode(vector.message).hex() == vector.octets.hex()


@each_vector
def test_a_memoryview_into_a_receive_buffer_decodes_alike(vector: Vector) -> None:
    buffer = bytearray(b"\x01\x1b\x19" + vector.octets + bytes(20))
    assert decode(memoryview(buffer)[3:]) == vector.message


@each_vector
def test_octets_beyond_message_length_are_ignored(vector: Vector) -> None:
    assert decode(vector.octets + b"\xff padding or a PRP trailer") == vector.message


@each_vector
def test_a_decoded_message_owns_its_octets(vector: Vector) -> None:
    buffer = bytearray(vector.octets)
    message = decode(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    assert message == vector.message


def test_every_message_type_has_a_vector() -> None:
    assert {vector.message.message_type for vector in VECTORS} == set(MessageType)


def test_event_messages_are_the_four_that_are_stamped() -> None:
    event = {vector.message.message_type for vector in VECTORS if vector.message.is_event}
    assert event == {MessageType.SYNC, MessageType.DELAY_REQ, MessageType.PDELAY_REQ, MessageType.PDELAY_RESP}
