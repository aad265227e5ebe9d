"""Hardware stamps on the virtual NIC: ours beside ptp4l in one boot, on equal links and oscillators, against the truth.

And the system clock kept on a hardware clock, by us and by phc2sys one after the other.

What lives here: the scenarios, what is computed from the truth, the picture. What does not: what runs in the guest
(``hardware_guest.py``, ``system_clock_guest.py``), the machine (``lab.vm``).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lab.bench.rows import Row
from lab.vm import Guest, run_in_vm
from ptpstack.errors import PtpstackError

Series: TypeAlias = NDArray[np.float64]
OURS, PEER = 0, 1

SAMPLES_PER_S = 10
SECONDS = 180
SETTLED_S = 60
"""What is left out of RMS and the like: the rest, at least 120 s, is the steady state."""

LOCKED_NS = 100
PICTURE = Path("lab/out/hardware.png")


@dataclass(frozen=True)
class Scenario:
    """One run: equal knobs for both pairs of ports."""

    guest: ClassVar[str] = "lab.bench.hardware_guest"
    peer: ClassVar[str] = "ptp4l"

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
    peer: ClassVar[str] = "phc2sys"

    name: str
    log_interval: int
    walk_ppt: int = 0
    error_ppb: int = 20_000
    seconds: int = SECONDS


SCENARIOS: tuple[Scenario | SystemClockScenario, ...] = (
    *(Scenario(f"{m}-{2**-log}", m, log) for m in ("e2e", "p2p") for log in (0, -3, -4)),
    *(Scenario(f"{m}-8-walk", m, -3, walk_ppt=1000) for m in ("e2e", "p2p")),
    SystemClockScenario("system-1", 0),
    SystemClockScenario("system-8-walk", -3, walk_ppt=1000),
)


@dataclass(frozen=True)
class Run:
    """What one scenario gave, ours and the peer's: true offsets in ns, CPU time."""

    offsets_ns: tuple[Series, ...]
    cpu_s: tuple[float, ...]


class HardwareBenchError(PtpstackError):
    """The guest could not run the scenarios."""


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; a round is a boot with another seed, as equal seeds repeat to the nanosecond."""
    boots = [_boot(seed) for seed in range(1, rounds + 1)]
    for scenario in SCENARIOS:
        runs = [boot[scenario.name] for boot in boots]
        for metric, unit, statistic in METRICS:
            ours, peer = ([statistic(run.offsets_ns[who]) for run in runs] for who in (OURS, PEER))
            yield Row(scenario.name, metric, unit, ours, peer, scenario.peer)
        cpu = ([run.cpu_s[who] for run in runs] for who in (OURS, PEER))
        yield Row(scenario.name, "CPU time over the run", "s", next(cpu), next(cpu), scenario.peer)
    _draw(boots[0])


def _boot(seed: int) -> dict[str, Run]:
    """Return what every scenario gave in one guest."""
    script = "\n".join(
        f"python3 -m {scenario.guest} {shlex.quote(json.dumps(asdict(scenario)))} || exit" for scenario in SCENARIOS
    )
    result = run_in_vm(script, timeout=3600, guest=Guest(vptp=f"ports=4 seed={seed}"))
    if result.exit_code:
        raise HardwareBenchError("a scenario failed in the guest", why=result.output[-2000:])
    runs = {}
    for scenario in SCENARIOS:
        answer = json.loads(result.files[f"{scenario.name}.json"].read_text())
        runs[scenario.name] = Run(tuple(map(np.array, answer["offsets_ns"])), tuple(answer["cpu_s"]))
    return runs


def time_to_stay(offsets: Series) -> float:
    """Return when |offset| was above LOCKED_NS for the last time, in s; infinity if it still is."""
    outside = np.flatnonzero(np.abs(offsets) >= LOCKED_NS)
    if not len(outside):
        return 0.0
    return float("inf") if outside[-1] == len(offsets) - 1 else float(outside[-1] + 1) / SAMPLES_PER_S


def mtie(offsets: Series, window: int) -> float:
    """Return the largest peak-to-peak offset within *window* + 1 samples."""
    views = np.lib.stride_tricks.sliding_window_view(offsets, window + 1)
    return float((views.max(axis=1) - views.min(axis=1)).max())


METRICS: tuple[tuple[str, str, Callable[[Series], float]], ...] = (
    (f"time to stay within {LOCKED_NS} ns", "s", time_to_stay),
    ("true offset RMS", "ns", lambda x: float(np.sqrt(np.mean(_settled(x) ** 2)))),
    ("true offset 95 %", "ns", lambda x: float(np.quantile(np.abs(_settled(x)), 0.95))),
    ("true offset maximum", "ns", lambda x: float(np.abs(_settled(x)).max())),
    ("MTIE(10 s)", "ns", lambda x: mtie(_settled(x), 10 * SAMPLES_PER_S)),
)


def _settled(offsets: Series) -> Series:
    return offsets[SETTLED_S * SAMPLES_PER_S :]


def _draw(runs: dict[str, Run]) -> None:
    """Draw both error curves of every scenario into one picture."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second, only when there is something to draw)

    figure = Figure(figsize=(12, 3 * len(runs)), layout="constrained")
    for number, (name, run) in enumerate(runs.items(), 1):
        axes = figure.add_subplot(len(runs), 1, number)
        for who, colour, label in ((PEER, "tab:orange", "linuxptp"), (OURS, "tab:blue", "ptpstack")):
            seconds = np.arange(len(run.offsets_ns[who])) / SAMPLES_PER_S
            axes.plot(seconds, run.offsets_ns[who], linewidth=0.8, color=colour, label=label)
        axes.set(title=name, xlabel="time (s)", ylabel="true offset (ns)", ylim=(-100, 100))
        axes.legend(loc="upper right")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=100)
    print(f"picture: {PICTURE}")
