"""Waits that are more on one way than on the other: a server that is slow to send, a queue in one direction.

A wait on one way makes an offset wrong by half of itself, and the delay tells how long it was; where waits are on both
ways, less of them is in the offset. Whether and how far offsets follow delays is seen in the samples themselves; then
each is corrected by that share of its own excess, as if all had been on the way as shortly as the shortest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

FEWEST = 10
"""So many samples, and so many looks in a row that agree, before anything is corrected."""

ALL_ON_ONE_WAY = 0.5
CLEAR_DEVIATIONS = 5.0
"""A share that is so many times its own standard deviation is none by chance."""


class Asymmetry:
    """Looks at the samples each time one came; ``share`` of an excess delay is in the offset: −½ to ½."""

    def __init__(self) -> None:
        self.share = 0.0
        self._run = 0
        self._sign = 0.0

    def reset(self) -> None:
        """Begin anew."""
        self.share, self._run = 0.0, 0

    def look(
        self, times: Sequence[float], offsets: Sequence[float], delays: Sequence[float], weights: Sequence[float]
    ) -> None:
        """Take in the *offsets* at *times*, and the *delays* in the same unit; what has more *weight* says more."""
        slope, deviation = slope_beside_time(times, offsets, delays, weights) if len(times) >= FEWEST else (0.0, 0.0)
        is_clear = abs(slope) > CLEAR_DEVIATIONS * deviation
        sign = math.copysign(1.0, slope)
        self._run = self._run + 1 if is_clear and sign == self._sign else int(is_clear)
        self._sign = sign
        self.share = min(max(slope, -ALL_ON_ONE_WAY), ALL_ON_ONE_WAY) if self._run >= FEWEST else 0.0


def slope_beside_time(
    times: Sequence[float], offsets: Sequence[float], delays: Sequence[float], weights: Sequence[float]
) -> tuple[float, float]:
    """Return by how much *offsets* grow with *delays* after what both do with *times* is taken off, and how surely.

    The second is the standard deviation of the first; both are 0 where delays differ by less than a nanosecond.
    """
    own, others = _residuals(times, offsets, weights), _residuals(times, delays, weights)
    spread = _sum_of_products(weights, others, others)
    freedom = len(times) - 3
    if spread < math.fsum(weights) or freedom < 1:
        return 0.0, 0.0
    slope = _sum_of_products(weights, own, others) / spread
    left = [offset - slope * delay for offset, delay in zip(own, others, strict=True)]
    return slope, math.sqrt(_sum_of_products(weights, left, left) / freedom / spread)


def _residuals(xs: Sequence[float], ys: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return what a line through all points leaves of *ys*."""
    total = math.fsum(weights)
    mean_x = math.fsum(weight * x for weight, x in zip(weights, xs, strict=True)) / total
    mean_y = math.fsum(weight * y for weight, y in zip(weights, ys, strict=True)) / total
    own_x, own_y = [x - mean_x for x in xs], [y - mean_y for y in ys]
    spread = _sum_of_products(weights, own_x, own_x)
    slope = _sum_of_products(weights, own_x, own_y) / spread if spread else 0.0
    return [y - slope * x for x, y in zip(own_x, own_y, strict=True)]


def _sum_of_products(weights: Sequence[float], ones: Sequence[float], others: Sequence[float]) -> float:
    return math.fsum(weight * one * other for weight, one, other in zip(weights, ones, others, strict=True))
