"""Outliers by what was seen so far: the usual size of errors, and when a run of outliers is none.

What lives here: a noise level that outliers do not move, and the way out for what refuses them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ptpstack.servo.sorted_window import SortedWindow

NOISE_WINDOW = 63
CHI_SQUARE_MEDIAN = 0.455

GATE = 4.0
"""What is further than this many standard deviations off is refused."""
FIRST_SAMPLES = 50.0
"""The gate is open at first, and closes as the noise becomes known."""

SHARE_WINDOW = 300
FIRST_REFUSED_SHARE = 0.01
CLEAN_SHARE = 0.006
"""Where fewer than this are refused, two in a row are no coincidence."""
CHANCE = 1e-6
"""Elsewhere, a run that is less probable than this is none."""
FAR_BEYOND = 4.0
FAR_BEYOND_NOISE = 5.0
"""What is so many times larger than every outlier before, and than the noise, may as well be a step."""


class NoiseLevel:
    """The variance of errors of prediction, by the median of their squares."""

    def __init__(self, variance: float) -> None:
        self.variance = variance
        self.samples = 0
        self._squares = SortedWindow[float](NOISE_WINDOW)

    def add(self, square: float) -> None:
        """Take the square of an error, scaled to the variance of the noise alone."""
        self.samples += 1
        self._squares.add(square)
        self.variance = max(self._squares.upper_median() / CHI_SQUARE_MEDIAN, 1e-6)

    def gate(self, samples: int) -> float:
        """Return the square that an error may have, after so many *samples*."""
        if samples < 4:
            return math.inf
        return GATE * GATE * self.variance * (1.0 + FIRST_SAMPLES / samples)


class SourceNoises:
    """The noise level of each source, of those that do not steer by how much offsets in a row differ."""

    def __init__(self, first_variance: float) -> None:
        self._first_variance = first_variance
        self._levels: dict[str, NoiseLevel] = {}
        self._beside: dict[str, float] = {}

    def of(self, source: str) -> NoiseLevel:
        """Return the level of *source*."""
        return self._levels.setdefault(source, NoiseLevel(self._first_variance))

    def beside(self, source: str, offset: float) -> None:
        """Take an *offset* of a *source* that does not steer: what it may be off by always is no noise."""
        before = self._beside.get(source)
        self._beside[source] = offset
        if before is not None:
            self.of(source).add((offset - before) ** 2 / 2.0)


class Change(NamedTuple):
    """What a run of refused samples says: errors rose by *rise* in the last *elapsed_s*, or did not.

    *is_step*: the last two are more alike than those of a clock with another frequency would be.
    """

    samples: int
    elapsed_s: float
    rise: float | None
    is_step: bool


class RefusedRun:
    """Refused samples in a row; those on one line or bend, and too many for chance, are a change to follow."""

    def __init__(self) -> None:
        self._run: list[tuple[float, float]] = []
        self._agreeing = 0
        self._share = FIRST_REFUSED_SHARE
        self._largest = 0.0
        """Of all that turned out to be outliers."""

    def clear(self) -> None:
        """Forget the run: another clock."""
        self._run.clear()
        self._agreeing = 0

    def taken(self) -> None:
        """A sample was not refused."""
        if not self._run:
            self._share -= self._share / SHARE_WINDOW
            return
        self._count(self._agreeing)
        self._largest = max([self._largest, *(abs(error) for _, error in self._run)])
        self.clear()

    def refused(self, now_s: float, error: float, variance: float) -> Change | None:
        """A sample was refused, *error* off; return the change if there is one, which ends the run."""
        run = self._run
        tolerance = GATE * math.sqrt(2.0 * variance)
        bends = False
        if len(run) < 2 or abs(error - _line(run, now_s)) <= 2.0 * tolerance:
            self._agreeing += 1
        elif len(run) >= 3 and abs(error - _bend(run, now_s)) <= 4.0 * tolerance:
            # An oscillator that warms up draws a parabola, which no queue does.
            self._agreeing, bends = max(self._agreeing + 1, 4), True
        else:
            self._count(self._agreeing - 1)
            self._agreeing = 2
        run.append((now_s, error))
        share = min(self._share, 0.5)
        if self._agreeing < (2 if share < CLEAN_SHARE else math.ceil(math.log(CHANCE) / math.log(share))):
            return None
        first_s, first = run[-2] if bends else run[-self._agreeing]
        rise, elapsed_s = error - first, now_s - first_s
        rises = abs(rise) > tolerance and elapsed_s > 0
        before = run[-2][1]
        is_step = not rises and 2.0 * abs(error - before) < abs(before)
        change = Change(self._agreeing, elapsed_s, rise if rises else None, is_step)
        self.clear()
        return change

    def surprise(self, variance: float) -> float:
        """Return the error of the newest refused sample if nothing tells whether it is an outlier or a step; else 0.

        It is the first after long quiet, and far beyond the noise and every outlier before.
        """
        if len(self._run) != 1 or self._share >= CLEAN_SHARE:
            return 0.0
        error = self._run[0][1]
        usual = max(FAR_BEYOND * self._largest, FAR_BEYOND_NOISE * math.sqrt(variance))
        return error if abs(error) > usual else 0.0

    def _count(self, refused: int) -> None:
        self._share += (refused - self._share) / SHARE_WINDOW


def _line(run: Sequence[tuple[float, float]], at: float) -> float:
    """Return where the line through the last two points is; a step may put both at one instant."""
    (before_s, before), (last_s, last) = run[-2:]
    slope = (last - before) / (last_s - before_s) if last_s > before_s else 0.0
    return last + slope * (at - last_s)


def _bend(run: Sequence[tuple[float, float]], at: float) -> float:
    """Return where the parabola through the last three points is."""
    (first_s, first), (before_s, before), (last_s, last) = run[-3:]
    if not first_s < before_s < last_s:
        return last
    slope = (last - before) / (last_s - before_s)
    bend = (slope - (before - first) / (before_s - first_s)) / (last_s - first_s)
    return last + (at - last_s) * (slope + bend * (at - before_s))
