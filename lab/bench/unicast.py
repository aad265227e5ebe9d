"""A unicast grandmaster on one core with software stamps: CPU time and memory for each client, ours beside ptp4l.

Clients ask for an Announce, 16 Syncs and 16 Delay_Resps a second. They are made by ``unicast_load.c``, which is
compiled here, on the other core, and have an address each. Served clients are counted by what came: where a master
falls short, its CPU time counts for fewer clients, and the row of what is missing says so.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from lab.bench import bed
from lab.bench.rows import Row
from lab.daemon import Daemon
from lab.namespaces import Node
from lab.peers.ptp4l import Ptp4l
from ptpstack.errors import PtpstackError

PARTS = ("100", "300", "1000")
"""How many clients there are."""

LOG_INTERVAL = -4
RATE = 2**-LOG_INTERVAL
SETTLE_S, SECONDS = 6.0, 4.0
DOMAIN = 44
SOURCE = Path(__file__).parent / "unicast_load.c"

OURS = """
[instance.main]
profile = "g8275-2"
enforce_profile = false
clock = "soft"
clock_class = 6

[clock.soft]
type = "soft"
offset_ns = 0
frequency_error_ppb = 0

[[instance.main.port]]
interface = "veth0"
log_announce_interval = -3

[instance.main.port.unicast_service]
max_clients = 10_000
max_messages_per_second = 10_000_000
"""
PTP4L: dict[str, float | str] = {
    "network_transport": "UDPv4",
    "domainNumber": DOMAIN,
    "hybrid_e2e": 1,
    "inhibit_multicast_service": 1,
    "unicast_listen": 1,
    "masterOnly": 1,
    "logAnnounceInterval": -3,
    "tx_timestamp_timeout": 100,
    "clockClass": 6,
    "summary_interval": 4,
}


class Round(NamedTuple):
    """One master with so many clients."""

    cpu_us: float
    """Per client served and second."""
    missing: float
    """Per cent of Syncs, Follow_Ups and Delay_Resps."""
    kb: float
    """Memory per client."""


def measure(rounds: int, parts: Sequence[str] = PARTS) -> Iterator[Row]:
    """Yield the rows of this case, for some numbers of clients; ours and ptp4l take turns."""
    load = _compiled()
    for clients in map(int, parts):
        ours: list[Round] = []
        theirs: list[Round] = []
        for _ in range(rounds):
            for program, results in ((_ours, ours), (_ptp4l, theirs)):
                with bed.cable() as cable:
                    _address(cable)
                    results.append(_round(cable, program(cable), load, clients))
        case = f"unicast {clients}"
        for metric, unit, column in (
            ("CPU time per client served and second", "µs", 0),
            ("messages missing", "%", 1),
            ("memory per client", "kB", 2),
        ):
            yield Row(case, metric, unit, [r[column] for r in ours], [r[column] for r in theirs], "ptp4l")


def _compiled() -> Path:
    """Return the load generator, compiled anew; its folder stays until the machine's next start."""
    program = Path("/tmp") / f"ptpstack-unicast-load-{SOURCE.stat().st_mtime_ns}"  # noqa: S108 (made by us alone)
    if not program.exists():
        command = ["cc", "-O2", "-o", str(program), str(SOURCE)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", "") or str(error)
            raise PtpstackError("the load generator cannot be compiled", why=why, next_step="install gcc") from error
    return program


def _address(cable: bed.Cable) -> None:
    """Give both ends an address, and the clients behind the other end a route."""
    cable.measured.add_address("veth0", "10.0.0.1/24")
    cable.traffic.add_address("veth1", "10.0.0.2/24")
    cable.measured.netlink(lambda ip: ip.route("add", dst="10.1.0.0/16", gateway="10.0.0.2"))


@contextmanager
def _ours(cable: bed.Cable) -> Iterator[int]:
    daemon = Daemon(cable.measured, cable.directory / "ours", OURS)
    daemon.start()
    daemon.wait_until_ready()
    try:
        yield bed.pinned(cable.measured.processes[-1].pid)
    finally:
        daemon.stop()


@contextmanager
def _ptp4l(cable: bed.Cable) -> Iterator[int]:
    program = Ptp4l(cable.measured, cable.directory / "ptp4l", "veth0", **PTP4L)
    program.start()
    try:
        yield bed.pinned(cable.measured.processes[-1].pid)
    finally:
        program.stop()


def _mac(node: Node, interface: str) -> str:
    return str(node.netlink(lambda ip: next(iter(ip.get_links(ifname=interface))).get("address")))


def _round(cable: bed.Cable, program: AbstractContextManager[int], load: Path, clients: int) -> Round:
    with program as pid:
        bed.settle(1.5)  # announce receipt timeout, then MASTER
        before_mb = bed.resident_mb(pid)
        macs = _mac(cable.measured, "veth0"), _mac(cable.traffic, "veth1")
        words = ["veth1", *macs, "10.0.0.1", clients, LOG_INTERVAL, SETTLE_S, SECONDS, DOMAIN, pid]
        command = ["taskset", "-c", bed.TRAFFIC_CORE, str(load), *map(str, words)]
        process = cable.traffic.start(command, cable.directory / "load.json")
        process.wait()
        after_mb = bed.resident_mb(pid)
    said = json.loads((cable.directory / "load.json").read_text())
    wanted = clients * RATE * said["seconds"]
    came = [said["sync"] / wanted, said["follow_up"] / wanted, said["delay_resp"] / max(1, said["requests"])]
    served = clients * max(1e-9, min(1.0, *came))
    missing = 100 * (1 - sum(min(1.0, part) for part in came) / len(came))
    return Round(said["cpu_s"] / said["seconds"] / served * 1e6, missing, (after_mb - before_mb) * 1000 / clients)
