"""Sums over a stretch of offset samples, for the lines that say ``rms`` and ``max``."""

from __future__ import annotations

import math

import msgspec

from ptpstack.observe.events import OffsetSample


class Spread:
    """Count, mean, population standard deviation, root mean square and largest magnitude of some numbers."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.max_abs = 0.0
        self._sum_squares = 0.0
        self._sum_squared_deviations = 0.0

    def add(self, value: float) -> None:
        """Take one number (Welford's update)."""
        self.count += 1
        deviation = value - self.mean
        self.mean += deviation / self.count
        self._sum_squared_deviations += deviation * (value - self.mean)
        self._sum_squares += value * value
        self.max_abs = max(self.max_abs, abs(value))

    @property
    def rms(self) -> float:
        """The root mean square; 0 of nothing."""
        return math.sqrt(self._sum_squares / self.count) if self.count else 0.0

    @property
    def standard_deviation(self) -> float:
        """The population standard deviation; 0 of nothing."""
        return math.sqrt(self._sum_squared_deviations / self.count) if self.count else 0.0


class SampleSummary(msgspec.Struct):
    """A stretch of offset samples: offsets and delays in ns, frequencies in ppb."""

    offset: Spread
    frequency: Spread
    delay: Spread

    @classmethod
    def empty(cls) -> SampleSummary:
        """Return the summary of no samples."""
        return cls(Spread(), Spread(), Spread())

    def add(self, sample: OffsetSample) -> None:
        """Take one sample."""
        self.offset.add(sample.offset_ns)
        self.frequency.add(sample.frequency_ppb)
        self.delay.add(sample.mean_delay_ns)
