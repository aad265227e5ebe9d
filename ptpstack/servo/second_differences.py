"""Second differences of mean phases over one octave of tau, and what they say an oscillator's noises are at most.

What lives here: one octave. What does not: which octave counts, and what follows for the bound (``holdover``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

Values: TypeAlias = Any
"""A float, or an array of them."""

REMEMBERED_SECOND_DIFFERENCES = 512

CONFIDENCE, CONFIDENCE_OF_FEW = 1.2, 1.9
"""Standard deviations of the estimate of a variance that are added to it. The least of all octaves counts, and the long
ones have few differences each: what is by chance too small among them would be taken."""
MUCH_FREEDOM = 30.0
"""Degrees of freedom, beyond which a variance is known well."""


class SecondDifferences:
    """Second differences of means over *tau_s*, and pairs of those means for the next octave."""

    def __init__(self, tau_s: float) -> None:
        self._tau_s = tau_s
        self._means: list[Values] = []
        self._pair: Values | None = None
        self.count = 0.0
        self._sum: Values = 0.0
        self._squares: Values = 0.0

    def restart(self) -> None:
        """The next mean does not follow the last one."""
        self._means.clear()
        self._pair = None

    def add(self, mean: Values) -> Values | None:
        """Take a mean; return that of a pair when it is complete."""
        self._means.append(mean)
        if len(self._means) == 3:
            first, second, third = self._means
            difference = third - 2.0 * second + first
            self.count += 1
            self._sum = self._sum + difference
            self._squares = self._squares + difference**2
            if self.count > REMEMBERED_SECOND_DIFFERENCES:
                kept = 1.0 - 1.0 / REMEMBERED_SECOND_DIFFERENCES
                self.count, self._sum, self._squares = self.count * kept, self._sum * kept, self._squares * kept
            del self._means[0]
        pair, self._pair = self._pair, mean
        if pair is None:
            return None
        self._pair = None
        return (pair + mean) / 2.0

    def variance(self) -> Values:
        """Return the variance about the mean, which steady ageing does not change."""
        return (self._squares - self._sum**2 / self.count) / (self.count - 1.0)

    def walk_square(self) -> Values:
        """Return the square of the largest random walk (ppb in 1 s) that fits these differences."""
        return self._largest_variance() / (0.55 * self._tau_s**3)

    def white_square(self) -> Values:
        """Return the square of the largest white noise of the frequency (ppb at 1 s) that fits these differences."""
        return self._largest_variance() / self._tau_s

    def _largest_variance(self) -> Values:
        freedom = 0.75 * (self.count - 1.0)
        spread = 2.0 / (9.0 * freedom)
        confidence = CONFIDENCE if freedom > MUCH_FREEDOM else CONFIDENCE_OF_FEW
        least_share = max(1.0 - spread - confidence * spread**0.5, 0.1) ** 3  # of chi square, by Wilson and Hilferty
        largest: Values = self.variance() / least_share
        return largest

    def as_list(self) -> list[float]:
        """Return what is kept of it: count, sum and sum of squares."""
        return [float(self.count), float(self._sum), float(self._squares)]

    def restore(self, kept: Sequence[float]) -> None:
        """Go on from what was kept."""
        self.count, self._sum, self._squares = kept
