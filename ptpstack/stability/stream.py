"""The statistics of a record without end, in memory that does not grow: for a daemon that runs for months.

Offsets come with their times and are put on a grid of one nominal interval; what is missing stays missing.

Exact: count, mean, standard deviation, rms, max|TE|, max|TE_L| (after ten seconds), MTIE up to 32 intervals,
TDEV up to 8 intervals. Bounded:
- MTIE at 64, 128, … intervals is told as an interval that holds the exact value: windows begin every 2, 4, …
  samples; the lower bound is of windows one sample shorter than tau, the upper of windows 1/32 longer; the
  newest samples count when the block they begin is full;
- TDEV at 16, 32, … intervals is the mean of exact terms, but only of those that begin every 2, 4, … samples:
  the same expectation, at most a little more scatter;
- cTE moves in steps of one second.

Memory: for each octave of tau 33 pairs and 25 sums; 20 octaves of 16 samples a second are nine hours of tau.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import accumulate

from ptpstack.stability.analysis import CTE_WINDOW_S
from ptpstack.stability.filters import PRIMING_S, TAU0_MAX_S, LowPass

MTIE_BLOCKS = 32
TDEV_BLOCKS = 8
OCTAVES = 20
"""Every statistic is given up to tau = 2^20 intervals."""

_FOLLOW = 0.1
"""How much of a sample's distance from its slot moves the grid: it follows a rate that is not quite nominal."""

_GAP_FED = 1000
"""The most missing samples that are put in one by one; a longer gap begins new windows."""


@dataclass(frozen=True, slots=True)
class MtieBounds:
    """The exact MTIE at *tau_s* is at least *lower_ns* and at most *upper_ns*; equal: known exactly."""

    tau_s: float
    lower_ns: float
    upper_ns: float


class MtieStream:
    """MTIE at tau = 1, 2, 4, … intervals, of one offset an interval (NaN: missing)."""

    def __init__(self, tau0_s: float, octaves: int = OCTAVES) -> None:
        self._tau0_s = tau0_s
        self._stages = [_MtieStage() for _ in range(max(1, octaves - int(math.log2(MTIE_BLOCKS)) + 1))]

    def add(self, offset_ns: float) -> None:
        """Take the next offset."""
        block = (-math.inf, math.inf) if math.isnan(offset_ns) else (offset_ns, offset_ns)
        for stage in self._stages:
            merged = stage.add(block)
            if merged is None:
                return
            block = merged

    def restart(self) -> None:
        """Let no window reach back over what comes next; what was found stays."""
        for stage in self._stages:
            stage.restart()

    def bounds(self) -> list[MtieBounds]:
        """Return what is known of each tau that the record has reached."""
        first = self._stages[0]
        found = [MtieBounds(m * self._tau0_s, largest, largest) for m, largest in first.exact.items() if largest >= 0]
        found += [
            MtieBounds((MTIE_BLOCKS << octave) * self._tau0_s, stage.lower, stage.upper)
            for octave, stage in enumerate(self._stages[1:], 1)
            if stage.upper >= 0
        ]
        return found


class _MtieStage:
    """Windows of blocks of 2^k samples: the highest and lowest of each of the last ones, the newest first."""

    def __init__(self) -> None:
        self._highs: deque[float] = deque(maxlen=MTIE_BLOCKS + 1)
        self._lows: deque[float] = deque(maxlen=MTIE_BLOCKS + 1)
        self._half: tuple[float, float] | None = None
        self.exact = {1 << octave: -math.inf for octave in range(MTIE_BLOCKS.bit_length())}
        """The largest range of m + 1 blocks, which is MTIE where a block is one sample."""
        self.lower = -math.inf
        """The largest range of as many blocks as tau is long: one sample less than the window of tau."""

    @property
    def upper(self) -> float:
        """The largest range of one block more: every window of tau is inside one of these."""
        return self.exact[MTIE_BLOCKS]

    def restart(self) -> None:
        self._highs.clear()
        self._lows.clear()
        self._half = None

    def add(self, block: tuple[float, float]) -> tuple[float, float] | None:
        """Take a block; return it merged with the one before, every second time."""
        self._highs.appendleft(block[0])
        self._lows.appendleft(block[1])
        highest, lowest = list(accumulate(self._highs, max)), list(accumulate(self._lows, min))
        for m in self.exact:
            if m < len(highest):
                self.exact[m] = max(self.exact[m], highest[m] - lowest[m])
        if len(highest) > MTIE_BLOCKS:
            self.lower = max(self.lower, highest[MTIE_BLOCKS - 1] - lowest[MTIE_BLOCKS - 1])
        if self._half is None:
            self._half = block
            return None
        earlier, self._half = self._half, None
        return max(block[0], earlier[0]), min(block[1], earlier[1])


