"""NTP and NTS requests answered: CPU time of our server's processes and of chronyd's for each, side by side.

The generator is C (``ntp_generator.c``, compiled here) and has a core of its own; one server at a time has the other.
What is compared is CPU time per answer, as the scheduler counts it for the server's processes; packets a second say
more of the generator. What lives here: the rounds. What does not: asking (the generator).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.bench import bed
from lab.bench.ntp_requests import nts_requests, plain_request
from lab.bench.rows import Row
from lab.daemon import Daemon
from lab.peers.chronyd import Chronyd
from lab.pki import Authority
from lab.vm.cache import cached
from ptpstack.errors import PtpstackError

SERVER, FIRST_CLIENT, CLIENTS = "10.0.0.1", "10.0.1.1", 16
SECONDS = 2.0
WINDOW = 1024
NTS_SESSIONS = 40
HALF_LOAD = 100_000
"""Requests a second that are about half of what either does on one core."""

SPEED_UP = 1.8
"""By how much two workers are to do more than one. On two cores, of which the generator has one, only what an answer
costs can show it: with half of the load each, a worker may spend as much more on one as would still give that."""

OURS = """
[ntp.server]
listen = ["0.0.0.0"]
local_stratum = 1
workers = {workers}

[ntp.server.nts]
certificate_file = "{certificate}"
private_key_file = "{private_key}"
"""


@dataclass
class Load:
    """What is asked: *kind* and *amount* as the generator has them."""

    name: str
    kind: str
    amount: int
    nts: bool = False


SATURATED = Load("saturated", "closed", WINDOW)
QUARTER = Load("50 k/s", "open", HALF_LOAD // 2)
HALF = Load("half load", "open", HALF_LOAD)
FEW = (Load("10/s", "open", 10), Load("100/s", "open", 100), Load("1 k/s", "open", 1000))
"""As most sites have it: single replies, whose transmit timestamps matter; CPU time is that of a process at rest."""

LOADS = (
    SATURATED,
    *FEW,
    Load("10 k/s", "open", 10_000),
    QUARTER,
    HALF,
    Load("NTS saturated", "closed", 256, nts=True),
    Load("NTS 10 k/s", "open", 10_000, nts=True),
)


@dataclass
class Figures:
    """One round of one server under one load."""

    cpu_us: float
    """Per answer."""
    late_us: float
    """Median of how much later replies come than their transmit timestamps say, without sign."""
    lost_percent: float
    per_s: float


CPU = ("CPU time per answer", "µs")
METRICS: dict[tuple[str, str], Callable[[Figures], float]] = {
    CPU: lambda figures: figures.cpu_us,
    ("transmit timestamp is off by", "µs"): lambda figures: figures.late_us,
    ("requests lost", "%"): lambda figures: figures.lost_percent,
    ("time between answers", "µs"): lambda figures: 1e6 / figures.per_s,
}


@dataclass(frozen=True)
class Setting:
    """Where the servers run, and what proves who they are."""

    cable: bed.Cable
    certificate: Path
    private_key: Path
    ca_file: Path


@dataclass
class Server:
    """One that runs: its processes, and the files of requests that it understands."""

    pids: Sequence[int]
    requests: dict[bool, Path] = field(default_factory=dict)


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; ours and chronyd take turns."""
    generator = cached("ntp_generator", [_SOURCE.read_bytes()], _compile)
    ours: dict[str, list[Figures]] = {load.name: [] for load in LOADS}
    theirs: dict[str, list[Figures]] = {load.name: [] for load in LOADS}
    two: dict[str, list[Figures]] = {SATURATED.name: [], HALF.name: []}
    memory: tuple[list[float], list[float]] = ([], [])
    with bed.cable() as cable:
        _addresses(cable)
        authority = Authority(cable.directory / "pki")
        setting = Setting(cable, *authority.issue(SERVER), authority.file)
        for number in range(rounds):
            with _ours(setting, number) as server:
                for load in LOADS:
                    ours[load.name].append(_ask(cable, generator, server, load))
                memory[0].append(sum(_private_mb(pid) for pid in server.pids))
            with _chronyd(setting, number) as server:
                for load in LOADS:
                    theirs[load.name].append(_ask(cable, generator, server, load))
                memory[1].append(sum(_private_mb(pid) for pid in server.pids))
            with _ours(setting, number, workers=2) as server:
                for load in (SATURATED, HALF):
                    two[load.name].append(_ask(cable, generator, server, load))
    yield from _rows(ours, theirs, two, memory)


