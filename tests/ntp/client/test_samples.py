"""What the samples of one server say: the line, its memory, and what is carried over when the clock is moved."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.client.regression import Point, critical_runs, fit, runs
from ntp.client.sample import Sample
from ntp.client.samples import Samples
from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND, MonotonicTime, UtcTime
from tests.ntp.world import START


def sample(second: float, offset: int, *, delay: int = MILLISECOND) -> Sample:
    return Sample(
        local=UtcTime(START + round(second * SECOND)),
        at=MonotonicTime(round(second * SECOND)),
        offset=offset,
        delay=delay,
        dispersion=MICROSECOND,
        root_delay=delay,
        root_dispersion=MICROSECOND,
    )


def drifting(count: int, ppb: float, noise_us: float = 0.0, seed: int = 1) -> list[Sample]:
    random = Random(seed)
    return [
        sample(16 * n, round(16 * n * ppb * NANOSECOND + random.gauss(0, noise_us) * MICROSECOND)) for n in range(count)
    ]


def filled(samples: list[Sample], **settings: int) -> Samples:
    store = Samples(**settings)
    for one in samples:
        store.add(replace(one))
    return store


def at(second: float) -> UtcTime:
    return UtcTime(START + round(second * SECOND))


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.1, 10)), min_size=3, max_size=30))
def test_the_line_is_the_one_that_numpy_finds(values: list[tuple[float, float]]) -> None:
    points = [Point(float(n), y, variance) for n, (y, variance) in enumerate(values)]
    line = fit(points, fewest=len(points))
    assert line is not None
    slope, intercept = np.polyfit([p.x for p in points], [p.y for p in points], 1, w=[p.variance**-0.5 for p in points])
    scale = max(1.0, *(abs(p.y) for p in points))
    assert line.slope == pytest.approx(slope, abs=1e-7 * scale)
    assert line.intercept == pytest.approx(intercept, abs=1e-7 * scale)


def test_runs_are_counted_by_sign() -> None:
    assert runs([1, 2, -1, -3, 4]) == 3
    assert runs([1]) == 1


@pytest.mark.parametrize("count", [3, 4, 5, 8, 16, 64])
def test_so_few_runs_are_rarer_than_one_in_twenty(count: int) -> None:
    random = Random(count)
    rare = sum(runs([random.choice((-1, 1)) for _ in range(count)]) <= critical_runs(count) for _ in range(2000))
    assert rare <= 2000 * 0.05 * 1.5
    often = sum(runs([random.choice((-1, 1)) for _ in range(count)]) <= critical_runs(count) + 1 for _ in range(2000))
    assert often >= 2000 * 0.05 * 0.6


def test_a_steady_drift_is_followed_to_any_instant() -> None:
    store = filled(drifting(20, ppb=12_345))
    estimate = store.estimate(at(1000))
    assert estimate is not None
    assert estimate.frequency_ppb == pytest.approx(12_345, rel=1e-6)
    assert estimate.offset == pytest.approx(1000 * 12_345 * NANOSECOND, rel=1e-5)
    assert estimate.samples == 20


def test_noise_is_averaged_away() -> None:
    errors, deviations = [], []
    for seed in range(50):
        estimate = filled(drifting(30, ppb=500, noise_us=20, seed=seed)).estimate(at(29 * 16))
        assert estimate is not None
        errors.append((estimate.offset / NANOSECOND - 29 * 16 * 500) / 1000)
        deviations.append(estimate.deviation / MICROSECOND)
    assert np.std(errors) < 12
    assert np.median(deviations) == pytest.approx(20, rel=0.3)


def test_a_frequency_that_changes_shortens_the_memory() -> None:
    bent = drifting(20, ppb=0) + [sample(16 * n, round(16 * (n - 19) * 20_000 * NANOSECOND)) for n in range(20, 30)]
    estimate = filled(bent).estimate(at(29 * 16))
    assert estimate is not None
    assert estimate.samples < 15
    assert estimate.frequency_ppb == pytest.approx(20_000, rel=0.1)


def test_what_waited_in_a_queue_counts_less() -> None:
    clean = [sample(16 * n, 0) for n in range(10)]
    clean[5] = sample(80, 2 * MILLISECOND, delay=5 * MILLISECOND)
    estimate = filled(clean).estimate(at(144))
    assert estimate is not None
    assert abs(estimate.offset) < 10 * MICROSECOND


def test_a_late_sample_is_told_from_news() -> None:
    store = filled(drifting(20, ppb=0, noise_us=5))
    assert store.is_delayed(sample(330, MILLISECOND, delay=3 * MILLISECOND))
    assert not store.is_delayed(sample(330, 50 * MILLISECOND, delay=3 * MILLISECOND))
    assert not store.is_delayed(sample(330, 0, delay=MILLISECOND + 5 * MICROSECOND))


@given(st.integers(-(10**6), 10**6))
def test_a_step_moves_every_sample_along(step_ms: int) -> None:
    store = filled(drifting(12, ppb=300, noise_us=3))
    before = store.estimate(at(200))
    store.clock_stepped(step_ms * MILLISECOND)
    after = store.estimate(at(200) + step_ms * MILLISECOND)
    assert before is not None
    assert after is not None
    assert abs(after.offset - before.offset - step_ms * MILLISECOND) <= 2
    assert after.frequency_ppb == before.frequency_ppb


@given(st.floats(-100_000, 100_000))
def test_a_change_of_frequency_turns_the_line_about_its_end(change_ppb: float) -> None:
    store = filled(drifting(12, ppb=300))
    now = at(11 * 16)
    store.frequency_changed(change_ppb, now)
    estimate = store.estimate(now)
    assert estimate is not None
    assert estimate.frequency_ppb == pytest.approx(300 + change_ppb, abs=0.1)
    assert abs(estimate.offset - 11 * 16 * 300 * NANOSECOND) <= 10 * NANOSECOND


def test_the_bound_grows_with_age() -> None:
    store = filled(drifting(20, ppb=0, noise_us=5))
    bounds = [estimate.root_distance for second in (304, 400, 1000, 10_000) if (estimate := store.estimate(at(second)))]
    assert bounds == sorted(bounds)
    assert bounds[-1] - bounds[0] >= 9_600 * MICROSECOND


def test_one_sample_is_better_than_none() -> None:
    store = Samples()
    assert store.estimate(at(0)) is None
    store.add(sample(0, 7 * MILLISECOND))
    estimate = store.estimate(at(10))
    assert estimate is not None
    assert estimate.offset == 7 * MILLISECOND
    assert estimate.root_distance > 20 * MILLISECOND  # nothing is known of the frequency yet


def test_a_better_account_of_the_same_exchange_replaces_it() -> None:
    store = filled([sample(0, 5), sample(16, 6)])
    store.add(sample(16, 7))
    assert len(store) == 2
    assert store.newest is not None
    assert store.newest.offset == 7


@given(
    st.lists(st.tuples(st.floats(0.05, 20.0), st.sampled_from([0.0, 0.0, 0.1, 3.0, 50.0])), min_size=1, max_size=40),
    st.floats(-200.0, 200.0),
    st.floats(0.0, 20.0),
)
def test_whatever_answers_wait_for_the_truth_is_within_the_bound(
    exchanges: list[tuple[float, float]], error_ppm: float, later_s: float
) -> None:
    def truth(second: float) -> int:
        return round(second * error_ppm * MICROSECOND)

    store, second = Samples(), 0.0
    for after_s, waits_ms in exchanges:
        second += after_s
        waits = round(waits_ms * MILLISECOND)
        store.add(sample(second, truth(second) + waits // 2, delay=MILLISECOND + waits))
        for seen_at in (second, second + later_s):
            estimate = store.estimate(at(seen_at))
            assert estimate is not None
            assert abs(estimate.offset - truth(seen_at)) <= estimate.root_distance
