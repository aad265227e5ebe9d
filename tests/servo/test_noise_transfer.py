"""Noise transfer as ITU-T G.8273.2 asks: a low-pass between 0.05 and 0.1 Hz without peaking, by least squares."""

import numpy as np

from lab.bench.noise_transfer import transfer
from ptpstack.servo.bandwidth import BandwidthServo
from ptpstack.servo.pi import PiServo

FREQUENCIES_HZ = (0.003, 0.01, 0.02, 0.05, 0.07, 0.08, 0.1, 0.3, 1.0)


def test_the_telecom_servo_keeps_the_mask() -> None:
    found = transfer(BandwidthServo, FREQUENCIES_HZ)
    assert 0.05 <= found.bandwidth_hz <= 0.1
    assert found.peaking_db <= 0.1
    assert np.all(np.diff(found.gains[1:]) < 0)


def test_the_measurement_tells_a_loop_that_does_not() -> None:
    found = transfer(PiServo, (0.01, 0.1, 0.2, 0.5, 1.0))
    assert found.bandwidth_hz > 0.2
    assert found.peaking_db > 1
