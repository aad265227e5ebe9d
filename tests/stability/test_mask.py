"""Masks are data with a reference each; a verdict is given only where the record proves it."""

from pathlib import Path

import numpy as np
import pytest

from ptpstack.stability import mask as mask_module
from ptpstack.stability.analysis import Analysis
from ptpstack.stability.mask import Limit, Mask, MaskError, Segment, Verdict, judge, load_mask, mask_names
from ptpstack.stability.series import Floats, Series
from tests.stability.noise import white


def analysis(values_ns: Floats, tau0_s: float = 1.0) -> Analysis:
    return Analysis(Series(tau0_s, values_ns, samples=values_ns.size))


def one(quantity: str, **limit: object) -> Mask:
    return Mask(
        name="test", title="test", limits=(Limit(quantity=quantity, reference="none", confidence="high", **limit),)
    )


@pytest.mark.parametrize("name", mask_names())
def test_every_mask_loads_and_says_where_its_numbers_are_from(name: str) -> None:
    mask = load_mask(name)
    assert mask.name == name
    assert mask.title
    assert mask.limits
    for limit in mask.limits:
        assert limit.reference
        assert not limit.unverified or limit.note, "an unverified number says why"


@pytest.mark.parametrize(
    ("name", "quantity", "tau_s", "limit_ns"),
    [
        ("g8273.2-a", "max_abs_te", None, 100),
        ("g8273.2-b", "max_abs_te", None, 70),
        ("g8273.2-c", "max_abs_te", None, 30),
        ("g8273.2-a", "cte", None, 50),
        ("g8273.2-b", "cte", None, 20),
        ("g8273.2-c", "cte", None, 10),
        ("g8273.2-a", "dte_l_mtie", 1000, 40),
        ("g8273.2-a", "dte_l_mtie", 1001, None),
        ("g8273.2-a-variable-temperature", "dte_l_mtie", 10_000, 40),
        ("g8273.2-b", "dte_l_tdev", 10, 4),
        ("g8273.2-c", "dte_l_tdev", 10, 2),
        ("g8273.2-b", "dte_h", None, 70),
        ("g8273.2-d", "max_abs_te_l", None, 5),
        ("g8272-prtc-a", "mtie", 100, 52.5),
        ("g8272-prtc-a", "mtie", 274, 100),
        ("g8272-prtc-a", "tdev", 500, 15),
        ("g8272-prtc-b", "mtie", 54.5, 39.9875),
        ("g8272-prtc-b", "mtie", 1e6, 40),
        ("g8272-prtc-b", "tdev", 300, 3),
        ("g8272-prtc-b", "tdev", 0.0625, None),
        ("g8272.1-eprtc", "mtie", 100, 15.004),
        ("g8272.1-eprtc", "tdev", 1e6, 10),
        ("g8271.1-c", "max_abs_te_l", None, 1100),
        ("g8271.1-e", "max_abs_te", None, 1500),
        ("g8271.1-holdover", "max_abs_te", None, 250),
        ("iec-61850-9-3", "max_abs_te", None, 1000),
        ("ocp-data-centre", "max_abs_te", None, 2500),
    ],
)
def test_limits_are_those_of_the_standards(
    name: str, quantity: str, tau_s: float | None, limit_ns: float | None
) -> None:
    (limit,) = (limit for limit in load_mask(name).limits if limit.quantity == quantity)
    found = limit.ns if tau_s is None else limit.at(tau_s)
    assert found == (None if limit_ns is None else pytest.approx(limit_ns))


