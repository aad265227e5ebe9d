"""Array servos give the commands of the servos they stand for, and pass noise on as those do."""

import numpy as np
import pytest

from ptpstack.servo.bandwidth import BandwidthServo, BandwidthSettings
from ptpstack.servo.clock_filter import ClockFilter
from ptpstack.servo.discipline import Discipline
from ptpstack.servo.pi import PiServo
from ptpstack.sim.oscillator import MODELS
from ptpstack.sim.plan.servos import (
    ArrayKalman,
    ArrayPi,
    SideBySide,
    auto_gains,
    bandwidth_gains,
    kalman_gains,
    pi_gains,
)
from ptpstack.time import SECOND, LocalTime, interval_from_ns


def commands_ppb(servo: Discipline, offsets_ns: list[float], interval_s: float) -> list[float]:
    interval = round(interval_s * SECOND)
    servo.set_sync_interval(interval)
    return [
        servo.sample(interval_from_ns(offset), LocalTime(number * interval)).frequency_ppb
        for number, offset in enumerate(offsets_ns)
    ]


@pytest.mark.parametrize("interval_s", [0.0625, 0.125, 1.0, 4.0])
def test_pi_gives_the_commands_of_the_servo(interval_s: float) -> None:
    offsets = np.random.default_rng(1).normal(0.0, 100.0, 200)
    acquiring = [0.0] * 50
    expected = commands_ppb(PiServo(), [*acquiring, *offsets.tolist()], interval_s)[len(acquiring) :]
    servo = ArrayPi(*pi_gains(interval_s), (1,))
    commands = [servo.sample(np.array([offset]))[0] for offset in offsets]
    assert commands == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("bandwidth_hz", [0.05, 0.1])
def test_bandwidth_gives_the_commands_of_the_servo_past_its_beginning(bandwidth_hz: float) -> None:
    offsets = np.random.default_rng(1).normal(0.0, 100.0, 200)
    acquiring = [0.0] * 4000
    settings = BandwidthSettings(bandwidth_hz=bandwidth_hz)
    expected = commands_ppb(BandwidthServo(settings), [*acquiring, *offsets.tolist()], 0.125)[len(acquiring) :]
    servo = ArrayPi(*bandwidth_gains(bandwidth_hz, 0.125), (1,))
    commands = [servo.sample(np.array([offset]))[0] for offset in offsets]
    assert commands == pytest.approx(expected, abs=1e-3)


def gain(kp: float, ki: float, interval_s: float, hz: np.ndarray) -> np.ndarray:
    """Return by how much a loop passes a sine of each frequency on, from its response to an impulse."""
    servo, x, response = ArrayPi(kp, ki, (1,)), np.zeros(1), []
    for number in range(round(2000 / interval_s)):
        response.append(x[0])
        x = x + interval_s * servo.sample(x - (number == 0))
    turned = np.exp(-2j * np.pi * hz[:, None] * interval_s * np.arange(len(response)))
    return np.abs(turned @ np.array(response))


@pytest.mark.parametrize("bandwidth_hz", [0.05, 0.1])
def test_a_hop_of_the_bandwidth_loop_passes_noise_on_as_g8273_2_asks(bandwidth_hz: float) -> None:
    kp, ki = bandwidth_gains(bandwidth_hz, 0.0625)
    hz = np.array([*np.geomspace(0.0005, 0.02, 40), bandwidth_hz, 10 * bandwidth_hz])
    passed_db = 20 * np.log10(gain(kp, ki, 0.0625, hz))
    assert 0.0 < passed_db.max() < 0.1
    assert passed_db[-2] == pytest.approx(-3.0, abs=0.3)
    assert passed_db[-1] < -18


def test_steady_gains_are_those_the_filter_comes_to() -> None:
    steady = kalman_gains("tcxo", 100.0, 0.125)
    one = ClockFilter(0.0, 0.0)
    one.white_fm, one.wander, one.drift_wander = 0.1**2 / 100, 0.1**2 / 100, 0.01**2 / 100
    for _ in range(20_000):
        one.predict(0.125, 0.0)
        expected = np.array([one.var_phase, one.cov_phase_frequency, one.cov_phase_drift]) / (1 + one.var_phase)
        one.update(0.0)
    assert np.array(steady[:3]) == pytest.approx(expected, rel=1e-6)


def test_the_quieter_the_oscillator_the_longer_the_memory_of_auto() -> None:
    memories = [
        auto_gains(MODELS[name], 150.0, 0.125, np.random.default_rng(1)).memory_s
        for name in ("crystal", "tcxo", "ocxo")
    ]
    assert memories == sorted(memories)
    assert memories[0] < memories[-1]


def test_a_kalman_filter_brings_a_clock_home_from_any_phase_and_frequency() -> None:
    servo = ArrayKalman(kalman_gains("tcxo", 100.0, 0.125), 0.125, (3,))
    x, free_ppb = np.array([1000.0, -500.0, 0.0]), np.array([0.0, 100.0, -300.0])
    for _ in range(4000):
        x = x + 0.125 * (free_ppb + servo.sample(x))
    assert x == pytest.approx(np.zeros(3), abs=0.1)


def test_side_by_side_each_servo_sees_its_own_clocks() -> None:
    together = SideBySide([(slice(0, 2), ArrayPi(0.7, 0.3, (2, 1))), (slice(2, 3), ArrayPi(0.1, 0.0, (1, 1)))])
    assert together.sample(np.ones((3, 1)))[:, 0].tolist() == pytest.approx([-1.0, -1.0, -0.1])
