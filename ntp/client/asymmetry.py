"""Waits that are all on one way: a server that is slow to send, a queue in one direction.

Such a wait makes an offset wrong by half of itself, and the delay tells how long it was. Whether offsets follow delays
is seen in the samples themselves (the approach of chrony); then each is corrected by its own excess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

FEWEST = 10
"""So many samples, and so many looks in a row that agree, before anything is corrected."""

ALL_ON_ONE_WAY = 0.5
CLEAR = 0.45
"""From here on it counts as all on one way; it cannot be more than ½."""


class Asymmetry:
    """Looks at the samples each time one came; ``share`` of an excess delay is in the offset: −½, 0 or ½."""

    def __init__(self) -> None:
        self.share = 0.0
        self._run = 0
        self._sign = 0.0

    def reset(self) -> None:
        """Begin anew."""
        self.share, self._run = 0.0, 0

    def look(self, times: Sequence[float], offsets: Sequence[float], delays: Sequence[float]) -> None:
        """Take in the *offsets* at *times*, and the *delays* in the same unit."""
        slope = slope_beside_time(times, offsets, delays) if len(times) >= FEWEST else 0.0
        sign = math.copysign(1.0, slope)
        is_clear = abs(slope) >= CLEAR
        self._run = self._run + 1 if is_clear and sign == self._sign else int(is_clear)
        self._sign = sign
        self.share = sign * ALL_ON_ONE_WAY if self._run >= FEWEST else 0.0


def slope_beside_time(times: Sequence[float], offsets: Sequence[float], delays: Sequence[float]) -> float:
    """Return by how much *offsets* grow with *delays* after what both do with *times* is taken off; 0 without any."""
    own, others = _residuals(times, offsets), _residuals(times, delays)
    spread = math.fsum(delay * delay for delay in others)
    if spread < len(others):  # within a nanosecond each
        return 0.0
    return math.fsum(offset * delay for offset, delay in zip(own, others, strict=True)) / spread


def _residuals(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    count = len(xs)
    mean_x, mean_y = math.fsum(xs) / count, math.fsum(ys) / count
    spread = math.fsum((x - mean_x) ** 2 for x in xs)
    slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0
    return [y - mean_y - slope * (x - mean_x) for x, y in zip(xs, ys, strict=True)]
