"""From process start to the first Sync handled, seen from the wire, and the resident memory then.

A slave asks for the delay only after it has handled a Sync of its master; at 128 requests a second the first
Delay_Req leaves some milliseconds after it. ptp4l is measured in the same way.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lab.bench import bed
from lab.bench.rows import Row
from lab.daemon import Daemon
from lab.peers.ptp4l import Ptp4l

SECONDS = 4.0
RATE = 200


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; ours and ptp4l take turns."""
    ours_s, peer_s, ours_mb, peer_mb = [], [], [], []
    for _ in range(rounds):
        with bed.cable() as cable:
            daemon = Daemon(cable.measured, cable.directory / "ours", bed.OURS.format(role="slave_only = true"))
            command = [sys.executable, "-m", "ptpstack", "run", "-c", str(daemon.configuration)]
            started, memory = _round(cable, command, daemon.log)
            ours_s.append(started)
            ours_mb.append(memory)
        with bed.cable() as cable:
            program = Ptp4l(cable.measured, cable.directory / "ptp4l", "veth0", **(bed.PTP4L | {"slaveOnly": 1}))
            started, memory = _round(cable, ["ptp4l", "-f", str(program.configuration)], program.log)
            peer_s.append(started)
            peer_mb.append(memory)
    yield Row("start", "process start to first Sync handled", "s", ours_s, peer_s, "ptp4l", limit=0.5)
    yield Row("start", "resident memory as a slave", "MB", ours_mb, peer_mb, "ptp4l", limit=45)


def _round(cable: bed.Cable, command: list[str], log: Path) -> tuple[float, float]:
    """Return seconds from start to the first Delay_Req on the wire, and megabytes at the end."""
    traffic = bed.generator(cable, "master", SECONDS, RATE)
    bed.settle(0.5)
    start = time.monotonic()
    process = cable.measured.start(command, log)
    bed.settle(SECONDS - 1)
    memory = bed.resident_mb(process.pid)
    first = bed.traffic_result(cable, traffic)["first_request_s"]
    bed.end(process)
    return (first - start if first else float("nan")), memory
