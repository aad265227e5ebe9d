"""What time engineers ask of a record of offsets, each computed once and when asked for.

Terms as in ITU-T G.8260: TE the time error (here the offset, local - master), cTE its mean over 1000 s,
dTE what varies, dTE_L and dTE_H its parts below and above 0.1 Hz (``filters``).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ptpstack.stability.deviations import Curve, adev, averaging_factors, factors_of, mdev, oadev, tdev
from ptpstack.stability.filters import TAU0_MAX_S, low_pass
from ptpstack.stability.mtie import mtie
from ptpstack.stability.series import Floats, Series, window_means

CTE_WINDOW_S = 1000.0
"""The averaging time of cTE (ITU-T G.8273.2 7.1.1)."""

DECADES_S = tuple(10.0**exponent for exponent in range(-3, 8))


class Analysis:
    """The statistics of one record. Offsets and their statistics in ns; what the record cannot give is ``None``."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self._present = series.present_ns

    @property
    def mean_ns(self) -> float:
        """The mean of TE."""
        return float(self._present.mean())

    @property
    def standard_deviation_ns(self) -> float:
        """The population standard deviation of TE."""
        return float(self._present.std())

    @property
    def rms_ns(self) -> float:
        """The root mean square of TE, its mean included."""
        return float(np.sqrt(np.mean(self._present**2)))

    @property
    def max_abs_te_ns(self) -> float:
        """max|TE|, unfiltered."""
        return float(np.abs(self._present).max())

    @property
    def peak_to_peak_ns(self) -> float:
        """The largest less the smallest TE."""
        return float(np.ptp(self._present))

    def percentile_abs_te_ns(self, percent: float) -> float:
        """Return what |TE| stays below for *percent* of the samples."""
        return float(np.percentile(np.abs(self._present), percent))

    @cached_property
    def cte_ns(self) -> float | None:
        """The mean over 1000 s that is farthest from zero; ``None`` of a shorter record."""
        length = round(CTE_WINDOW_S / self.series.tau0_s)
        if not 1 <= length <= self.series.values_ns.size:
            return None
        means = window_means(self.series.values_ns, length)
        means = means[~np.isnan(means)]
        return float(means[np.abs(means).argmax()]) if means.size else None

    @cached_property
    def te_l_ns(self) -> Floats | None:
        """TE through the 0.1 Hz low-pass; ``None`` of a record sampled too slowly."""
        if self.series.tau0_s > TAU0_MAX_S:
            return None
        return low_pass(self.series.values_ns, self.series.tau0_s)

    @property
    def max_abs_te_l_ns(self) -> float | None:
        """max|TE_L|: of the low-pass filtered TE."""
        return None if self.te_l_ns is None else float(np.nanmax(np.abs(self.te_l_ns)))

    @property
    def dte_l_peak_to_peak_ns(self) -> float | None:
        """The largest less the smallest TE_L."""
        return None if self.te_l_ns is None else float(np.nanmax(self.te_l_ns) - np.nanmin(self.te_l_ns))

    @property
    def dte_h_peak_to_peak_ns(self) -> float | None:
        """The largest less the smallest of TE through the 0.1 Hz high-pass."""
        if self.te_l_ns is None:
            return None
        te_h = self.series.values_ns - self.te_l_ns
        return float(np.nanmax(te_h) - np.nanmin(te_h))

    @cached_property
    def mtie(self) -> Curve:
        """MTIE of TE in ns, up to the whole record."""
        return mtie(self.series.values_ns, self.series.tau0_s, self._factors(1))

    @cached_property
    def tdev(self) -> Curve:
        """TDEV of TE in ns, up to a third of the record."""
        return tdev(self.series.values_ns, self.series.tau0_s, self._factors(3))

    @cached_property
    def adev(self) -> Curve:
        """The Allan deviation without overlap."""
        return adev(self.series.values_ns, self.series.tau0_s, self._factors(2))

    @cached_property
    def oadev(self) -> Curve:
        """The overlapping Allan deviation."""
        return oadev(self.series.values_ns, self.series.tau0_s, self._factors(2))

    @cached_property
    def mdev(self) -> Curve:
        """The modified Allan deviation."""
        return mdev(self.series.values_ns, self.series.tau0_s, self._factors(3))

    def _factors(self, parts: int) -> list[int]:
        """Return log-spaced averaging factors and those of the decades, up to 1/*parts* of the record."""
        size = self.series.values_ns.size
        largest = size - 1 if parts == 1 else (size - 1) // 2 if parts == 2 else size // parts
        return sorted({*averaging_factors(largest), *factors_of(DECADES_S, self.series.tau0_s, largest)})
