"""What several sources say together: where more than half of their intervals overlap, and the mean of those that agree.

What lives here: the arithmetic. What does not: who is among them (``selection``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ntp.candidate import Candidate
from ntp.wire.packet import Leap
from ptpstack.time import TimeInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """What the believed sources say together; *bound* holds as long as a majority of the sources is right."""

    offset: TimeInterval
    bound: TimeInterval
    deviation: TimeInterval
    frequency_ppb: float
    skew_ppb: float
    stratum: int
    leap: Leap
    best: str
    names: tuple[str, ...]


def majority_hull(intervals: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the least and the largest point that more than half of the *intervals* contain, None without one.

    The truth lies between them if more than half of the intervals contain it (Marzullo; RFC 5905 11.2.1).
    """
    majority = len(intervals) // 2 + 1
    lower_ends = sorted(least for least, _ in intervals)
    upper_ends = sorted(most for _, most in intervals)
    # At a lower end, as many intervals hold as have begun and not ended: those that begin at it count, so do those
    # that end at it.
    found = [
        least
        for number, least in enumerate(lower_ends, 1)
        if number - sum(most < least for most in upper_ends) >= majority
    ]
    if not found:
        return None
    last = max(
        most
        for number, most in enumerate(reversed(upper_ends), 1)
        if number - sum(least > most for least in lower_ends) >= majority
    )
    return found[0], last


def weighted_mean(used: list[Candidate], best: Candidate, hull: tuple[TimeInterval, TimeInterval]) -> Combined:
    """Combine offsets by the inverse square of distances, frequencies by that of their skews."""
    assert best.offset is not None
    low, high = hull
    weights = [1 / max(candidate.root_distance, 1) ** 2 for candidate in used]
    total = math.fsum(weights)
    away = [(candidate.offset or 0) - best.offset for candidate in used]
    mean = math.fsum(w * d for w, d in zip(weights, away, strict=True)) / total
    variance = (
        math.fsum(w * (c.deviation**2 + (d - mean) ** 2) for w, c, d in zip(weights, used, away, strict=True)) / total
    )
    skew_weights = [1 / max(candidate.skew_ppb, 1e-3) ** 2 for candidate in used]
    frequency = math.fsum(w * c.frequency_ppb for w, c in zip(skew_weights, used, strict=True)) / math.fsum(
        skew_weights
    )
    offset = best.offset + round(mean)
    return Combined(
        offset=offset,
        bound=max(high - offset, offset - low),
        deviation=round(math.sqrt(variance)),
        frequency_ppb=frequency,
        skew_ppb=1 / math.sqrt(math.fsum(skew_weights)),
        stratum=best.stratum,
        leap=_leap(used),
        best=best.name,
        names=tuple(candidate.name for candidate in used),
    )


def _leap(used: list[Candidate]) -> Leap:
    """Return the leap second that more than half of the sources announce."""
    for leap in (Leap.INSERT, Leap.DELETE):
        if 2 * sum(candidate.leap is leap for candidate in used) > len(used):
            return leap
    return Leap.NONE
