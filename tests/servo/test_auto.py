"""``auto`` beside PI on the same samples, where the truth is known: never worse, and far better where PI is bad."""

import math

import numpy as np
import pytest

from ptpstack.servo import auto as auto_module
from ptpstack.servo.auto import AutoServo
from ptpstack.servo.clock_filter import ClockFilter
from ptpstack.servo.events import ChangeFollowed
from ptpstack.servo.interface import Servo
from ptpstack.servo.kalman import KalmanServo, KalmanSettings
from ptpstack.servo.linreg import LinregServo
from ptpstack.servo.pi import PiServo, PiSettings
from ptpstack.time import NANOSECOND, SECOND, LocalTime
from tests.servo.plant import rms, run, stamps, wandering

PER_SECOND_8 = 0.125


def compare(
    servo: Servo,
    peer: Servo,
    frequency: np.ndarray,
    noise: np.ndarray,
    *,
    settled_s: float = 60.0,
    **conditions: object,
) -> float:
    """Return the RMS of the true offset under *servo* over that under *peer*."""
    interval_s = conditions.get("interval_s", PER_SECOND_8)
    settled = slice(int(settled_s / interval_s), None)
    mine, theirs = (run(each, frequency, noise, **conditions)[0][settled] for each in (servo, peer))
    return rms(mine) / rms(theirs)


class TestOnHardwareStamps:
    @pytest.mark.parametrize(
        ("wander_ppb", "interval_s", "ratio"),
        [
            (0.0, 1.0, 0.25),
            (0.0, 1 / 8, 0.3),
            (0.0, 1 / 16, 0.35),
            (0.01, 1.0, 0.3),
            (0.01, 1 / 8, 0.4),
            (0.1, 1.0, 0.45),
            (0.1, 1 / 8, 0.5),
            (0.1, 1 / 16, 0.5),
            (1.0, 1 / 8, 0.8),
            (10.0, 1 / 8, 1.03),
            (10.0, 1.0, 1.06),  # here PI's constants happen to be the best there are
        ],
    )
    def test_it_is_closer_to_the_truth_than_pi(self, wander_ppb: float, interval_s: float, ratio: float) -> None:
        samples = int(300 / interval_s) if interval_s < 1 else 800
        ratios = [
            compare(
                AutoServo(),
                PiServo(),
                wandering(samples, wander_ppb, interval_s=interval_s, seed=seed),
                stamps(samples, seed=seed),
                interval_s=interval_s,
            )
            for seed in (1, 2)
        ]
        assert np.mean(ratios) < ratio

    @pytest.mark.parametrize(("wander_ppb", "ratio"), [(0.01, 0.6), (0.1, 0.75), (1.0, 1.0), (10.0, 0.95)])
    def test_it_is_closer_than_linear_regression(self, wander_ppb: float, ratio: float) -> None:
        assert compare(AutoServo(), LinregServo(), wandering(2400, wander_ppb), stamps(2400)) < ratio

    def test_a_quiet_stamp_on_a_restless_clock_is_followed_at_once(self) -> None:
        assert compare(AutoServo(), PiServo(), wandering(2400, 10.0), stamps(2400, half_width_ns=1)) < 0.3


class TestOnNoise:
    @pytest.mark.parametrize("hardware_timestamping", [True, False])
    def test_software_stamps_with_tails_are_averaged(self, hardware_timestamping: bool) -> None:
        noise = 5_000 * np.random.default_rng(4).standard_t(3, 2400)
        peer = PiServo(PiSettings(hardware_timestamping=hardware_timestamping))
        assert compare(AutoServo(), peer, wandering(2400, 0.1), noise) < (0.25 if hardware_timestamping else 0.5)

    def test_delay_spikes_are_refused(self) -> None:
        rng = np.random.default_rng(5)
        noise = stamps(2400) + (rng.random(2400) < 0.1) * rng.exponential(50_000, 2400)
        offsets, _ = run(AutoServo(), wandering(2400, 0.1), noise)
        assert rms(offsets[1200:]) < 5

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_a_spike_among_the_first_samples_is_forgotten(self, seed: int) -> None:
        noise = stamps(800, seed=seed)
        noise[seed] = 100_000
        offsets, _ = run(AutoServo(), wandering(800, 0.1), noise)
        assert rms(offsets[400:]) < 10


