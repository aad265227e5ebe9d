"""A unicast grandmaster on one core with software stamps: CPU time and memory for each client, ours beside ptp4l.

Clients ask for an Announce, 16 Syncs and 16 Delay_Resps a second. They are made by ``unicast_load.c``, which is
compiled here, on the other core, and have an address each. Served clients are counted by what came: where a master
falls short, its CPU time counts for fewer clients, and the rows of what is missing say so. How busy both cores are
tells who sets the limit: the figures count as long as the generator's is not full and has dropped nothing.

ptp4l gets receive buffers as large as ours (``large_buffers.c``): with those that Linux gives by itself it has no room
for its transmit stamps once requests wait, and serves nobody from some hundreds of clients on.
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
from lab.peers.ptp4l import Programs, Ptp4l
from ptpstack.errors import PtpstackError

PARTS = ("100", "300", "1000", "2000", "4000")
"""How many clients there are."""

LOG_INTERVAL = -4
RATE = 2**-LOG_INTERVAL
SETTLE_S, SECONDS = 6.0, 4.0
DOMAIN = 44
HERE = Path(__file__).parent

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
    busy: float
    """Per cent of the core that the master used."""
    refused: float
    """Per cent of clients without all three grants."""
    missing: float
    """Per cent of Syncs, Follow_Ups and Delay_Resps."""
    off_interval: float
    """Per cent of Syncs that came more than 30 % early or late behind the one before."""
    kb: float
    """Memory per client."""
    load_busy: float
    """Per cent of the core that the load generator used; more than 100 where it has dropped anything."""


METRICS = (
    ("CPU time per client served and second", "µs"),
    ("core busy with the master", "%"),
    ("clients not granted all they asked", "%"),
    ("messages missing", "%"),
    ("Syncs more than 30 % off interval", "%"),
    ("memory per client", "kB"),
    ("core busy with the load generator", "%"),
)
"""The fields of a round, in order."""


def measure(rounds: int, parts: Sequence[str] = PARTS) -> Iterator[Row]:
    """Yield the rows of this case, for some numbers of clients; ours and ptp4l take turns."""
    load = _compiled("unicast_load.c")
    for clients in map(int, parts):
        ours: list[Round] = []
        theirs: list[Round] = []
        for _ in range(rounds):
            for program, results in ((_ours, ours), (_ptp4l, theirs)):
                with bed.cable() as cable:
                    _address(cable)
                    results.append(_round(cable, program(cable), load, clients))
        case = f"unicast {clients}"
        for column, (metric, unit) in enumerate(METRICS):
            yield Row(case, metric, unit, [r[column] for r in ours], [r[column] for r in theirs], "ptp4l")


def _compiled(name: str, *options: str) -> Path:
    """Return what the source *name* is compiled to, once; it stays until the machine's next start."""
    source = HERE / name
    made = Path("/tmp") / f"ptpstack-{source.stem}-{source.stat().st_mtime_ns}"  # noqa: S108 (made by us alone)
    if not made.exists():
        command = ["cc", "-O2", *options, "-o", str(made), str(source)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", "") or str(error)
            raise PtpstackError(f"{name} cannot be compiled", why=why, next_step="install gcc") from error
    return made


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
    preloaded = _compiled("large_buffers.c", "-shared", "-fPIC")

    class WithLargeBuffers(Ptp4l):
        programs = Programs(("env", f"LD_PRELOAD={preloaded}", "ptp4l"))

    program = WithLargeBuffers(cable.measured, cable.directory / "ptp4l", "veth0", **PTP4L)
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
    return Round(
        cpu_us=said["cpu_s"] / said["seconds"] / served * 1e6,
        busy=100 * said["cpu_s"] / said["seconds"],
        refused=100 * (1 - said["clients_granted"] / clients),
        missing=100 * (1 - sum(min(1.0, part) for part in came) / len(came)),
        off_interval=100 * said["off_interval"] / max(1, said["sync"]),
        kb=(after_mb - before_mb) * 1000 / clients,
        load_busy=100 * said["own_cpu_s"] / said["seconds"] + (100 if said["dropped"] else 0),
    )
