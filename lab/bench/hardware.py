"""Hardware stamps on the virtual NIC: ours beside ptp4l in one boot, on equal links and oscillators, against the truth.

And the system clock kept on a hardware clock, by us and by phc2sys one after the other; and hardware clocks kept by
pulses, by us and by ts2phc.

What lives here: the scenarios, what is computed from the truth, the picture. What does not: what runs in the guest
(``hardware_guest.py``, ``system_clock_guest.py``, ``pulse_guest.py``), the machine (``lab.vm``).
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lab.bench.rows import Row
from lab.vm import Guest, run_in_vm
from ptpstack.errors import PtpstackError

Series: TypeAlias = NDArray[np.float64]

SAMPLES_PER_S = 10
SECONDS = 180
SETTLED_S = 60
"""What is left out of RMS and the like: the rest, at least 120 s, is the steady state."""

LOCKED_NS = 100
OUT = Path("lab/out/hardware")
"""The picture, and of each seed a folder of what the guest recorded."""


@dataclass(frozen=True)
class Comparison:
    """Two of the programs of a scenario, by their names in the guest."""

    label: str
    ours: str
    peer: str


@dataclass(frozen=True)
class Scenario:
    """One run: equal knobs for all pairs of ports."""

    guest: ClassVar[str] = "lab.bench.hardware_guest"
    comparisons: ClassVar[Sequence[Comparison]] = (
        Comparison("", "ptpstack auto", "ptp4l pi"),
        Comparison("", "ptpstack auto", "ptp4l linreg"),
        Comparison(" pi", "ptpstack pi", "ptp4l pi"),
    )

    name: str
    delay_mechanism: str
    log_sync_interval: int
    walk_ppt: int = 0
    error_ppb: int = 20_000
    jitter_ns: int = 20
    delay_ns: int = 500
    seconds: int = SECONDS


@dataclass(frozen=True)
class SystemClockScenario:
    """The system clock on a hardware clock: one program, then, with the same knobs, the other."""

    guest: ClassVar[str] = "lab.bench.system_clock_guest"
    comparisons: ClassVar[Sequence[Comparison]] = (
        Comparison("", "ptpstack auto", "phc2sys pi"),
        Comparison(" pi", "ptpstack pi", "phc2sys pi"),
    )

    name: str
    log_interval: int
    walk_ppt: int = 0
    error_ppb: int = 20_000
    seconds: int = SECONDS


@dataclass(frozen=True)
class PulseScenario:
    """Hardware clocks on a pulse per second of a perfect one, the programs side by side."""

    guest: ClassVar[str] = "lab.bench.pulse_guest"
    comparisons: ClassVar[Sequence[Comparison]] = (
        Comparison("", "ptpstack auto", "ts2phc pi"),
        Comparison(" pi", "ptpstack pi", "ts2phc pi"),
    )

    name: str
    walk_ppt: int = 0
    error_ppb: int = 20_000
    jitter_ns: int = 20
    seconds: int = SECONDS


SCENARIOS: tuple[Scenario | SystemClockScenario | PulseScenario, ...] = (
    *(Scenario(f"{m}-{2**-log}", m, log) for m in ("e2e", "p2p") for log in (0, -3, -4)),
    *(Scenario(f"{m}-8-walk", m, -3, walk_ppt=1000) for m in ("e2e", "p2p")),
    Scenario("e2e-8-tcxo", "e2e", -3, walk_ppt=100),
    Scenario("e2e-8-wild", "e2e", -3, walk_ppt=10_000),
    SystemClockScenario("system-1", 0),
    SystemClockScenario("system-8-walk", -3, walk_ppt=1000),
    PulseScenario("pulses"),
    PulseScenario("pulses-walk", walk_ppt=100),
)


WARM_UP = (
    Scenario("warm-up-ptp", "e2e", -3, seconds=15),
    SystemClockScenario("warm-up-system", -3, seconds=15),
    PulseScenario("warm-up-pulses", seconds=15),
)
"""Forgotten: all programs start once, so that later starts wait for no file of the host, which is idle time there."""


@dataclass(frozen=True)
class Track:
    """What one program did in one scenario: each sample and each second; and from which sample on it had Syncs."""

    offsets_ns: Series
    cpu_s: Series
    measuring_from: int


Boot: TypeAlias = dict[str, dict[str, Track]]
"""By scenario and program."""


class HardwareBenchError(PtpstackError):
    """The guest could not run the scenarios."""


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; a round is a boot with another seed, as equal seeds repeat to the nanosecond."""
    boots = []
    for seed in range(1, rounds + 1):
        boot(seed)
        boots.append(read(seed))
    yield from compare(boots)
    draw(boots[0])


