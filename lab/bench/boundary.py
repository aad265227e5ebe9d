"""Clocks between clocks: boundary and transparent clocks of ours beside ptp4l's in one boot, against the truth.

Through the virtual NIC a grandmaster's time goes over a boundary clock, a transparent clock or a ring of these to a
slave; a boundary clock changes from one grandmaster to another. And in the simulator: a ring of fifteen transparent
clocks, and a grandmaster lost.

What lives here: the scenarios, rows, picture. What does not: what runs in the guest (``boundary_guest.py``), what is
simulated (``boundary_sim.py``), the machine (``lab.vm``).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lab.bench import boundary_sim
from lab.bench.results import Missing, finished, forget
from lab.bench.rows import Row
from lab.vm import Guest, run_in_vm
from ptpstack.errors import PtpstackError

Series: TypeAlias = NDArray[np.float64]

SAMPLES_PER_S = 10
SETTLED_S = 40
"""What is left out of the RMS where a scenario says nothing else."""

PROGRAMS = {"ours": "ptpstack", "ptp4l": "ptp4l"}
ANNOUNCE_TIMEOUT_S = 3.0
CHANGE_S = 30
"""How long after the loss of a grandmaster the largest error is looked for."""

RING = 13
"""As many as the card has ports for; fifteen are simulated."""
POWER_LOG_INTERVAL = 0
"""Of Sync and Pdelay_Req in IEC/IEEE 61850-9-3."""
OUT = Path("lab/out/boundary")


@dataclass
class Scenario:
    """One run in the guest: the card's wiring, what runs on its ports, and which clocks are held against which.

    ``observe`` names pairs of clocks, ``listen`` ports whose grandmaster is noted, ``kill`` nodes that end at
    ``kill_at``; ``turns`` are (second, knob, value), ``steps`` (second, clock, ns). What comes before ``settled_s`` is
    left out of the RMS.
    """

    name: str
    mechanism: str
    seconds: int
    settled_s: int = SETTLED_S
    card: str = ""
    ports: int = 0
    jitter_ns: int = 20
    walk_ppt: int = 0
    nodes: list[dict[str, Any]] = field(default_factory=list)
    errors_ppb: dict[str, int] = field(default_factory=dict)
    grandmaster_clocks: list[int] = field(default_factory=list)
    observe: dict[str, tuple[int, int]] = field(default_factory=dict)
    listen: dict[str, int] = field(default_factory=dict)
    kill: list[str] = field(default_factory=list)
    kill_at: int = 1 << 20
    turns: list[tuple[int, str, int]] = field(default_factory=list)
    steps: list[tuple[int, int, int]] = field(default_factory=list)


class Wiring:
    """Ports are made one by one; what is joined is on one wire."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._clocks: list[int] = []
        self._wires: list[int] = []
        self.clocks = 0

    def node(self, name: str, program: str, role: str, wires: Sequence[int], error_ppb: int = 0, **more: int) -> int:
        """Add a program with one port on each of *wires*, all of one clock, and return that."""
        return self.node_of_cards(name, program, role, [wires], error_ppb, **more)

    def node_of_cards(
        self, name: str, program: str, role: str, cards: Sequence[Sequence[int]], error_ppb: int = 0, **more: int
    ) -> int:
        """Add a program with ports on several cards, each with a clock, and return the first one's."""
        wires = [wire for card in cards for wire in card]
        ports = list(range(len(self._wires), len(self._wires) + len(wires)))
        self._wires += wires
        first = self.clocks
        for number, card in enumerate(cards):
            self._clocks += [self.clocks] * len(card)
            self._scenario.errors_ppb[str(self.clocks)] = error_ppb * (-1) ** number
            self.clocks += 1
        told = {"name": name, "program": program, "role": role, "ports": ports, "cards": len(cards)}
        self._scenario.nodes.append(told | more)
        phc, segment = (",".join(map(str, each)) for each in (self._clocks, self._wires))
        self._scenario.card = f"ports={len(self._wires)} phc={phc} segment={segment}"
        self._scenario.ports = len(self._wires)
        return first


