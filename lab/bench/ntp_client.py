"""NTP clients side by side: memory and CPU of a process that only asks, and how well each knows the time.

Server and clients read the same CLOCK_REALTIME, so that the true offset is 0 and every client's estimate its error.
What lives here: the programs and what they say. What does not: a server's throughput (``ntp``).
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.bench import bed
from lab.bench.rows import Row
from lab.daemon import Daemon
from lab.namespaces import Node, stop
from lab.peers.chronyd import Chronyd
from lab.peers.newer_ntp import newer_ntp
from ptpstack.errors import PtpstackError

SERVER, CLIENT = "10.0.0.2", "10.0.0.1"
POLL = 6
SETTLE_S, WINDOW_S = 75, 130
"""After the burst of the start intervals double up to the poll interval; then two of them are watched."""

ACCURACY_SETTLE_S, ACCURACY_S = 40, 60
LIMIT_MB, LIMIT_SHARE = 30.0, 0.1

OURS = """
[ntp]
accuracy = "1ms"
free_running = true

[[ntp.source]]
address = "{server}"
min_poll = {poll}
max_poll = {poll}
interleaved = {interleaved}
"""

NTPD_RS = """
[[source]]
mode = "server"
address = "{server}"

[source-defaults]
poll-interval-limits = {{ min = {poll}, max = {poll} }}
initial-poll-interval = {poll}

[synchronization]
minimum-agreeing-sources = 1

[observability]
observation-path = "{directory}/observe"
"""


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; a round takes some four minutes."""
    yield from _footprint(max(1, rounds // 2))
    for interleaved in (False, True):
        yield _accuracy(rounds, interleaved=interleaved)


@contextmanager
def _served() -> Iterator[bed.Cable]:
    """A cable with a chronyd at its far end that serves this machine's time."""
    with bed.cable() as cable:
        cable.measured.add_address("veth0", f"{CLIENT}/24")
        cable.traffic.add_address("veth1", f"{SERVER}/24")
        server = Chronyd.server(cable.traffic, cable.directory / "server")
        server.start()
        try:
            yield cable
        finally:
            server.stop()


def _footprint(rounds: int) -> Iterator[Row]:
    memory: dict[str, list[float]] = {}
    share: dict[str, list[float]] = {}
    for _ in range(rounds):
        with _served() as cable:
            programs = _started(cable)
            bed.settle(SETTLE_S)
            before = {name: bed.cpu_s(pid) for name, (pid, _) in programs.items()}
            begin = time.monotonic()
            bed.settle(WINDOW_S)
            took_s = time.monotonic() - begin
            for name, (pid, end) in programs.items():
                share.setdefault(name, []).append(100 * (bed.cpu_s(pid) - before[name]) / took_s)
                memory.setdefault(name, []).append(bed.resident_mb(pid))
                end()
    for peer in [name for name in memory if name != "ours"]:
        limits = (LIMIT_MB, LIMIT_SHARE) if peer == "chronyd" else (None, None)
        yield Row("ntp_client", "resident memory at poll 64 s", "MB", memory["ours"], memory[peer], peer, limits[0])
        yield Row("ntp_client", "CPU of one core at poll 64 s", "%", share["ours"], share[peer], peer, limits[1])


def _started(cable: bed.Cable) -> dict[str, tuple[int, Callable[[], object]]]:
    """Start every client there is; return its pid, and what ends it."""
    node, directory = cable.measured, cable.directory
    ours = _ours(node, directory / "ours", POLL, interleaved=False)
    chronyd = _chronyd(node, directory / "chronyd", f"minpoll {POLL} maxpoll {POLL}")
    programs: dict[str, tuple[int, Callable[[], object]]] = {"ours": (ours.pid, ours.stop)}
    programs["chronyd"] = (_pid_of(chronyd.directory / "chronyd.pid"), chronyd.stop)
    try:
        command = newer_ntp().ntp_daemon
    except PtpstackError as error:
        print(f"ntp_client: without ntpd-rs: {error}")
        return programs
    process = _ntpd_rs(node, directory / "ntpd-rs", command)
    programs["ntpd-rs"] = (process.pid, lambda: stop([process]))
    return programs


def _ours(node: Node, directory: Path, poll: int, *, interleaved: bool) -> Daemon:
    text = OURS.format(server=SERVER, poll=poll, interleaved=str(interleaved).lower())
    daemon = Daemon(node, directory, text)
    daemon.start()
    daemon.wait_until_ready()
    return daemon


def _chronyd(node: Node, directory: Path, options: str) -> Chronyd:
    """A client that selects nothing: it corrects nothing either, so that what it says is of the clock as it is."""
    chronyd = Chronyd(node, directory, [f"server {SERVER} noselect iburst {options}", "port 0"])
    chronyd.start()
    return chronyd


def _ntpd_rs(node: Node, directory: Path, command: list[str]) -> subprocess.Popen[bytes]:
    directory.mkdir()
    configuration = directory / "ntp.toml"
    configuration.write_text(NTPD_RS.format(server=SERVER, poll=POLL, directory=directory))
    return node.start([*command, "-c", str(configuration)], directory / "ntpd-rs.log")


def _pid_of(file: Path) -> int:
    return int(file.read_text())


def _accuracy(rounds: int, *, interleaved: bool) -> Row:
    """Both ask the same server each second, at the same time: RMS of what each believes of an offset of 0."""
    ours_us, chronyd_us = list[float](), list[float]()
    for _ in range(rounds):
        with _served() as cable:
            ours = _ours(cable.measured, cable.directory / "ours", 0, interleaved=interleaved)
            xleave = " xleave" if interleaved else ""
            chronyd = _chronyd(cable.measured, cable.directory / "chronyd", f"minpoll 0 maxpoll 0{xleave}")
            bed.settle(ACCURACY_SETTLE_S)
            errors: list[tuple[float, float]] = []
            for _ in range(ACCURACY_S):
                time.sleep(1)
                errors.append((_offset_of_ours_ns(ours), _offset_of_chronyd_ns(chronyd)))
            ours.stop()
            chronyd.stop()
        ours_us.append(_rms([own for own, _ in errors]) / 1000)
        chronyd_us.append(_rms([peer for _, peer in errors]) / 1000)
    mode = "interleaved" if interleaved else "basic"
    return Row("ntp_client", f"error RMS, {mode}, a request a second", "us", ours_us, chronyd_us, "chronyd")


def _offset_of_ours_ns(daemon: Daemon) -> float:
    return float(daemon.status()["ntp"]["offset_ns"])


def _offset_of_chronyd_ns(chronyd: Chronyd) -> float:
    fields = chronyd.ask("-c", "sourcestats").strip().split(",")
    return float(fields[6]) * 1e9


def _rms(values: list[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))