class TestOnChanges:
    def warming(self, interval_s: float, ppb: float) -> np.ndarray:
        seconds = np.arange(int(400 / interval_s)) * interval_s
        return wandering(len(seconds), 0.05, interval_s=interval_s) + ppb * -np.expm1(
            -np.maximum(seconds - 200, 0) / 60
        )

    @pytest.mark.parametrize(("interval_s", "ratio"), [(1.0, 0.95), (1 / 8, 0.75)])
    def test_a_temperature_step_is_followed(self, interval_s: float, ratio: float) -> None:
        frequency = self.warming(interval_s, 400.0)
        assert compare(AutoServo(), PiServo(), frequency, stamps(len(frequency)), interval_s=interval_s) < ratio

    @pytest.mark.parametrize(("ppb", "interval_s", "ratio"), [(10_000.0, 1 / 8, 0.2), (10_000.0, 1.0, 0.7)])
    def test_even_of_a_cheap_crystal(self, ppb: float, interval_s: float, ratio: float) -> None:
        frequency, noise = self.warming(interval_s, ppb), stamps(round(400 / interval_s))
        assert compare(AutoServo(), PiServo(), frequency, noise, interval_s=interval_s) < ratio

    def test_a_parabola_that_leaves_every_filter_behind_at_once_is_a_change(self) -> None:
        frequency = self.warming(1.0, 40_000.0)
        offsets, commands = run(AutoServo(), frequency, stamps(len(frequency)), interval_s=1.0)
        assert np.abs(offsets[60:]).max() < 15_000  # where it was told for what it is after the fourth sample
        assert any(isinstance(event, ChangeFollowed) for command in commands for event in command.events)

    def test_a_master_that_steps_is_followed_with_the_third_sample_and_said_why(self) -> None:
        frequency, noise = wandering(2400, 0.1), stamps(2400)
        offsets, commands = run(AutoServo(), frequency, noise, master_ns=lambda s: 1e5 if s > 200 else 0.0)
        assert np.abs(offsets[1606:]).max() < 1_000
        assert rms(offsets[1640:]) < 5
        (event,) = (e for c in commands for e in c.events if isinstance(e, ChangeFollowed))
        assert event.phase_ns == pytest.approx(-1e5, rel=1e-3)
        assert "agree" in str(event)
        assert event.frequency_change_ppb == 0

    def test_a_frequency_that_jumps_is_followed(self) -> None:
        frequency = wandering(2400, 0.1) + 20_000.0 * (np.arange(2400) > 1600)
        assert compare(AutoServo(), PiServo(), frequency, stamps(2400), settled_s=190.0) < 0.5

    def test_after_a_minute_without_sync_it_is_where_its_frequency_brought_it(self) -> None:
        frequency, noise = wandering(4000, 0.01), stamps(4000)
        conditions = {"silent": lambda s: 300 <= s < 360}
        offsets, _ = run(AutoServo(), frequency, noise, **conditions)
        peer, _ = run(PiServo(), frequency, noise, **conditions)
        assert np.abs(offsets[2400:]).max() < min(50, 0.2 * np.abs(peer[2400:]).max())

    def test_a_reset_forgets_the_time_and_not_the_rate(self) -> None:
        noise = 2_000 * np.random.default_rng(1).standard_normal(1600)
        servo = AutoServo()
        _, commands = run(servo, np.full(1600, 20_000.0), noise)
        servo.reset()
        local = LocalTime(10_000 * SECOND)
        servo.sample(0, local)
        # Two samples 125 ms apart and 10 us wrong would say 80 ppm.
        command = servo.sample(10_000 * NANOSECOND, local + SECOND // 8)
        assert command.frequency_ppb == pytest.approx(commands[-1].frequency_ppb, abs=1_000)


class TestKalmanOfAKnownClass:
    @pytest.mark.parametrize(
        ("oscillator", "wander_ppb", "ratio"), [("tcxo", 0.1, 0.5), ("ocxo", 1e-3, 0.3), ("crystal", 3.0, 0.95)]
    )
    def test_it_is_closer_than_pi_on_its_class(self, oscillator: str, wander_ppb: float, ratio: float) -> None:
        servo = KalmanServo(KalmanSettings(oscillator=oscillator))
        assert compare(servo, PiServo(), wandering(2400, wander_ppb), stamps(2400)) < ratio

    def test_on_a_clock_worse_than_its_class_it_is_still_no_worse(self) -> None:
        servo = KalmanServo(KalmanSettings(oscillator="tcxo"))
        assert compare(servo, PiServo(), wandering(2400, 10.0), stamps(2400)) < 1.1


class TestFiltersAtRest:
    """Covariances that do not change any more are not computed; that changes nothing that could be measured."""

    @pytest.mark.parametrize("wander_ppb", [0.0, 0.1, 10.0])
    @pytest.mark.parametrize(
        ("jitter_s", "lesser_weight", "share"), [(0.0, 1.0, 0.01), (0.01, 1.0, 0.05), (0.01, 0.5, 0.15)]
    )
    def test_the_clock_is_steered_as_by_filters_that_never_rest(
        self, monkeypatch: pytest.MonkeyPatch, wander_ppb: float, jitter_s: float, lesser_weight: float, share: float
    ) -> None:
        samples = 3000
        weights = np.full(samples, lesser_weight)
        weights[::4] = 1.0
        frequency, noise = wandering(samples, wander_ppb), stamps(samples) / np.sqrt(weights)
        noise[::500] += 1e4  # outliers, which are refused
        conditions = {"lateness_s": np.random.default_rng(5).uniform(-jitter_s, jitter_s, samples), "weights": weights}
        resting, restless = AutoServo(), AutoServo()
        offsets = run(resting, frequency, noise, **conditions)[0][500:]
        monkeypatch.setattr(auto_module, "SAMPLES_TO_REST", math.inf)
        others = run(restless, frequency, noise, **conditions)[0][500:]
        assert any(one.is_at_rest for one in resting._filters)
        assert not any(one.is_at_rest for one in restless._filters)
        assert rms(offsets - others) < share * rms(others)
        assert rms(offsets) == pytest.approx(rms(others), rel=0.01)

    def test_a_long_gap_wakes_them(self) -> None:
        servo = AutoServo()
        run(servo, wandering(2000, 0.1), stamps(2000))
        asleep = [one for one in servo._filters if one.is_at_rest]
        before = [one.var_phase for one in asleep]
        assert asleep
        servo.sample(0, servo._local + 4 * SECOND)
        assert not any(one.is_at_rest for one in asleep)
        assert all(one.var_phase > variance for one, variance in zip(asleep, before, strict=True))

    @pytest.mark.parametrize("refused", [1, 3, 30])
    def test_after_refused_samples_they_are_as_uncertain_as_if_they_had_never_rested(self, refused: int) -> None:
        resting, restless = ClockFilter(0.0, 0.0), ClockFilter(0.0, 0.0)
        resting.rests_after = 100
        for one in (resting, restless):
            one.memory_s, one.wander = 10.0, 1e-4
            for _ in range(500):
                one.predict(1.0, 0.0, 0.0)
                one.update(0.0)
            for _ in range(refused):
                one.predict(1.0, 0.0, 0.0)
                one.pass_over(1.0)
            one.predict(1.0, 0.0, 0.0)
            one.update(0.0)
        assert not resting.is_at_rest
        for covariance in ("predicted_var_phase", "var_phase", "cov_phase_frequency", "var_frequency"):
            assert getattr(resting, covariance) == pytest.approx(getattr(restless, covariance), rel=0.01)
