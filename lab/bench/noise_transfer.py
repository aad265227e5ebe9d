"""What a servo makes of a sinusoid in its input: gain over frequency, by least squares (ITU-T G.8273 Appendix IV).

The servo's own code in the plainest loop there is: an offset in, a frequency out, a clock without noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptpstack.servo.interface import Servo, ServoState
from ptpstack.time import SECOND, LocalTime, interval_from_ns, interval_to_ns

INTERVAL_S = 1 / 16
AMPLITUDE_NS = 200.0
SETTLE_S = 400.0
PERIODS, LEAST_S = 6, 100.0
FREQUENCIES_HZ = tuple(np.geomspace(1e-3, 1.0, 25).tolist())


@dataclass(frozen=True)
class Transfer:
    """Gains (1: as the input) at *frequencies_hz*."""

    frequencies_hz: NDArray[np.float64]
    gains: NDArray[np.float64]

    @property
    def peaking_db(self) -> float:
        """By how much the gain exceeds 1 at most."""
        return 20 * math.log10(float(self.gains.max()))

    @property
    def bandwidth_hz(self) -> float:
        """Where the gain falls through -3 dB, between two frequencies by the logarithms of both."""
        limit = 10 ** (-3 / 20)
        last = int(np.flatnonzero(self.gains >= limit)[-1])
        if last + 1 >= self.gains.size:
            return math.inf
        logs = np.log(self.frequencies_hz[last : last + 2])
        levels = np.log(self.gains[last : last + 2])
        return float(np.exp(logs[0] + (math.log(limit) - levels[0]) / (levels[1] - levels[0]) * (logs[1] - logs[0])))


def transfer(make: Callable[[], Servo], frequencies_hz: Sequence[float] = FREQUENCIES_HZ) -> Transfer:
    """Return the transfer of a servo, a fresh one for each frequency."""
    gains = [_gain(make(), frequency) for frequency in frequencies_hz]
    return Transfer(np.array(frequencies_hz), np.array(gains))


def _gain(servo: Servo, frequency_hz: float) -> float:
    servo.set_sync_interval(round(INTERVAL_S * SECOND))
    judged_s = max(PERIODS / frequency_hz, LEAST_S)
    count, skipped = round((SETTLE_S + judged_s) / INTERVAL_S), round(SETTLE_S / INTERVAL_S)
    clock_ns, times, errors = 0.0, [], []
    for number in range(count):
        at_s = number * INTERVAL_S
        input_ns = AMPLITUDE_NS * math.sin(2 * math.pi * frequency_hz * at_s)
        command = servo.sample(interval_from_ns(clock_ns - input_ns), LocalTime(round(at_s * SECOND)))
        if command.state is ServoState.JUMP:
            clock_ns += interval_to_ns(command.step)
        if number >= skipped:
            times.append(at_s)
            errors.append(clock_ns)
        clock_ns += command.frequency_ppb * INTERVAL_S
    angles = 2 * math.pi * frequency_hz * np.array(times)
    model = np.column_stack((np.sin(angles), np.cos(angles), np.ones_like(angles)))
    fit, *_ = np.linalg.lstsq(model, np.array(errors), rcond=None)
    return float(math.hypot(fit[0], fit[1]) / AMPLITUDE_NS)
