"""How far offsets follow delays: seen where it is so, and nowhere else."""

from __future__ import annotations

from random import Random

import pytest

from ntp.client.asymmetry import ALL_ON_ONE_WAY, FEWEST, Asymmetry, slope_beside_time


def share_of(there_ns: float, back_ns: float, *, drift: float = 0.0, looks: int = 60, seed: int = 1) -> float:
    """Look at waits of so much on the average on each way, while the clock drifts by so much a second (ns)."""
    chance, asymmetry = Random(seed), Asymmetry()
    times, offsets, delays = list[float](), list[float](), list[float]()
    for second in range(looks):
        there, back = (chance.expovariate(1) * mean for mean in (there_ns, back_ns))
        times.append(float(second))
        offsets.append((back - there) / 2 + drift * second)
        delays.append(10_000 + there + back)
        asymmetry.look(times, offsets, delays, [1.0] * len(times))
    return asymmetry.share


@pytest.mark.parametrize(("there_ns", "back_ns", "share"), [(0, 8000, 0.5), (8000, 0, -0.5)])
def test_waits_on_one_way_are_half_in_the_offset(there_ns: float, back_ns: float, share: float) -> None:
    assert share_of(there_ns, back_ns, drift=25.0) == pytest.approx(share)


@pytest.mark.parametrize("seed", range(5))
def test_waits_on_both_ways_are_in_it_as_far_as_one_way_has_more(seed: int) -> None:
    most = (8000**2 - 2000**2) / (8000**2 + 2000**2) / 2
    assert share_of(2000, 8000, seed=seed) == pytest.approx(most, abs=0.15)
    assert share_of(8000, 2000, seed=seed) == pytest.approx(-most, abs=0.15)


def test_the_same_waits_on_both_ways_are_in_it_by_chance_only() -> None:
    found = [share_of(5000, 5000, seed=seed) for seed in range(100)]
    assert sum(share != 0 for share in found) <= 3


def test_it_takes_some_looks_in_a_row_and_begins_anew() -> None:
    assert share_of(0, 8000, looks=2 * FEWEST - 2) == 0
    assert share_of(0, 8000, looks=2 * FEWEST - 1) == pytest.approx(ALL_ON_ONE_WAY)
    asymmetry = Asymmetry()
    asymmetry.share = 0.5
    asymmetry.reset()
    assert asymmetry.share == 0


def test_delays_that_never_differ_say_nothing() -> None:
    times = [float(second) for second in range(20)]
    assert slope_beside_time(times, times, [100.0] * 20, [1.0] * 20) == (0.0, 0.0)
