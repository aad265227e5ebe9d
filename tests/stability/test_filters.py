"""The 0.1 Hz filters: what passes, what does not, and that nothing is made up around gaps."""

import numpy as np
import pytest

from ptpstack.stability.filters import low_pass
from tests.stability.noise import sine, white


def gain(signal_in: np.ndarray, signal_out: np.ndarray) -> float:
    settled = slice(signal_in.size // 2, None)
    return float(np.std(signal_out[settled]) / np.std(signal_in[settled]))


@pytest.mark.parametrize("tau0_s", [1 / 128, 1 / 16, 1 / 8, 1.0, 2.0])
def test_the_corner_is_3_db_down_at_any_rate(tau0_s: float) -> None:
    signal = sine(round(400 / tau0_s), tau0_s, 0.1)
    low = low_pass(signal, tau0_s)
    assert gain(signal, low) == pytest.approx(np.sqrt(0.5), rel=0.01)
    assert gain(signal, signal - low) == pytest.approx(np.sqrt(0.5), rel=0.01)


@pytest.mark.parametrize(("frequency_hz", "expected"), [(0.001, 1.0), (0.01, 0.995), (0.3, 0.316), (1.0, 0.0995)])
def test_the_slope_is_that_of_first_order(frequency_hz: float, expected: float) -> None:
    signal = sine(16 * 4000, 1 / 16, frequency_hz)
    assert gain(signal, low_pass(signal, 1 / 16)) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("tau0_s", [1 / 16, 1.0])
def test_the_high_pass_lets_the_fastest_pass_whole(tau0_s: float) -> None:
    fastest = 50.0 * (-1.0) ** np.arange(2000)
    assert gain(fastest, fastest - low_pass(fastest, tau0_s)) == pytest.approx(1.0, rel=0.01)


def test_a_constant_is_its_own_low_pass_from_the_first_sample() -> None:
    assert low_pass(np.full(100, 42.0), 1 / 16).tolist() == pytest.approx([42.0] * 100)


def test_the_beginning_is_no_noisier_than_the_rest() -> None:
    starts = [low_pass(white(1000, 10.0, seed), 1 / 16)[0] for seed in range(200)]
    rest = low_pass(white(100_000, 10.0), 1 / 16)
    assert np.std(starts) < 1.5 * np.std(rest)


def test_over_a_short_hole_the_output_is_held_and_after_a_long_one_it_starts_anew() -> None:
    signal = np.zeros(1000)
    signal[510:] = 100.0
    short, long = signal.copy(), signal.copy()
    short[500:510] = np.nan  # 0.6 s
    long[400:510] = np.nan  # 6.9 s
    assert 0 < low_pass(short, 1 / 16)[510] < 10
    assert low_pass(long, 1 / 16)[510] == pytest.approx(100.0)
    assert np.isnan(low_pass(short, 1 / 16)).sum() == 10
