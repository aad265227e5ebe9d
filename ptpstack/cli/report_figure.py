"""The picture of a report: TE over time, MTIE and TDEV over tau with the masks. Needs matplotlib."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ptpstack.cli.report_table import Report
from ptpstack.errors import PtpstackError
from ptpstack.stability.deviations import Curve
from ptpstack.stability.mask import LimitResult
from ptpstack.stability.series import Floats, Series

POINTS = 4000
"""More samples than this are drawn as the lowest and highest of each stretch."""


class FigureError(PtpstackError):
    """The picture cannot be drawn or written."""


def require_matplotlib() -> None:
    """Raise :class:`FigureError` where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise FigureError(
            "--png needs matplotlib",
            why="it is not installed",
            next_step='install the extra: pip install "ptpstack[report]"',
        )


def draw(reports: Sequence[Report], path: str) -> None:
    """Draw every report that has single offsets into the PNG file *path*."""
    import matplotlib as mpl  # noqa: PLC0415 (0.3 s and an optional extra)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 (as above)

    figure, (over_time, mtie, tdev) = plt.subplots(3, 1, figsize=(10, 13), layout="constrained")
    for report in reports:
        if report.analysis is None:
            continue
        label = f"{report.source}: {report.record.name}"
        over_time.plot(*_outline(report.analysis.series), linewidth=0.7, label=label)
        _curve(mtie, report.analysis.mtie, "MTIE of TE", label)
        _curve(tdev, report.analysis.tdev, "TDEV of TE", label)
        for result in report.masks:
            for limit_result in result.results:
                if limit_result.limit.segments:
                    axes = tdev if limit_result.limit.quantity.endswith("tdev") else mtie
                    _limit(axes, result.mask.name, limit_result)
    over_time.set(xlabel="time since the first sample, s", ylabel="TE = local − master, ns")
    mtie.set(xlabel="observation interval τ, s", ylabel="MTIE, ns", xscale="log", yscale="log")
    tdev.set(xlabel="averaging time τ, s", ylabel="TDEV, ns", xscale="log", yscale="log")
    for axes in (over_time, mtie, tdev):
        axes.grid(visible=True, which="both", alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
    try:
        figure.savefig(path, dpi=120, format="png")
    except OSError as error:
        raise FigureError("cannot be written", where=path, why=error.strerror or str(error)) from error
    finally:
        plt.close(figure)


def _curve(axes: Any, curve: Curve, what: str, label: str) -> None:  # noqa: ANN401 (matplotlib is optional)
    drawn = curve.values > 0
    if drawn.any():
        axes.plot(curve.taus_s[drawn], curve.values[drawn], marker=".", label=f"{what}, {label}")


def _limit(axes: Any, name: str, result: LimitResult) -> None:  # noqa: ANN401 (as above)
    """Draw the limit, and beside the curve of TE that of the filtered record that the limit is for."""
    limit = result.limit
    start_s = min((point.tau_s for point in result.points if point.tau_s), default=0.1)
    end_s = limit.segments[-1].up_to_s
    if not math.isfinite(end_s):
        end_s = max(10 * limit.must_reach_s, *(point.tau_s or 0.0 for point in result.points), 1.0)
    taus_s = np.geomspace(start_s, max(end_s, 2 * start_s), 400)
    limits = [limit.at(tau_s) for tau_s in taus_s.tolist()]
    line = axes.plot(
        taus_s, [math.nan if ns is None else ns for ns in limits], "--", label=f"limit {name} {limit.title}"
    )
    if limit.quantity.startswith("dte_l"):
        points = [(point.tau_s, point.value_ns) for point in result.points if point.value_ns > 0]
        if points:
            axes.plot(*zip(*points, strict=True), ":", color=line[0].get_color(), label=limit.title)


def _outline(series: Series) -> tuple[Floats, Floats]:
    """Return times and offsets to draw; of a long record the lowest and highest of each stretch."""
    values, tau0_s = series.values_ns, series.tau0_s
    stretch = math.ceil(values.size / POINTS)
    if stretch == 1:
        return np.arange(values.size, dtype=np.float64) * tau0_s, values
    padded = np.concatenate((values, np.full(-values.size % stretch, np.nan))).reshape(-1, stretch)
    present = ~np.isnan(padded).all(axis=1)
    low, high = (np.full(padded.shape[0], np.nan) for _ in range(2))
    low[present], high[present] = np.nanmin(padded[present], axis=1), np.nanmax(padded[present], axis=1)
    times = np.repeat(np.arange(padded.shape[0]) * stretch * tau0_s, 2)
    return times, np.column_stack((low, high)).ravel()
