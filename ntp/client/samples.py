"""The samples of one server that are kept, and what they say together of the local clock at any instant.

What lives here: keeping, judging and re-expressing samples. What does not: the line (``regression``).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from ntp.client.asymmetry import Asymmetry
from ntp.client.regression import Line, Point, fit, slope_error
from ntp.client.sample import Sample
from ptpstack.time import MILLISECOND, NANOSECOND, SECOND, TimeInterval, UtcTime, interval_to_seconds

MOST_SAMPLES = 64
UNKNOWN_SKEW_PPB = 2_000_000.0
"""How far a clock's frequency may be off as long as nothing is known of it."""

LEAST_SKEW_PPB = 1_000.0
"""How much any quartz may change its frequency between two looks (chrony's maxclockerror)."""

JUMP: TimeInterval = 100 * MILLISECOND
"""A clock that is so far from where its bounds allow has jumped."""

_DELAY_DEVIATIONS = 10.0
_EXCESS_OF_DEVIATION = 0.7
"""The median excess of the distance over the least one, in standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the samples say at one instant: *offset* local − server, *frequency_ppb* of the local clock against it.

    *deviation* is the standard deviation of one good sample; *root_distance* bounds the error of *offset*.
    """

    offset: TimeInterval
    deviation: TimeInterval
    root_distance: TimeInterval
    frequency_ppb: float
    skew_ppb: float
    delay: TimeInterval
    samples: int


