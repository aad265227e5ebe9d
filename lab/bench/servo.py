"""Servos on the same simulated clocks and packets: true offsets beside those of the PI servo as linuxptp has it.

``python3 -m lab.bench.servo PICTURE.png`` draws the scenarios instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt

from lab.bench.rows import Row
from lab.bench.servo_scenarios import SCENARIOS, Result, judge, play

PEER = "pi (linuxptp's formulas)"


class Contender(NamedTuple):
    """A servo and the delay filter it is meant to be used with."""

    servo: str
    delay_filter: str
    packet_selection: bool = False


BASELINE = Contender("pi", "median")
CONTENDERS = {
    "auto": Contender("auto", "auto"),
    "kalman": Contender("kalman", "auto"),
    "linreg": Contender("linreg", "median"),
    "selecting": Contender("auto", "lucky", packet_selection=True),
}
METRICS = (("RMS", "rms_ns"), ("95 %", "percentile_95_ns"), ("max", "max_ns"), ("MTIE 10 s", "mtie_10s_ns"))


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; every other round is a seed."""
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


def draw(path: str) -> None:
    """Write a picture of the true offsets in every scenario to *path*."""
    mpl.use("Agg")
    figure, axes = plt.subplots(len(SCENARIOS), figsize=(12, 2.2 * len(SCENARIOS)), constrained_layout=True)
    for axis, scenario in zip(axes, SCENARIOS, strict=True):
        for label, contender in {PEER: BASELINE, **CONTENDERS}.items():
            if label == "selecting" and not scenario.conditions.load:
                continue
            times, offsets = play(scenario, **contender._asdict())
            late = times >= 10.0
            axis.plot(times[late], offsets[late], linewidth=0.6, label=label)
        axis.set_yscale("symlog", linthresh=50)
        axis.set_title(scenario.name, loc="left", fontsize=9)
        axis.set_ylabel("ns")
    axes[0].legend(ncols=5, fontsize=8, loc="upper right")
    axes[-1].set_xlabel("s")
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    draw(sys.argv[1])
