"""An ECU behind its grandmaster at 32 Sync/s, roles set: from process start to the time, memory and CPU.

Beside it ptp4l with its automotive configurations, which has no clock here that it may steer: its first offset counts.
Software stamps; how well both know the time is for ``gptp``, in the VM.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from lab.bench import bed
from lab.bench.rows import Row
from lab.daemon import Daemon
from lab.peers.ptp4l import Ptp4l

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
    yield Row("ecu", "process start to locked (peer: offset)", "s", ours.started_s, peer.started_s, "ptp4l")
    yield Row("ecu", "resident memory", "MB", ours.memory_mb, peer.memory_mb, "ptp4l", limit=40)
    yield Row("ecu", "CPU time of a second, settled", "ms", ours.cpu_ms, peer.cpu_ms, "ptp4l")


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
