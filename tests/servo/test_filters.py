"""Delay filters against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.errors import ConfigError
from ptpstack.servo.filters import MovingMean, MovingMedian, NoFilter
from ptpstack.servo.pi import PiServo
from ptpstack.servo.registry import make_filter, make_servo

delays = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=40)
lengths = st.integers(1, 12)


@given(delays, lengths)
def test_moving_median_is_the_median_of_the_last_values(values: list[int], length: int) -> None:
    moving = MovingMedian(length)
    for n, value in enumerate(values, start=1):
        assert abs(moving.update(value) - np.median(values[max(0, n - length) : n])) <= 0.5


@given(delays, lengths)
def test_moving_mean_is_the_mean_of_the_last_values(values: list[int], length: int) -> None:
    moving = MovingMean(length)
    for n, value in enumerate(values, start=1):
        assert abs(moving.update(value) - np.mean(values[max(0, n - length) : n])) < 1


@pytest.mark.parametrize("name", ["median", "mean", "none"])
@given(values=delays)
def test_a_reset_filter_is_as_good_as_new(name: str, values: list[int]) -> None:
    used, new = make_filter(name), make_filter(name)
    for value in values:
        used.update(value)
    used.reset()
    assert [used.update(v) for v in values] == [new.update(v) for v in values]


@given(st.integers(1, 12), st.integers(0, 10**9))
def test_median_ignores_a_minority_of_outliers_and_mean_does_not(half: int, delay: int) -> None:
    values = [delay] * (half + 1) + [delay + 10**9] * half
    median, mean = MovingMedian(len(values)), MovingMean(len(values))
    assert [median.update(v) for v in values][-1] == delay
    assert [mean.update(v) for v in values][-1] > delay


def test_none_passes_every_value() -> None:
    assert [NoFilter().update(v) for v in (3, -1, 7)] == [3, -1, 7]


@pytest.mark.parametrize("name", ["auto", "lucky"])
def test_a_path_that_changed_is_believed_at_once(name: str) -> None:
    delays_of = make_filter(name, 40)
    for _ in range(200):
        delays_of.update(1_000_000)
    assert delays_of.path_changed(5_000_000) == 5_000_000
    assert delays_of.update(5_000_010) == pytest.approx(5_000_005, abs=5)


def test_linuxptps_median_forgets_the_old_path_by_and_by() -> None:
    median = MovingMedian()
    for _ in range(10):
        median.update(1_000)
    assert median.path_changed(5_000) == 1_000


def test_the_usual_length_is_ten() -> None:
    median = MovingMedian()
    assert [median.update(v) for v in range(20)][-1] == (14 + 15) // 2


def test_names_that_are_not_known_are_answered_with_those_that_are() -> None:
    assert isinstance(make_servo("pi"), PiServo)
    with pytest.raises(ConfigError, match="no servo is called 'pid'") as servo_error:
        make_servo("pid")
    assert "choose one of pi" in str(servo_error.value)
    with pytest.raises(ConfigError, match="no delay filter is called 'medium'") as filter_error:
        make_filter("medium")
    assert "median, mean, none" in str(filter_error.value)


def test_auto_is_not_misled_by_a_few_first_values_that_lie_near_each_other() -> None:
    shares = []
    for seed in range(100):
        noise = np.random.default_rng(seed).uniform(-20e3, 20e3, (80, 4)).sum(axis=1) / 2
        delays_of = make_filter("auto")
        filtered = [delays_of.update(300_000 + round(value)) for value in noise]
        shares.append(np.std(filtered[20:]) / np.std(noise))
    assert np.median(shares) < 0.15
    assert max(shares) < 0.7
