"""What the timing process tells, and what a worker says when that one stalls."""

from __future__ import annotations

import os

import pytest

from ntp.server.time_state import DEAD_NS, SIZE, STALE_NS, Heading, Line, TimePage, TimeReader, TimeState
from ntp.wire.packet import Leap, Packet, decode

SECOND = 10**9
STATE = TimeState(
    leap=Leap.INSERT,
    stratum=2,
    precision=-23,
    reference_id=bytes([192, 0, 2, 1]),
    root_delay_ns=2e6,
    root_dispersion_ns=1e6,
    growth_ppb=1000.0,
    reference_ns=1_700_000_000 * SECOND,
    monotonic_ns=50 * SECOND,
    realtime_ahead_ns=-3,
    realtime=Line(1, 2, 1e-6),
    hardware=Line(3, 4, -1e-6),
    has_hardware=True,
)


def said(state: TimeState, after_ns: int) -> Packet:
    octets = Heading.of(state, state.monotonic_ns + after_ns).octets + bytes(24)
    return decode(bytes([octets[0] | 4 << 3]) + octets[1:])


def test_a_page_says_what_was_written() -> None:
    assert TimeState.unpack(STATE.packed(9).ljust(SIZE, b"\0")) == STATE


@pytest.mark.parametrize("at", [0, 8, 20, 60, 100])
def test_a_page_that_is_half_written_says_nothing(at: int) -> None:
    content = bytearray(STATE.packed(9).ljust(SIZE, b"\0"))
    content[at] ^= 1
    assert TimeState.unpack(bytes(content)) is None


def test_a_reader_goes_on_by_what_it_knew_while_the_page_is_written() -> None:
    page = TimePage()
    reader = TimeReader(page.fileno())
    assert reader.heading(0).state.stratum == 16
    page.write(STATE)
    heading = reader.heading(51 * SECOND)
    assert heading.state == STATE
    assert reader.heading(51 * SECOND + 1) is heading
    os.pwrite(page.fileno(), b"\xff" * 4, 40)  # half of the next one
    os.pwrite(page.fileno(), (7).to_bytes(8, "little"), 0)
    assert reader.heading(52 * SECOND).state == STATE
    page.write(STATE._replace(stratum=3))
    assert reader.heading(53 * SECOND).state.stratum == 3
    page.close()


def test_the_heading_is_the_standards_header() -> None:
    found = said(STATE, 0)
    assert (found.leap, found.stratum, found.precision) == (Leap.INSERT, 2, -23)
    assert (found.root_delay, found.root_dispersion) == (132, 66)
    assert found.reference_id == bytes([192, 0, 2, 1])
    assert found.reference_timestamp >> 32 == 1_700_000_000 + 2_208_988_800


def test_dispersion_grows_as_it_was_told_and_faster_when_nobody_tells_any_more() -> None:
    at_once, later = said(STATE, 0).root_dispersion, said(STATE, 8 * SECOND).root_dispersion
    stale = said(STATE, STALE_NS + SECOND).root_dispersion
    assert later - at_once == pytest.approx(8 * 1000e-9 * 65536, abs=1)
    assert stale - at_once == pytest.approx(11 * 15e-6 * 65536, abs=1)


def test_a_minute_without_a_word_is_not_synchronized_and_neither_is_what_was_never_told() -> None:
    for found in (said(STATE, DEAD_NS + 1), said(TimeState(), 0)):
        assert (found.leap, found.stratum) == (Leap.UNSYNCHRONIZED, 16)
