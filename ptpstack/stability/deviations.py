"""Allan, modified Allan and time deviation of a regular record of offsets.

With x the offsets, m the averaging factor and tau = m tau0 (NIST SP 1065 clause 5; TDEV also ITU-T G.810 Appendix II):

    ADEV   sqrt( mean( (x[i+2m] - 2 x[i+m] + x[i])² ) / 2 ) / tau,   i in steps of m
    OADEV  the same, i in steps of 1
    TDEV   sqrt( mean( (X[i+2m] - 2 X[i+m] + X[i])² ) / 6 ),         X[i] the mean of x[i] … x[i+m-1]
    MDEV   TDEV sqrt(3) / tau

Missing values: a difference that lacks one of its terms is left out; a mean X counts when at least half of
its values are present. Without missing values all of them are the exact estimators.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ptpstack.stability.series import Floats, window_means


@dataclass(frozen=True, slots=True)
class Curve:
    """A statistic over the observation interval tau; NaN where the record gives none."""

    taus_s: Floats
    values: Floats

    def at(self, tau_s: float) -> float | None:
        """Return the value at *tau_s*, ``None`` where there is none."""
        values = self.values[np.isclose(self.taus_s, tau_s, rtol=1e-9, atol=0)]
        return float(values[0]) if values.size and not np.isnan(values[0]) else None


def averaging_factors(largest: int, per_decade: int = 12) -> list[int]:
    """Return whole numbers from 1 to *largest*, *per_decade* of them (less where they are dense) and the last."""
    if largest < 1:
        return []
    exponents = np.arange(0, np.log10(largest), 1 / per_decade)
    return sorted({*(round(10**exponent) for exponent in exponents), largest})


def factors_of(taus_s: Iterable[float], tau0_s: float, largest: int) -> list[int]:
    """Return the averaging factors of those of *taus_s* that are about a multiple of *tau0_s* and not too long."""
    factors = {round(tau / tau0_s) for tau in taus_s if abs(round(tau / tau0_s) * tau0_s / tau - 1) < 0.01}
    return sorted(factor for factor in factors if 1 <= factor <= largest)


def adev(values_ns: Floats, tau0_s: float, factors: Sequence[int]) -> Curve:
    """Return the Allan deviation (dimensionless), without overlap."""
    return _curve(tau0_s, factors, [_allan(values_ns[::m], 1) / (m * tau0_s) for m in factors])


def oadev(values_ns: Floats, tau0_s: float, factors: Sequence[int]) -> Curve:
    """Return the overlapping Allan deviation (dimensionless)."""
    return _curve(tau0_s, factors, [_allan(values_ns, m) / (m * tau0_s) for m in factors])


def tdev(values_ns: Floats, tau0_s: float, factors: Sequence[int]) -> Curve:
    """Return the time deviation in ns."""
    level = without_trend(values_ns)
    return _curve(tau0_s, factors, [_rms_second_difference(window_means(level, m), m) / math.sqrt(6) for m in factors])


def mdev(values_ns: Floats, tau0_s: float, factors: Sequence[int]) -> Curve:
    """Return the modified Allan deviation (dimensionless)."""
    curve = tdev(values_ns, tau0_s, factors)
    return Curve(curve.taus_s, curve.values * 1e-9 * math.sqrt(3) / curve.taus_s)


def without_trend(values: Floats) -> Floats:
    """Return *values* less their least-squares line: no second difference changes, and sums keep their digits."""
    present = np.flatnonzero(~np.isnan(values))
    if present.size < 2:
        return values
    centre = present.mean()
    level = values[present].mean()
    slope = ((present - centre) @ (values[present] - level)) / ((present - centre) @ (present - centre))
    return np.asarray(values - level - slope * (np.arange(values.size) - centre))


def _curve(tau0_s: float, factors: Sequence[int], values: Sequence[float]) -> Curve:
    return Curve(np.asarray(factors, dtype=np.float64) * tau0_s, np.asarray(values, dtype=np.float64))


def _allan(values_ns: Floats, m: int) -> float:
    return _rms_second_difference(values_ns, m) / math.sqrt(2) * 1e-9


def _rms_second_difference(values: Floats, m: int) -> float:
    if values.size <= 2 * m:
        return float("nan")
    differences = values[2 * m :] - 2 * values[m:-m] + values[: -2 * m]
    present = differences[~np.isnan(differences)]
    return float(np.sqrt(present @ present / present.size)) if present.size else float("nan")
