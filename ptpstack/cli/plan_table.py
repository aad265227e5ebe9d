"""A plan's outcome as a table for people and as JSON. Time errors are told - true time in ns everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from ptpstack.cli.report_table import decades, ns
from ptpstack.sim.plan.chain import servo_of
from ptpstack.sim.plan.model import Hop, PlanFile
from ptpstack.sim.plan.result import LimitSummary, MaskSummary, Outcome
from ptpstack.stability.deviations import Curve

PERCENTILES = (50, 95, 100)
HEADINGS = ("median", "95 %", "worst")


def summary(file: PlanFile) -> Iterator[str]:
    """Yield what is planned."""
    plan = file.plan
    yield f"  {plan.title}"
    chain = [f"grandmaster ({file.grandmaster.device})", *(_hops(hop) for hop in file.hop)]
    yield f"  {' → '.join(chain)}"
    every_s = 2.0**plan.log_sync_interval
    yield (
        f"  {plan.seeds} seeds from {plan.seed} on, {plan.seconds:g} s each after {plan.settle_s:g} s to settle; "
        f"a Sync every {every_s:g} s, {plan.delay_mechanism}"
    )


def as_text(name: str, outcome: Outcome) -> Iterator[str]:
    """Yield the lines for people."""
    yield f"{name}:"
    yield from summary(outcome.file)
    yield "  time error: told - true time in ns, at every Sync; percentiles are over the seeds"
    yield ""
    columns = "".join(f"{f'{heading}':>10}" for heading in HEADINGS)
    yield f"  {'hop':>4}  {'node':<28}{columns}{'rms':>10}{'worst case':>12}"
    for place, row in enumerate(_rows(outcome)):
        figures = "".join(f"{ns(value):>10}" for value in (*row["max_abs_te_ns"], row["rms_ns"]))
        yield f"  {place:>4}  {row['node']:<28}{figures}{ns(row['worst_case_ns']):>12}"
    yield ""
    yield "  median, 95 %, worst: max|TE| of the seeds; rms: its median. Worst case: every constant error at its most"
    yield "  and of one sign, plus the largest deviation from its constant errors that a seed showed."
    yield ""
    yield from _over_tau(outcome)
    for mask in outcome.masks:
        yield ""
        yield from _mask(mask, outcome.file.plan.seeds)
    for doubt in outcome.unverified:
        yield f"  unverified: {doubt}"


def as_json(name: str, outcome: Outcome) -> dict[str, Any]:
    """Return all of it as plain data."""
    worst = outcome.analysis(outcome.seed_at(100))
    return {
        "source": name,
        "plan": msgspec.to_builtins(outcome.file),
        "time_error": "told - true time",
        "hops": _rows(outcome),
        "end_max_abs_te_ns": outcome.max_abs_te_ns[-1].tolist(),
        "end_cte_ns": [outcome.analysis(seed).cte_ns for seed in range(outcome.file.plan.seeds)],
        "worst_seed": {
            "seed_number": outcome.seed_at(100),
            "mtie": _curve(worst.mtie),
            "tdev": _curve(worst.tdev),
        },
        "masks": [_mask_as_json(mask) for mask in outcome.masks],
        "unverified": list(outcome.unverified),
    }


def node_name(hop: Hop) -> str:
    """Return what one node of *hop* is, in a few words."""
    made = hop.device if hop.device != "parts" else (hop.oscillator or "tcxo") if hop.is_clock else "parts"
    servo = f", {servo_of(hop)}" if hop.is_clock else ""
    return f"{hop.kind} {made}{servo}"


def _hops(hop: Hop) -> str:
    text = f"{hop.count} × {node_name(hop)}" if hop.count > 1 else node_name(hop)
    if hop.is_clock and servo_of(hop) == "bandwidth":
        text += f" {hop.bandwidth_hz:g} Hz"
    return f"{text}, SyncE" if hop.synce else text


def _rows(outcome: Outcome) -> list[dict[str, Any]]:
    names = ["grandmaster", *(node_name(hop) for hop in outcome.nodes)]
    percentiles = np.percentile(outcome.max_abs_te_ns, PERCENTILES, axis=1).T.tolist()
    rms = np.median(outcome.rms_ns, axis=1).tolist()
    worst_case = outcome.worst_case_ns.tolist()
    return [
        {"node": name, "max_abs_te_ns": most, "rms_ns": own_rms, "worst_case_ns": own_worst}
        for name, most, own_rms, own_worst in zip(names, percentiles, rms, worst_case, strict=True)
    ]


def _over_tau(outcome: Outcome) -> Iterator[str]:
    analysis = outcome.analysis(outcome.seed_at(100))
    cte = ns(analysis.cte_ns) if analysis.cte_ns is not None else "not known: it needs 1000 s"
    yield f"  the last clock in the worst seed: cTE {cte}, max|TE_L| {ns(analysis.max_abs_te_l_ns)}"
    yield f"  {'tau s':>10}  {'MTIE ns':>10}  {'TDEV ns':>10}"
    for tau_s in decades(analysis.mtie):
        yield f"  {tau_s:>10.4g}  {ns(analysis.mtie.at(tau_s)):>10}  {ns(analysis.tdev.at(tau_s)):>10}"


def _mask(summary_: MaskSummary, seeds: int) -> Iterator[str]:
    yield f"  mask {summary_.mask.name}: {summary_.verdict.value.upper()}   {summary_.mask.title}"
    for limit in summary_.limits:
        counts = ", ".join(f"{verdict.value} {count}" for verdict, count in limit.verdicts.items())
        yield f"    {limit.limit.title}: {counts} of {seeds} seeds{_tightest(limit)}  {limit.limit.reference}"
        if limit.why:
            yield f"      {limit.why}"


def _tightest(limit: LimitSummary) -> str:
    point = limit.tightest
    if point is None:
        return ""
    where = "" if point.tau_s is None else f" at tau {point.tau_s:.4g} s"
    return f"; nearest {ns(point.value_ns)} of {ns(point.limit_ns)} ns{where}, margin {ns(point.margin_ns)} ns"


def _mask_as_json(summary_: MaskSummary) -> dict[str, Any]:
    return {
        "name": summary_.mask.name,
        "title": summary_.mask.title,
        "verdict": summary_.verdict.value,
        "limits": [
            {
                "quantity": limit.limit.quantity,
                "reference": limit.limit.reference,
                "confidence": limit.limit.confidence,
                "seeds": {verdict.value: count for verdict, count in limit.verdicts.items()},
                "why": limit.why,
                "tightest": None
                if limit.tightest is None
                else {
                    "tau_s": limit.tightest.tau_s,
                    "value_ns": limit.tightest.value_ns,
                    "limit_ns": limit.tightest.limit_ns,
                    "margin_ns": limit.tightest.margin_ns,
                },
            }
            for limit in summary_.limits
        ],
    }


def _curve(curve: Curve) -> dict[str, list[float | None]]:
    values = [None if np.isnan(value) else value for value in curve.values.tolist()]
    return {"tau_s": curve.taus_s.tolist(), "ns": values}
