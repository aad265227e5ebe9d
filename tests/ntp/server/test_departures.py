"""The delays of departures, learnt from a sender whose delays are known, in simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from ntp.server.departures import CHUNK, Departures

UNIT_NS = 1e9 / (1 << 32)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sender:
    """Sends chunks; of one in eight a reply is stamped; its stamp is read many chunks later, as on a busy server."""

    lead_us: float
    spacing_us: float
    return_us: float
    cold_us: float = 0.0
    """What delays the second of several, and all that follow it."""
    stamped_one_in: int = 8
    read_after: int = 64
    put_off: float = 0.1
    """Share of the chunks during which the process is put off for 200 µs."""

    def leaves_ns(self, count: int) -> Floats:
        places = np.arange(count)
        return (self.lead_us + self.spacing_us * places + self.cold_us * (places > 0)) * 1000.0

    def send(self, departures: Departures, counts: Iterator[int], chance: np.random.Generator) -> None:
        unread = []
        for number, count in enumerate(counts):
            left_ns = self.leaves_ns(count) + chance.normal(0, 800)
            if chance.random() < self.put_off:
                left_ns[int(chance.integers(count)) :] += 200_000
            returned_ns = int(left_ns[-1] + self.return_us * 1000 + chance.exponential(300))
            if self.stamped_one_in and number % self.stamped_one_in == 0:
                place = int(chance.integers(count))
                late_ns = float(left_ns[place]) - departures.after_ns(place, count)
                unread.append((number, place, count, late_ns, returned_ns - float(left_ns[place])))
            departures.sent(count, returned_ns)
            while unread and unread[0][0] <= number - self.read_after:
                departures.learn(*unread.pop(0)[1:])

    def errors_us(self, departures: Departures, count: int) -> Floats:
        """Return how wrongly the departure of each of *count* replies is foretold, without sign."""
        expected_ns = [departures.after_ns(place, count) for place in range(count)]
        return np.abs(np.array(expected_ns) - self.leaves_ns(count)) / 1000


@pytest.mark.parametrize("lead_us", [6.0, 40.0, 150.0])
@pytest.mark.parametrize(("spacing_us", "return_us", "cold_us"), [(3.4, 2.2, 0.0), (3.4, 2.5, 7.0), (9.0, -4.0, 3.0)])
def test_the_delay_of_each_place_is_found_though_some_are_put_off_and_stamps_are_read_late(
    lead_us: float, spacing_us: float, return_us: float, cold_us: float
) -> None:
    """A return before the departure (-4 µs) is that of a NIC that sends when the call is over."""
    chance = np.random.default_rng(5)
    sender = Sender(lead_us, spacing_us, return_us, cold_us)
    for least, most in ((2, 5), (8, 16), (1, CHUNK), (CHUNK, CHUNK)):
        departures = Departures()
        sender.send(departures, iter(chance.integers(least, most + 1, 8000).tolist()), chance)
        assert sender.errors_us(departures, most).max() < 4, most


@pytest.mark.parametrize("lead_us", [6.0, 40.0])
def test_the_delay_of_single_replies_is_found_within_a_hundred(lead_us: float) -> None:
    chance = np.random.default_rng(9)
    sender = Sender(lead_us, 0.0, 7.0, stamped_one_in=2, read_after=1)
    departures = Departures()
    sender.send(departures, iter([1] * 100), chance)
    assert sender.errors_us(departures, 1).max() < 3


@pytest.mark.parametrize("count", [1, 12, CHUNK])
def test_another_load_is_followed_within_some_chunks_and_without_a_stamp(count: int) -> None:
    chance = np.random.default_rng(6)
    before = Sender(8.0, 3.3, 2.3)
    departures = Departures()
    before.send(departures, iter([count] * 1000), chance)
    slower = replace(before, lead_us=14.0, spacing_us=3.6, stamped_one_in=0)
    assert slower.errors_us(departures, count).mean() > 5
    slower.send(departures, iter([count] * 100), chance)
    assert slower.errors_us(departures, count).mean() < 3


def test_one_chunk_that_is_put_off_for_long_moves_little() -> None:
    chance = np.random.default_rng(7)
    sender = Sender(8.0, 3.3, 2.3, put_off=0.0)
    departures = Departures()
    sender.send(departures, iter([20] * 1000), chance)
    departures.sent(20, 4_000_000)
    departures.learn(10, 20, 4_000_000, 4_000_000)
    assert sender.errors_us(departures, 20).max() < 4


def test_no_reply_is_said_to_leave_before_the_clock_was_read() -> None:
    departures = Departures()
    for _ in range(100):
        departures.sent(5, 0)
        departures.learn(0, 5, 0, 10**9)
    after_ns = [departures.after_ns(place, 5) for place in range(5)]
    assert after_ns[0] == 0
    assert after_ns == sorted(after_ns)


@pytest.mark.parametrize("begun", [0xE900_0000_FFFF_FF00, (1 << 64) - 10])
def test_transmit_timestamps_of_a_chunk_are_what_is_expected_of_each_place(begun: int) -> None:
    """Also over the end of an era."""
    chance = np.random.default_rng(8)
    departures = Departures()
    Sender(8.0, 3.3, 2.3, cold_us=5.0).send(departures, iter([7] * 1000), chance)
    times = [int.from_bytes(word.tobytes(), "big") for word in departures.times(begun, 7)]
    after_ns = [(time - begun) % (1 << 64) * UNIT_NS for time in times]
    assert after_ns == pytest.approx([departures.after_ns(place, 7) for place in range(7)], abs=3)


def test_how_long_sealing_takes_is_learnt_by_how_many_are_sealed() -> None:
    departures = Departures(sealing_ns=2_000.0)
    assert departures.sealing_ns(30) > departures.sealing_ns(3) > 0
    for number in range(100):
        departures.sealed(3, 7_000)
        departures.sealed(30, 10**9 if number % 20 == 10 else 50_000)  # now and then it is put off
    assert departures.sealing_ns(3) == pytest.approx(7_000, abs=100)
    assert departures.sealing_ns(30) == pytest.approx(50_000, rel=0.02)
    assert Departures().sealing_ns(30) == 0
