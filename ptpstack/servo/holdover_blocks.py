"""From offsets and the commands in force to means of the free phase, one for each block of a few seconds.

What lives here: undoing the steering, averaging, leaving outliers out. What does not: what the means say
(``holdover``).
"""

from __future__ import annotations

from statistics import fmean, median
from typing import NamedTuple

from ptpstack.servo.holdover import BLOCK_S

OUTLIER_DEVIATIONS = 7.0
"""Times the median deviation; no normal noise reaches that far in a block."""


class Block(NamedTuple):
    """The mean free phase at the middle of block *number*, with the variance of that mean as seen within."""

    number: int
    free_phase_ns: float
    variance: float


class HoldoverBlocks:
    """Blocks of the time that :meth:`sample` and :meth:`steered_until` are told, in seconds from anywhere."""

    def __init__(self) -> None:
        self.steered_ns = 0.0
        """How far steering has moved the clock by the newest instant."""
        self._until_s: float | None = None
        self._number = 0
        self._samples: list[tuple[float, float]] = []

    def steered_until(self, at_s: float, frequency_ppb: float) -> None:
        """Take that the clock was set to *frequency_ppb* until *at_s*."""
        if self._until_s is not None:
            self.steered_ns += frequency_ppb * (at_s - self._until_s)
        self._until_s = at_s

    def steered_ns_at(self, at_s: float, frequency_ppb: float) -> float:
        """Return what :attr:`steered_ns` will be *at_s*, with *frequency_ppb* in force until then."""
        return self.steered_ns + (0.0 if self._until_s is None else frequency_ppb * (at_s - self._until_s))

    def stepped(self, step_ns: float) -> None:
        """Take that the clock was moved on purpose."""
        self.steered_ns += step_ns

    def forget(self) -> None:
        """Drop what was not averaged yet."""
        self._samples.clear()

    def sample(self, at_s: float, offset_ns: float, frequency_error_ppb: float | None) -> Block | None:
        """Take an offset measured at *at_s*, until when the steering is told; return the block that it completed.

        *frequency_error_ppb* of the free clock carries the mean of samples to the middle of their block.
        """
        number = int(at_s // BLOCK_S)
        block = None
        if number != self._number and self._samples:
            block = self._finish(frequency_error_ppb)
        self._number = number
        self._samples.append((at_s, offset_ns - self.steered_ns))
        return block

    def _finish(self, frequency_error_ppb: float | None) -> Block:
        first_s, first = self._samples[0]
        last_s, last = self._samples[-1]
        slope = frequency_error_ppb
        if slope is None:
            slope = (last - first) / (last_s - first_s) if last_s > first_s else 0.0
        middle_s = (self._number + 0.5) * BLOCK_S
        phases = [phase - slope * (at_s - middle_s) for at_s, phase in self._samples]
        self._samples.clear()
        centre = median(phases)
        usual = median(abs(phase - centre) for phase in phases)
        kept = [phase for phase in phases if abs(phase - centre) <= OUTLIER_DEVIATIONS * usual]
        mean = fmean(kept)
        squares = sum((phase - mean) ** 2 for phase in kept)
        variance = squares / (len(kept) - 1) / len(kept) if len(kept) > 1 else 0.0
        return Block(self._number, mean, variance)
