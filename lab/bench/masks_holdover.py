"""T-TSCs that lose their grandmaster, in the virtual machine: the share of ``masks_vm`` that is about holdover.

One of them has an oscillator that neither errs nor wanders: what it is off by is what the noise of the stamps alone did
to the frequency that it goes on with, the floor of this measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lab.bench.rows import Row
from ptpstack.stability.mask import load_mask

Floats: TypeAlias = NDArray[np.float64]

MASK = "g8271.1-holdover"
SAMPLES_PER_S = 16
JITTER_NS = 8
"""Each stamp is off by up to as much, evenly spread."""
WALK_PPT = 2
"""How far the frequency of an oscillator wanders in a second, in 10^-12: of a good OCXO."""
LEARN_S, HELD_S = 360, 600
"""Of the guest's time: until the grandmaster dies, and from then on."""

FLOOR, PEER = "ours, perfect oscillator", "ptp4l"
NODES = {"ours": 20_000, "ours, another": -15_000, FLOOR: 0, PEER: 20_000}
"""The clocks, and by how many ppb each is wrong; one that is not wrong does not wander either."""
COLOURS = ("tab:blue", "tab:cyan", "grey", "tab:orange")


def scenario(seed: int) -> dict[str, Any]:
    """Return what the guest shall do: all on one wire, port and clock 0 the grandmaster's, which nobody touches."""
    ports = {f"node{number}": number for number in range(1, 1 + len(NODES))}
    programs = ["ptp4l" if name == PEER else "ptpstack" for name in NODES]
    nodes: list[dict[str, Any]] = [{"name": "gm", "program": "ptp4l", "role": "gm of unknown accuracy", "ports": [0]}]
    nodes += [
        {"name": name, "program": program, "role": "slave", "ports": [port]}
        for (name, port), program in zip(ports.items(), programs, strict=True)
    ]
    return {
        "name": "holdover",
        "card": f"ports=5 phc=0,1,2,3,4 segment=0,0,0,0,0 seed={seed}",
        "ports": 5,
        "jitter_ns": JITTER_NS,
        "walk_ppt": WALK_PPT,
        "errors_ppb": {str(number): error_ppb for number, error_ppb in enumerate(NODES.values(), 1)},
        "grandmaster_clocks": [],
        "nodes": nodes,
        "clocks": ports,
        "reference": 0,
        "bounds": [name for name, program in zip(ports, programs, strict=True) if program == "ptpstack"],
        "samples_per_s": SAMPLES_PER_S,
        "seconds": LEARN_S + HELD_S,
        "lost_at_s": LEARN_S,
        "modulated_from_s": LEARN_S + HELD_S,
    }


@dataclass(frozen=True)
class Held:
    """One clock from the loss on: its true error at each sample, and its own bound where it was asked for it."""

    at_s: Floats
    errors_ns: Floats
    bounds: Sequence[tuple[float, float]]
    """(Seconds since the loss, bound in ns); none of a program that states none."""

    @property
    def most_ns(self) -> float:
        """How far off it ever was."""
        return float(np.abs(self.errors_ns).max())

    @property
    def share_of_bound(self) -> float:
        """How much of its stated bound it used where it came nearest to it."""
        stated_s, bounds_ns = np.array(self.bounds).T
        return float((np.abs(np.interp(stated_s, self.at_s, self.errors_ns)) / bounds_ns).max())


def held(answer: Mapping[str, Any], name: str) -> Held:
    """Return what the clock of that name did in the record *answer* from the loss on."""
    node = f"node{list(NODES).index(name) + 1}"
    errors_ns = np.array(answer["tracks"][node][LEARN_S * SAMPLES_PER_S :])
    bounds = [(at_s - LEARN_S, bound_ns) for at_s, bound_ns in answer["bounds"].get(node, ()) if at_s >= LEARN_S]
    return Held(np.arange(errors_ns.size) / SAMPLES_PER_S, errors_ns, bounds)


def compare(answers: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield the rows, over all boots; each boot has two clocks of ours."""
    ours = [held(answer, name) for answer in answers for name in ("ours", "ours, another")]
    peers, floors = ([held(answer, name) for answer in answers] for name in (PEER, FLOOR))
    (limit,) = load_mask(MASK).limits
    case, metric = f"holdover, {HELD_S} s", "true error at most"
    yield Row(case, metric, "ns", [one.most_ns for one in ours], [one.most_ns for one in peers], PEER, limit.ns)
    yield Row("its floor", metric, "ns", [one.most_ns for one in floors])
    yield Row(case, "of the stated bound at most", "", [one.share_of_bound for one in (*ours, *floors)], limit=1.0)
    yield Row(case, "stated bound in the end", "ns", [one.bounds[-1][1] for one in ours])


def draw(axis: Any, answer: Mapping[str, Any]) -> None:  # noqa: ANN401 (matplotlib is untyped)
    """Draw the errors of one boot's clocks, the bounds that they stated, and the limit."""
    for name, colour in zip(NODES, COLOURS, strict=True):
        one = held(answer, name)
        label = f"floor: {name}" if name == FLOOR else name
        axis.plot(one.at_s, np.abs(one.errors_ns), "--" if name == FLOOR else "-", color=colour, label=label)
        if one.bounds:
            axis.plot(*np.array(one.bounds).T, ":", color=colour)
    (limit,) = load_mask(MASK).limits
    axis.axhline(limit.ns, color="tab:red", label=f"{limit.reference} ({limit.confidence} confidence)")
    axis.set(title="error since the grandmaster is lost (dotted: what the clock says itself)", xlabel="time (s)")
    axis.set(ylabel="ns", yscale="log", ylim=(0.1, None))
