"""What the limits of a profile are, and how near a network at the profile's own rates comes: by simulation.

``python3 -m lab.bench.limits docs`` draws ``limits-PAGE.png`` for each page of a profile, of three seeds. The scenarios
are those that come with the program (``ptpstack sim NAME``); a limit that could not be confirmed says so.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ptpstack.cli.sim import SHIPPED
from ptpstack.config.load import read
from ptpstack.sim.experiment import reported_from_s, run
from ptpstack.sim.scenario.load import from_source

Floats: TypeAlias = NDArray[np.float64]

SEEDS = (1, 2, 3)
FREQUENCY_OVER_S = 10
"""A frequency is the slope of the error over so long."""


@dataclass(frozen=True)
class Panel:
    """One *scenario* beside its *limit* either way, in *unit*: ns, or ppb of the frequency."""

    scenario: str
    limit: float
    source: str
    unit: str = "ns"
    later: tuple[float, float, str] | None = None
    """From which second on another limit holds, that limit, and whose."""


FIGURES: Mapping[str, Sequence[Panel]] = {
    "power": [
        Panel("substation", 1000.0, "IEC/IEEE 61850-9-3", later=(200.0, 250.0, "over a change of grandmaster: ours"))
    ],
    "g8275-2": [Panel("partial-timing", 1500.0, "G.8271.1, point E")],
    "g8265-1": [Panel("frequency-over-packets", 50.0, "base stations", "ppb")],
    "media": [
        Panel("studio", 500.0, "ST 2059-2, unverified"),
        Panel("audio-over-ip", 10_417.0, "AES67: half a sample at 48 kHz, ours"),
        Panel("enterprise", 100_000.0, "RFC 9760: trade at high frequency"),
        Panel("data-centre", 2500.0, "OCP"),
    ],
    "gptp": [Panel("gptp-seven-hops", 1000.0, "IEEE 802.1AS Annex B, unverified")],
    "automotive": [Panel("car-link", 80.0, "AVnu Automotive")],
}


@dataclass(frozen=True)
class Track:
    """The true error, or frequency, of one clock in one run."""

    name: str
    at_s: Floats
    values: Floats


def tracks_of(panel: Panel, seeds: Sequence[int] = SEEDS) -> list[Track]:
    """Run the scenario with each of *seeds*."""
    scenario = from_source(read(SHIPPED / f"{panel.scenario}.toml"))
    begin_s, tracks = reported_from_s(scenario), []
    for seed in seeds:
        for name, (analysis, _) in run(scenario, seed).analyses.items():
            series = analysis.series
            at_s, values = begin_s + np.arange(series.values_ns.size) * series.tau0_s, series.values_ns
            if panel.unit == "ppb":
                width = round(FREQUENCY_OVER_S / series.tau0_s)
                at_s, values = at_s[width:], np.subtract(values[width:], values[:-width]) / FREQUENCY_OVER_S
            tracks.append(Track(f"{name}, seed {seed}", np.asarray(at_s), np.asarray(values)))
    return tracks


def largest(track: Track, from_s: float = 0.0) -> float:
    """Return how far from nil a track ever is, from some instant on."""
    return float(np.abs(track.values[track.at_s >= from_s]).max())


def draw(page: str, panels: Sequence[Panel], folder: Path) -> None:
    """Draw the figure of a page."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second, only when there is something to draw)

    rows, columns = (2, 2) if len(panels) > 1 else (1, 1)
    figure = Figure(figsize=(5.5 * columns, 3.4 * rows), layout="constrained")
    for axis, panel in zip(np.atleast_1d(figure.subplots(rows, columns)).flat, panels, strict=True):
        tracks = tracks_of(panel)
        _panel(axis, panel, tracks)
        later = panel.later[0] if panel.later else 0.0
        print(f"{page}: {panel.scenario}: {[round(largest(track, later), 2) for track in tracks]} of {panel.limit:g}")
    figure.savefig(folder / f"limits-{page}.png", dpi=80)


def _panel(axis: Any, panel: Panel, tracks: Sequence[Track]) -> None:  # noqa: ANN401 (matplotlib is untyped)
    for track in tracks:
        axis.plot(track.at_s, track.values, linewidth=0.7, color="tab:blue", alpha=0.6)
    begin_s, end_s = float(tracks[0].at_s[0]), float(tracks[0].at_s[-1])
    change_s = panel.later[0] if panel.later else end_s
    limits = [(begin_s, change_s, panel.limit, panel.source)]
    if panel.later is not None:
        limits.append((change_s, end_s, *panel.later[1:]))
    for (first_s, last_s, limit, source), style in zip(limits, ("-", "--"), strict=False):
        label = f"± {limit:g} {panel.unit}: {source}"
        axis.plot([first_s, last_s], [limit, limit], style, color="tab:red", label=label)
        axis.plot([first_s, last_s], [-limit, -limit], style, color="tab:red")
    what = "true error" if panel.unit == "ns" else f"frequency error over {FREQUENCY_OVER_S} s"
    axis.set_yscale("symlog", linthresh=10.0 if panel.unit == "ns" else 1.0)
    axis.set(title=f"ptpstack sim {panel.scenario}", xlabel="time (s)", ylabel=f"{what} ({panel.unit})")
    axis.set_ylim(-4 * panel.limit, 60 * panel.limit)  # room for the legend above the limit
    axis.grid(alpha=0.3)
    axis.legend(loc="upper right", fontsize="small")


def main() -> None:
    """Draw every figure into the folder that the first argument names."""
    for page, panels in FIGURES.items():
        draw(page, panels, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
