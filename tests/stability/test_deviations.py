"""The estimators against allantools, and what must hold of them whatever the record."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from ptpstack.stability.deviations import adev, averaging_factors, factors_of, mdev, oadev, tdev, without_trend
from ptpstack.stability.mtie import mtie
from ptpstack.stability.series import Floats
from tests.stability.noise import random_walk, white

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import allantools

TAU0_S = 0.25
FACTORS = [1, 2, 3, 7, 20, 31, 100, 333]
RECORDS = {
    "white": white(1000),
    "random walk": random_walk(1000),
    "with frequency and drift": white(1000) + 3.0 * np.arange(1000) + 0.01 * np.arange(1000) ** 2,
    "far from zero": white(1000) + 1e9,
}
ESTIMATORS = {
    "adev": (adev, allantools.adev, 1.0),
    "oadev": (oadev, allantools.oadev, 1.0),
    "mdev": (mdev, allantools.mdev, 1.0),
    "tdev": (tdev, allantools.tdev, 1e9),
    "mtie": (mtie, allantools.mtie, 1e9),
}

offsets = st_numpy.arrays(np.float64, st.integers(8, 80), elements=st.floats(-1e6, 1e6, width=32))


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_agrees_with_allantools(name: str, record: str) -> None:
    ours, theirs, unit = ESTIMATORS[name]
    values_ns = RECORDS[record]
    taus_s, expected, _, _ = theirs(values_ns * 1e-9, rate=1 / TAU0_S, taus=np.array(FACTORS) * TAU0_S)
    curve = ours(values_ns, TAU0_S, FACTORS)
    compared = [curve.at(tau_s) for tau_s in taus_s]
    tolerance = 1e-6 if record == "far from zero" else 1e-9  # allantools sums without taking the level away
    assert len(taus_s) >= 7
    assert compared == pytest.approx(expected * unit, rel=tolerance)


def test_white_phase_noise_has_the_time_deviation_that_theory_gives() -> None:
    curve = tdev(white(100_000, 10.0), 1.0, [1, 4, 16, 64])
    assert curve.values == pytest.approx([10.0, 5.0, 2.5, 1.25], rel=0.05)  # sd / sqrt(m)


@given(offsets)
def test_mtie_only_grows_with_tau_and_ends_at_peak_to_peak(values_ns: Floats) -> None:
    curve = mtie(values_ns, 1.0, range(1, values_ns.size))
    assert (np.diff(curve.values) >= 0).all()
    assert curve.values[-1] == np.ptp(values_ns)


@given(offsets)
def test_mtie_is_the_largest_range_of_any_window(values_ns: Floats) -> None:
    factors = range(1, values_ns.size)
    ranges = [max(np.ptp(values_ns[start : start + m + 1]) for start in range(values_ns.size - m)) for m in factors]
    assert mtie(values_ns, 1.0, factors).values.tolist() == ranges


@given(offsets, st.integers(-(2**20), 2**20))
def test_a_constant_offset_changes_nothing(values_ns: Floats, constant_ns: int) -> None:
    for estimator in (mtie, tdev, oadev, adev):
        before, after = (estimator(record, 1.0, [1, 2]).values for record in (values_ns, values_ns + constant_ns))
        assert after == pytest.approx(before, rel=1e-6, abs=1e-6, nan_ok=True)


@given(offsets, st.floats(-1e3, 1e3))
def test_a_constant_frequency_changes_no_deviation(values_ns: Floats, slope_ns: float) -> None:
    ramp = slope_ns * np.arange(values_ns.size)
    for estimator, unit in ((tdev, 1.0), (mdev, 1e-9), (oadev, 1e-9), (adev, 1e-9)):
        before, after = (estimator(record, 1.0, [1, 2]).values for record in (values_ns, values_ns + ramp))
        assert after == pytest.approx(before, rel=1e-6, abs=1e-4 * unit, nan_ok=True)


@given(offsets)
def test_time_and_sign_may_be_reversed(values_ns: Floats) -> None:
    for estimator in (mtie, tdev, oadev):
        expected = estimator(values_ns, 1.0, [1, 2]).values
        assert estimator(-values_ns, 1.0, [1, 2]).values == pytest.approx(expected, nan_ok=True)
        assert estimator(values_ns[::-1], 1.0, [1, 2]).values == pytest.approx(expected, rel=1e-6, abs=1e-3)


@given(offsets, st.sets(st.integers(0, 79), max_size=6))
def test_missing_samples_can_only_lower_mtie(values_ns: Floats, missing: set[int]) -> None:
    gappy = values_ns.copy()
    gappy[[index for index in missing if index < gappy.size]] = np.nan
    factors = range(1, values_ns.size)
    with_gaps, without = (mtie(record, 1.0, factors).values for record in (gappy, values_ns))
    assert (np.isnan(with_gaps) | (with_gaps <= without)).all()


@pytest.mark.parametrize("estimator", [tdev, oadev, mdev, adev])
def test_one_sample_in_a_hundred_lost_hardly_moves_a_deviation(estimator: object) -> None:
    values_ns = random_walk(20_000)
    gappy = values_ns.copy()
    gappy[np.random.default_rng(3).choice(20_000, 200, replace=False)] = np.nan
    whole, lossy = (estimator(record, 1.0, [1, 10, 100]).values for record in (values_ns, gappy))
    assert lossy == pytest.approx(whole, rel=0.05)


def test_what_a_record_is_too_short_for_is_not_there() -> None:
    values_ns = white(10)
    assert mtie(values_ns, 1.0, [9, 10]).at(10.0) is None
    assert mtie(values_ns, 1.0, [9, 10]).at(9.0) is not None
    assert tdev(values_ns, 1.0, [3, 4]).at(4.0) is None
    assert oadev(values_ns, 1.0, [4, 5]).at(5.0) is None


def test_averaging_factors_are_spread_by_decades_and_end_where_told() -> None:
    factors = averaging_factors(12_345)
    assert factors[0] == 1
    assert factors[-1] == 12_345
    assert max(b / a for a, b in itertools.pairwise(factors) if a >= 10) <= 1.25
    assert averaging_factors(0) == []


def test_only_multiples_of_the_interval_become_factors() -> None:
    assert factors_of([0.1, 1.0, 10.0, 1000.0], 0.0625, 1000) == [16, 160]


def test_the_trend_of_a_line_is_the_line() -> None:
    assert without_trend(5.0 - 3.0 * np.arange(100)) == pytest.approx(np.zeros(100), abs=1e-9)