def _rows(
    ours: dict[str, list[Figures]],
    theirs: dict[str, list[Figures]],
    two: dict[str, list[Figures]],
    memory: tuple[list[float], list[float]],
) -> Iterator[Row]:
    for load in LOADS:
        both = ours[load.name], theirs[load.name]
        case = f"ntp {load.name}"
        limit = 1 / 0.6 if load.nts else 1.0
        for (metric, unit), of in METRICS.items():
            mine, other = ([of(figures) for figures in rounds] for rounds in both)
            limited = of is METRICS[CPU] and load not in FEW
            yield Row(case, metric, unit, mine, other, "chronyd", limit if limited else None)
    for load, one, most in ((SATURATED, SATURATED, None), (HALF, QUARTER, 2 / SPEED_UP)):
        mine, other = ([figures.cpu_us for figures in rounds] for rounds in (two[load.name], ours[one.name]))
        yield Row(f"ntp 2 workers, {load.name}", *CPU, mine, other, f"1 worker, {one.name}", most)
    yield Row("ntp memory", "private memory of all processes", "MB", memory[0], memory[1], "chronyd")


def _addresses(cable: bed.Cable) -> None:
    cable.measured.add_address("veth0", f"{SERVER}/16")
    for number in range(CLIENTS):
        cable.traffic.add_address("veth1", f"10.0.1.{number + 1}/16")
    bed.settle(0.5)


@contextmanager
def _ours(setting: Setting, number: int, workers: int = 1) -> Iterator[Server]:
    cable = setting.cable
    text = OURS.format(workers=workers, certificate=setting.certificate, private_key=setting.private_key)
    daemon = Daemon(cable.measured, cable.directory / f"ours-{number}-{workers}", text)
    daemon.start()
    try:
        daemon.wait_until_ready()
        daemon.wait_until(lambda: all(daemon.status()["ntp_server"].get("workers", [0])), 15, "had its workers")
        keys_port = ["ss", "-H", "-ltn", "sport", "=", ":4460"]
        daemon.wait_until(lambda: "4460" in cable.measured.run(keys_port), 15, "gave keys")
        server = Server(daemon.status()["ntp_server"]["workers"])
        for place, pid in enumerate(server.pids):
            os.sched_setaffinity(pid, {place})  # with two, the second has the generator's core
        _write_requests(setting, server)
        yield server
    finally:
        daemon.stop()


@contextmanager
def _chronyd(setting: Setting, number: int) -> Iterator[Server]:
    cable = setting.cable
    lines = [f"ntsservercert {setting.certificate}", f"ntsserverkey {setting.private_key}"]
    chronyd = Chronyd.server(cable.measured, cable.directory / f"chronyd-{number}", *lines)
    chronyd.start()
    try:
        server = Server([bed.pinned(cable.measured.processes[-1].pid)])
        _write_requests(setting, server)
        yield server
    finally:
        chronyd.stop()


def _write_requests(setting: Setting, server: Server) -> None:
    cable = setting.cable
    for nts in (False, True):
        file = cable.directory / f"requests-{nts:d}"
        requests = nts_requests(cable.traffic, SERVER, setting.ca_file, NTS_SESSIONS) if nts else [plain_request()]
        file.write_bytes(b"".join(len(octets).to_bytes(2, "big") + octets for octets in requests))
        server.requests[nts] = file


def _ask(cable: bed.Cable, generator: Path, server: Server, load: Load) -> Figures:
    requests = server.requests[load.nts]
    command = ["taskset", "-c", bed.TRAFFIC_CORE, str(generator), SERVER, "123", FIRST_CLIENT, str(CLIENTS)]
    before_s = sum(_scheduled_s(pid) for pid in server.pids)
    said = cable.traffic.run([*command, f"{SECONDS}", load.kind, str(load.amount), str(requests)])
    used_s = sum(_scheduled_s(pid) for pid in server.pids) - before_s
    found = json.loads(said)
    if not found["answered"] or found["refused"] > found["answered"] / 100:
        raise PtpstackError("requests were not answered", where=load.name, why=said.strip())
    return Figures(
        cpu_us=used_s / found["answered"] * 1e6,
        late_us=abs(found["late_us"][2]),
        lost_percent=100
        * max(0, found["sent"] - found["answered"] - load.amount * (load.kind == "closed"))
        / found["sent"],
        per_s=found["answered"] / found["seconds"],
    )


def _scheduled_s(pid: int) -> float:
    """Return for how long *pid* has had a processor, softirqs in its time included."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _private_mb(pid: int) -> float:
    """Return the memory of *pid* that it shares with nobody, in MB: its proportional set."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    return float("nan")


def _compile(target: Path) -> None:
    subprocess.run(["gcc", "-O2", "-x", "c", "-o", str(target), str(_SOURCE)], check=True)


_SOURCE = Path(__file__).with_name("ntp_generator.c")