class Samples:
    """The newest samples of one server. *offset_correction* is added to each (a path known to be asymmetric)."""

    def __init__(self, *, most: int = MOST_SAMPLES, fewest: int = 6) -> None:
        self._kept: deque[Sample] = deque(maxlen=most)
        self._fewest = fewest
        self._line: Line | None = None
        self._waits_ppb = 0.0
        """By how much the waits of samples, should they all be on one way or the other, put the line's slope wrong."""
        self._asymmetry = Asymmetry()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._kept)

    @property
    def newest(self) -> Sample | None:
        """The sample that came last."""
        return self._kept[-1] if self._kept else None

    @property
    def used(self) -> int:
        """How many of the newest samples the line goes through, or how many there are without a line."""
        return self._line.count if self._line else len(self._kept)

    @property
    def least_delay(self) -> TimeInterval | None:
        """The shortest delay among the samples kept."""
        return min((sample.delay for sample in self._kept), default=None)

    def add(self, sample: Sample) -> None:
        """Take *sample* in; a better account of the newest exchange replaces that.

        Those before the line's first are forgotten: they lie on another line. So are all where neither their bounds
        nor its own leave room for this one: the local clock, or the server's, was set, or stood still.
        """
        if self.is_elsewhere(sample):
            self.clear()
        if self._kept and self._kept[-1].local == sample.local:
            self._kept.pop()
        self._kept.append(sample)
        self._fit()

    def restore(self, samples: Iterable[Sample]) -> None:
        """Take *samples* in that were kept, the oldest first, instead of any."""
        self._kept.clear()
        self._kept.extend(samples)
        self._fit()

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._line = None
        self._asymmetry.reset()

    def is_elsewhere(self, sample: Sample) -> bool:
        """Tell whether *sample* cannot be of the same clocks as those before it, left alone."""
        before = self.estimate(sample.local)
        if before is None:
            return False
        return abs(sample.offset - before.offset) > sample.root_distance + before.root_distance + JUMP

    def is_delayed(self, sample: Sample) -> bool:
        """Tell whether *sample* waited in a queue and says nothing that its delay does not explain.

        The excess over the least delay is compared with what the other samples scatter; a sample whose offset
        differs by more than the excess is news of the clock and welcome.
        """
        least = self.least_delay
        if least is None or self._line is None:
            return False
        excess = (sample.delay - least) / 2
        age_s = interval_to_seconds(sample.local - self._kept[-1].local)
        allowed = _DELAY_DEVIATIONS * self._deviation(self._line) + abs(age_s) * self._skew_ppb(self._line) * NANOSECOND
        if excess <= allowed:
            return False
        return abs(sample.offset - self._offset_at(self._line, sample.local)) <= excess

    def estimate(self, local: UtcTime) -> Estimate | None:
        """Return what is known of the offset when the local clock reads *local*, None without any sample."""
        if not self._kept:
            return None
        line = self._line
        slope_ppb, doubt_ppb = self._slope()
        best = min(self._kept, key=lambda sample: self._aged_distance(sample, local, doubt_ppb))
        middle = best.offset + round((local - best.local) * slope_ppb * 1e-9)
        room = self._aged_distance(best, local, doubt_ppb)  # there the truth is, whoever delays
        offset = middle if line is None else min(max(self._offset_at(line, local), middle - room), middle + room)
        return Estimate(
            offset=offset,
            deviation=best.distance if line is None else self._deviation(line),
            root_distance=room + abs(offset - middle),
            frequency_ppb=0.0 if line is None else line.slope,
            skew_ppb=UNKNOWN_SKEW_PPB if line is None else self._skew_ppb(line),
            delay=min(sample.delay for sample in self._kept),
            samples=self.used,
        )

    def prediction_error(self, sample: Sample) -> TimeInterval | None:
        """Return how far *sample* is from the line before it, None without a line."""
        return None if self._line is None else abs(sample.offset - self._offset_at(self._line, sample.local))

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Re-express every sample as if the local clock had always been ahead by *delta* more."""
        for sample in self._kept:
            sample.local += delta
            sample.offset += delta

    def frequency_changed(self, change_ppb: float, local: UtcTime) -> None:
        """Re-express every sample as if the local clock had always run as fast as since *local*."""
        for sample in self._kept:
            sample.offset -= round((local - sample.local) * change_ppb * 1e-9)
        self._fit()

    def _fit(self) -> None:
        """Draw the line anew: x in seconds and y in ns, both from the newest sample."""
        newest = self._kept[-1] if self._kept else None
        if newest is None:
            return
        least = min(sample.distance for sample in self._kept)
        excess = median(sample.distance for sample in self._kept) - least
        scale = min(max(excess / _EXCESS_OF_DEVIATION, NANOSECOND), max(least, NANOSECOND))
        times = [(sample.local - newest.local) / SECOND for sample in self._kept]
        offsets = [(sample.offset - newest.offset) / NANOSECOND for sample in self._kept]
        delays = [sample.delay / NANOSECOND for sample in self._kept]
        variances = [(1 + (sample.distance - least) / scale) ** 2 for sample in self._kept]
        self._asymmetry.look(times, offsets, delays, [1 / variance for variance in variances])
        share, shortest = self._asymmetry.share, min(delays)
        points = [
            Point(x, y - share * (delay - shortest), variance)
            for x, y, delay, variance in zip(times, offsets, delays, variances, strict=True)
        ]
        self._line = fit(points, self._fewest, resolution=1.0)
        if line := self._line:
            waits = [(sample.distance - least) / NANOSECOND for sample in self._kept]
            self._waits_ppb = slope_error(points[-line.count :], waits[-line.count :])
        while self._line and len(self._kept) > self._line.count:
            self._kept.popleft()

    def _offset_at(self, line: Line, local: UtcTime) -> TimeInterval:
        newest = self._kept[-1]
        return newest.offset + round((line.intercept + line.slope * (local - newest.local) / SECOND) * NANOSECOND)

    def _slope(self) -> tuple[float, float]:
        """Return the frequency that the bound goes by and how far off it may be: within what any clock may be off."""
        line = self._line
        if line is None:
            return 0.0, UNKNOWN_SKEW_PPB
        doubt_ppb = max(self._skew_ppb(line), self._waits_ppb)
        least = max(line.slope - doubt_ppb, -UNKNOWN_SKEW_PPB)
        most = min(line.slope + doubt_ppb, UNKNOWN_SKEW_PPB)
        return ((least + most) / 2, (most - least) / 2) if least < most else (0.0, UNKNOWN_SKEW_PPB)

    def _deviation(self, line: Line) -> TimeInterval:
        return max(round(line.deviation * NANOSECOND), NANOSECOND)

    def _skew_ppb(self, line: Line) -> float:
        bound = line.slope_bound if math.isfinite(line.slope_bound) else UNKNOWN_SKEW_PPB
        return min(max(bound, LEAST_SKEW_PPB), UNKNOWN_SKEW_PPB)

    def _aged_distance(self, sample: Sample, local: UtcTime, skew_ppb: float) -> TimeInterval:
        return sample.root_distance + round(abs(local - sample.local) * skew_ppb * 1e-9)
