"""Masks: limits from standards, as data, and whether a record keeps them.

What lives here: the model of ``masks/*.toml`` and the judgement. What does not: the numbers (there, each with its
reference and how sure it is) and the statistics (``analysis``).
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

import msgspec

from ptpstack.errors import PtpstackError
from ptpstack.stability.analysis import Analysis
from ptpstack.stability.deviations import averaging_factors, factors_of, tdev
from ptpstack.stability.filters import TAU0_MAX_S
from ptpstack.stability.mtie import mtie
from ptpstack.stability.series import Floats

FOLDER = Path(__file__).parent / "masks"

TDEV_PERIODS = 12
"""How many times tau a record must last before its TDEV(tau) is held against a mask (ITU-T G.811 and later)."""

TITLES = {
    "max_abs_te": "max|TE|",
    "max_abs_te_l": "max|TE_L|",
    "cte": "|cTE|",
    "dte_h": "dTE_H peak to peak",
    "mtie": "MTIE",
    "tdev": "TDEV",
    "dte_l_mtie": "dTE_L MTIE",
    "dte_l_tdev": "dTE_L TDEV",
}

Quantity = Literal["max_abs_te", "max_abs_te_l", "cte", "dte_h", "mtie", "tdev", "dte_l_mtie", "dte_l_tdev"]


class MaskError(PtpstackError):
    """A mask that does not exist or whose data cannot be used."""


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limit *ns* + *ns_per_s* tau, from the end of the last segment up to *up_to_s* (none given: without end)."""

    ns: float
    ns_per_s: float = 0.0
    up_to_s: float = math.inf


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of a mask: a *quantity* and its limit, *ns* or, for a curve over tau > *from_s*, *segments*.

    A single value needs a record of *observation_s*. *confidence* says how well the number is known: ``high`` the
    standard's text or two independent sources, ``medium`` one, ``low`` and ``unknown`` to be checked first.
    """

    quantity: Quantity
    reference: str
    confidence: Literal["high", "medium", "low", "unknown"]
    ns: float | None = None
    segments: tuple[Segment, ...] = ()
    from_s: float = 0.0
    observation_s: float = 0.0
    note: str = ""

    def __post_init__(self) -> None:
        if (self.ns is None) == (not self.segments):
            raise ValueError("a limit has either ns or segments")
        ends = [segment.up_to_s for segment in self.segments]
        if ends != sorted(set(ends)):
            raise ValueError("segments must end later and later")

    @property
    def title(self) -> str:
        """How engineers write the quantity."""
        return TITLES[self.quantity]

    @property
    def unverified(self) -> bool:
        """Whether the number must be checked against the standard before a verdict is relied on."""
        return self.confidence in {"low", "unknown"}

    def at(self, tau_s: float) -> float | None:
        """Return the limit at *tau_s* in ns; ``None`` outside the mask."""
        if tau_s <= self.from_s:
            return None
        for segment in self.segments:
            if tau_s <= segment.up_to_s * (1 + 1e-9):
                return segment.ns + segment.ns_per_s * tau_s
        return None

    @property
    def must_reach_s(self) -> float:
        """The tau up to which a record must be judged: the end of the mask, or where its endless part begins."""
        finite = [segment.up_to_s for segment in self.segments if math.isfinite(segment.up_to_s)]
        return finite[-1] if finite else 0.0


class Mask(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The limits that belong together under one name."""

    name: str
    title: str
    limits: tuple[Limit, ...]
    note: str = ""


class Verdict(Enum):
    """What can be said of a limit. ``NOT_TESTABLE``: nothing exceeds it, but the record does not prove all of it."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    NOT_TESTABLE = "not testable"


@dataclass(frozen=True, slots=True)
class Point:
    """One comparison; *tau_s* is ``None`` for a single value."""

    tau_s: float | None
    value_ns: float
    limit_ns: float

    @property
    def margin_ns(self) -> float:
        """What is left to the limit; negative: exceeded by so much."""
        return self.limit_ns - self.value_ns

    @property
    def verdict(self) -> Verdict:
        """A value equal to the limit, but for rounding, keeps it."""
        return Verdict.PASS if self.margin_ns >= -1e-9 * self.limit_ns else Verdict.FAIL


@dataclass(frozen=True, slots=True)
class LimitResult:
    """How one limit was kept: the *points* compared, and *why* when the rest could not be."""

    limit: Limit
    points: tuple[Point, ...]
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        """Fail at the first point that fails; pass only when nothing was left out."""
        if any(point.verdict is Verdict.FAIL for point in self.points):
            return Verdict.FAIL
        return Verdict.NOT_TESTABLE if self.why else Verdict.PASS

    @property
    def tightest(self) -> Point | None:
        """The point with the smallest margin, relative to its limit."""
        return min(self.points, key=lambda point: point.margin_ns / point.limit_ns, default=None)


@dataclass(frozen=True, slots=True)
class MaskResult:
    """How a mask was kept."""

    mask: Mask
    results: tuple[LimitResult, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its limits."""
        verdicts = {result.verdict for result in self.results}
        return next((v for v in (Verdict.FAIL, Verdict.NOT_TESTABLE) if v in verdicts), Verdict.PASS)


