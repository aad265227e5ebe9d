"""neighborRateRatio from the instants at which Pdelay_Resps left and came (IEEE 802.1AS-2020 11.2.19.3.3)."""

from __future__ import annotations

from collections import deque

from ptpstack.gptp.settings import NEIGHBOR_JUMP_LIMIT, NEIGHBOR_RATE_LIMIT
from ptpstack.time import LocalTime, PtpTime, TimeInterval

WINDOW = 8
"""Exchanges that one estimate is made of: the noise of the stamps falls as the power 3/2 of it."""


class NeighborRateRatio:
    """The slope of the neighbour's clock over the local one, by least squares over a window."""

    def __init__(self) -> None:
        self.ratio = 1.0
        """Neighbour / local; what was measured last, also while a new one is not yet known."""
        self._points: deque[tuple[LocalTime, TimeInterval]] = deque(maxlen=WINDOW)
        self.is_valid = False

    def reset(self) -> None:
        """Begin anew; the last ratio stays in use, but does not count as valid."""
        self._points.clear()
        self.is_valid = False

    def take(self, response_left: PtpTime, response_came: LocalTime) -> TimeInterval | None:
        """Take one exchange; return by how much the neighbour's clock jumped, None where it did not."""
        ahead = int(response_left) - int(response_came)
        jump = self._jump(response_came, ahead)
        if jump is not None:
            self.reset()
        self._points.append((response_came, ahead))
        if len(self._points) > 1:
            slope = self._slope()
            self.is_valid = abs(slope) < NEIGHBOR_RATE_LIMIT
            if self.is_valid:
                self.ratio = 1.0 + slope
        return jump

    def _jump(self, came: LocalTime, ahead: TimeInterval) -> TimeInterval | None:
        if not self._points:
            return None
        last_came, last_ahead = self._points[-1]
        elapsed = came - last_came
        moved = ahead - last_ahead - round((self.ratio - 1.0) * elapsed)
        allowed = NEIGHBOR_JUMP_LIMIT + abs(elapsed) * NEIGHBOR_RATE_LIMIT
        return moved if elapsed <= 0 or abs(moved) > allowed else None

    def _slope(self) -> float:
        (first_came, first_ahead) = self._points[0]
        xs = [float(came - first_came) for came, _ in self._points]
        ys = [float(ahead - first_ahead) for _, ahead in self._points]
        mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
        spread = sum((x - mean_x) ** 2 for x in xs)
        return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
