"""Offsets with known statistics, the same in every run."""

import numpy as np

from ptpstack.stability.series import Floats


def white(count: int, sd_ns: float = 10.0, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).normal(0.0, sd_ns, count)


def random_walk(count: int, step_ns: float = 1.0, seed: int = 2) -> Floats:
    return np.cumsum(white(count, step_ns, seed))


def sine(count: int, tau0_s: float, frequency_hz: float, amplitude_ns: float = 100.0) -> Floats:
    return amplitude_ns * np.sin(2 * np.pi * frequency_hz * tau0_s * np.arange(count))
