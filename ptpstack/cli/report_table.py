"""A report as a table for people, as JSON, as CSV. Offsets are local - master in ns everywhere."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from ptpstack.stability.analysis import CTE_WINDOW_S, Analysis
from ptpstack.stability.deviations import Curve
from ptpstack.stability.mask import LimitResult, MaskResult, Verdict
from ptpstack.stability.records import Extremes, Record
from ptpstack.words import counted

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Report:
    """What is said of one record; *analysis* is ``None`` when it has no, or too few, single offsets."""

    source: str
    record: Record
    analysis: Analysis | None
    masks: Sequence[MaskResult]
    notes: list[str] = field(default_factory=list)


def as_text(report: Report) -> Iterator[str]:
    """Yield the lines for people."""
    form = report.record.form
    yield f"{report.source}: {report.record.name}"
    yield f"  read as      {form.title} (offset: {form.sign})"
    yield "  offset       local - master in ns; negative: the local clock is behind"
    if report.analysis is None:
        yield from _extremes(report.record.extremes)
    else:
        yield from _samples(report.analysis, report.record)
        yield from _statistics(report.analysis)
        yield ""
        yield from _over_tau(report.analysis)
    yield from (f"  note         {note}" for note in report.notes)
    for result in report.masks:
        yield ""
        yield from _mask(result, bool(report.analysis and report.analysis.series.missing))


def _extremes(extremes: Sequence[Extremes]) -> Iterator[str]:
    if not extremes:
        return
    rms_ns = math.sqrt(sum(line.rms_ns**2 for line in extremes) / len(extremes))
    span_s = extremes[-1].time_s - extremes[0].time_s
    yield f"  summaries    {len(extremes)} over {span_s:.4g} s, of several samples each"
    yield f"  rms          {ns(rms_ns)}"
    yield f"  max|TE|      {ns(max(line.max_ns for line in extremes))}"
    yield "  not known    mean, percentiles, MTIE, TDEV, masks: summary lines have no single offsets; let the"
    yield "               program print every sample (ptp4l: summary_interval no more than logSyncInterval)"


def _samples(analysis: Analysis, record: Record) -> Iterator[str]:
    series = analysis.series
    start = f", from {record.starts_utc}" if record.starts_utc else ""
    yield f"  samples      {series.samples} over {series.span_s:.6g} s, one every {series.tau0_s:.4g} s{start}"
    gaps = series.gaps
    if gaps:
        longest = max(gaps, key=lambda gap: gap.missing)
        yield (
            f"  gaps         {len(gaps)}, {counted(series.missing, 'sample')} missing; the longest of "
            f"{longest.missing * series.tau0_s:.4g} s after {longest.start_s:.6g} s"
        )
    else:
        yield "  gaps         none"
    if series.repeated or series.unused:
        yield (
            f"  uneven       {series.repeated} places of the time grid repeat the nearest sample, "
            f"{counted(series.unused, 'sample')} fell between two"
        )


def _statistics(analysis: Analysis) -> Iterator[str]:
    percentiles = " / ".join(ns(analysis.percentile_abs_te_ns(percent)) for percent in PERCENTILES)
    yield f"  mean         {ns(analysis.mean_ns)}"
    yield f"  sd, rms      {ns(analysis.standard_deviation_ns)}, {ns(analysis.rms_ns)}"
    yield f"  max|TE|      {ns(analysis.max_abs_te_ns)}   (peak to peak {ns(analysis.peak_to_peak_ns)})"
    yield f"  |TE|         p50 / p95 / p99: {percentiles}"
    if analysis.cte_ns is None:
        yield f"  cTE          not known: it needs {CTE_WINDOW_S:g} s"
    else:
        yield f"  cTE          {ns(analysis.cte_ns)}   (the mean over {CTE_WINDOW_S:g} s farthest from 0)"
    if analysis.te_l_ns is None:
        yield "  dTE          not split: too few samples a second for the 0.1 Hz filters"
        return
    yield f"  max|TE_L|    {ns(analysis.max_abs_te_l_ns)}"
    yield (
        f"  dTE          peak to peak below 0.1 Hz (dTE_L) {ns(analysis.dte_l_peak_to_peak_ns)}, "
        f"above (dTE_H) {ns(analysis.dte_h_peak_to_peak_ns)}"
    )


def _over_tau(analysis: Analysis) -> Iterator[str]:
    yield f"  {'tau s':>10}  {'MTIE ns':>10}  {'TDEV ns':>10}  {'OADEV':>10}  {'MDEV':>10}"
    for tau_s in decades(analysis.mtie):
        row = [analysis.mtie, analysis.tdev, analysis.oadev, analysis.mdev]
        values = [curve.at(tau_s) for curve in row]
        cells = [ns(values[0]), ns(values[1]), *(f"{v:.2e}" if v is not None else "-" for v in values[2:])]
        yield f"  {tau_s:>10.4g}  " + "  ".join(f"{cell:>10}" for cell in cells)


def _mask(result: MaskResult, has_gaps: bool) -> Iterator[str]:
    mask = result.mask
    yield f"  mask {mask.name}: {result.verdict.value.upper()}   {mask.title}"
    rows = [_limit_cells(limit_result) for limit_result in result.results]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row, limit_result in zip(rows, result.results, strict=True):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"    {cells}  {limit_result.limit.reference}".rstrip()
        if limit_result.limit.unverified:
            doubt = limit_result.limit.note or "check it against the standard"
            yield f"      unverified limit ({limit_result.limit.confidence} confidence): {doubt}"
        if limit_result.why:
            yield f"      {limit_result.why}"
    if mask.note:
        yield f"    note: {mask.note}"
    if has_gaps and result.verdict is not Verdict.FAIL:
        yield "    note: of the samples that are there; nothing is known of the gaps"


def _limit_cells(result: LimitResult) -> tuple[str, str, str, str]:
    point = result.tightest
    if point is None:
        return result.limit.title, result.verdict.value, "-", ""
    where = "" if point.tau_s is None else f" at tau {point.tau_s:.4g} s"
    return (
        result.limit.title,
        result.verdict.value,
        f"{ns(point.value_ns)} of {ns(point.limit_ns)} ns{where}",
        f"margin {ns(point.margin_ns)} ns",
    )


def as_json(report: Report) -> dict[str, Any]:
    """Return all of it as plain data: units in names, offsets local - master."""
    record = report.record
    common = {
        "source": report.source,
        "record": record.name,
        "format": record.form.name,
        "sign": "local - master",
        "starts_utc": record.starts_utc or None,
        "notes": report.notes,
    }
    if report.analysis is None:
        return common | {"summaries": [line._asdict() for line in record.extremes]}
    analysis, series = report.analysis, report.analysis.series
    return common | {
        "samples": series.samples,
        "tau0_s": series.tau0_s,
        "span_s": series.span_s,
        "missing": series.missing,
        "gaps": [{"start_s": gap.start_s, "missing": gap.missing} for gap in series.gaps],
        "repeated": series.repeated,
        "unused": series.unused,
        "mean_ns": analysis.mean_ns,
        "standard_deviation_ns": analysis.standard_deviation_ns,
        "rms_ns": analysis.rms_ns,
        "max_abs_te_ns": analysis.max_abs_te_ns,
        "abs_te_percentiles_ns": {str(percent): analysis.percentile_abs_te_ns(percent) for percent in PERCENTILES},
        "cte_ns": analysis.cte_ns,
        "max_abs_te_l_ns": analysis.max_abs_te_l_ns,
        "dte_l_peak_to_peak_ns": analysis.dte_l_peak_to_peak_ns,
        "dte_h_peak_to_peak_ns": analysis.dte_h_peak_to_peak_ns,
        "curves": [dict(zip(CURVE_COLUMNS, row, strict=True)) for row in _curve_rows(analysis)],
        "masks": [_mask_as_json(result) for result in report.masks],
    }


def _mask_as_json(result: MaskResult) -> dict[str, Any]:
    return {
        "name": result.mask.name,
        "title": result.mask.title,
        "verdict": result.verdict.value,
        "limits": [
            {
                "quantity": limit_result.limit.quantity,
                "reference": limit_result.limit.reference,
                "confidence": limit_result.limit.confidence,
                "verdict": limit_result.verdict.value,
                "why": limit_result.why,
                "points": [
                    {
                        "tau_s": point.tau_s,
                        "value_ns": point.value_ns,
                        "limit_ns": point.limit_ns,
                        "margin_ns": point.margin_ns,
                        "verdict": point.verdict.value,
                    }
                    for point in limit_result.points
                ],
            }
            for limit_result in result.results
        ],
    }


CURVE_COLUMNS = ("tau_s", "mtie_ns", "tdev_ns", "adev", "oadev", "mdev")


def write_csv(reports: Iterable[Report], file: TextIO) -> None:
    """Write the curves over tau of every report."""
    writer = csv.writer(file)
    writer.writerow(("source", "record", *CURVE_COLUMNS))
    for report in reports:
        if report.analysis is not None:
            for row in _curve_rows(report.analysis):
                writer.writerow((report.source, report.record.name, *("" if cell is None else cell for cell in row)))


def _curve_rows(analysis: Analysis) -> Iterator[tuple[float | None, ...]]:
    curves = (analysis.mtie, analysis.tdev, analysis.adev, analysis.oadev, analysis.mdev)
    for tau_s in analysis.mtie.taus_s.tolist():
        yield (tau_s, *(curve.at(tau_s) for curve in curves))


def decades(curve: Curve) -> list[float]:
    """Return the first and last tau of *curve* and those that are 1, 10, 100, … s."""
    taus = curve.taus_s.tolist()
    return [
        tau_s
        for tau_s in taus
        if tau_s in {taus[0], taus[-1]} or abs(tau_s / 10 ** round(math.log10(tau_s)) - 1) < 0.01
    ]


def ns(value_ns: float | None) -> str:
    """Return nanoseconds with the digits that say something."""
    if value_ns is None:
        return "-"
    return f"{value_ns:.{2 if abs(value_ns) < 10 else 1 if abs(value_ns) < 1000 else 0}f}"
