"""What the timing process tells, and what a worker says when that one stalls."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ntp.server.departures import CHUNK, Departures
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


@pytest.mark.parametrize("first_us", [2.0, 40.0])
def test_departures_are_learnt_at_each_place_though_some_are_put_off(first_us: float) -> None:
    """A tenth of the stamps is 200 µs late: the process was put off. The middle is what is found."""
    chance = np.random.default_rng(5)
    departures = Departures()
    truth_ns = (first_us + 3.7 * np.arange(CHUNK)) * 1000
    for _ in range(4000):
        place = int(chance.integers(CHUNK))
        late_ns = truth_ns[place] + chance.normal(0, 800) + (200_000 if chance.random() < 0.1 else 0)
        departures.learn(place, late_ns - departures.after_ns(place))
    errors_us = np.abs(np.array([departures.after_ns(place) for place in range(CHUNK)]) - truth_ns) / 1000
    assert errors_us.max() < 3
    assert np.median(errors_us) < 1.5


def test_transmit_timestamps_of_a_chunk_are_what_is_expected_of_each_place() -> None:
    departures = Departures()
    first = 0xE900_0000_FFFF_FF00
    times = [int.from_bytes(word.tobytes(), "big") for word in departures.times(first, 7)]
    expected = [
        first + (departures.after_ns(place) - departures.after_ns(0)) * (1 << 32) // 10**9 for place in range(7)
    ]
    assert times == pytest.approx(expected, abs=10)


def test_how_long_sealing_takes_is_learnt_by_how_many_are_sealed() -> None:
    departures = Departures(sealing_ns=2_000.0)
    assert departures.sealing_ns(30) > departures.sealing_ns(3) > 0
    for number in range(100):
        departures.sealed(3, 7_000)
        departures.sealed(30, 10**9 if number % 20 == 0 else 50_000)  # now and then it is put off
    assert departures.sealing_ns(3) == pytest.approx(7_000, abs=100)
    assert departures.sealing_ns(30) == pytest.approx(50_000, rel=0.1)
    assert Departures().sealing_ns(30) == 0
