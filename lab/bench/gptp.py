"""gPTP on the virtual NIC against the truth: seven hops of ours, and one relay of ours beside ptp4l in its place.

Stamps are off by up to 20 ns, oscillators by up to 20 ppm. ptp4l is no relay: in its place it is a boundary clock with
the gPTP configuration, which is the best that it does there. The end stations behind the two are the same program.

What lives here: the scenarios and rows. What does not: what runs in the guest (``gptp_guest.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from lab.bench.boundary import SAMPLES_PER_S, SETTLED_S, Answer, Scenario, Wiring, boot
from lab.bench.rows import Row

RELAYS = 6
OUT = Path("lab/out/gptp")
WITHIN_NS = 100.0


def chain() -> Scenario:
    """A grandmaster, six relays and an end station: seven hops, all ours."""
    scenario = Scenario("chain", "gptp", seconds=100)
    wiring = Wiring(scenario)
    top = wiring.node("grandmaster", "ptpstack", "gm", [0], priority1=1)
    for number in range(RELAYS):
        error_ppb = (-1) ** number * (20_000 - 2_500 * number)
        wiring.node(f"relay {number + 1}", "ptpstack", "relay", [number, number + 1], error_ppb)
    end = wiring.node("end station", "ptpstack", "end", [RELAYS], -15_000)
    scenario.observe = {"end": (end, top)}
    return scenario


def one_relay() -> Scenario:
    """A grandmaster, one system between, an end station: the one between is ours, or ptp4l."""
    scenario = Scenario("relay", "gptp", seconds=100)
    wiring = Wiring(scenario)
    for number, (label, program) in enumerate({"ours": "ptpstack", "ptp4l": "ptp4l"}.items()):
        above, below = 2 * number, 2 * number + 1
        top = wiring.node(f"{label} grandmaster", "ptp4l", "gm", [above], priority1=1)
        wiring.node(f"{label} between", program, "relay", [above, below], 20_000)
        end = wiring.node(f"{label} end station", "ptpstack", "end", [below], -15_000)
        scenario.observe[f"{label} end"] = (end, top)
    return scenario


SCENARIOS = (chain(), one_relay())


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; a round is a boot for each scenario, with another seed."""
    boots = []
    for seed in range(1, rounds + 1):
        for scenario in SCENARIOS:
            boot(scenario, seed, guest="lab.bench.gptp_guest", out=OUT)
        boots.append(
            {name: json.loads((OUT / f"seed{seed}" / f"{name}.json").read_text()) for name in ("chain", "relay")}
        )
    yield from compare(boots)


def compare(boots: Sequence[Mapping[str, Answer]]) -> Iterator[Row]:
    """Yield every metric, over all boots."""

    def settled(scenario: str, track: str) -> list[np.ndarray]:
        return [np.abs(boot[scenario]["tracks"][track][SETTLED_S * SAMPLES_PER_S :]) for boot in boots]

    def rms(scenario: str, track: str) -> list[float]:
        return [float(np.sqrt(np.mean(each**2))) for each in settled(scenario, track)]

    def largest(scenario: str, track: str) -> list[float]:
        return [float(each.max()) for each in settled(scenario, track)]

    yield Row("7 hops", "true offset RMS, end station", "ns", rms("chain", "end"), limit=100)
    yield Row("7 hops", "true offset maximum, end station", "ns", largest("chain", "end"), limit=1000)
    yield Row("7 hops", f"from the start to within {WITHIN_NS:.0f} ns", "s", [within_s(boot) for boot in boots])
    ours, peer = rms("relay", "ours end"), rms("relay", "ptp4l end")
    yield Row("one relay", "true offset RMS, behind it", "ns", ours, peer, "ptp4l BC")
    ours, peer = largest("relay", "ours end"), largest("relay", "ptp4l end")
    yield Row("one relay", "true offset maximum, behind it", "ns", ours, peer, "ptp4l BC")


def within_s(boot: Mapping[str, Answer]) -> float:
    """Return when the end of the chain came within the limit for good."""
    outside = np.flatnonzero(np.abs(boot["chain"]["tracks"]["end"]) > WITHIN_NS)
    return float(outside[-1] + 1) / SAMPLES_PER_S if outside.size else 0.0