def test_an_unknown_mask_is_answered_with_the_nearest() -> None:
    with pytest.raises(MaskError, match=r"did you mean g8273\.2-c\?"):
        load_mask("g8273.2c")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = ", "Invalid"),
        ('title = "x"\nlimits = []\ncolour = 1', "colour"),
        ('title = "x"\n[[limits]]\nquantity = "mtie"\nreference = ""\nconfidence = "high"', "either ns or segments"),
        ('title = "x"\n[[limits]]\nquantity = "atie"\nns = 1\nreference = ""\nconfidence = "high"', "atie"),
    ],
)
def test_a_broken_mask_file_is_told(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text(text)
    monkeypatch.setattr(mask_module, "FOLDER", tmp_path)
    with pytest.raises(MaskError, match=said):
        load_mask("mine")


@pytest.mark.parametrize(
    ("peak_ns", "seconds", "verdict"),
    [
        (30.0, 1000, Verdict.PASS),  # equal to the limit
        (-30.0, 1000, Verdict.PASS),
        (30.1, 1000, Verdict.FAIL),
        (-30.1, 1000, Verdict.FAIL),
        (30.0, 900, Verdict.NOT_TESTABLE),
        (30.1, 900, Verdict.FAIL),  # more time would not mend it
    ],
)
def test_a_single_value_is_judged_by_its_magnitude(peak_ns: float, seconds: int, verdict: Verdict) -> None:
    values = np.zeros(seconds)
    values[seconds // 2] = peak_ns
    (result,) = judge(one("max_abs_te", ns=30.0, observation_s=1000), analysis(values)).results
    assert result.verdict is verdict
    assert (result.why != "") == (seconds < 1000)


def test_cte_of_a_short_record_is_not_testable_even_when_it_is_far_off() -> None:
    result = judge(one("cte", ns=10.0, observation_s=1000), analysis(np.full(999 - 10, 500.0)))
    assert result.verdict is Verdict.NOT_TESTABLE
    assert "1000 s must be observed, the record has 989 s" in result.results[0].why


@pytest.mark.parametrize(
    ("quantity", "seconds", "verdict"),
    [
        ("mtie", 1001, Verdict.PASS),
        ("mtie", 600, Verdict.NOT_TESTABLE),
        ("tdev", 12_000, Verdict.PASS),
        ("tdev", 3001, Verdict.NOT_TESTABLE),  # computed, but T < 12 tau
    ],
)
def test_a_curve_needs_a_record_as_long_as_its_longest_tau(quantity: str, seconds: int, verdict: Verdict) -> None:
    mask = one(quantity, segments=(Segment(ns=1000, up_to_s=1000),))
    (result,) = judge(mask, analysis(white(seconds))).results
    assert result.verdict is verdict
    assert ("needs a record of" in result.why) == (verdict is Verdict.NOT_TESTABLE)


def test_an_endless_mask_must_be_reached_only_where_its_end_begins() -> None:
    mask = one("mtie", segments=(Segment(ns=1000, up_to_s=273), Segment(ns=2000)))
    assert judge(mask, analysis(white(300))).verdict is Verdict.PASS
    assert judge(mask, analysis(white(200))).verdict is Verdict.NOT_TESTABLE


def test_the_tightest_point_and_its_tau_are_found() -> None:
    ramp = 0.3 * np.arange(2000.0)
    mask = one("mtie", segments=(Segment(ns=25, ns_per_s=0.275, up_to_s=1000),))
    (result,) = judge(mask, analysis(ramp)).results
    assert result.verdict is Verdict.PASS
    assert result.tightest is not None
    assert result.tightest.tau_s == 1000.0
    assert result.tightest.margin_ns == pytest.approx(0.0)
    (result,) = judge(mask, analysis(1.01 * ramp)).results
    assert result.verdict is Verdict.FAIL
    assert {point.verdict for point in result.points} == {Verdict.PASS, Verdict.FAIL}


@pytest.mark.parametrize("quantity", ["max_abs_te_l", "dte_h"])
def test_what_needs_the_filters_says_when_there_are_too_few_samples(quantity: str) -> None:
    (result,) = judge(one(quantity, ns=5.0), analysis(white(100), 8.0)).results
    assert result.verdict is Verdict.NOT_TESTABLE
    assert "too slow for the 0.1 Hz filter" in result.why


def test_a_good_class_c_clock_passes_and_a_noisy_one_fails() -> None:
    good, noisy = (analysis(white(16 * 12_010, sd_ns), 1 / 16) for sd_ns in (2.0, 10.0))
    mask = load_mask("g8273.2-c")
    assert judge(mask, good).verdict is Verdict.PASS
    failed = {r.limit.quantity for r in judge(mask, noisy).results if r.verdict is Verdict.FAIL}
    assert failed == {"max_abs_te", "dte_l_mtie", "dte_h"}
