"""A T-BC in virtual time, every message through the engine, against what of class C a short record can show."""

from lab.bench.masks import CLASS_C, messages
from ptpstack.stability.mask import Verdict, judge, load_mask


def test_a_boundary_clock_keeps_class_c() -> None:
    results = {result.limit.quantity: result for result in judge(load_mask(CLASS_C), messages(1, 120.0)).results}
    assert all(result.verdict is not Verdict.FAIL for result in results.values())
    points = [result.tightest for result in results.values() if result.tightest is not None]
    assert len(points) >= 4
    assert all(point.value_ns < point.limit_ns / 2 for point in points)
