"""Hardware stamps on the virtual NIC: ours beside ptp4l in one boot, on equal links and oscillators, against the truth.

And the system clock kept on a hardware clock, by us and by phc2sys one after the other; and hardware clocks kept by
pulses, by us and by ts2phc.

What lives here: the scenarios, their boots and rows. What does not: what runs in the guest (``hardware_guest.py``,
``system_clock_guest.py``, ``pulse_guest.py``), what is computed from the truth (``hardware_tracks.py``), the picture
(``hardware_picture.py``), the machine (``lab.vm``).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

from lab.bench import hardware_picture
from lab.bench.hardware_tracks import METRICS, SETTLED_S, Comparison, HardwareBenchError, Run, read, rms
from lab.bench.results import Missing, forget
from lab.bench.rows import Row
from lab.vm import Guest, run_in_vm

SECONDS = 360
SETS = 3
"""So many of each program follow at a time in one boot; the card has ports for five."""

CARD = f"ports={6 * SETS} phc={','.join(f'0,{link + 1}' for link in range(3 * SETS))}"
OUT = Path("lab/out/hardware")
"""The picture, and of each seed a folder of what the guest recorded."""


AUTO = (Comparison("ptpstack auto", "ptp4l pi", 0.5), Comparison("ptpstack auto", "ptp4l linreg", 0.9))
AUTO_WALKING = (Comparison("ptpstack auto", "ptp4l pi", 1.0), Comparison("ptpstack auto", "ptp4l linreg", 1.0))
PI = (Comparison("ptpstack pi", "ptp4l pi"),)


@dataclass(frozen=True)
class Scenario:
    """One run: equal knobs for all pairs of ports."""

    guest: ClassVar[str] = "lab.bench.hardware_guest"

    name: str
    delay_mechanism: str
    log_sync_interval: int
    walk_ppt: int = 0
    comparisons: Sequence[Comparison] = AUTO
    error_ppb: int = 20_000
    jitter_ns: int = 20
    delay_ns: int = 500
    sets: int = SETS
    seconds: int = SECONDS


@dataclass(frozen=True)
class SystemClockScenario:
    """The system clock on a hardware clock: one program, then, with the same knobs, the other."""

    guest: ClassVar[str] = "lab.bench.system_clock_guest"

    name: str
    log_interval: int
    walk_ppt: int = 0
    comparisons: Sequence[Comparison] = (
        Comparison("ptpstack auto", "phc2sys pi"),
        Comparison("ptpstack pi", "phc2sys pi"),
    )
    error_ppb: int = 20_000
    seconds: int = SECONDS


@dataclass(frozen=True)
class PulseScenario:
    """Hardware clocks on a pulse per second of a perfect one, the programs side by side."""

    guest: ClassVar[str] = "lab.bench.pulse_guest"

    name: str
    walk_ppt: int = 0
    comparisons: Sequence[Comparison] = (
        Comparison("ptpstack auto", "ts2phc pi", 0.5),
        Comparison("ptpstack pi", "ts2phc pi"),
    )
    error_ppb: int = 20_000
    jitter_ns: int = 20
    seconds: int = SECONDS


AnyScenario: TypeAlias = Scenario | SystemClockScenario | PulseScenario


def _steady(mechanism: str) -> tuple[Scenario, ...]:
    return tuple(Scenario(f"{mechanism}-{2**-log}", mechanism, log) for log in (0, -3, -4))


def _walking(mechanism: str) -> tuple[Scenario, ...]:
    return (
        Scenario(f"{mechanism}-8-tcxo", mechanism, -3, walk_ppt=100),
        Scenario(f"{mechanism}-8-walk", mechanism, -3, walk_ppt=1000, comparisons=AUTO_WALKING),
        Scenario(f"{mechanism}-8-wild", mechanism, -3, walk_ppt=10_000, comparisons=AUTO_WALKING),
        Scenario(f"{mechanism}-1-wild", mechanism, 0, walk_ppt=10_000, comparisons=AUTO_WALKING),
    )


PARTS: dict[str, tuple[AnyScenario, ...]] = {
    "e2e": _steady("e2e"),
    "p2p": _steady("p2p"),
    "e2e-walk": _walking("e2e"),
    "p2p-walk": _walking("p2p"),
    "pi": tuple(Scenario(f"{each}-8-pi", each, -3, comparisons=PI) for each in ("e2e", "p2p")),
    "system": (SystemClockScenario("system-1", 0), SystemClockScenario("system-8-walk", -3, walk_ppt=1000)),
    "pulses": (PulseScenario("pulses"), PulseScenario("pulses-walk", walk_ppt=100)),
}
"""What is measured in one boot."""

WARM_UP: dict[type[AnyScenario], AnyScenario] = {
    Scenario: Scenario("warm-up", "e2e", -3, sets=1, seconds=15),
    SystemClockScenario: SystemClockScenario("warm-up", -3, seconds=15),
    PulseScenario: PulseScenario("warm-up", seconds=15),
}
"""Forgotten: all programs start once, so that later starts wait for no file of the host, which is idle time there."""


def measure(rounds: int, parts: Sequence[str] = tuple(PARTS)) -> Iterator[Row]:
    """Yield the rows of this case; a round is a boot of each part with other seeds: equal ones repeat to the ns."""
    missing = Missing()
    for seed in range(1, rounds + 1):
        for part in parts:
            with missing.noted(f"{part} of seed {seed}, or its last scenarios"):
                boot(part, seed)
    scenarios = [scenario for part in parts for scenario in PARTS[part]]
    runs: dict[str, list[Run]] = {}
    for scenario in scenarios:
        paths = [OUT / f"seed{seed}" / f"{scenario.name}.json" for seed in range(1, rounds + 1)]
        runs[scenario.name] = [read(path) for path in paths if path.exists()]
        yield from compare(scenario, runs[scenario.name])
    compared = {each.name: each.comparisons for each in scenarios if runs[each.name]}
    hardware_picture.draw(compared, runs, OUT / "hardware.png")
    missing.tell()


def boot(part: str, seed: int) -> None:
    """Run the scenarios of a part in one guest; what they recorded is in the folder of the seed."""
    forget(OUT / f"seed{seed}", *(scenario.name for scenario in PARTS[part]))
    lines = []
    for number, scenario in enumerate((WARM_UP[type(PARTS[part][0])], *PARTS[part])):
        programs = dict.fromkeys(name for each in scenario.comparisons for name in (each.ours, each.peer))
        told = asdict(scenario) | {
            "programs": list(programs),
            "settled_s": min(SETTLED_S, scenario.seconds // 2),
            "seed": 1000 * seed + SETS * number,
        }
        lines.append(f"python3 -m {scenario.guest} {shlex.quote(json.dumps(told))} || exit")
    guest = Guest(vptp=f"{CARD} seed={seed}")
    result = run_in_vm("\n".join(lines), timeout=5400, guest=guest, results=OUT / f"seed{seed}")
    if result.exit_code:
        raise HardwareBenchError("a scenario failed in the guest", why=result.output[-2000:])


def compare(scenario: AnyScenario, runs: Sequence[Run]) -> Iterator[Row]:
    """Yield every metric of every comparison, over all clocks of all boots; and how busy the guest was."""
    for each in scenario.comparisons:
        label = " pi" if each.ours == "ptpstack pi" and len(scenario.comparisons) > 1 else ""
        for metric, unit, statistic in METRICS:
            ours, peer = (
                [statistic(track) for run in runs for track in run.programs[name]] for name in (each.ours, each.peer)
            )
            limit = each.rms_limit if statistic is rms else None
            yield Row(scenario.name + label, metric, unit, ours, peer, each.peer, ratio_limit=limit)
    for measured, unit in (("idle", ""), ("late_ms", "ms")):
        if runs and measured in runs[0].guest:
            yield Row(scenario.name, f"guest: {measured}", unit, [run.guest[measured] for run in runs])