class TdevStream:
    """TDEV at tau = 1, 2, 4, … intervals, of one offset an interval (NaN: missing)."""

    def __init__(self, tau0_s: float, octaves: int = OCTAVES) -> None:
        self._tau0_s = tau0_s
        self._stages = [_TdevStage() for _ in range(max(1, octaves - int(math.log2(TDEV_BLOCKS)) + 1))]

    def add(self, offset_ns: float) -> None:
        """Take the next offset."""
        block = (0.0, 0) if math.isnan(offset_ns) else (offset_ns, 1)
        for octave, stage in enumerate(self._stages):
            merged = stage.add(block, 1 << octave, every_length=octave == 0)
            if merged is None:
                return
            block = merged

    def restart(self) -> None:
        """Let no difference reach back over what comes next; what was found stays."""
        for stage in self._stages:
            stage.restart()

    def values(self) -> list[tuple[float, float]]:
        """Return (tau in s, TDEV in ns) of each tau that the record has reached."""
        return [
            (blocks * (1 << octave) * self._tau0_s, math.sqrt(total / count / 6))
            for octave, stage in enumerate(self._stages)
            for blocks, (total, count) in stage.terms.items()
            if count
        ]


class _TdevStage:
    """Means over 1, 2, 4 or 8 blocks of 2^k samples each: the sum and count of each of the last blocks."""

    def __init__(self) -> None:
        self._sums: deque[float] = deque(maxlen=3 * TDEV_BLOCKS)
        self._counts: deque[int] = deque(maxlen=3 * TDEV_BLOCKS)
        self._half: tuple[float, int] | None = None
        self.terms: dict[int, tuple[float, int]] = {}

    def restart(self) -> None:
        self._sums.clear()
        self._counts.clear()
        self._half = None

    def add(self, block: tuple[float, int], block_length: int, *, every_length: bool) -> tuple[float, int] | None:
        """Take a block; return it merged with the one before, every second time."""
        self._sums.appendleft(block[0])
        self._counts.appendleft(block[1])
        sums, counts = list(self._sums), list(self._counts)
        length = 1 if every_length else TDEV_BLOCKS
        while length <= TDEV_BLOCKS and 3 * length <= len(sums):
            newest, middle, oldest = (
                _mean(sums[start : start + length], counts[start : start + length], length * block_length)
                for start in (0, length, 2 * length)
            )
            difference = newest - 2 * middle + oldest
            if not math.isnan(difference):
                total, count = self.terms.get(length, (0.0, 0))
                self.terms[length] = (total + difference * difference, count + 1)
            length *= 2
        if self._half is None:
            self._half = block
            return None
        earlier, self._half = self._half, None
        return block[0] + earlier[0], block[1] + earlier[1]


def _mean(sums: list[float], counts: list[int], full: int) -> float:
    """Return the mean over some blocks, NaN when less than half of *full* samples are there."""
    count = sum(counts)
    return sum(sums) / count if 2 * count >= full else math.nan


