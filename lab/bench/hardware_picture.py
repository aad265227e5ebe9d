"""The picture of ``lab bench hardware``: how close each clock was, as ratios to the peers and as curves.

What lives here: matplotlib. What does not: the scenarios (``hardware.py``), the statistics (``hardware_tracks.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lab.bench.hardware_tracks import SAMPLES_PER_S, Comparison, Run, rms

COLOURS = {"auto": "tab:blue", "pi": "tab:orange", "linreg": "tab:green"}
COLUMNS = 2
CURVE_S = 120


def draw(comparisons: Mapping[str, Sequence[Comparison]], runs: Mapping[str, Sequence[Run]], path: Path) -> None:
    """Draw, by scenario, the ratios of all clocks, and curves of the first set of the first boot."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second, only when there is something to draw)

    ours = {name: [each for each in several if each.ours == "ptpstack auto"] for name, several in comparisons.items()}
    compared = {name: several for name, several in ours.items() if several}
    if not compared:
        return
    rows = math.ceil(len(compared) / COLUMNS)
    figure = Figure(figsize=(14, 4.5 + 2.4 * rows), layout="constrained")
    grid = figure.add_gridspec(rows + 2, COLUMNS)
    _ratios(figure.add_subplot(grid[:2, :]), compared, runs)
    for number, name in enumerate(compared):
        axes = figure.add_subplot(grid[2 + number // COLUMNS, number % COLUMNS])
        _curves(axes, name, runs[name][0])
    figure.savefig(path, dpi=80)
    print(f"picture: {path}")


def _ratios(
    axes: Any,  # noqa: ANN401 (matplotlib is untyped)
    compared: Mapping[str, Sequence[Comparison]],
    runs: Mapping[str, Sequence[Run]],
) -> None:
    labelled: set[str] = set()
    for place, (name, several) in enumerate(compared.items()):
        for number, each in enumerate(several):
            at = place + 0.25 * (number - (len(several) - 1) / 2)
            ours, peer = (
                np.array([rms(track) for run in runs[name] for track in run.programs[program]])
                for program in (each.ours, each.peer)
            )
            colour = COLOURS[each.peer.split()[1]]
            label = None if each.peer in labelled else f"beside {each.peer}: each pair, median, limit"
            labelled.add(each.peer)
            axes.plot([at] * len(ours), ours / peer, ".", color=colour, alpha=0.6, label=label)
            axes.plot([at - 0.1, at + 0.1], [np.median(ours) / np.median(peer)] * 2, color=colour, linewidth=2)
            if each.rms_limit is not None:
                axes.plot([at - 0.12, at + 0.12], [each.rms_limit] * 2, ":", color="tab:red")
    axes.set_xticks(range(len(compared)), list(compared))
    axes.set(ylim=(0, None), ylabel="RMS of the true offset, ours / peer's")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper left", fontsize="small")


def _curves(axes: Any, name: str, run: Run) -> None:  # noqa: ANN401 (matplotlib is untyped)
    for program, tracks in sorted(run.programs.items()):
        if program != "ptpstack pi":
            seconds = (np.arange(len(tracks[0].offsets_ns)) - tracks[0].measuring_from) / SAMPLES_PER_S
            colour = COLOURS[program.split()[1]]
            axes.plot(seconds, tracks[0].offsets_ns, linewidth=0.8, color=colour, label=program)
    axes.set(title=name, xlabel="time since the first Sync (s)", ylabel="true offset (ns)")
    axes.set(xlim=(0, CURVE_S), ylim=(-60, 60))
    axes.legend(loc="upper right", fontsize="small", ncols=3)
