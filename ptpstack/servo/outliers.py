"""Outliers by what was seen so far: the usual size of errors, and when a run of outliers is none.

What lives here: a noise level that outliers do not move, and the way out for what refuses them.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from typing import NamedTuple

NOISE_WINDOW = 63
CHI_SQUARE_MEDIAN = 0.455

GATE = 4.0
"""What is further than this many standard deviations off is refused."""
FIRST_SAMPLES = 50.0
"""The gate is open at first, and closes as the noise becomes known."""

SHARE_WINDOW = 300
FIRST_REFUSED_SHARE = 0.01
CLEAN_SHARE = 0.003
"""Where fewer than this are refused, two in a row are no coincidence."""
CHANCE = 1e-6
"""Elsewhere, a run that is less probable than this is none."""


class NoiseLevel:
    """The variance of errors of prediction, by the median of their squares."""

    def __init__(self, variance: float) -> None:
        self.variance = variance
        self.samples = 0
        self._values: deque[float] = deque(maxlen=NOISE_WINDOW)
        self._ordered: list[float] = []

    def add(self, square: float) -> None:
        """Take the square of an error, scaled to the variance of the noise alone."""
        self.samples += 1
        values, ordered = self._values, self._ordered
        if len(values) == values.maxlen:
            del ordered[bisect_left(ordered, values[0])]
        values.append(square)
        insort(ordered, square)
        self.variance = max(ordered[len(ordered) // 2] / CHI_SQUARE_MEDIAN, 1e-6)

    def gate(self, samples: int) -> float:
        """Return the square that an error may have, after so many *samples*."""
        if samples < 4:
            return math.inf
        return GATE * GATE * self.variance * (1.0 + FIRST_SAMPLES / samples)


class Change(NamedTuple):
    """What a run of refused samples says: it began *elapsed_s* ago, and errors rose by *rise* since, or did not."""

    samples: int
    elapsed_s: float
    rise: float | None


class RefusedRun:
    """Refused samples in a row; those on one line, and too many for chance, are a change to follow."""

    def __init__(self) -> None:
        self._run: list[tuple[float, float]] = []
        self._share = FIRST_REFUSED_SHARE

    def clear(self) -> None:
        """Forget the run: another clock."""
        self._run.clear()

    def taken(self) -> None:
        """A sample was not refused."""
        self._count(len(self._run))
        self._run.clear()

    def refused(self, now_s: float, error: float, variance: float) -> Change | None:
        """A sample was refused, *error* off; return the change if there is one, which ends the run."""
        run = self._run
        tolerance = GATE * math.sqrt(2.0 * variance)
        if len(run) > 1:
            (before_s, before), (last_s, last) = run[-2:]
            elapsed_s = last_s - before_s
            slope = (last - before) / elapsed_s if elapsed_s > 0 else 0.0  # a step may put two at one instant
            extrapolated = last + slope * (now_s - last_s)
            if abs(error - extrapolated) > 2.0 * tolerance:
                self._count(len(run) - 1)
                del run[:-1]
        run.append((now_s, error))
        share = min(self._share, 0.5)
        if len(run) < (2 if share < CLEAN_SHARE else math.ceil(math.log(CHANCE) / math.log(share))):
            return None
        first_s, first = run[0]
        rise, elapsed_s = error - first, now_s - first_s
        change = Change(len(run), elapsed_s, rise if abs(rise) > tolerance and elapsed_s > 0 else None)
        run.clear()
        return change

    def _count(self, refused: int) -> None:
        self._share += (refused - self._share) / SHARE_WINDOW
