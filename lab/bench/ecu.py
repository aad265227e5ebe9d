"""An ECU behind its grandmaster at 32 Sync/s, roles set: from process start to the time, memory and CPU.

Beside it ptp4l with its automotive configurations. On software stamps in namespaces it has no clock that it may steer:
its first offset counts. On the virtual card both steer one, and the truth says when it is right (``ecu_guest.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.bench import bed
from lab.bench.results import Missing, finished, forget
from lab.bench.rows import Row
from lab.daemon import Daemon
from lab.peers.ptp4l import Ptp4l
from lab.vm import Guest, run_in_vm
from ptpstack.errors import PtpstackError

OUT = Path("lab/out/ecu")

SETTLE_S, SECONDS = 12.0, 20.0
"""The operational intervals come ten seconds after the lock."""

ECU = """
[instance.main]
profile = "avnu-automotive"
clock = "soft"

[clock.soft]
type = "soft"
offset_ns = 300000000
frequency_error_ppb = 20000

[[instance.main.port]]
interface = "veth0"
desired_state = "slave"
log_sync_interval = -5
"""

AUTOMOTIVE: dict[str, float | str] = {
    "network_transport": "L2",
    "delay_mechanism": "P2P",
    "transportSpecific": 1,
    "ptp_dst_mac": "01:80:C2:00:00:0E",
    "BMCA": "noop",
    "inhibit_announce": 1,
    "asCapable": "true",
    "assume_two_step": 1,
    "follow_up_info": 1,
    "logSyncInterval": -5,
    "neighborPropDelayThresh": 10_000_000,
}
SLAVE: dict[str, float | str] = {"slaveOnly": 1, "ignore_source_id": 1, "summary_interval": -5, "freq_est_interval": 0}


class EcuBenchError(PtpstackError):
    """The guest could not run its starts."""


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; ours and ptp4l take turns behind the same ptp4l."""
    ours, peer = _Figures(), _Figures()
    for _ in range(rounds):
        with bed.cable() as cable:
            _master(cable)
            daemon = Daemon(cable.measured, cable.directory / "ours", ECU)
            began_s = time.monotonic()
            daemon.start()
            daemon.wait_until_ready()
            daemon.wait_until(lambda: _is_locked(daemon), 30, "locked")  # noqa: B023 (called at once)
            ours.add(time.monotonic() - began_s, bed.pinned(daemon.pid))
        with bed.cable() as cable:
            _master(cable)
            program = Ptp4l(cable.measured, cable.directory / "slave", "veth0", **(AUTOMOTIVE | SLAVE))
            began_s = time.monotonic()
            program.start()
            program.wait_for(r"offset .* path delay", 30)
            peer.add(time.monotonic() - began_s, bed.pinned(cable.measured.processes[-1].pid))
    missing = Missing()
    yield from in_vm(rounds, missing)
    yield Row("ecu", "process start to locked (peer: offset)", "s", ours.started_s, peer.started_s, "ptp4l")
    yield Row("ecu", "resident memory", "MB", ours.memory_mb, peer.memory_mb, "ptp4l", limit=40)
    yield Row("ecu", "CPU time of a second, settled", "ms", ours.cpu_ms, peer.cpu_ms, "ptp4l")
    missing.tell()


def in_vm(rounds: int, missing: Missing) -> Iterator[Row]:
    """Yield the rows of the virtual card; a round is a boot with another seed."""
    boots = []
    for seed in range(1, rounds + 1):
        with missing.noted(f"the virtual card, seed {seed}"):
            boots.append(_boot(seed))

    def of(start: str, figure: str) -> list[float]:
        return [boot["starts"][start][figure] for boot in boots]

    peer = of("ptp4l", "within_s")
    for case, start in (("state new", "ours, new"), ("state kept", "ours, kept")):
        yield Row("ecu in the VM", f"program start to within 80 ns, {case}", "s", of(start, "within_s"), peer, "ptp4l")
    ours, peer = of("ours, kept", "started_cpu_s"), of("ptp4l", "started_cpu_s")
    yield Row("ecu in the VM", "CPU time of the first ten seconds", "s", ours, peer, "ptp4l")
    for figure, what, unit in (("resident_mb", "resident memory", "MB"), ("cpu_ms", "CPU of a second, settled", "ms")):
        yield Row("ecu in the VM", what, unit, of("ours, kept", figure), of("ptp4l", figure), "ptp4l")


def _boot(seed: int) -> dict[str, Any]:
    results = OUT / f"seed{seed}"
    forget(results, "ecu")
    result = run_in_vm(
        f"exec python3 -m lab.bench.ecu_guest {seed}", timeout=1200, guest=Guest(vptp="ports=2"), results=results
    )
    if result.exit_code:
        raise EcuBenchError("the guest could not start the programs", why=result.output[-2000:])
    answer: dict[str, Any] = finished(results, "ecu")
    return answer


class _Figures:
    """What one side needed, a value each round."""

    def __init__(self) -> None:
        self.started_s: list[float] = []
        self.memory_mb: list[float] = []
        self.cpu_ms: list[float] = []

    def add(self, started_s: float, pid: int) -> None:
        bed.settle(SETTLE_S)
        before = bed.cpu_s(pid)
        bed.settle(SECONDS)
        self.started_s.append(started_s)
        self.cpu_ms.append((bed.cpu_s(pid) - before) / SECONDS * 1e3)
        self.memory_mb.append(bed.resident_mb(pid))


def _master(cable: bed.Cable) -> None:
    master = Ptp4l(
        cable.traffic, cable.directory / "master", "veth1", **(AUTOMOTIVE | {"masterOnly": 1, "inhibit_delay_req": 1})
    )
    master.start()
    bed.settle(1.0)


def _is_locked(daemon: Daemon) -> bool:
    return bool(daemon.status()["instances"]["main"]["state"] == "locked")
