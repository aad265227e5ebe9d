"""Offsets on a regular time grid, as every deviation needs them; what was not measured stays missing.

What lives here: the grid, its gaps, averages over windows. What does not: interpolation. Every value of
the grid is one that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ptpstack.errors import PtpstackError

Floats: TypeAlias = NDArray[np.float64]

GAP_INTERVALS = 1.5
"""Two samples farther apart than so many sampling intervals have a gap between them."""

SLOTS_MAX = 200_000_000


class UnusableRecordError(PtpstackError):
    """Samples that no statistic can be made of."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without samples: its begin in seconds since the first sample, and how many are missing."""

    start_s: float
    missing: int


@dataclass(frozen=True, slots=True)
class Series:
    """Offsets (local - master) every *tau0_s* seconds, NaN where none was measured.

    *samples* were given. Where they came unevenly, *repeated* slots of the grid hold the same sample as
    their neighbour and *unused* samples fell between two slots.
    """

    tau0_s: float
    values_ns: Floats
    samples: int
    repeated: int = 0
    unused: int = 0

    @property
    def span_s(self) -> float:
        """From the first sample to the last."""
        return (self.values_ns.size - 1) * self.tau0_s

    @property
    def duration_s(self) -> float:
        """What the samples stand for: one sampling interval more than the span."""
        return self.values_ns.size * self.tau0_s

    @property
    def present_ns(self) -> Floats:
        """The values without the missing ones."""
        return self.values_ns[~np.isnan(self.values_ns)]

    @property
    def missing(self) -> int:
        """How many slots of the grid have no value."""
        return int(np.isnan(self.values_ns).sum())

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Every run of missing values."""
        edges = np.flatnonzero(np.diff(np.isnan(self.values_ns), prepend=False, append=False))
        pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        return tuple(Gap(start * self.tau0_s, stop - start) for start, stop in pairs)


def resample(
    times_s: Sequence[float] | Floats, offsets_ns: Sequence[float] | Floats, tau0_s: float | None = None
) -> Series:
    """Put samples on a regular grid that begins at the first one.

    A slot holds the sample nearest in time. It is missing when that is more than half a slot away and the
    samples around it are more than :data:`GAP_INTERVALS` slots apart. Without *tau0_s* the grid's interval
    is the mean of the intervals near the median one. Raises :class:`UnusableRecordError`.
    """
    times, offsets = _in_order(np.asarray(times_s, dtype=np.float64), np.asarray(offsets_ns, dtype=np.float64))
    if times.size < 2:
        raise UnusableRecordError(
            "too few samples", why=f"{times.size} with a time of its own", next_step="record for longer"
        )
    intervals = np.diff(times)
    if tau0_s is None:
        typical = float(np.median(intervals))
        tau0_s = float(intervals[(intervals > typical / 2) & (intervals < typical * GAP_INTERVALS)].mean())
    slots = round((times[-1] - times[0]) / tau0_s) + 1
    if slots > SLOTS_MAX:
        raise UnusableRecordError(
            f"{times.size} samples spread over {slots} intervals of {tau0_s:.3g} s",
            next_step="cut the record at its long gaps, or choose a longer sampling interval",
        )
    grid = times[0] + np.arange(slots) * tau0_s
    after = np.searchsorted(times, grid).clip(1, times.size - 1)
    before = after - 1
    nearest = np.where(grid - times[before] <= times[after] - grid, before, after)
    missing = (np.abs(times[nearest] - grid) > 0.5 * tau0_s) & (intervals[before] > GAP_INTERVALS * tau0_s)
    used = np.unique(nearest[~missing]).size
    return Series(
        tau0_s,
        np.where(missing, np.nan, offsets[nearest]),
        samples=np.asarray(offsets_ns).size,
        repeated=int((~missing).sum()) - used,
        unused=np.asarray(offsets_ns).size - used,
    )


def _in_order(times: Floats, offsets: Floats) -> tuple[Floats, Floats]:
    """Return the samples by time, the first of those that share one."""
    if times.shape != offsets.shape or times.ndim != 1:
        raise UnusableRecordError("as many times as offsets are needed")
    if not (np.isfinite(times).all() and np.isfinite(offsets).all()):
        raise UnusableRecordError("a time or offset is not a finite number")
    times, first = np.unique(times, return_index=True)
    return times, offsets[first]


def window_means(values: Floats, length: int) -> Floats:
    """Return the mean of every *length* values in a row, over those present; NaN where less than half are."""
    present = ~np.isnan(values)
    sums = np.concatenate(([0.0], np.cumsum(np.where(present, values, 0.0))))
    totals = sums[length:] - sums[:-length]
    if present.all():
        return np.asarray(totals / length)
    counted = np.concatenate(([0], np.cumsum(present)))
    counts = counted[length:] - counted[:-length]
    return np.where(2 * counts >= length, totals / np.maximum(counts, 1), np.nan)
