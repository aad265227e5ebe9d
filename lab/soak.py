"""``python3 -m lab soak [--minutes N]``: the daemon as ptp4l's slave for a long time, and whether it stays as it was.

Two daemons run, at 16 Sync/s each: one is asked for its status every second, the other is left alone but for a
look at its memory. Either must stay SLAVE from its first lock on, by its own events, and must not grow.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab import namespaces
from lab.bench import bed
from lab.bench.__main__ import compile_sources
from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network
from ptpstack.errors import PtpstackError

LOG_INTERVAL = -4
CONFIGURATION = bed.BEHIND_PTP4L.format(offset_ns=250_000_000, frequency_error_ppb=42_000, log_interval=LOG_INTERVAL)
SETTLING = 0.1
"""The share of the run in which memory may still grow: caches fill, statistics begin."""
MOST_GROWTH_MB = 0.5


@dataclass
class Soaked:
    """One daemon, and what was seen of it."""

    name: str
    daemon: Daemon
    pid: int
    asked: bool
    memory_mb: list[float] = field(default_factory=list)
    offsets_ns: list[float] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    """Every change of the port's state."""

    def look(self) -> None:
        """Take its memory, and where it is asked at all, its status."""
        self.memory_mb.append(bed.resident_mb(self.pid))
        if self.asked:
            self.offsets_ns.append(true_offset_ns(soft_clock(self.daemon.status()), time.time_ns()))

    def end(self) -> None:
        """Take what it tells of the whole run."""
        changes = [event for event in self.daemon.events() if event["event"] == "PortStateChanged"]
        self.states = [change["new_state"] for change in changes]

    def growth_mb(self) -> float:
        """Return how much more memory it holds in the last part of the run than after settling."""
        part = max(1, int(len(self.memory_mb) * SETTLING))
        settled_mb = self.memory_mb[part : 2 * part] or self.memory_mb
        return statistics.median(self.memory_mb[-part:]) - statistics.median(settled_mb)

    def row(self) -> dict[str, object]:
        """Return the row of the JSON file."""
        offsets = self.offsets_ns[len(self.offsets_ns) // 10 :]
        return {
            "name": self.name,
            "port_states": self.states,
            "memory_mb": self.memory_mb[-1],
            "growth_mb": self.growth_mb(),
            "true_offset_rms_ns": math.sqrt(statistics.fmean(o * o for o in offsets)) if offsets else None,
            "true_offset_max_ns": max(map(abs, offsets)) if offsets else None,
        }

    def complaint(self) -> str:
        """Return what was wrong, or nothing."""
        if self.states[-1:] != ["SLAVE"] or self.states.count("SLAVE") > 1:
            return "did not become SLAVE and stay so"
        if self.growth_mb() > MOST_GROWTH_MB:
            return f"grew by {self.growth_mb():.2f} MB"
        return ""


@contextmanager
def soaked(name: str, directory: Path, *, asked: bool) -> Iterator[Soaked]:
    """Give a running daemon behind a ptp4l of its own."""
    with Network() as network:
        measured, master = network.node("slave"), network.node("master")
        network.cable(measured, "veth0", master, "veth1")
        program = bed.ptp4l_that_serves(master, directory / name / "ptp4l", LOG_INTERVAL)
        daemon = Daemon(measured, directory / name / "ours", CONFIGURATION)
        program.start()
        daemon.start()
        try:
            daemon.wait_until_ready()
            slave = Soaked(name, daemon, measured.processes[-1].pid, asked)
            yield slave
        finally:
            daemon.stop()
            program.stop()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m lab soak", description="Run for long, and see that nothing grows."
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was seen to FILE")
    options = parser.parse_args(arguments)
    try:
        compile_sources()
        namespaces.enter()
        slaves = _run(options.minutes * 60)
    except PtpstackError as error:
        print(f"lab soak: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab soak: stopped before the end: no verdict", file=sys.stderr)
        return 130
    rows = [slave.row() for slave in slaves]
    for slave, row in zip(slaves, rows, strict=True):
        print(f"{slave.name}: {slave.complaint() or 'as it should be'}")
        print("  " + ", ".join(f"{key} {_shown(value)}" for key, value in row.items() if key != "name"))
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=2) + "\n")
    return int(any(slave.complaint() for slave in slaves))


def _run(seconds: float) -> list[Soaked]:
    with tempfile.TemporaryDirectory(prefix="ptpstack-soak-") as directory, ExitStack() as running:
        slaves = [
            running.enter_context(soaked(name, Path(directory), asked=name == "asked")) for name in ("asked", "alone")
        ]
        start = time.monotonic()
        while (passed := time.monotonic() - start) < seconds:
            for slave in slaves:
                slave.look()
            if int(passed) % 60 == 0:
                memory = ", ".join(f"{slave.name} {slave.memory_mb[-1]:.2f} MB" for slave in slaves)
                print(f"{passed / 60:5.1f} min  {memory}", flush=True)
            time.sleep(1.0 - (time.monotonic() - start) % 1.0)
        for slave in slaves:
            slave.end()
        return slaves


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
