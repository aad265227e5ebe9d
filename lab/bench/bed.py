"""The bed of the socket benches: one cable, the measured program on one end and core, traffic on the other.

What lives here: starting ours and ptp4l alike, CPU time and memory of a process. What does not: what is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.daemon import Daemon
from lab.namespaces import Network, Node, stop
from lab.peers.ptp4l import Ptp4l

MEASURED_CORE, TRAFFIC_CORE = "0", "1"
_CPUCLOCK_SCHED = 2
"""Of the CPU clocks of a process the one in nanoseconds, not in ticks (Linux ``posix-timers.h``)."""

OURS = """
[instance.main]
enforce_profile = false
clock = "soft"
{role}

[clock.soft]
type = "soft"
offset_ns = 0
frequency_error_ppb = 0

[[instance.main.port]]
interface = "veth0"
transport = "l2"
log_announce_interval = -4
log_sync_interval = -7
log_min_delay_req_interval = -7
"""

PTP4L: dict[str, float | str] = {
    "network_transport": "L2",
    "logAnnounceInterval": -4,
    "logSyncInterval": -7,
    "logMinDelayReqInterval": -7,
}

BEHIND_PTP4L = """
[instance.main]
enforce_profile = false
slave_only = true
clock = "soft"

[clock.soft]
type = "soft"
offset_ns = {offset_ns}
frequency_error_ppb = {frequency_error_ppb}

[[instance.main.port]]
interface = "veth0"
transport = "l2"
log_announce_interval = 0
log_sync_interval = {log_interval}
log_min_delay_req_interval = {log_interval}
"""


@dataclass(frozen=True)
class Cable:
    """Two nodes joined by veth0 and veth1, and a folder for logs."""

    measured: Node
    traffic: Node
    directory: Path


@contextmanager
def cable() -> Iterator[Cable]:
    """Give a fresh cable; everything on it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="ptpstack-bench-") as directory, Network() as network:
        measured, traffic = network.node("measured"), network.node("traffic")
        network.cable(measured, "veth0", traffic, "veth1")
        yield Cable(measured, traffic, Path(directory))


@contextmanager
def ours(bed: Cable, role: str) -> Iterator[int]:
    """Run our daemon with *role* (lines of its instance table); give its pid."""
    daemon = Daemon(bed.measured, bed.directory / "ours", OURS.format(role=role))
    daemon.start()
    daemon.wait_until_ready()
    try:
        yield pinned(bed.measured.processes[-1].pid)
    finally:
        daemon.stop()


@contextmanager
def ptp4l(bed: Cable, **options: float | str) -> Iterator[int]:
    """Run ptp4l with *options*; give its pid."""
    program = Ptp4l(bed.measured, bed.directory / "ptp4l", "veth0", **(PTP4L | options))
    program.start()
    try:
        yield pinned(bed.measured.processes[-1].pid)
    finally:
        program.stop()


def ptp4l_that_serves(node: Node, directory: Path, log_interval: int) -> Ptp4l:
    """Return a ptp4l, not yet started, on the other end of a cable from a daemon by ``BEHIND_PTP4L``."""
    return Ptp4l(
        node,
        directory,
        "veth1",
        network_transport="L2",
        logAnnounceInterval=0,
        logSyncInterval=log_interval,
        logMinDelayReqInterval=log_interval,
        priority1=1,
    )


def pinned(pid: int) -> int:
    """Keep *pid* on the measured core."""
    os.sched_setaffinity(pid, {int(MEASURED_CORE)})
    return pid


@contextmanager
def core_kept_awake() -> Iterator[None]:
    """Let the measured core never sleep, by a loop that runs only while nobody else wants to.

    A core that sleeps between two packets wakes up on the account of whoever is woken: in a virtual machine that is
    more than the work, and another figure each time.
    """
    command = [
        sys.executable,
        "-c",
        "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: 0",
    ]
    loop = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "taskset", "-c", MEASURED_CORE, *command])
    try:
        yield
    finally:
        loop.kill()
        loop.wait()


def generator(bed: Cable, kind: str, seconds: float, parameter: float) -> subprocess.Popen[bytes]:
    """Start traffic from the other end, on the other core; its answer goes to ``traffic.json``."""
    command = ["taskset", "-c", TRAFFIC_CORE, sys.executable, "-m", "lab.bench.generator"]
    command += [kind, "veth1", f"{seconds}", f"{parameter:g}"]
    return bed.traffic.start(command, bed.directory / "traffic.json")


def traffic_result(bed: Cable, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for the traffic to end and return what it counted."""
    process.wait()
    answer: dict[str, Any] = json.loads((bed.directory / "traffic.json").read_text())
    return answer


def cpu_s(pid: int) -> float:
    """Return the CPU time that *pid* has used, in user and kernel, by its own clock (``clock_getcpuclockid``)."""
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


def resident_mb(pid: int) -> float:
    """Return the resident memory of *pid* in MB (10**6 octets, as the kernel's kB times 1024)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return float("nan")


def end(*processes: subprocess.Popen[bytes]) -> None:
    """End traffic that is no longer needed."""
    stop(list(processes))


def settle(seconds: float) -> None:
    """Let a started program reach its steady state."""
    time.sleep(seconds)
