"""Noises have the statistics asked for, and delay filters are those of the servos."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.servo.filters import MovingMean, MovingMedian
from ptpstack.sim.oscillator import MODELS, FrequencyNoise, Oscillator, OscillatorModel, first_order
from ptpstack.sim.plan.noise import DelayFilter, SlowNoise, Stamps
from ptpstack.time import NANOSECOND, SECOND


@given(st.floats(0.0, 1.0), st.integers(1, 3000), st.floats(-10, 10))
def test_first_order_is_the_recurrence(decay: float, count: int, before: float) -> None:
    inputs = np.random.default_rng(count).normal(size=count)
    expected, last = [], before
    for value in inputs.tolist():
        last = decay * last + value
        expected.append(last)
    assert first_order(inputs, decay, before) == pytest.approx(np.array(expected), rel=1e-9, abs=1e-7)


def test_noise_drawn_for_one_oscillator_is_that_of_the_message_level() -> None:
    seconds = np.arange(1, 100) * SECOND
    noise = FrequencyNoise(MODELS["tcxo"], 1 / 32, np.random.default_rng(7))
    phase_ns = np.cumsum(np.concatenate([noise.draw(1024) for _ in range(4)])) / 32
    expected = Oscillator(model=OscillatorModel(white_fm_ppb=0.2, flicker_fm_ppb=0.1, random_walk_fm_ppb=0.05), seed=7)
    assert phase_ns[31 : 99 * 32 : 32] == pytest.approx(expected.error_ns(seconds), abs=1e-4)
    assert expected.read(int(seconds[0])) / NANOSECOND - 1e9 == pytest.approx(phase_ns[31], abs=1e-4)


def test_oscillators_drawn_together_have_the_allan_deviation_of_one() -> None:
    noise = FrequencyNoise(MODELS["tcxo"], 1.0, np.random.default_rng(1), (40,))
    phase_ns = np.cumsum(noise.draw(8000), axis=0)
    second = phase_ns[200:] - 2 * phase_ns[100:-100] + phase_ns[:-200]
    together_ppb = np.sqrt(np.mean(second**2) / 2) / 100
    model = MODELS["tcxo"]
    parts = (model.white_fm_ppb / 10, model.flicker_fm_ppb, model.random_walk_fm_ppb * (100 / 3) ** 0.5)
    assert together_ppb == pytest.approx(np.sqrt(np.sum(np.square(parts))), rel=0.1)


def test_stamps_have_the_variance_they_say() -> None:
    stamps = Stamps(np.random.default_rng(1), np.array([0.0, 20.0, 20.0]), np.array([8.0, 0.0, 40.0]), seeds=4)
    drawn = stamps.draw(20_000)
    assert drawn.var(axis=(0, 2)) == pytest.approx(stamps.variance, rel=0.02)
    assert np.abs(drawn).max(axis=(0, 2)) == pytest.approx([4.0, 20.0, 40.0], rel=0.05)


def test_slow_noise_has_its_deviation_correlation_and_limit() -> None:
    noise = SlowNoise(np.random.default_rng(1), np.full((30,), 2.0), 10.0, 1.0, np.full((30,), 5.0))
    drawn = noise.draw(5000)
    assert drawn.std() == pytest.approx(2.0, rel=0.05)
    assert np.mean(drawn[10:] * drawn[:-10]) / drawn.var() == pytest.approx(np.exp(-1), rel=0.1)
    assert np.abs(drawn).max() == 5.0


@pytest.mark.parametrize(("name", "alike"), [("median", MovingMedian), ("mean", MovingMean)])
@pytest.mark.parametrize("length", [1, 4, 9])
def test_a_delay_filter_is_that_of_the_servos(name: str, alike: type, length: int) -> None:
    values = np.random.default_rng(length).normal(0.0, 1e6, (60, 2)).round()
    ours, theirs = DelayFilter(name, length), [alike(length), alike(length)]
    ours.fill(values[: length - 1])
    one_by_one = np.array([[one.update(int(value)) for one, value in zip(theirs, row, strict=True)] for row in values])
    filtered = np.concatenate([ours.update(part) for part in (values[length - 1 : 30], values[30:])])
    assert filtered == pytest.approx(one_by_one[length - 1 :], abs=1.0)


def test_the_steady_auto_filter_knows_a_still_delay_ever_better() -> None:
    auto = DelayFilter("auto", 10)
    values = np.random.default_rng(1).normal(100.0, 10.0, (3000, 50))
    auto.fill(values[: auto.values_before])
    assert auto.update(values[auto.values_before :]).std() == pytest.approx(10 / np.sqrt(2000), rel=0.15)