def mask_names() -> list[str]:
    """Return the names that :func:`load_mask` knows."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_mask(name: str) -> Mask:
    """Return the mask called *name*. Raises :class:`MaskError`."""
    if name not in mask_names():
        near = difflib.get_close_matches(name, mask_names(), n=1)
        raise MaskError(
            "no such mask",
            where=name,
            why=f"there are {', '.join(mask_names())}",
            next_step=f"did you mean {near[0]}?" if near else "",
        )
    path = FOLDER / f"{name}.toml"
    try:
        return msgspec.convert({"name": name, **tomllib.loads(path.read_text(encoding="utf-8"))}, Mask)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MaskError("not a mask", where=str(path), why=str(error)) from error


def judge(mask: Mask, analysis: Analysis) -> MaskResult:
    """Hold a record against every limit of *mask*."""
    return MaskResult(mask, tuple(_judge(limit, analysis) for limit in mask.limits))


def _judge(limit: Limit, analysis: Analysis) -> LimitResult:
    if limit.segments:
        return _judge_curve(limit, analysis)
    value_ns = _single_value_ns(limit, analysis)
    lasts_s = analysis.series.duration_s
    why = ""
    if lasts_s < limit.observation_s * 0.999:
        why = f"{limit.observation_s:g} s must be observed, the record has {lasts_s:.4g} s"
    if value_ns is None:
        return LimitResult(limit, (), why or _too_slow(analysis))
    assert limit.ns is not None
    return LimitResult(limit, (Point(None, abs(value_ns), limit.ns),), why)


def _single_value_ns(limit: Limit, analysis: Analysis) -> float | None:
    match limit.quantity:
        case "max_abs_te":
            return analysis.max_abs_te_ns
        case "max_abs_te_l":
            return analysis.max_abs_te_l_ns
        case "cte":
            return analysis.cte_ns
        case "dte_h":
            return analysis.dte_h_peak_to_peak_ns
    raise MaskError(f"{limit.title} is a curve", why="its limit has one number", next_step="give it segments")


def _judge_curve(limit: Limit, analysis: Analysis) -> LimitResult:
    values_ns = analysis.te_l_ns if limit.quantity.startswith("dte_l") else analysis.series.values_ns
    if values_ns is None:
        return LimitResult(limit, (), _too_slow(analysis))
    points = tuple(_points(limit, values_ns, analysis.series.tau0_s))
    reached_s = max((point.tau_s or 0.0 for point in points), default=0.0)
    if reached_s >= limit.must_reach_s - 1.5 * analysis.series.tau0_s:
        return LimitResult(limit, points)
    needed_s = limit.must_reach_s * (TDEV_PERIODS if limit.quantity.endswith("tdev") else 1)
    judged = f"judged up to tau {reached_s:.4g} s only" if points else "nothing can be judged"
    return LimitResult(
        limit,
        points,
        f"{judged}; tau {limit.must_reach_s:g} s needs a record of {needed_s:g} s, this one has "
        f"{analysis.series.duration_s:.4g} s",
    )


def _points(limit: Limit, values_ns: Floats, tau0_s: float) -> Iterator[Point]:
    is_tdev = limit.quantity.endswith("tdev")
    largest = values_ns.size // TDEV_PERIODS if is_tdev else values_ns.size - 1
    end = limit.segments[-1].up_to_s
    if math.isfinite(end):
        largest = min(largest, math.floor(end / tau0_s * (1 + 1e-6)))
    ends = [segment.up_to_s for segment in limit.segments if math.isfinite(segment.up_to_s)]
    factors: Sequence[int] = sorted({*averaging_factors(largest), *factors_of(ends, tau0_s, largest)})
    curve = (tdev if is_tdev else mtie)(values_ns, tau0_s, factors)
    for tau_s, value_ns in zip(curve.taus_s.tolist(), curve.values.tolist(), strict=True):
        limit_ns = limit.at(tau_s)
        if limit_ns is not None and not math.isnan(value_ns):
            yield Point(tau_s, value_ns, limit_ns)


def _too_slow(analysis: Analysis) -> str:
    return (
        f"one sample every {analysis.series.tau0_s:.3g} s is too slow for the 0.1 Hz filter "
        f"(at most {TAU0_MAX_S:g} s; 16 a second are usual)"
    )
