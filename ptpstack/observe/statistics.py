"""Sums over a stretch of offset samples, for the lines that say ``rms`` and ``max``."""

from __future__ import annotations

import math
from statistics import fmean

import msgspec

from ptpstack.observe.events import OffsetSample


class Spread:
    """Count, mean, population standard deviation, root mean square and largest magnitude of some numbers.

    They are computed when they are asked for: to take a number must cost next to nothing.
    """

    def __init__(self) -> None:
        self._values: list[float] = []
        self.add = self._values.append
        """Take one number."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._values)

    @property
    def mean(self) -> float:
        """The mean; 0 of nothing."""
        return fmean(self._values) if self._values else 0.0

    @property
    def max_abs(self) -> float:
        """The largest magnitude; 0 of nothing."""
        return max(map(abs, self._values), default=0.0)

    @property
    def rms(self) -> float:
        """The root mean square; 0 of nothing."""
        return math.sqrt(fmean(value * value for value in self._values)) if self._values else 0.0

    @property
    def standard_deviation(self) -> float:
        """The population standard deviation; 0 of nothing."""
        mean = self.mean
        return math.sqrt(fmean((value - mean) ** 2 for value in self._values)) if self._values else 0.0


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