class TimeErrorStream:
    """All of them together, fed with samples as a port measures them.

    *tau0_s* is the nominal sampling interval. Times are of a clock that does not step (seconds).
    """

    def __init__(self, tau0_s: float, octaves: int = OCTAVES) -> None:
        self.tau0_s = tau0_s
        self.mtie = MtieStream(tau0_s, octaves)
        self.tdev = TdevStream(tau0_s, octaves)
        self.count = self.missing = self.unused = 0
        self.mean_ns = 0.0
        self.max_abs_te_ns = 0.0
        self.max_abs_te_l_ns: float | None = None
        self.cte_ns: float | None = None
        """The mean over 1000 s that was farthest from zero."""
        self._squares = 0.0
        self._slot_s: float | None = None
        self._low_pass = LowPass(tau0_s) if tau0_s <= TAU0_MAX_S else None
        self._settling = math.ceil(PRIMING_S / tau0_s)
        self._settled_in = self._settling
        self._cte = _MovingMean(max(1, round(1 / tau0_s)), max(1.0, tau0_s))

    @property
    def standard_deviation_ns(self) -> float:
        """The population standard deviation; 0 of nothing."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0

    @property
    def rms_ns(self) -> float:
        """The root mean square; 0 of nothing."""
        return math.hypot(self.mean_ns, self.standard_deviation_ns)

    def add(self, time_s: float, offset_ns: float) -> None:
        """Take one sample. A second one in the same slot, or one from the past, is counted and left out."""
        if self._slot_s is None:
            self._slot_s = time_s
        else:
            slots = round((time_s - self._slot_s) / self.tau0_s)
            if slots <= 0:
                self.unused += 1
                return
            self._miss(slots - 1)
            expected = self._slot_s + slots * self.tau0_s
            self._slot_s = expected + _FOLLOW * (time_s - expected)
        self._take(offset_ns)

    def _miss(self, slots: int) -> None:
        self.missing += slots
        if slots > _GAP_FED:
            self.mtie.restart()
            self.tdev.restart()
        for _ in range(min(slots, _GAP_FED)):
            self._feed(math.nan)

    def _take(self, offset_ns: float) -> None:
        self.count += 1
        deviation = offset_ns - self.mean_ns
        self.mean_ns += deviation / self.count
        self._squares += deviation * (offset_ns - self.mean_ns)
        self.max_abs_te_ns = max(self.max_abs_te_ns, abs(offset_ns))
        self._feed(offset_ns)

    def _feed(self, offset_ns: float) -> None:
        self.mtie.add(offset_ns)
        self.tdev.add(offset_ns)
        cte_ns = self._cte.add(offset_ns)
        if cte_ns is not None and abs(cte_ns) >= abs(self.cte_ns or 0.0):
            self.cte_ns = cte_ns
        if self._low_pass is not None:
            if self._low_pass.starting:
                self._settled_in = self._settling
            te_l_ns = self._low_pass.add(offset_ns)
            self._settled_in = max(0, self._settled_in - 1)
            if self._settled_in == 0 and not math.isnan(te_l_ns):
                self.max_abs_te_l_ns = max(self.max_abs_te_l_ns or 0.0, abs(te_l_ns))


class _MovingMean:
    """The mean over :data:`CTE_WINDOW_S`, from sums over *block_length* samples that take *block_s* each."""

    def __init__(self, block_length: int, block_s: float) -> None:
        self._block_length = block_length
        self._sums: deque[tuple[float, int]] = deque(maxlen=max(1, round(CTE_WINDOW_S / block_s)))
        self._sum, self._count, self._taken = 0.0, 0, 0

    def add(self, value: float) -> float | None:
        """Take a value (NaN: missing); return the mean whenever a block is full and half of the window is there."""
        if not math.isnan(value):
            self._sum += value
            self._count += 1
        self._taken += 1
        if self._taken < self._block_length:
            return None
        self._sums.append((self._sum, self._count))
        self._sum, self._count, self._taken = 0.0, 0, 0
        count = sum(part[1] for part in self._sums)
        if len(self._sums) < (self._sums.maxlen or 0) or 2 * count < len(self._sums) * self._block_length:
            return None
        return sum(part[0] for part in self._sums) / count
