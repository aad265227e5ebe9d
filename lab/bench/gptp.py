"""gPTP on the virtual NIC against the truth: seven hops, one relay beside ptp4l in its place, hot standby, a car.

Stamps are off by up to 20 ns, oscillators by up to 20 ppm. ptp4l is no relay: in its place it is a boundary clock with
the gPTP configuration, which is the best that it does there. The end stations behind the two are the same program.

What lives here: the scenarios and rows. What does not: what runs in the guest (``gptp_guest.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from lab.bench.boundary import SAMPLES_PER_S, SETTLED_S, Answer, Scenario, Wiring, boot, read
from lab.bench.results import Missing
from lab.bench.rows import Row
from ptpstack.arbiter.reentry import SAMPLES as REENTRY_SAMPLES

RELAYS = 6
OUT = Path("lab/out/gptp")
WITHIN_NS = 100.0

CHANGE_S = 30
"""How long after the loss of a grandmaster the largest error is looked for."""

PAUSE_S = (3 + REENTRY_SAMPLES) / 8 + 1 / SAMPLES_PER_S
"""Three Sync intervals until it is lost, the offsets that say where the clock is, and one sample."""

CAR_WITHIN_NS = 80.0
INITIAL_S = 9
"""So long at least the intervals are the initial ones: the operational ones come ten seconds after the lock."""

CARS = "ours", "ptp4l"

LINK_S = {"clock new": (10, 40), "master stepped": (45, 70)}
"""When the car's link comes up, and until when it stays so or is watched."""


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


def hot_standby() -> Scenario:
    """Two grandmasters in two domains, a relay, an end station with both; the first one is killed under load."""
    scenario = Scenario("standby", "gptp", seconds=95, kill=["first"], kill_at=60)
    wiring = Wiring(scenario)
    first = wiring.node("first", "ptpstack", "first", [0])
    wiring.node("second", "ptpstack", "second", [1], -10_000)
    wiring.node("relay", "ptpstack", "switch", [0, 1, 2], 20_000)
    end = wiring.node("end station", "ptpstack", "both", [2], -15_000)
    scenario.nodes.append({"name": "load", "program": "load", "role": "", "cards": 1, "begin": 58, "seconds": 20})
    scenario.observe = {"end": (end, first)}
    return scenario


def car() -> Scenario:
    """An automotive grandmaster and end station, ours and ptp4l, whose link comes up twice."""
    (first_up, down), (second_up, end_s) = LINK_S.values()
    scenario = Scenario("car", "gptp", seconds=end_s)
    wiring = Wiring(scenario)
    for number, (label, program) in enumerate(zip(CARS, ("ptpstack", "ptp4l"), strict=True)):
        top = wiring.node(f"{label} grandmaster", "ptpstack", "car gm", [number])
        end = wiring.node(f"{label} end station", program, "car end", [number], -15_000)
        link = ((0, 0), (first_up, 1), (down, 0), (second_up, 1))
        scenario.turns += [(at_s, f"port{2 * number}/link", up) for at_s, up in link]
        scenario.steps.append((down + 2, top, 1_000_000))
        scenario.observe[f"{label} end"] = (end, top)
    return scenario


