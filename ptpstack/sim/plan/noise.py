"""Noises as arrays, time along the first axis: stamps, slow wander, and what a delay filter leaves of it."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ptpstack.servo.filters import AutoDelay
from ptpstack.sim.oscillator import first_order

Floats = NDArray[np.float64]


def uniform(random: np.random.Generator, half_width: float | Floats, shape: tuple[int, ...]) -> Floats:
    """Return numbers between -*half_width* and *half_width*, which may differ along the last axes."""
    drawn = random.random(shape)
    drawn -= 0.5
    drawn *= 2.0 * np.asarray(half_width)
    return drawn


class Stamps:
    """Errors of time stamps: uniform jitter, and quantization as noise (the phases of clocks and frames are unrelated).

    Half-widths in ns, one a node.
    """

    def __init__(self, random: np.random.Generator, jitter_ns: Floats, resolution_ns: Floats, seeds: int) -> None:
        self._random = random
        self._jitter = jitter_ns[:, None]
        self._quantum = resolution_ns[:, None] / 2.0
        self._shape = (jitter_ns.size, seeds)
        self.variance = (jitter_ns**2 + resolution_ns**2 / 4.0) / 3.0

    def draw(self, count: int) -> Floats:
        """Return the errors of *count* stamps of each node and seed."""
        total = np.zeros((count, *self._shape))
        for half_width in (self._jitter, self._quantum):
            if half_width.any():
                total += uniform(self._random, half_width, total.shape)
        return total


class SlowNoise:
    """A Gauss-Markov process of standard deviation *deviation* (an array over the last axes), at most *limit*."""

    def __init__(
        self, random: np.random.Generator, deviation: Floats, correlation_s: float, step_s: float, limit: Floats
    ) -> None:
        self._random = random
        self._decay = math.exp(-step_s / correlation_s)
        self._deviation, self._limit = deviation, limit
        self._state = random.normal(size=deviation.shape)

    def draw(self, count: int) -> Floats:
        """Return the next *count* values."""
        drawn = self._random.normal(0.0, math.sqrt(1 - self._decay**2), (count, *self._deviation.shape))
        values = first_order(drawn, self._decay, self._state)
        self._state = values[-1]
        return np.clip(values * self._deviation, -self._limit, self._limit)


class DelayFilter:
    """The delay filters of ``ptpstack.servo.filters`` over arrays.

    ``auto`` is what that filter becomes on a path that does not change: the mean of its longest memory.
    """

    def __init__(self, name: Literal["auto", "median", "mean", "none"], length: int) -> None:
        self._name = name
        self._length = 1 if name in {"none", "auto"} else length
        self._kept: Floats | None = None

    @property
    def values_before(self) -> int:
        """How many values it wants to be filled with at first."""
        return AutoDelay.MEMORIES[-1] if self._name == "auto" else self._length - 1

    def fill(self, values: Floats) -> None:
        """Take the values before the first one."""
        self._kept = values.mean(axis=0) if self._name == "auto" else values

    def update(self, values: Floats) -> Floats:
        """Return the filtered *values*."""
        assert self._kept is not None
        if self._name == "auto":
            share = 1.0 / AutoDelay.MEMORIES[-1]
            filtered = first_order(values * share, 1.0 - share, self._kept)
            self._kept = filtered[-1]
            return filtered
        both = np.concatenate((self._kept, values))
        self._kept = both[values.shape[0] :]
        if self._length == 1:
            return values
        windows = sliding_window_view(both, self._length, axis=0)
        result: Floats = np.median(windows, axis=-1) if self._name == "median" else windows.mean(axis=-1)
        return result
