"""Servos on the same simulated clocks and packets: true offsets beside those of the PI servo as linuxptp has it.

The picture of all scenarios is in lab/out. ``python3 -m lab.bench.servo FOLDER`` draws those of docs/servos.md instead,
one for each servo.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt

from lab.bench.rows import Row
from lab.bench.servo_scenarios import SCENARIOS, Result, Scenario, judge, play

PEER = "pi (linuxptp's formulas)"


class Contender(NamedTuple):
    """A servo and the delay filter it is meant to be used with."""

    servo: str
    delay_filter: str
    packet_selection: bool = False


BASELINE = Contender("pi", "median")
CONTENDERS: Mapping[str, Contender] = {
    "auto": Contender("auto", "auto"),
    "kalman": Contender("kalman", "auto"),
    "linreg": Contender("linreg", "median"),
    "selecting": Contender("auto", "lucky", packet_selection=True),
}
METRICS = (("RMS", "rms_ns"), ("95 %", "percentile_95_ns"), ("max", "max_ns"), ("MTIE 10 s", "mtie_10s_ns"))


PAGES = {
    "pi": ("wander 0.1, 8/s", "wander 10, 8/s", "master +100 us, 8/s"),
    "linreg": ("wander 0.1, 8/s", "wander 1, 8/s both ways", "TCXO +10 K, 8/s"),
    "kalman": ("OCXO 16/s", "wander 0.1, 8/s", "TCXO +10 K, 1/s"),
    "auto": ("wander 0.1, 8/s", "wander 1, 8/s both ways", "TCXO +10 K, 1/s", "path +40 us, 8/s"),
    "bandwidth": ("wander 0.1, 8/s", "OCXO 16/s", "master +100 us, 8/s"),
    "selecting": ("queues at 10 % load, 8/s", "queues at 50 % load, 8/s"),
}
"""What the documentation shows of each."""
LINEAR_NS = 200.0
PICTURE = Path("lab/out/servo.png")


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; every other round is a seed."""
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw(PICTURE, SCENARIOS, CONTENDERS)
    print(f"picture: {PICTURE}")
    seeds = range(1, max(1, rounds // 2) + 1)
    for scenario in SCENARIOS:
        runs = {
            name: [judge(*play(scenario, **contender._asdict(), seed=seed)) for seed in seeds]
            for name, contender in {"": BASELINE, **CONTENDERS}.items()
            if name != "selecting" or scenario.conditions.load
        }
        peer = runs.pop("")
        for name, results in runs.items():
            for metric, field in METRICS:
                ours, peers = ([_value(result, field) for result in each] for each in (results, peer))
                yield Row("servo", f"{scenario.name}: {name}, {metric}", "ns", ours, peers, PEER)


def _value(result: Result, field: str) -> float:
    value: float = getattr(result, field)
    return value


def draw(path: Path, scenarios: Sequence[Scenario], contenders: Mapping[str, Contender]) -> None:
    """Write a picture of the true offsets in *scenarios* to *path*, beside those of PI."""
    mpl.use("Agg")
    figure, axes = plt.subplots(len(scenarios), figsize=(12, 2.2 * len(scenarios)), constrained_layout=True)
    for axis, scenario in zip(axes, scenarios, strict=True):
        for label, contender in {PEER: BASELINE, **contenders}.items():
            if label == "selecting" and not scenario.conditions.load:
                continue
            times, offsets = play(scenario, **contender._asdict())
            late = times >= 10.0
            axis.plot(times[late], offsets[late], linewidth=0.6, label=label)
        if max(map(abs, axis.get_ylim())) > LINEAR_NS:
            axis.set_yscale("symlog", linthresh=50)
        axis.set_title(scenario.name, loc="left", fontsize=9)
        axis.set_ylabel("ns")
    axes[0].legend(ncols=5, fontsize=8, loc="upper right")
    axes[-1].set_xlabel("s")
    figure.savefig(path, dpi=60 if len(scenarios) < len(SCENARIOS) else 90)
    plt.close(figure)


def draw_pages(folder: Path) -> None:
    """Write the pictures of docs/servos.md into *folder*."""
    others = {"bandwidth": Contender("bandwidth", "mean"), "pi": Contender("pi", "none")}
    for name, chosen in PAGES.items():
        scenarios = [scenario for scenario in SCENARIOS if scenario.name in chosen]
        label = {"pi": "pi without a delay filter"}.get(name, name)
        draw(folder / f"servo-{name}.png", scenarios, {label: {**CONTENDERS, **others}[name]})


if __name__ == "__main__":
    draw_pages(Path(sys.argv[1]))
