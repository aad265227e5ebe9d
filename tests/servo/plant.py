"""A clock in a few lines, for tests of servos: its offset is known, only the measurement is noisy."""

from collections.abc import Callable, Sequence

import numpy as np

from ptpstack.servo.interface import ClockCommand, Servo
from ptpstack.time import NANOSECOND, SECOND, LocalTime


def run(
    servo: Servo,
    frequency_ppb: Sequence[float] | np.ndarray,
    noise_ns: Sequence[float] | np.ndarray,
    *,
    interval_s: float = 0.125,
    offset_ns: float = 0.0,
    start_s: float = 1000.0,
    master_ns: Callable[[float], float] = lambda _seconds: 0.0,
    silent: Callable[[float], bool] = lambda _seconds: False,
    lateness_s: Sequence[float] | np.ndarray | None = None,
    weights: Sequence[float] | np.ndarray | None = None,
) -> tuple[np.ndarray, list[ClockCommand]]:
    """Return the true offset at each sample, before the servo acts on it, and the commands.

    *lateness_s* is how much later than on the grid each sample comes, *weights* is what the servo is told of each.
    """
    servo.set_sync_interval(round(interval_s * SECOND))
    offset, steered_ppb, offsets, commands = offset_ns, 0.0, [], []
    nothing = np.zeros(len(noise_ns))
    instants_s = np.arange(len(noise_ns)) * interval_s + (nothing if lateness_s is None else lateness_s)
    intervals_s = np.diff(instants_s, append=instants_s[-1] + interval_s)
    weights = nothing + 1.0 if weights is None else weights
    columns = (frequency_ppb, noise_ns, instants_s, intervals_s, weights)
    samples = zip(*(np.asarray(column).tolist() for column in columns), strict=True)  # numpy's own floats are slow
    for free_ppb, noise, seconds, elapsed_s, weight in samples:
        offsets.append(offset - master_ns(seconds))
        if not silent(seconds):
            measured_ns = offsets[-1] + noise
            local_ns = (start_s + seconds) * 1e9 + offset
            command = servo.sample(round(measured_ns * NANOSECOND), LocalTime(round(local_ns * NANOSECOND)), weight)
            commands.append(command)
            offset += command.step / NANOSECOND
            steered_ppb = command.frequency_ppb
        offset += elapsed_s * (free_ppb + steered_ppb + free_ppb * steered_ppb * 1e-9)
    return np.array(offsets), commands


def wandering(
    samples: int, ppb: float, *, interval_s: float = 0.125, seed: int = 1, error_ppb: float = 20_000.0
) -> np.ndarray:
    """Return the frequency of a clock in random-walk FM of *ppb* in 1 s."""
    steps = np.random.default_rng(seed).normal(0.0, ppb * interval_s**0.5, samples)
    return error_ppb + np.cumsum(steps)


def stamps(samples: int, *, half_width_ns: float = 20.0, seed: int = 1) -> np.ndarray:
    """Return the noise of an offset from two hardware stamps, each uniform."""
    rng = np.random.default_rng(1000 + seed)
    return rng.uniform(-half_width_ns, half_width_ns, (2, samples)).sum(axis=0)


def rms(offsets: np.ndarray) -> float:
    return float(np.sqrt(np.mean(offsets**2)))