def two_cards() -> Scenario:
    """A boundary clock on two cards with a clock each: ours, and ptp4l with boundary_clock_jbod and phc2sys."""
    scenario = Scenario("cards-e2e", "e2e", seconds=90)
    wiring = Wiring(scenario)
    for number, (label, program) in enumerate(PROGRAMS.items()):
        above, below = 2 * number, 2 * number + 1
        top = wiring.node(f"{label} gm", "ptp4l", "gm", [above], priority1=1)
        middle = wiring.node_of_cards(f"{label} bc", program, "bc", [[above], [below]], 20_000)
        end = wiring.node(f"{label} slave", program, "slave", [below], -15_000)
        scenario.observe |= {f"{label} card 1": (middle, top), f"{label} card 2": (middle + 1, top)}
        scenario.observe |= {f"{label} end": (end, top)}
    return scenario


def rows_of_three(mechanism: str, walk_ppt: int = 0) -> Scenario:
    """A grandmaster, a clock between, a slave: a boundary and a transparent clock of each program."""
    name = f"row-{mechanism}" + "-walk" * bool(walk_ppt)
    scenario = Scenario(name, mechanism, seconds=90, walk_ppt=walk_ppt)
    wiring = Wiring(scenario)
    wire = 0
    for label, program in PROGRAMS.items():
        for role in ("bc", "tc"):
            top = wiring.node(f"{label} {role} gm", "ptp4l", "gm", [wire], priority1=1)
            middle = wiring.node(f"{label} {role}", program, role, [wire, wire + 1], 20_000)
            end = wiring.node(f"{label} {role} slave", program, "slave", [wire + 1], -15_000)
            scenario.observe |= {f"{label} {role} end": (end, top)}
            if role == "bc":
                scenario.observe |= {f"{label} {role} hop 1": (middle, top)}
            wire += 2
    return scenario


def switch_over(mechanism: str = "e2e") -> Scenario:
    """A boundary clock between two grandmasters and a slave; the better grandmaster dies."""
    scenario = Scenario(f"switch-{mechanism}", mechanism, seconds=85, kill_at=55)
    wiring = Wiring(scenario)
    for number, (label, program) in enumerate(PROGRAMS.items()):
        first, second, below = range(3 * number, 3 * number + 3)
        one = wiring.node(f"{label} first", "ptp4l", "gm", [first], priority1=1)
        two = wiring.node(f"{label} second", "ptp4l", "gm", [second], priority1=2)
        middle = wiring.node(f"{label} bc", program, "bc", [first, second, below], 20_000)
        end = wiring.node(f"{label} slave", program, "slave", [below], -15_000)
        scenario.grandmaster_clocks += [one, two]
        scenario.observe |= {f"{label} bc": (middle, two), f"{label} slave": (end, two)}
        scenario.listen[label] = scenario.nodes[-1]["ports"][0]
        scenario.kill.append(f"{label} first")
    return scenario


