"""Bounded memory against the batch: equal where it is exact, around it where it is bounded."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from ptpstack.stability.analysis import Analysis
from ptpstack.stability.deviations import tdev
from ptpstack.stability.mtie import mtie
from ptpstack.stability.series import Floats, Series
from ptpstack.stability.stream import MTIE_BLOCKS, TDEV_BLOCKS, MtieStream, TdevStream, TimeErrorStream
from tests.stability.noise import random_walk, white

RECORDS = {"white": white(6000), "random walk": random_walk(6000), "ramp": np.arange(6000.0)}

maybe_missing = st.one_of(st.floats(-1000, 1000, width=32), st.just(math.nan))


def lossy(values_ns: Floats) -> Floats:
    values_ns = values_ns.copy()
    values_ns[np.random.default_rng(5).random(values_ns.size) < 0.02] = np.nan
    return values_ns


def bounds_of(values_ns: Floats) -> dict[int, tuple[float, float]]:
    stream = MtieStream(1.0)
    for value in values_ns.tolist():
        stream.add(value)
    return {round(bound.tau_s): (bound.lower_ns, bound.upper_ns) for bound in stream.bounds()}


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("change", [lambda values: values, lossy], ids=["whole", "lossy"])
def test_mtie_is_exact_to_32_intervals_and_bounded_beyond(name: str, change: object) -> None:
    values_ns = change(RECORDS[name])
    bounds = bounds_of(values_ns)
    assert set(bounds) == {1 << octave for octave in range(13)}
    for m, (lower, upper) in bounds.items():
        exact = mtie(values_ns, 1.0, [m]).values[0]
        if m <= MTIE_BLOCKS:
            assert lower == upper == exact
        else:
            block = m // MTIE_BLOCKS
            ended = mtie(values_ns[: values_ns.size // block * block], 1.0, [m]).values[0]
            assert lower <= ended <= upper


@given(st_numpy.arrays(np.float64, st.integers(1, 400), elements=maybe_missing))
def test_mtie_bounds_hold_for_any_record(values_ns: Floats) -> None:
    for m, (lower, upper) in bounds_of(values_ns).items():
        block = max(1, m // MTIE_BLOCKS)
        exact = mtie(values_ns[: values_ns.size // block * block], 1.0, [m]).values[0]
        assert lower <= exact <= upper


def test_the_upper_bound_is_near_the_lower_one() -> None:
    for m, (lower, upper) in bounds_of(RECORDS["ramp"]).items():
        assert upper / lower <= (1 if m <= MTIE_BLOCKS else 1.04)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("change", [lambda values: values, lossy], ids=["whole", "lossy"])
def test_tdev_is_exact_to_8_intervals_and_close_beyond(name: str, change: object) -> None:
    values_ns = change(RECORDS[name])
    stream = TdevStream(1.0)
    for value in values_ns.tolist():
        stream.add(value)
    found = {round(tau_s): value for tau_s, value in stream.values()}
    assert set(found) == {1 << octave for octave in range(11)}
    for m, value in found.items():
        exact = tdev(values_ns, 1.0, [m]).values[0]
        level = np.nanmax(np.abs(values_ns))
        if m <= TDEV_BLOCKS and not np.isnan(values_ns).any():
            assert value == pytest.approx(exact, rel=1e-6, abs=1e-9 * level)
        elif name != "ramp":
            assert value == pytest.approx(exact, rel=0.1)


def fed(values_ns: Floats, tau0_s: float, times_s: Floats | None = None) -> TimeErrorStream:
    stream = TimeErrorStream(tau0_s)
    times = tau0_s * np.arange(values_ns.size) if times_s is None else times_s
    for time_s, value in zip(times.tolist(), values_ns.tolist(), strict=True):
        if not math.isnan(value):
            stream.add(time_s, value)
    return stream


@pytest.mark.parametrize("tau0_s", [1 / 8, 1.0, 4.0])
def test_the_plain_statistics_are_those_of_the_batch(tau0_s: float) -> None:
    values_ns = 20.0 + random_walk(10_000, 0.5)
    stream, batch = fed(values_ns, tau0_s), Analysis(Series(tau0_s, values_ns, samples=values_ns.size))
    assert stream.count == 10_000
    assert stream.mean_ns == pytest.approx(batch.mean_ns)
    assert stream.standard_deviation_ns == pytest.approx(batch.standard_deviation_ns)
    assert stream.rms_ns == pytest.approx(batch.rms_ns)
    assert stream.max_abs_te_ns == batch.max_abs_te_ns
    assert stream.cte_ns == pytest.approx(batch.cte_ns, rel=1e-3)
    assert stream.max_abs_te_l_ns == (None if tau0_s > 2 else pytest.approx(batch.max_abs_te_l_ns))


def test_losses_are_counted_and_keep_their_place() -> None:
    values_ns = lossy(RECORDS["random walk"])
    values_ns[[0, -1]] = 0.0
    stream = fed(values_ns, 1 / 8)
    assert stream.missing == np.isnan(values_ns).sum()
    assert [bound.lower_ns for bound in stream.mtie.bounds()[:6]] == [
        pytest.approx(value) for value in mtie(values_ns, 1 / 8, [1, 2, 4, 8, 16, 32]).values
    ]


def test_a_rate_a_little_off_and_jitter_lose_nothing() -> None:
    times_s = np.arange(12_000) / 8 * 1.0001 + np.random.default_rng(6).uniform(-0.02, 0.02, 12_000)
    stream = fed(np.zeros(12_000), 1 / 8, times_s)
    assert (stream.count, stream.missing, stream.unused) == (12_000, 0, 0)


def test_a_second_sample_at_one_time_and_one_from_the_past_are_left_out() -> None:
    stream = TimeErrorStream(1.0)
    for time_s in (0.0, 1.0, 1.1, 0.5, 2.0):
        stream.add(time_s, 1.0)
    assert (stream.count, stream.unused, stream.missing) == (3, 2, 0)


def test_a_day_of_silence_is_counted_at_once_and_no_window_spans_it() -> None:
    stream = TimeErrorStream(1 / 128)
    for index in range(100):
        stream.add(index / 128, 0.0)
    for index in range(100):
        stream.add(86_400 + index / 128, 1e6)
    assert stream.missing == 86_400 * 128 - 100
    assert all(bound.upper_ns == 0 for bound in stream.mtie.bounds())
    assert all(value == 0 for _, value in stream.tdev.values())


def size_of(thing: object) -> int:
    if isinstance(thing, dict):
        return sys.getsizeof(thing) + sum(map(size_of, thing.values()))
    if hasattr(thing, "__dict__"):
        return sys.getsizeof(thing) + size_of(vars(thing))
    return sys.getsizeof(thing) + (sum(map(size_of, thing)) if hasattr(thing, "__iter__") else 0)


def test_memory_does_not_grow_with_the_record() -> None:
    full = TimeErrorStream(1.0, octaves=8)
    for index in range(3000):
        full.add(float(index), float(index % 7))
    before = size_of(full)
    for index in range(3000, 6000):
        full.add(float(index), float(index % 7))
    assert size_of(full) <= before * 1.01
