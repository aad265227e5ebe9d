"""Replies written by arrays and one at a time are the same to the last bit."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.server.datagrams import LENGTH, Datagrams
from ntp.server.fixed_point import timestamp
from ntp.server.replies import HEADER_OCTETS, Replies
from ntp.server.time_state import Heading, Line, TimeState
from ntp.wire.packet import Mode, decode

NOW_NS = 1_800_000_000_123_456_789
STATE = TimeState(leap=0, stratum=2, reference_id=b"TEST", root_delay_ns=1e6, reference_ns=NOW_NS, monotonic_ns=1)
LINES = st.sampled_from([Line(), Line(NOW_NS, NOW_NS - 37 * 10**9, 2e-5), Line(0, -37 * 10**9)])
REQUESTS = st.lists(
    st.tuples(
        st.binary(min_size=48, max_size=48),
        st.sampled_from([47, 48, 48, 48, 68]),
        st.integers(NOW_NS, NOW_NS + 10**10),
        st.one_of(st.just(0), st.integers(NOW_NS, NOW_NS + 10**10)),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


def rows_with(requests: Sequence[tuple[bytes, int, int, int, bool]]) -> Datagrams:
    """Return rows as the kernel leaves them."""
    rows = Datagrams(socket.AF_INET, told_address=True, rows=len(requests))
    for row, (octets, length, stamp_ns, nic_ns, stamped) in enumerate(requests):
        rows.requests[row, :48] = np.frombuffer(octets, np.uint8)
        rows.headers[row, LENGTH] = length
        if not stamped:
            rows.unstamped.append(row)
        rows.stamp_words[row, :6] = [*divmod(stamp_ns, 10**9), 0, 0, *divmod(nic_ns, 10**9)]
    return rows


@given(REQUESTS, LINES, LINES, st.booleans())
def test_many_at_once_are_answered_as_each_one_is(
    requests: list[tuple[bytes, int, int, int, bool]], realtime: Line, hardware: Line, has_hardware: bool
) -> None:
    state = STATE._replace(realtime=realtime, hardware=hardware, has_hardware=has_hardware)
    written = []
    for at_once in (True, False):
        rows = rows_with(requests)
        replies = Replies(rows, lambda: NOW_NS, hardware=True)
        replies.use(Heading.of(state, 2))
        count = len(requests)
        if at_once:
            plain = replies.plain(count).tolist()
            replies.write(count)
            marked = set(replies.candidates(count).tolist())
        else:
            plain = [replies.is_plain(row) for row in range(count)]
            marked = {row for row in range(count) if replies.write_one(row)}
        octets = [bytes(rows.replies[row, :HEADER_OCTETS]) if plain[row] else b"" for row in range(count)]
        written.append((plain, octets, {row for row in marked if plain[row]}))
    assert written[0] == written[1]


def request(first: int = 0x23, poll: int = 6, transmit: int = 77) -> bytes:
    return struct.pack(">BBbb", first, 0, poll, 32) + bytes(36) + transmit.to_bytes(8, "big")


def answer(octets: bytes, length: int = 48) -> bytes | None:
    rows = rows_with([(octets, length, NOW_NS, 0, True)])
    replies = Replies(rows, lambda: NOW_NS)
    replies.use(Heading.of(STATE, 2))
    if not replies.is_plain(0):
        return None
    replies.write_one(0)
    return bytes(rows.replies[0, :48])


def test_a_reply_repeats_version_poll_and_transmit_timestamp_and_says_when_the_request_came() -> None:
    octets = answer(request(0x1B, 10, 4711))
    assert octets is not None
    reply = decode(octets)
    assert (reply.version, reply.mode, reply.poll) == (3, Mode.SERVER, 10)
    assert (reply.origin_timestamp, reply.receive_timestamp) == (4711, timestamp(NOW_NS))
    assert (reply.stratum, reply.reference_id, reply.root_delay) == (2, b"TEST", 66)


@pytest.mark.parametrize("first", range(256))
def test_only_what_a_client_sends_in_a_version_that_we_speak_is_a_request(first: int) -> None:
    expected = first & 7 == 3 and 1 <= first >> 3 & 7 <= 4
    assert (answer(request(first)) is not None) is expected
