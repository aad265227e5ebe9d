"""The trailer of PRP at the end of a frame, and what only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.wire.message import decode, encode
from ptpstack.wire.messages import Announce, Sync
from ptpstack.wire.redundancy_trailer import RedundancyTrailer, redundancy_trailer


def framed(octets: bytes, *, padding: int = 0, lan: int = 0xA, number: int = 7, counted: int = 0) -> bytes:
    body = octets + bytes(padding)
    size = len(body) + 6 + counted
    return body + number.to_bytes(2, "big") + (lan << 12 | size).to_bytes(2, "big") + b"\x88\xfb"


@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize(("lan", "name"), [(0xA, "A"), (0xB, "B")])
@pytest.mark.parametrize("tag", [0, 4])
def test_a_trailer_is_read_behind_any_padding_and_the_message_is_what_it_was(
    padding: int, lan: int, name: str, tag: int
) -> None:
    payload = framed(encode(Sync(sequence_id=3)), padding=padding, lan=lan, counted=tag)
    trailer = redundancy_trailer(payload)
    assert trailer == RedundancyTrailer(7, lan)
    assert trailer.lan == name
    assert decode(payload) == Sync(sequence_id=3)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x88\xfb",
        encode(Announce()),
        framed(b"x" * 44, lan=0xC),
        framed(b"x" * 44, counted=1),
        framed(b"x" * 44)[:-2] + b"\x88\xf7",
    ],
)
def test_what_is_no_trailer_is_none(payload: bytes) -> None:
    assert redundancy_trailer(payload) is None


@given(st.binary(max_size=80))
def test_any_octets_are_read_or_not_but_never_raise(payload: bytes) -> None:
    trailer = redundancy_trailer(payload)
    assert trailer is None or trailer.lan in "AB"
