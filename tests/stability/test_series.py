"""Uneven and gappy samples on a regular grid: nothing invented, everything counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.stability.series import Floats, Gap, UnusableRecordError, resample, window_means


def test_even_samples_are_kept_as_they_are() -> None:
    series = resample(100.0 + 0.125 * np.arange(50), np.arange(50.0))
    assert series.tau0_s == pytest.approx(0.125)
    assert series.values_ns.tolist() == list(range(50))
    assert (series.gaps, series.repeated, series.unused, series.missing) == ((), 0, 0, 0)


def test_lost_samples_stay_missing_and_are_told() -> None:
    times = np.delete(np.arange(20.0), [5, 10, 11, 12])
    series = resample(times, times * 10)
    assert series.gaps == (Gap(5.0, 1), Gap(10.0, 3))
    assert (series.missing, series.repeated, series.unused) == (4, 0, 0)
    assert np.flatnonzero(np.isnan(series.values_ns)).tolist() == [5, 10, 11, 12]
    assert np.nanmax(np.abs(series.values_ns - 10 * np.arange(20))) == 0


@pytest.mark.parametrize("jitter", [0.0, 0.1, 0.3])
def test_jitter_of_the_send_times_makes_no_gaps(jitter: float) -> None:
    times = np.arange(5000) / 16 * 1.00007 + np.random.default_rng(1).uniform(-jitter, jitter, 5000) / 16 / 2
    series = resample(times, np.arange(5000.0))
    assert series.tau0_s == pytest.approx(1.00007 / 16, rel=1e-4)
    assert (series.gaps, series.samples) == ((), 5000)
    assert series.unused == series.repeated


def test_a_faster_stretch_is_thinned_out_and_counted() -> None:
    times = np.concatenate((np.arange(100.0), 100 + np.arange(40) / 4))
    series = resample(times, times)
    assert series.tau0_s == pytest.approx(1.0)
    assert series.unused == 140 - series.values_ns.size
    assert series.missing == 0


@given(
    st.lists(st.floats(0, 1e5, allow_nan=False), min_size=2, max_size=50, unique=True),
    st.floats(0.5, 1e4),
)
def test_every_value_is_one_that_was_measured_nearby(times: list[float], tau0_s: float) -> None:
    series = resample(times, times, tau0_s)  # each offset is its own time
    grid = min(times) + tau0_s * np.arange(series.values_ns.size)
    present = ~np.isnan(series.values_ns)
    assert set(series.values_ns[present]) <= set(times)
    assert (np.abs(series.values_ns - grid)[present] <= 0.7501 * tau0_s).all()
    assert series.samples == len(times)
    assert int(present.sum()) - series.repeated == series.samples - series.unused


def test_samples_may_come_out_of_order_and_twice() -> None:
    series = resample([3.0, 1.0, 2.0, 2.0, 0.0], [30.0, 10.0, 20.0, 99.0, 0.0])
    assert series.values_ns.tolist() == [0.0, 10.0, 20.0, 30.0]
    assert series.unused == 1


@pytest.mark.parametrize(
    ("times", "offsets", "said"),
    [
        ([], [], "too few samples"),
        ([1.0], [1.0], "too few samples"),
        ([1.0, 1.0], [1.0, 2.0], "too few samples"),
        ([1.0, 2.0], [1.0], "as many times as offsets"),
        ([1.0, 2.0], [1.0, np.inf], "not a finite number"),
        ([1.0, np.nan], [1.0, 1.0], "not a finite number"),
        ([0.0, 1.0, 2.0, 3e9], [0.0] * 4, "spread over"),
    ],
)
def test_what_no_statistic_can_be_made_of_is_refused(times: list[float], offsets: list[float], said: str) -> None:
    with pytest.raises(UnusableRecordError, match=said):
        resample(times, offsets)


@pytest.mark.parametrize(
    ("values", "length", "means"),
    [
        ([1, 2, 3, 4], 2, [1.5, 2.5, 3.5]),
        ([1, np.nan, 3, 4], 2, [1.0, 3.0, 3.5]),
        ([1, np.nan, np.nan, 4], 2, [1.0, np.nan, 4.0]),
        ([1, 2], 3, []),
    ],
)
def test_a_window_counts_when_half_of_it_is_there(values: list[float], length: int, means: list[float]) -> None:
    found: Floats = window_means(np.array(values, dtype=np.float64), length)
    assert found.tolist() == pytest.approx(means, nan_ok=True)
