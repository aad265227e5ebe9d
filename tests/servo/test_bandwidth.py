"""The noise transfer of ITU-T G.8273.2 (low-pass of 0.05 to 0.1 Hz, peaking at most 0.1 dB), measured by sinusoids."""

import math

import numpy as np
import pytest

from ptpstack.servo.bandwidth import BandwidthServo, BandwidthSettings
from tests.servo.plant import rms, run, stamps, wandering

AMPLITUDE_NS = 1000.0
SETTLING_S = 300.0


def gain_db(bandwidth_hz: float, frequency_hz: float, interval_s: float) -> float:
    """Return the gain from a master's sinusoidal time error to the clock's."""
    measured_s = math.ceil(100 * frequency_hz) / frequency_hz  # whole periods

    def master_ns(seconds: float) -> float:
        return AMPLITUDE_NS * min(1.0, seconds / 60) * math.sin(2 * math.pi * frequency_hz * seconds)

    samples = int((SETTLING_S + measured_s) / interval_s)
    silence = np.zeros(samples)
    servo = BandwidthServo(BandwidthSettings(bandwidth_hz=bandwidth_hz))
    offsets, _ = run(servo, silence, silence, interval_s=interval_s, master_ns=master_ns)
    seconds = np.arange(samples) * interval_s
    clock = offsets + np.array([master_ns(s) for s in seconds])
    late = seconds >= SETTLING_S
    angle = 2 * math.pi * frequency_hz * seconds[late]
    fitted, *_ = np.linalg.lstsq(
        np.column_stack([np.sin(angle), np.cos(angle), np.ones_like(angle)]), clock[late], rcond=None
    )
    return 20 * math.log10(math.hypot(fitted[0], fitted[1]) / AMPLITUDE_NS)


@pytest.mark.parametrize("interval_s", [1 / 8, 1 / 16])
@pytest.mark.parametrize("bandwidth_hz", [0.05, 0.075, 0.1])
def test_the_transfer_falls_by_3_db_at_the_bandwidth(bandwidth_hz: float, interval_s: float) -> None:
    assert gain_db(bandwidth_hz, bandwidth_hz, interval_s) == pytest.approx(-3.0, abs=0.2)
    assert gain_db(bandwidth_hz, 10 * bandwidth_hz, interval_s) < -19


@pytest.mark.parametrize("bandwidth_hz", [0.05, 0.075, 0.1])
def test_and_nowhere_exceeds_a_tenth_of_a_db(bandwidth_hz: float) -> None:
    gains = [gain_db(bandwidth_hz, frequency_hz, 1 / 8) for frequency_hz in np.geomspace(0.001, 2 * bandwidth_hz, 10)]
    assert max(gains) < 0.1
    assert max(gains) > 0.03  # a loop that learns the frequency has some


def test_a_sync_a_second_widens_the_loop_and_keeps_the_peaking() -> None:
    gains = {frequency_hz: gain_db(0.05, frequency_hz, 1.0) for frequency_hz in (0.002, 0.004, 0.008, 0.05, 0.1)}
    assert max(gains.values()) < 0.1
    assert gains[0.1] < -3 < gains[0.05]


def test_it_locks_in_seconds_all_the_same() -> None:
    samples = 16 * 120
    offsets, _ = run(
        BandwidthServo(), wandering(samples, 0.01, interval_s=1 / 16), stamps(samples), interval_s=1 / 16, offset_ns=5e8
    )
    assert np.abs(offsets[16 * 20 :]).max() < 100
    assert rms(offsets[16 * 60 :]) < 10
