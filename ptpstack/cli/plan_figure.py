"""The picture of a plan: max|TE| from hop to hop, MTIE and TDEV of the last clock with the masks. Needs matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from ptpstack.cli.plan_table import HEADINGS, PERCENTILES
from ptpstack.cli.report_figure import FigureError
from ptpstack.sim.plan.result import Outcome
from ptpstack.stability.deviations import Curve
from ptpstack.stability.mask import Limit


def draw(outcome: Outcome, path: str) -> None:
    """Draw *outcome* into the PNG file *path*; raises FigureError where it cannot be written."""
    import matplotlib as mpl  # noqa: PLC0415 (0.3 s and an optional extra)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 (as above)

    figure, (hops, mtie, tdev) = plt.subplots(3, 1, figsize=(10, 13), layout="constrained")
    _hops(hops, outcome)
    for percent, label in ((50, "seed of the median max|TE|"), (100, "seed of the worst max|TE|")):
        analysis = outcome.analysis(outcome.seed_at(percent))
        _curve(mtie, analysis.mtie, label)
        _curve(tdev, analysis.tdev, label)
    for summary in outcome.masks:
        for limit in summary.limits:
            if limit.limit.segments:
                axes = tdev if limit.limit.quantity.endswith("tdev") else mtie
                _limit(axes, limit.limit, summary.mask.name, outcome.file.plan.seconds)
    mtie.set(xlabel="observation interval τ, s", ylabel="MTIE of the last clock, ns", xscale="log", yscale="log")
    tdev.set(xlabel="averaging time τ, s", ylabel="TDEV of the last clock, ns", xscale="log", yscale="log")
    for axes in (hops, mtie, tdev):
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend(fontsize="small")
    try:
        figure.savefig(path, dpi=100, format="png")
    except OSError as error:
        raise FigureError("cannot be written", where=path, why=error.strerror or str(error)) from error
    finally:
        plt.close(figure)


def _hops(axes: Any, outcome: Outcome) -> None:  # noqa: ANN401 (matplotlib is optional)
    places = np.arange(outcome.max_abs_te_ns.shape[0])
    for percent, heading in zip(PERCENTILES, HEADINGS, strict=True):
        axes.plot(places, np.percentile(outcome.max_abs_te_ns, percent, axis=1), marker=".", label=f"{heading} seed")
    axes.plot(places, outcome.worst_case_ns, ":", color="tab:gray", label="worst case: all constant errors one way")
    for summary in outcome.masks:
        for limit in summary.limits:
            if limit.limit.ns is not None and limit.limit.quantity.startswith("max_abs"):
                axes.axhline(limit.limit.ns, linestyle="--", color="tab:red", label=f"{summary.mask.name} (last clock)")
    axes.set(xlabel="hop (0: grandmaster)", ylabel="max|TE|, ns", title=outcome.file.plan.title)
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="x", integer=True)


def _curve(axes: Any, curve: Curve, label: str) -> None:  # noqa: ANN401 (as above)
    drawn = curve.values > 0
    if drawn.any():
        axes.plot(curve.taus_s[drawn], curve.values[drawn], marker=".", label=label)


def _limit(axes: Any, limit: Limit, name: str, seconds: float) -> None:  # noqa: ANN401 (as above)
    taus_s = np.geomspace(max(limit.from_s, 0.1), seconds, 400).tolist()
    limits = [np.nan if (value := limit.at(tau_s)) is None else value for tau_s in taus_s]
    unverified = " (unverified)" if limit.unverified else ""
    axes.plot(taus_s, limits, "--", color="tab:red", label=f"limit {name} {limit.title}{unverified}")
