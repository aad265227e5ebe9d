"""Lucky packets, the delay filters that go with them, and what outliers are."""

import numpy as np
import pytest

from ptpstack.servo.auto import AutoServo
from ptpstack.servo.filters import AutoDelay, LuckyDelay
from ptpstack.servo.outliers import NoiseLevel, RefusedRun
from ptpstack.servo.pi import PiServo
from ptpstack.servo.selection import BLOCK, PacketSelection
from ptpstack.time import NANOSECOND
from tests.servo.plant import rms, run, stamps, wandering


def queued(samples: int, share: float, mean_ns: float, seed: int = 1) -> np.ndarray:
    """Stamps' noise and, for a share of the packets, an exponential wait."""
    rng = np.random.default_rng(seed)
    return stamps(samples, seed=seed) + (rng.random(samples) < share) * rng.exponential(mean_ns, samples)


class TestPacketSelection:
    @pytest.mark.parametrize("inner", [PiServo, AutoServo])
    @pytest.mark.parametrize("share", [0.3, 0.5])
    def test_makes_queues_harmless_to_any_servo(self, inner: type, share: float) -> None:
        noise = queued(3200, share, 20_000)
        selected, _ = run(PacketSelection(inner()), wandering(3200, 0.05), noise)
        plain, _ = run(PiServo(), wandering(3200, 0.05), noise)
        assert rms(selected[1600:]) < 0.02 * rms(plain[1600:])

    def test_lets_everything_pass_where_nothing_queues(self) -> None:
        selection = PacketSelection(AutoServo())
        selected, _ = run(selection, wandering(1600, 0.05), stamps(1600))
        plain, _ = run(AutoServo(), wandering(1600, 0.05), stamps(1600))
        assert not selection.selecting
        assert np.array_equal(selected, plain)

    def test_ends_with_the_queues(self) -> None:
        noise = np.concatenate([queued(800, 0.5, 20_000), stamps(800)])
        selection = PacketSelection(AutoServo())
        _, commands = run(selection, wandering(1600, 0.05), noise)
        assert not selection.selecting
        queueing = [command.frequency_ppb for command in commands[400:800]]
        assert len(set(queueing)) <= len(queueing) / BLOCK + 1


class TestAutoDelay:
    def test_knows_the_delay_of_a_still_path_ever_better(self) -> None:
        rng = np.random.default_rng(1)
        delay = AutoDelay()
        outputs = [delay.update(round((5_000 + rng.normal(0, 10)) * NANOSECOND)) / NANOSECOND for _ in range(1500)]
        assert np.std(outputs[50:150]) < 4
        assert np.std(outputs[-500:]) < 0.7

    def test_follows_a_rerouted_path_within_its_window(self) -> None:
        rng = np.random.default_rng(1)
        delay = AutoDelay()
        values = np.where(np.arange(400) < 300, 5_000, 8_000) + rng.normal(0, 10, 400)
        outputs = [delay.update(round(value * NANOSECOND)) / NANOSECOND for value in values]
        assert outputs[299] == pytest.approx(5_000, abs=5)
        assert outputs[299 + AutoDelay.WINDOW] == pytest.approx(8_000, abs=15)

    def test_follows_a_path_that_drifts(self) -> None:
        delay = AutoDelay()
        rng = np.random.default_rng(1)
        values = 5_000 + 2.0 * np.arange(600) + rng.normal(0, 10, 600)
        outputs = [delay.update(round(value * NANOSECOND)) / NANOSECOND for value in values]
        assert np.abs(outputs[-100:] - values[-100:]).mean() < 20

    @pytest.mark.parametrize(("share", "most_ns"), [(0.2, 10), (0.35, 100)])
    def test_does_not_see_what_queues(self, share: float, most_ns: float) -> None:
        rng = np.random.default_rng(1)
        values = 5_000 + rng.normal(0, 10, 600) + (rng.random(600) < share) * rng.exponential(20_000, 600)
        delay = AutoDelay()
        outputs = [delay.update(round(value * NANOSECOND)) / NANOSECOND for value in values]
        assert np.abs(np.array(outputs[100:]) - 5_000).max() < most_ns

    def test_a_single_value_is_itself_and_a_reset_forgets(self) -> None:
        delay = AutoDelay()
        assert delay.update(12_345) == 12_345
        delay.reset()
        assert delay.update(-7) == -7


def test_the_lucky_delay_is_the_mean_of_the_least_quarter() -> None:
    delay = LuckyDelay(8)
    assert [delay.update(value) for value in (80, 40, 70, 60, 50, 20, 10, 30, 90)][-2:] == [15, 15]
    delay.reset()
    assert delay.update(7) == 7


class TestNoiseLevel:
    def test_is_the_variance_of_normal_errors(self) -> None:
        level = NoiseLevel(1.0)
        variances = []
        for error in np.random.default_rng(2).normal(0, 30, 3000):
            level.add(error * error)
            variances.append(level.variance)
        assert np.median(variances[100:]) == pytest.approx(900, rel=0.1)

    def test_hardly_minds_outliers(self) -> None:
        level = NoiseLevel(1.0)
        rng = np.random.default_rng(2)
        variances = []
        for error in np.where(rng.random(2000) < 0.2, 1e6, rng.normal(0, 30, 2000)):
            level.add(error * error)
            variances.append(level.variance)
        assert np.median(variances[100:]) < 2.5 * 900


class TestRefusedRun:
    def after_clean_samples(self, samples: int = 1000) -> RefusedRun:
        run_of = RefusedRun()
        for _ in range(samples):
            run_of.taken()
        return run_of

    def test_two_that_agree_are_a_change_where_outliers_are_unknown(self) -> None:
        refused = self.after_clean_samples()
        assert refused.refused(1.0, 1e5, 100.0) is None
        change = refused.refused(2.0, 1e5 + 5, 100.0)
        assert change is not None
        assert (change.samples, change.elapsed_s, change.rise) == (2, 1.0, None)

    def test_a_rise_between_them_is_a_change_of_frequency(self) -> None:
        refused = self.after_clean_samples()
        refused.refused(1.0, 1_000.0, 100.0)
        change = refused.refused(2.0, 2_000.0, 100.0)
        assert change is not None
        assert change.rise == 1_000.0

    def test_where_outliers_are_common_it_takes_more_of_them(self) -> None:
        refused = self.after_clean_samples()
        rng = np.random.default_rng(3)
        for number in range(2000):
            if rng.random() < 0.1:
                assert refused.refused(float(number), rng.exponential(1e5), 100.0) is None
            else:
                refused.taken()
        needed = [refused.refused(3000.0 + n, 5e4, 100.0) is not None for n in range(10)]
        assert needed.index(True) in range(4, 9)

    def test_those_that_do_not_agree_are_none(self) -> None:
        refused = RefusedRun()
        rng = np.random.default_rng(3)
        assert all(refused.refused(float(n), rng.uniform(-1e6, 1e6), 100.0) is None for n in range(50))
