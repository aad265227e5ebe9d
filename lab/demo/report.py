"""What is left when the demo ends: a table, JSON, and a picture of the true time error.

What lives here: the three, from the watch's tracks. What does not: judging while it runs (`watch`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from lab.demo.chart import LINEAR_BELOW_NS, in_unit
from lab.demo.watch import Figures, Track

FIGURES_OVER_S = 10.0


class Schedule(NamedTuple):
    """When the grandmaster is cut, when it comes back, and when all ends; seconds from the start."""

    cut_s: float
    restore_s: float
    end_s: float

    def later_by(self, seconds: float) -> Schedule:
        """Return the same course, begun so much later."""
        return Schedule(*(round(at_s + seconds, 1) for at_s in self))


def before_cut(track: Track, schedule: Schedule) -> Figures | None:
    """Return the figures of the last ten seconds before the cut."""
    return track.figures(schedule.cut_s - FIGURES_OVER_S, schedule.cut_s)


def after_recovery(track: Track, schedule: Schedule) -> Figures | None:
    """Return the figures of the last ten seconds of all."""
    return track.figures(schedule.end_s - FIGURES_OVER_S, schedule.end_s)


def as_json(tracks: Mapping[str, Track], schedule: Schedule, failures: Mapping[str, str]) -> dict[str, Any]:
    """Return the outcome as plain values: per clock its state and figures before the cut and after recovery."""
    clocks = []
    for name, track in tracks.items():
        before, after = before_cut(track, schedule), after_recovery(track, schedule)
        clocks.append(
            {
                "name": name,
                "role": "grandmaster" if track.clock.is_grandmaster else "slave",
                "port_state": track.port_state,
                "port_states": list(track.port_states),
                "locked_after_s": track.locked_after_s,
                "true_offset_rms_ns": {
                    "before_cut": before and round(before.rms_ns, 1),
                    "after_recovery": after and round(after.rms_ns, 1),
                },
                "true_offset_max_ns": {
                    "before_cut": before and round(before.max_ns, 1),
                    "after_recovery": after and round(after.max_ns, 1),
                },
                "failure": failures.get(name),
            }
        )
    return {"passed": not failures, **schedule._asdict(), "clocks": clocks}


def write_json(path: Path, outcome: Mapping[str, Any]) -> None:
    """Write the outcome to *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(outcome, indent=2) + "\n")


def print_table(tracks: Mapping[str, Track], schedule: Schedule, failures: Mapping[str, str]) -> None:
    """Print the closing table."""
    table = Table(title="true offset, clock minus truth: rms / max")
    for heading in ("clock", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("locked after", "10 s before the cut", "10 s after recovery"):
        table.add_column(heading, justify="right")
    for name, track in tracks.items():
        locked = "never" if track.locked_after_s is None else f"{track.locked_after_s:.1f} s"
        before, after = (_both(figures(track, schedule)) for figures in (before_cut, after_recovery))
        table.add_row(name, track.port_state, locked, before, after)
    Console().print(table)
    for name, why in failures.items():
        print(f"FAILED: {name}: {why}")
    if not failures:
        print("every clock locked, and survived the loss of its grandmaster")


def draw(path: Path, tracks: Mapping[str, Track], schedule: Schedule) -> None:
    """Draw the true time error of every clock into the PNG *path*: all of it, and the part near zero."""
    import matplotlib as mpl  # noqa: PLC0415 (0.3 s, and threads, at the end only)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 (as above)

    figure, (whole, near) = plt.subplots(2, 1, sharex=True, figsize=(10, 7), layout="constrained")
    largest = 0.0
    for name, track in tracks.items():
        seconds = [at for at, _ in track.offsets]
        offsets_us = [offset / 1e3 for _, offset in track.offsets]
        for axes in (whole, near):
            axes.plot(seconds, offsets_us, label=name, linewidth=1.2)
        figures = (before_cut(track, schedule), after_recovery(track, schedule))
        largest = max(largest, *(each.max_ns for each in figures if each), 0.0)
    whole.set_yscale("symlog", linthresh=LINEAR_BELOW_NS / 1e3)
    near_us = max(2.0, 1.5 * largest / 1e3)
    near.set_ylim(-near_us, near_us)
    for axes in (whole, near):
        axes.axvspan(schedule.cut_s, schedule.restore_s, color="0.9", label="grandmaster cut")
        axes.grid(alpha=0.3)
        axes.set_ylabel("clock minus truth, µs")
    whole.legend(loc="upper right", fontsize="small")
    whole.set_title("True time error of every clock (logarithmic beyond ±1 µs)")
    near.set_title("The same near zero")
    near.set_xlabel("seconds since the start")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _both(figures: Figures | None) -> str:
    return f"{in_unit(figures.rms_ns)} / {in_unit(figures.max_ns)}" if figures else "no data"