SCENARIOS = (hot_standby(), car(), chain(), one_relay())


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; a round is a boot for each scenario, with another seed."""
    missing = Missing()
    boots = []
    for seed in range(1, rounds + 1):
        for scenario in SCENARIOS:
            with missing.noted(f"{scenario.name} of seed {seed}"):
                boot(scenario, seed, guest="lab.bench.gptp_guest", out=OUT)
        boots.append(read(seed, SCENARIOS, OUT))
    yield from compare(boots)
    missing.tell()


def compare(boots: Sequence[Mapping[str, Answer]]) -> Iterator[Row]:
    """Yield every metric, over all boots."""

    def with_a(scenario: str) -> list[Mapping[str, Answer]]:
        return [boot for boot in boots if scenario in boot]

    def settled(scenario: str, track: str) -> list[np.ndarray]:
        begin = SETTLED_S * SAMPLES_PER_S
        return [np.abs(boot[scenario]["tracks"][track][begin:]) for boot in with_a(scenario)]

    def rms(scenario: str, track: str) -> list[float]:
        return [float(np.sqrt(np.mean(each**2))) for each in settled(scenario, track)]

    def largest(scenario: str, track: str) -> list[float]:
        return [float(each.max()) for each in settled(scenario, track)]

    yield Row("7 hops", "true offset RMS, end station", "ns", rms("chain", "end"), limit=100)
    yield Row("7 hops", "true offset maximum, end station", "ns", largest("chain", "end"), limit=1000)
    yield Row(
        "7 hops", f"from the start to within {WITHIN_NS:.0f} ns", "s", [within_s(boot) for boot in with_a("chain")]
    )
    ours, peer = rms("relay", "ours end"), rms("relay", "ptp4l end")
    yield Row("one relay", "true offset RMS, behind it", "ns", ours, peer, "ptp4l BC")
    ours, peer = largest("relay", "ours end"), largest("relay", "ptp4l end")
    yield Row("one relay", "true offset maximum, behind it", "ns", ours, peer, "ptp4l BC")
    bumps, pauses = ([figure(boot) for boot in with_a("standby")] for figure in (bump_ns, pause_s))
    yield Row("hot standby", "phase bump, grandmaster killed", "ns", bumps, limit=50)
    yield Row("hot standby", "longest without steering", "s", pauses, limit=PAUSE_S)
    cars = with_a("car")
    for case, (up_s, until_s) in LINK_S.items():
        ours, peer = ([after_link_up_s(boot, label, up_s) for boot in cars] for label in CARS)
        yield Row("car, link up", f"within {CAR_WITHIN_NS:.0f} ns, {case}", "s", ours, peer, "ptp4l", limit=1)
        ours, peer = ([largest_later_ns(boot, label, up_s, until_s) for boot in cars] for label in CARS)
        yield Row("car, link up", f"largest later, {case}", "ns", ours, peer, "ptp4l", limit=CAR_WITHIN_NS)
    for figure, what, unit in (("resident_mb", "resident memory", "MB"), ("cpu_ms", "CPU of a second, settled", "ms")):
        ours, peer = ([boot["car"]["usage"][f"{label} end station"][figure] for boot in cars] for label in CARS)
        yield Row("car", what, unit, ours, peer, "ptp4l")


def within_s(boot: Mapping[str, Answer]) -> float:
    """Return when the end of the chain came within the limit for good."""
    outside = np.flatnonzero(np.abs(boot["chain"]["tracks"]["end"]) > WITHIN_NS)
    return float(outside[-1] + 1) / SAMPLES_PER_S if outside.size else 0.0


def bump_ns(boot: Mapping[str, Answer]) -> float:
    """Return the largest true offset from the loss of the grandmaster on, less the RMS before."""
    track, killed = np.array(boot["standby"]["tracks"]["end"]), hot_standby().kill_at
    before = track[SETTLED_S * SAMPLES_PER_S : killed * SAMPLES_PER_S]
    after = track[killed * SAMPLES_PER_S : (killed + CHANGE_S) * SAMPLES_PER_S]
    return float(np.abs(after).max() - np.sqrt(np.mean(before**2)))


def pause_s(boot: Mapping[str, Answer]) -> float:
    """Return how long at most, from when it is settled, the end station's clock kept its frequency."""
    steered = np.flatnonzero(np.diff(boot["standby"]["rates"]["end"][SETTLED_S * SAMPLES_PER_S :]))
    seconds = hot_standby().seconds - SETTLED_S
    edges = np.array([0, *steered, seconds * SAMPLES_PER_S])
    return float(np.diff(edges).max()) / SAMPLES_PER_S


def after_link_up_s(boot: Mapping[str, Answer], label: str, up_s: int) -> float:
    """Return how long after the link came up the end station was within the limit, at initial intervals for good."""
    outside = np.flatnonzero(np.abs(car_track(boot, label, up_s, up_s + INITIAL_S)) > CAR_WITHIN_NS)
    return float(outside[-1] + 1) / SAMPLES_PER_S if outside.size else 0.0


def largest_later_ns(boot: Mapping[str, Answer], label: str, up_s: int, until_s: int) -> float:
    """Return the largest true offset from a second after the link came up on."""
    return float(np.abs(car_track(boot, label, up_s + 1, until_s)).max())


def car_track(boot: Mapping[str, Answer], label: str, begin_s: int, end_s: int) -> np.ndarray:
    """Return the true offsets of a car's end station between two seconds."""
    return np.array(boot["car"]["tracks"][f"{label} end"][begin_s * SAMPLES_PER_S : end_s * SAMPLES_PER_S])
