"""The packet filter, run by the kernel on a plain datagram socket (no privilege needed)."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.sockets.frame_filter import GENERAL_BIT, attach, frame_filter

ETHERTYPE = 0x88F7
MACS = bytes(12)
TAGS = st.lists(
    st.builds(
        lambda kind, tci: kind + tci, st.sampled_from([b"\x81\x00", b"\x88\xa8"]), st.binary(min_size=2, max_size=2)
    ),
    max_size=3,
)
ETHERTYPES = st.sampled_from([b"\x88\xf7", b"\x88\xcc", b"\x08\x00"])


@pytest.fixture(scope="module", params=[False, True], ids=["event", "general"])
def general(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope="module")
def filtered(general: bool) -> Iterator[tuple[socket.socket, socket.socket]]:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setblocking(False)
        attach(receiver, frame_filter(ETHERTYPE, general=general))
        yield sender, receiver


def comes_through(filtered: tuple[socket.socket, socket.socket], frame: bytes) -> bool:
    sender, receiver = filtered
    try:
        sender.send(frame)
        return receiver.recv(2048) == frame
    except (BlockingIOError, PermissionError):  # the kernel tells the sender of the refusal, or drops in silence
        return False


@settings(deadline=None)
@given(tags=TAGS, ethertype=ETHERTYPES, payload=st.binary(max_size=50))
def test_the_filter_lets_in_one_ethertype_behind_up_to_two_tags_and_one_kind_of_frame(
    filtered: tuple[socket.socket, socket.socket], general: bool, tags: list[bytes], ethertype: bytes, payload: bytes
) -> None:
    frame = MACS + b"".join(tags) + ethertype + payload
    expected = (
        ethertype == ETHERTYPE.to_bytes(2, "big")
        and len(tags) <= 2
        and (bool(payload[0] & GENERAL_BIT) == general if payload else general)  # an empty one is to be counted
    )
    assert comes_through(filtered, frame) == expected


@pytest.mark.parametrize("length", range(14))
def test_a_frame_cut_short_does_not_come_through(filtered: tuple[socket.socket, socket.socket], length: int) -> None:
    whole = MACS + ETHERTYPE.to_bytes(2, "big") + b"\x00"
    assert not comes_through(filtered, whole[:length])
