"""Virtual oscillators and clocks: exact where exact is possible, and noise with the statistics asked for."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.sim.oscillator import EPOCH, MODELS, Oscillator, OscillatorModel, VirtualClock
from ptpstack.time import NANOSECOND, SECOND


def allan_deviation_ppb(phase_ns: np.ndarray, tau_s: float, samples: int) -> float:
    """Return the overlapping Allan deviation of phase taken each second, for tau of that many samples."""
    second = phase_ns[2 * samples :] - 2 * phase_ns[samples:-samples] + phase_ns[: -2 * samples]
    return float(np.sqrt(np.mean(second**2) / 2) / tau_s)


def test_a_perfect_oscillator_counts_true_time() -> None:
    assert [Oscillator().read(t) for t in (0, 1, 10**20)] == [0, 1, 10**20]


@given(st.floats(-1e6, 1e6), st.integers(0, 10**6 * SECOND))
def test_a_constant_error_is_exact_to_a_unit_over_weeks(error_ppb: float, true: int) -> None:
    exact = true + Fraction(error_ppb * 1e-9) * true
    assert abs(Oscillator(error_ppb).read(true) - exact) <= 2 + true / 2**64


@pytest.mark.parametrize("tau_s", [1, 4, 16])
def test_white_fm_has_its_allan_deviation_falling_with_the_root_of_tau(tau_s: int) -> None:
    phase_ns = Oscillator(white_fm_ppb=0.5, seed=3).error_ns(np.arange(20_000) * SECOND)
    assert allan_deviation_ppb(phase_ns, tau_s, tau_s) == pytest.approx(0.5 / tau_s**0.5, rel=0.1)


@pytest.mark.parametrize("tau_s", [1, 4, 16])
def test_random_walk_fm_has_its_allan_deviation_rising_with_the_root_of_tau(tau_s: int) -> None:
    phase_ns = Oscillator(random_walk_fm_ppb=2.0, seed=3).error_ns(np.arange(20_000) * SECOND)
    assert allan_deviation_ppb(phase_ns, tau_s, tau_s) == pytest.approx(2.0 * (tau_s / 3) ** 0.5, rel=0.15)


@pytest.mark.parametrize("tau_s", [1, 8, 64])
def test_flicker_fm_has_its_allan_deviation_at_every_tau(tau_s: int) -> None:
    model = OscillatorModel(flicker_fm_ppb=0.5)
    variances = [
        allan_deviation_ppb(Oscillator(model=model, seed=seed).error_ns(np.arange(8_000) * SECOND), tau_s, tau_s) ** 2
        for seed in range(3)
    ]
    assert np.sqrt(np.mean(variances)) == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize(
    ("name", "at_1_s_ppb", "at_1000_s_ppb"),
    [
        ("crystal", (1, 3), (10, 80)),
        ("tcxo", (0.1, 0.5), (0.3, 3)),
        ("ocxo", (0.003, 0.02), (0.003, 0.02)),
        ("rubidium", (0.02, 0.05), (0.0008, 0.004)),
    ],
)
def test_the_models_are_typical_of_their_class(
    name: str, at_1_s_ppb: tuple[float, float], at_1000_s_ppb: tuple[float, float]
) -> None:
    phase_ns = Oscillator(model=MODELS[name], seed=1).error_ns(np.arange(30_000) * SECOND)
    for tau, (low, high) in ((1, at_1_s_ppb), (1000, at_1000_s_ppb)):
        assert low < allan_deviation_ppb(phase_ns, tau, tau) < high


def test_ageing_adds_up_day_by_day() -> None:
    aged = Oscillator(model=OscillatorModel(ageing_ppb_per_day=2.0))
    day = 86_400 * SECOND
    # Half the day's change is the mean over the first day, one and a half over the second.
    assert (aged.read(day) - day) / NANOSECOND == pytest.approx(1.0 * 86_400, rel=1e-9)
    assert (aged.read(2 * day) - aged.read(day) - day) / NANOSECOND == pytest.approx(3.0 * 86_400, rel=1e-9)


def test_a_temperature_step_reaches_the_crystal_slowly() -> None:
    model = OscillatorModel(temperature_ppb_per_k=40.0, thermal_time_constant_s=60.0)
    warmed = Oscillator(model=model, temperature_steps=[(100.0, 5.0)])

    def frequency_ppb(at_s: int) -> float:
        return ((warmed.read((at_s + 1) * SECOND) - warmed.read(at_s * SECOND)) / SECOND - 1) * 1e9

    assert frequency_ppb(50) == 0
    assert frequency_ppb(160) == pytest.approx(200 * (1 - np.exp(-60.5 / 60)), rel=1e-3)
    assert frequency_ppb(2000) == pytest.approx(200, rel=1e-6)


def test_noise_depends_on_the_seed_and_not_on_who_looks_when() -> None:
    often, seldom, other = (Oscillator(12.5, white_fm_ppb=1, random_walk_fm_ppb=1, seed=s) for s in (1, 1, 2))
    for n in range(1000):
        often.read(n * SECOND // 7)
    assert often.read(500 * SECOND) == seldom.read(500 * SECOND) != other.read(500 * SECOND)


@given(st.integers(0, 2**32), st.lists(st.integers(0, 40 * SECOND), min_size=2, max_size=30))
def test_time_never_runs_backward(seed: int, instants: list[int]) -> None:
    oscillator = Oscillator(-100_000, white_fm_ppb=10, random_walk_fm_ppb=10, seed=seed)
    readings = [oscillator.read(t) for t in sorted(instants)]
    assert readings == sorted(readings)


@given(st.lists(st.integers(0, 60 * SECOND), min_size=1, max_size=20))
def test_the_truth_as_an_array_is_what_was_read(instants: list[int]) -> None:
    oscillator = Oscillator(33_333.3, model=MODELS["crystal"], temperature_steps=[(20.0, 5.0)], seed=5)
    read_ns = [(oscillator.read(t) - t) / NANOSECOND for t in instants]
    assert oscillator.error_ns(np.array(instants, dtype=np.int64)) == pytest.approx(read_ns, abs=1e-4)


class TestClock:
    def test_starts_at_the_epoch_plus_its_offset(self) -> None:
        assert VirtualClock(offset_ns=-500).read(0) == EPOCH - 500 * NANOSECOND

    def test_steering_multiplies_with_the_oscillators_error(self) -> None:
        clock = VirtualClock(Oscillator(100_000.0))
        clock.set_frequency(-100_000.0, 0)
        assert clock.offset_ns(1000 * SECOND) == pytest.approx(1e12 * (1.0001 * 0.9999 - 1), abs=1e-3)

    def test_a_change_of_frequency_moves_nothing_at_once(self) -> None:
        clock = VirtualClock(Oscillator(1000.0, white_fm_ppb=1))
        before = clock.read(3 * SECOND + 7)
        clock.set_frequency(5e5, 3 * SECOND + 7)
        assert clock.read(3 * SECOND + 7) == before

    def test_a_step_moves_by_exactly_what_was_asked(self) -> None:
        clock = VirtualClock(Oscillator(1000.0))
        before = clock.read(SECOND)
        clock.step(-12345, SECOND)
        assert clock.read(SECOND) == before - 12345

    def test_cannot_be_read_in_its_past(self) -> None:
        clock = VirtualClock()
        clock.step(1, SECOND)
        with pytest.raises(AssertionError, match="before its last change"):
            clock.read(SECOND - 1)

    @given(
        st.lists(st.tuples(st.integers(1, 3 * SECOND), st.floats(-1e5, 1e5), st.integers(-SECOND, SECOND)), max_size=8)
    )
    def test_remembers_every_offset_it_ever_had(self, changes: list[tuple[int, float, int]]) -> None:
        clock = VirtualClock(Oscillator(-20_000, white_fm_ppb=5, random_walk_fm_ppb=5, seed=9), offset_ns=250.0)
        now, looked = 0, []
        for wait, frequency_ppb, step in changes:
            looked.append((now + wait // 2, clock.offset_ns(now + wait // 2)))
            now += wait
            clock.set_frequency(frequency_ppb, now)
            clock.step(step, now)
            looked.append((now, clock.offset_ns(now)))
        times, seen = np.array(looked).T if looked else (np.empty(0), np.empty(0))
        assert clock.offsets_ns(times.astype(np.int64)) == pytest.approx(seen, abs=1e-2)