def ring(label: str, clocks: int = RING) -> Scenario:
    """Peer-to-peer transparent clocks in a ring: the grandmaster at one of them, two slaves half way round."""
    scenario = Scenario(f"ring-{label}", "p2p", seconds=150, settled_s=90)
    wiring, intervals = Wiring(scenario), {"log_interval": POWER_LOG_INTERVAL}
    to_master, *to_slaves = range(clocks, clocks + 1 + len(PROGRAMS))
    top = wiring.node("gm", "ptp4l", "gm", [to_master], priority1=1, **intervals)
    for number in range(clocks):
        wires = [number, (number + 1) % clocks]
        wires += [to_master] * (number == 0) + to_slaves * (number == clocks // 2)
        error_ppb = (-1) ** number * 3_000 * (number + 1)
        wiring.node(f"tc{number}", PROGRAMS[label], "ring tc", wires, error_ppb, **intervals)
    for (slave, program), wire in zip(PROGRAMS.items(), to_slaves, strict=True):
        end = wiring.node(f"{slave} slave", program, "slave", [wire], -15_000, **intervals)
        scenario.observe[f"{slave} end"] = (end, top)
    return scenario


def lost_grandmaster() -> Scenario:
    """Two grandmasters and a slave at a peer-to-peer transparent clock, as in a substation; the better one dies."""
    scenario = Scenario("lost-p2p", "p2p", seconds=125, settled_s=60, kill_at=80)
    wiring, intervals = Wiring(scenario), {"log_interval": POWER_LOG_INTERVAL}
    for number, (label, program) in enumerate(PROGRAMS.items()):
        first, second, below = range(3 * number, 3 * number + 3)
        one = wiring.node(f"{label} first", program, "preferred", [first], priority1=10, **intervals)
        two = wiring.node(f"{label} second", program, "preferred", [second], priority1=20, **intervals)
        wiring.node(f"{label} tc", program, "tc", [first, second, below], 7_000, **intervals)
        end = wiring.node(f"{label} slave", program, "substation slave", [below], 12_000, **intervals)
        scenario.grandmaster_clocks += [one, two]
        scenario.observe[f"{label} slave"] = (end, two)
        scenario.listen[label] = scenario.nodes[-1]["ports"][0]
        scenario.kill.append(f"{label} first")
    return scenario


SCENARIOS = (
    rows_of_three("e2e"),
    rows_of_three("p2p"),
    rows_of_three("e2e", walk_ppt=1000),
    switch_over(),
    two_cards(),
    ring("ours"),
    ring("ptp4l"),
    lost_grandmaster(),
)
Answer: TypeAlias = Mapping[str, Any]


class BoundaryBenchError(PtpstackError):
    """The guest could not run the scenarios."""


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; a round is a boot for each scenario, with another seed."""
    missing = Missing()
    boots = []
    for seed in range(1, rounds + 1):
        for scenario in SCENARIOS:
            with missing.noted(f"{scenario.name} of seed {seed}"):
                boot(scenario, seed)
        boots.append(read(seed, SCENARIOS, OUT))
    yield from compare(boots)
    yield from boundary_sim.measure(rounds)
    if any(boots):
        draw(next(filter(None, boots)))
    missing.tell()


def boot(scenario: Scenario, seed: int, *, guest: str = "lab.bench.boundary_guest", out: Path = OUT) -> None:
    """Run a scenario in a guest of its own; what it recorded is in the folder of the seed."""
    forget(out / f"seed{seed}", scenario.name)
    scenario.card = f"{scenario.card.partition(' seed=')[0]} seed={seed}"
    script = f"python3 -m {guest} {shlex.quote(json.dumps(asdict(scenario)))}"
    result = run_in_vm(script, timeout=3000, guest=Guest(vptp="ports=2"), results=out / f"seed{seed}")
    if result.exit_code:
        raise BoundaryBenchError(f"scenario {scenario.name} failed in the guest", why=result.output[-2000:])


def read(seed: int, scenarios: Sequence[Scenario], out: Path) -> dict[str, Answer]:
    """Return what was recorded with this seed, by scenario; what was not is left out."""
    answers = {scenario.name: finished(out / f"seed{seed}", scenario.name) for scenario in scenarios}
    return {name: answer for name, answer in answers.items() if answer is not None}


def compare(boots: Sequence[Mapping[str, Answer]]) -> Iterator[Row]:
    """Yield every metric, over all boots."""
    settled_s = {scenario.name: scenario.settled_s for scenario in SCENARIOS}

    def settled(scenario: str, track: str) -> list[Series]:
        begin = settled_s[scenario] * SAMPLES_PER_S
        return [np.array(boot[scenario]["tracks"][track][begin:]) for boot in boots if scenario in boot]

    def rms(scenario: str, track: str) -> list[float]:
        return [float(np.sqrt(np.mean(errors**2))) for errors in settled(scenario, track)]

    for name in ("row-e2e", "row-p2p", "row-e2e-walk"):
        for metric, track in (("BC itself", "bc hop 1"), ("slave behind BC", "bc end"), ("slave behind TC", "tc end")):
            ours, peer = rms(name, f"ours {track}"), rms(name, f"ptp4l {track}")
            yield Row(name, f"true offset RMS, {metric}", "ns", ours, peer, "ptp4l")
    for metric, track in (("first card", "card 1"), ("second card", "card 2"), ("slave behind it", "end")):
        ours, peer = rms("cards-e2e", f"ours {track}"), rms("cards-e2e", f"ptp4l {track}")
        yield Row("cards-e2e", f"true offset RMS, {metric}", "ns", ours, peer, "ptp4l jbod + phc2sys")
    yield from compare_change(boots, switch_over(), ("bc", "slave"), within_s=2 * ANNOUNCE_TIMEOUT_S, within_ns=100)
    yield from compare_change(boots, lost_grandmaster(), ("slave",), within_s=3, within_ns=250)
    for label in PROGRAMS:
        case = f"ring, {RING} TC of {label}"
        tracks = [settled(f"ring-{label}", f"{slave} end") for slave in PROGRAMS]
        ours, peer = ([float(np.sqrt(np.mean(errors**2))) for errors in each] for each in tracks)
        yield Row(case, "true offset RMS of a slave", "ns", ours, peer, "ptp4l")
        ours, peer = ([float(np.abs(errors).max()) for errors in each] for each in tracks)
        yield Row(case, "true offset maximum of a slave", "ns", ours, peer, "ptp4l", limit=1000)


def compare_change(
    boots: Sequence[Mapping[str, Answer]],
    scenario: Scenario,
    nodes: Sequence[str],
    *,
    within_s: float,
    within_ns: float,
) -> Iterator[Row]:
    """Yield how long a change of the grandmaster took, and the largest error over it."""
    answers = [boot[scenario.name] for boot in boots if scenario.name in boot]
    ours, peer = ([change_s(answer, label, scenario.kill_at) for answer in answers] for label in PROGRAMS)
    yield Row(scenario.name, "until the other grandmaster is told", "s", ours, peer, "ptp4l", limit=within_s)
    for node in nodes:
        ours, peer = (
            [bump_ns(answer["tracks"][f"{label} {node}"], scenario.kill_at) for answer in answers] for label in PROGRAMS
        )
        yield Row(scenario.name, f"true offset maximum, {node}", "ns", ours, peer, "ptp4l", limit=within_ns)


def change_s(answer: Answer, label: str, killed_at_s: int) -> float:
    """Return how long after the loss the other grandmaster was announced below; infinity if never."""
    later = [at_s for at_s, _ in answer["grandmasters"][label] if at_s >= killed_at_s]
    return later[-1] - killed_at_s if later else float("inf")


def bump_ns(track: Sequence[float], killed_at_s: int) -> float:
    """Return the largest error from the loss of the grandmaster on."""
    begin = killed_at_s * SAMPLES_PER_S
    return float(np.abs(track[begin : begin + CHANGE_S * SAMPLES_PER_S]).max())


def draw(boot: Mapping[str, Answer]) -> None:
    """Draw the error curves of every scenario into one picture."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second, only when there is something to draw)

    figure = Figure(figsize=(14, 3 * len(boot)), layout="constrained")
    for number, (name, answer) in enumerate(boot.items(), 1):
        axes = figure.add_subplot(len(boot), 1, number)
        for track, offsets in answer["tracks"].items():
            colour = "tab:orange" if track.startswith("ptp4l") else "tab:blue"
            style = {"hop 1": "-", "end": "--"}.get(track[-5:], "--" if track.endswith(("end", "slave")) else "-")
            seconds = np.arange(len(offsets)) / SAMPLES_PER_S
            axes.plot(seconds, offsets, style, linewidth=0.8, color=colour, label=track, alpha=0.8)
        axes.set(title=name, xlabel="time (s)", ylabel="true offset (ns)", ylim=(-150, 150), xlim=(20, None))
        axes.legend(loc="upper right", fontsize="small", ncols=3)
    figure.savefig(OUT / "boundary.png", dpi=70)
    print(f"picture: {OUT / 'boundary.png'}")
