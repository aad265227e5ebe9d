"""A weighted straight line through samples, over as many of them as lie on one.

The oldest points are dropped as long as the residuals keep one sign too often for chance, which is how a line
looks that wants to be a curve: a clock whose frequency changes gets a short memory, a steady one a long memory
(the approach of chrony; RFC 5905's clock filter keeps one sample of eight).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

FEWEST_POINTS = 3
"""Two points always lie on a line, and say nothing about how well."""

_T_COEFFICIENTS = (636.6, 31.6, 12.92, 8.61, 6.869, 5.959, 5.408, 5.041, 4.781, 4.587, 4.437, 4.318, 4.221, 4.14, 4.073)
"""Student's t that is passed once in 2000 times on each side, by degrees of freedom from 1 on."""

_T_COEFFICIENT_OF_MANY = 3.5
_RUNS_BY_CHANCE = 0.05


class Point(NamedTuple):
    """One sample: *x* in seconds, *y* in any unit, *variance* relative to that of the best sample."""

    x: float
    y: float
    variance: float


@dataclass(frozen=True, slots=True)
class Line:
    """The line ``y = intercept + slope · x`` through the last *count* points.

    *deviation* is the standard deviation of a point of variance 1; *slope_bound* holds 1999 times in 2000.
    """

    intercept: float
    slope: float
    deviation: float
    slope_bound: float
    count: int


def fit(points: Sequence[Point], fewest: int = FEWEST_POINTS, resolution: float = 0.0) -> Line | None:
    """Return the line through the newest *points* (oldest first), None where they are fewer than three.

    At least *fewest* are kept whatever their residuals say; those within the *resolution* of y say nothing.
    """
    first = 0
    while len(points) - first >= FEWEST_POINTS:
        kept = points[first:]
        line, residuals = _least_squares(kept)
        few = len(kept) <= max(fewest, FEWEST_POINTS)
        if few or line.deviation <= resolution or runs(residuals) > critical_runs(len(kept)):
            return line
        first += 1
    return None


def slope_error(points: Sequence[Point], errors: Sequence[float]) -> float:
    """Return by how much the slope through *points* is off at most if each y is off by its *error*, to either side."""
    weights = [1 / point.variance for point in points]
    mean_x = math.fsum(w * p.x for w, p in zip(weights, points, strict=True)) / math.fsum(weights)
    spread = math.fsum(w * (p.x - mean_x) ** 2 for w, p in zip(weights, points, strict=True))
    moved = math.fsum(w * abs(p.x - mean_x) * error for w, p, error in zip(weights, points, errors, strict=True))
    return moved / spread if spread else math.inf


def runs(residuals: Sequence[float]) -> int:
    """Return how many stretches of one sign there are."""
    return 1 + sum((a < 0) != (b < 0) for a, b in pairwise(residuals))


@cache
def critical_runs(count: int) -> int:
    """Return the largest number of runs that *count* independent signs have by chance less than once in 20 times."""
    outcomes, so_far, changes = 2 ** (count - 1), 0, 0
    while (so_far := so_far + math.comb(count - 1, changes)) <= _RUNS_BY_CHANCE * outcomes:
        changes += 1
    return changes


def _least_squares(points: Sequence[Point]) -> tuple[Line, list[float]]:
    weights = [1 / point.variance for point in points]
    total = math.fsum(weights)
    mean_x = math.fsum(w * p.x for w, p in zip(weights, points, strict=True)) / total
    mean_y = math.fsum(w * p.y for w, p in zip(weights, points, strict=True)) / total
    spread = math.fsum(w * (p.x - mean_x) ** 2 for w, p in zip(weights, points, strict=True))
    covariance = math.fsum(w * (p.x - mean_x) * (p.y - mean_y) for w, p in zip(weights, points, strict=True))
    slope = covariance / spread if spread else 0.0
    intercept = mean_y - slope * mean_x
    residuals = [p.y - intercept - slope * p.x for p in points]
    freedom = len(points) - 2
    variance = math.fsum(w * r * r for w, r in zip(weights, residuals, strict=True)) / freedom
    slope_deviation = math.sqrt(variance / spread) if spread else math.inf
    bound = slope_deviation * _t_coefficient(freedom)
    return Line(intercept, slope, math.sqrt(variance), bound, len(points)), residuals


def _t_coefficient(freedom: int) -> float:
    return _T_COEFFICIENTS[freedom - 1] if freedom <= len(_T_COEFFICIENTS) else _T_COEFFICIENT_OF_MANY