def boot(seed: int) -> None:
    """Run every scenario in one guest; what they recorded is in the folder of the seed."""
    script = "\n".join(
        f"python3 -m {scenario.guest} {shlex.quote(json.dumps(asdict(scenario)))} || exit"
        for scenario in (*WARM_UP, *SCENARIOS)
    )
    result = run_in_vm(script, timeout=5400, guest=Guest(vptp=f"ports=8 seed={seed}"), results=OUT / f"seed{seed}")
    if result.exit_code:
        raise HardwareBenchError("a scenario failed in the guest", why=result.output[-2000:])


def read(seed: int) -> Boot:
    """Return what was recorded with this seed."""
    tracks: Boot = {}
    for scenario in SCENARIOS:
        answer = json.loads((OUT / f"seed{seed}" / f"{scenario.name}.json").read_text())
        for program, track in answer.items():
            if track["measuring_from"] is None:
                raise HardwareBenchError(f"{program} never followed in {scenario.name}, seed {seed}")
            tracks.setdefault(scenario.name, {})[program] = Track(
                np.array(track["offsets_ns"]), np.array(track["cpu_s"]), track["measuring_from"]
            )
    return tracks


def compare(boots: Sequence[Boot]) -> Iterator[Row]:
    """Yield every metric of every comparison, over all boots."""
    for scenario in SCENARIOS:
        for comparison in scenario.comparisons:
            for metric, unit, statistic in METRICS:
                ours, peer = (
                    [statistic(boot[scenario.name][program]) for boot in boots]
                    for program in (comparison.ours, comparison.peer)
                )
                yield Row(scenario.name + comparison.label, metric, unit, ours, peer, comparison.peer)


def time_to_stay(track: Track) -> float:
    """Return how long after the first Sync |offset| was above LOCKED_NS for the last time, in s.

    Infinity if it still is; at least the time between samples.
    """
    outside = np.flatnonzero(np.abs(track.offsets_ns) >= LOCKED_NS)
    last = int(outside[-1]) if len(outside) else 0
    return math.inf if last == len(track.offsets_ns) - 1 else max(last + 1 - track.measuring_from, 1) / SAMPLES_PER_S


def mtie(offsets: Series, window: int) -> float:
    """Return the largest peak-to-peak offset within *window* + 1 samples."""
    views = np.lib.stride_tricks.sliding_window_view(offsets, window + 1)
    return float((views.max(axis=1) - views.min(axis=1)).max())


METRICS: tuple[tuple[str, str, Callable[[Track], float]], ...] = (
    (f"first Sync to within {LOCKED_NS} ns", "s", time_to_stay),
    ("true offset RMS", "ns", lambda x: float(np.sqrt(np.mean(_settled(x) ** 2)))),
    ("true offset 95 %", "ns", lambda x: float(np.quantile(np.abs(_settled(x)), 0.95))),
    ("true offset maximum", "ns", lambda x: float(np.abs(_settled(x)).max())),
    ("MTIE(10 s)", "ns", lambda x: mtie(_settled(x), 10 * SAMPLES_PER_S)),
    ("CPU time before the first Sync", "s", lambda x: float(x.cpu_s[math.ceil(x.measuring_from / SAMPLES_PER_S)])),
    ("CPU time of 120 s at work", "s", lambda x: float(x.cpu_s[-1] - x.cpu_s[SETTLED_S])),
)
"""The first Sync is that of the chosen master, or the first comparison of the clocks; of pulses, the first step.

The time from a program's start is left out: in there it tells how busy the host is, whose files are waited for. What
the start takes of the processor is told, and `lab.bench.start` measures it where files are near.
"""


def _settled(track: Track) -> Series:
    return track.offsets_ns[SETTLED_S * SAMPLES_PER_S :]


def draw(boot: Boot) -> None:
    """Draw the error curves of every scenario into one picture."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second, only when there is something to draw)

    figure = Figure(figsize=(14, 2.6 * math.ceil(len(boot) / 2)), layout="constrained")
    colours = {"linreg": "tab:green", "pi": "tab:orange"}
    for number, (name, tracks) in enumerate(boot.items(), 1):
        axes = figure.add_subplot(math.ceil(len(boot) / 2), 2, number)
        for program, track in sorted(tracks.items()):
            if program != "ptpstack pi":
                seconds = (np.arange(len(track.offsets_ns)) - track.measuring_from) / SAMPLES_PER_S
                colour = colours.get(program.split()[1], "tab:blue")
                axes.plot(seconds, track.offsets_ns, linewidth=0.8, color=colour, label=program)
        axes.set(title=name, xlabel="time since the first Sync (s)", ylabel="true offset (ns)")
        axes.set(xlim=(0, SECONDS), ylim=(-60, 60))
        axes.legend(loc="upper right", fontsize="small", ncols=len(tracks))
    figure.savefig(OUT / "hardware.png", dpi=80)
    print(f"picture: {OUT / 'hardware.png'}")
