"""The terms of G.8260 on records whose answer is known."""

import numpy as np
import pytest

from ptpstack.stability.analysis import Analysis
from ptpstack.stability.series import Floats, Series
from tests.stability.noise import sine, white


def analysis(values_ns: Floats, tau0_s: float = 1 / 16) -> Analysis:
    return Analysis(Series(tau0_s, values_ns, samples=values_ns.size))


def test_the_plain_statistics_are_signed_and_complete() -> None:
    record = analysis(np.array([-30.0, 10.0, np.nan, 10.0, 10.0]), 1.0)
    assert (record.mean_ns, record.max_abs_te_ns, record.peak_to_peak_ns) == (0.0, 30.0, 40.0)
    assert record.standard_deviation_ns == record.rms_ns == pytest.approx(np.sqrt(300))
    assert record.percentile_abs_te_ns(50) == 10.0


def test_cte_is_the_thousand_seconds_farthest_from_zero() -> None:
    record = analysis(np.concatenate((np.full(1500, 2.0), np.full(1200, -7.0))), 1.0)
    assert record.cte_ns == pytest.approx(-7.0)
    assert analysis(np.zeros(999), 1.0).cte_ns is None


def test_slow_and_fast_time_error_are_told_apart() -> None:
    wander, jitter = sine(160_000, 1 / 16, 0.001, 40.0), 10.0 * (-1.0) ** np.arange(160_000)
    record = analysis(5.0 + wander + jitter)
    assert record.dte_l_peak_to_peak_ns == pytest.approx(80.0, rel=0.01)
    assert record.dte_h_peak_to_peak_ns == pytest.approx(20.0, rel=0.1)
    assert record.max_abs_te_l_ns == pytest.approx(45.0, rel=0.01)
    assert record.max_abs_te_ns == pytest.approx(55.0, rel=0.01)


def test_a_record_sampled_too_slowly_is_not_split() -> None:
    record = analysis(white(100), 16.0)
    assert record.te_l_ns is record.max_abs_te_l_ns is record.dte_l_peak_to_peak_ns is record.dte_h_peak_to_peak_ns
    assert record.te_l_ns is None


def test_the_curves_reach_as_far_as_the_record_goes() -> None:
    record = analysis(white(1000), 1.0)
    assert record.mtie.taus_s[[0, -1]].tolist() == [1.0, 999.0]
    assert record.tdev.taus_s[-1] == 333.0
    assert record.oadev.taus_s[-1] == 499.0
    assert {10.0, 100.0} <= set(record.mtie.taus_s.tolist())
    assert not np.isnan(np.concatenate([c.values for c in (record.mtie, record.tdev, record.oadev)])).any()
