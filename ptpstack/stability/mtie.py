"""MTIE, exact: the largest peak-to-peak offset in any window of tau (ITU-T G.810 Appendix II).

A window of tau = m tau0 has m + 1 samples. Its largest value is the larger of two overlapping windows whose
length is a power of two, and those are made by doubling: O(n) for each tau, O(n log n) for log-spaced taus.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ptpstack.stability.deviations import Curve
from ptpstack.stability.series import Floats


def mtie(values_ns: Floats, tau0_s: float, factors: Sequence[int]) -> Curve:
    """Return MTIE in ns at tau = *factors* x *tau0_s*; NaN where the record is shorter.

    Missing values are passed over: with gaps the result is what the samples that are there prove, a lower bound.
    """
    missing = np.isnan(values_ns)
    highest = np.where(missing, -np.inf, values_ns)
    lowest = np.where(missing, np.inf, values_ns)
    length = 1  # of the windows that highest[i], lowest[i] stand for: i … i + length - 1
    found: dict[int, float] = {}
    for factor in sorted(factors):
        window = factor + 1
        if window > values_ns.size:
            continue
        while 2 * length <= window:
            highest = np.maximum(highest[:-length], highest[length:])
            lowest = np.minimum(lowest[:-length], lowest[length:])
            length *= 2
        rest = window - length
        tops = np.maximum(highest[: highest.size - rest], highest[rest:])
        bottoms = np.minimum(lowest[: lowest.size - rest], lowest[rest:])
        largest = float((tops - bottoms).max())
        if largest >= 0:  # -inf: not one sample in any window
            found[factor] = largest
    values = np.array([found.get(factor, np.nan) for factor in factors])
    return Curve(np.asarray(factors, dtype=np.float64) * tau0_s, values)
