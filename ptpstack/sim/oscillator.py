"""Oscillators with noise and the clocks that count them, exact in integers and known at every true instant.

What lives here: the error of a free oscillator, a clock that can be steered and stepped, and the truth
about both as arrays. What does not: the noise of taking a stamp (``stamping``).
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from ptpstack.time import NANOSECOND, SECOND, LocalTime, TimeInterval, interval_from_ns, interval_to_seconds

EPOCH = LocalTime(1_700_000_000 * SECOND)
"""What a clock without error reads when the world begins (TAI)."""

CELL: TimeInterval = SECOND // 32
"""Noise is drawn for whole cells, so that it does not depend on when someone looks. Within one, frequency holds."""
CELLS_DRAWN_AT_ONCE = 1024

_RATE_ONE = 1 << 64


def _rate(ppb: float) -> int:
    return round(ppb * 1e-9 * _RATE_ONE)


class Oscillator:
    """A frequency source: a constant error, white FM and random-walk FM, both repeatable by *seed*.

    *white_fm_ppb* is its Allan deviation at 1 s, falling with the root of tau; *random_walk_fm_ppb* is the
    standard deviation of what the frequency wanders in 1 s (Allan deviation: that times sqrt(tau / 3)).
    """

    def __init__(
        self,
        frequency_error_ppb: float = 0.0,
        *,
        white_fm_ppb: float = 0.0,
        random_walk_fm_ppb: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.frequency_error_ppb = frequency_error_ppb
        cell_s = interval_to_seconds(CELL)
        self._error_rate = _rate(frequency_error_ppb)
        self._white_ppb = white_fm_ppb / cell_s**0.5
        self._walk_ppb = random_walk_fm_ppb * cell_s**0.5
        self._noisy = bool(white_fm_ppb or random_walk_fm_ppb)
        self._random = np.random.default_rng(seed)
        self._wander_ppb = 0.0
        self._phase_ns = array("d", [0.0])  # at the edges of cells

    def read(self, true: TimeInterval) -> TimeInterval:
        """Return how much time the oscillator has counted at *true* time."""
        counted = true + (true * self._error_rate >> 64)
        if not self._noisy:
            return counted
        cell, rest = divmod(true, CELL)
        self._draw_up_to(cell + 1)
        phase_ns = self._phase_ns[cell]
        return counted + round((phase_ns + (self._phase_ns[cell + 1] - phase_ns) * rest / CELL) * NANOSECOND)

    def error_ns(self, true: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return counted - true time in ns at each of the *true* instants."""
        error = true / NANOSECOND * (self.frequency_error_ppb * 1e-9)
        if self._noisy and true.size:
            self._draw_up_to(int(true.max()) // CELL + 1)
            error += np.interp(true / CELL, np.arange(len(self._phase_ns)), np.frombuffer(self._phase_ns))
        return error

    def _draw_up_to(self, cell: int) -> None:
        while len(self._phase_ns) <= cell:
            walk = self._wander_ppb + np.cumsum(self._random.normal(0.0, self._walk_ppb, CELLS_DRAWN_AT_ONCE))
            self._wander_ppb = float(walk[-1])
            frequency = walk + self._random.normal(0.0, self._white_ppb, CELLS_DRAWN_AT_ONCE)
            phase_ns = self._phase_ns[-1] + np.cumsum(frequency * interval_to_seconds(CELL))  # ppb * s = ns
            self._phase_ns.frombytes(phase_ns.tobytes())


class VirtualClock:
    """A clock on an *oscillator*, as a PHC is: read it, set its frequency, step it. *offset_ns*: its first error.

    Changes and readings come in the order of true time; what was true before is kept for :meth:`offsets_ns`.
    """

    def __init__(self, oscillator: Oscillator | None = None, offset_ns: float = 0.0) -> None:
        self.oscillator = oscillator or Oscillator()
        self.frequency_ppb = 0.0
        self._rate = 0
        self._true: TimeInterval = 0
        self._counted: TimeInterval = 0
        self._local = EPOCH + interval_from_ns(offset_ns)
        self._history: list[tuple[TimeInterval, TimeInterval, float]] = []  # true, offset then, frequency since
        self._remember()

    def read(self, true: TimeInterval) -> LocalTime:
        """Return what the clock shows at *true* time."""
        assert true >= self._true, "a clock cannot be read before its last change"
        counted = self.oscillator.read(true) - self._counted
        return self._local + (counted + (counted * self._rate >> 64))

    def set_frequency(self, frequency_ppb: float, true: TimeInterval) -> None:
        """From *true* time on, count *frequency_ppb* faster than the oscillator does."""
        self._advance(true)
        self.frequency_ppb, self._rate = frequency_ppb, _rate(frequency_ppb)
        self._remember()

    def step(self, delta: TimeInterval, true: TimeInterval) -> None:
        """Move the clock by *delta* at *true* time."""
        self._advance(true)
        self._local += delta
        self._remember()

    def offset_ns(self, true: TimeInterval) -> float:
        """Return clock - truth in ns at *true* time, which is not before the last change."""
        return (self.read(true) - (EPOCH + true)) / NANOSECOND

    def offsets_ns(self, true: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return clock - truth in ns at each of the *true* instants, any in the past."""
        starts = np.array([change[0] for change in self._history], dtype=np.int64)
        offsets = np.array([change[1] / NANOSECOND for change in self._history])
        rates = np.array([change[2] * 1e-9 for change in self._history])
        change = np.searchsorted(starts, true, side="right") - 1
        elapsed_ns = (true - starts[change]) / NANOSECOND
        oscillator_ns = self.oscillator.error_ns(true) - self.oscillator.error_ns(starts)[change]
        error_ns: NDArray[np.float64] = offsets[change] + oscillator_ns + (elapsed_ns + oscillator_ns) * rates[change]
        return error_ns

    def _advance(self, true: TimeInterval) -> None:
        self._local, self._counted, self._true = self.read(true), self.oscillator.read(true), true

    def _remember(self) -> None:
        self._history.append((self._true, self._local - (EPOCH + self._true), self.frequency_ppb))
