"""NTP clients that ask one chronyd at the far end of a cable: ours, chronyd, ntpd-rs and systemd-timesyncd.

What lives here: starting each, with NTS where it knows that. What does not: what is measured (``ntp_client``,
``ntp_accuracy``).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.bench import bed
from lab.daemon import Daemon
from lab.namespaces import stop
from lab.peers.chronyd import Chronyd
from lab.peers.newer_ntp import newer_ntp
from lab.peers.timesyncd import Timesyncd
from lab.pki import Authority
from ptpstack.errors import PtpstackError

SERVER, CLIENT = "10.0.0.2", "10.0.0.1"

OURS = """
[ntp]
accuracy = "1ms"
free_running = true

[[ntp.source]]
address = "{server}"
min_poll = {poll}
max_poll = {poll}
{more}
"""

NTPD_RS = """
[[source]]
mode = "{mode}"
address = "{server}"
{more}

[source-defaults]
poll-interval-limits = {{ min = {poll}, max = {poll} }}
initial-poll-interval = {poll}

[synchronization]
minimum-agreeing-sources = 1

[observability]
observation-path = "{directory}/observe"
"""


WITH_NTS = " with NTS"
VARIANTS = ((False, ""), (True, WITH_NTS))
"""Whether NTS is used, and what follows a program's name then."""


@dataclass(frozen=True)
class Served:
    """A cable with a chronyd at its far end, which serves this machine's time and NTS keys."""

    cable: bed.Cable
    ca_file: Path


@dataclass(frozen=True)
class Program:
    """One client that runs: its process, and what ends it."""

    pid: int
    end: Callable[[], object]


@contextmanager
def served() -> Iterator[Served]:
    """Give such a cable; all on it ends with the block.

    The server has a core of its own, as on another machine: what a client leaves in the caches of a common core makes
    the server late by a microsecond for the one and not for the other.
    """
    with bed.cable() as cable:
        cable.measured.add_address("veth0", f"{CLIENT}/24")
        cable.traffic.add_address("veth1", f"{SERVER}/24")
        authority = Authority(cable.directory / "pki")
        certificate, private_key = authority.issue(SERVER)
        lines = [f"ntsservercert {certificate}", f"ntsserverkey {private_key}"]
        server = Chronyd.server(cable.traffic, cable.directory / "server", *lines)
        server.start()
        os.sched_setaffinity(int((server.directory / "chronyd.pid").read_text()), {int(bed.TRAFFIC_CORE)})
        try:
            yield Served(cable, authority.file)
        finally:
            server.stop()


def ours(served: Served, name: str, poll: int, *, interleaved: bool = False, nts: bool = False) -> Daemon:
    """Start ours."""
    more = f"interleaved = {str(interleaved).lower()}\n"
    more += f'nts = true\nca_file = "{served.ca_file}"\n' if nts else ""
    text = OURS.format(server=SERVER, poll=poll, more=more)
    daemon = Daemon(served.cable.measured, served.cable.directory / name, text)
    daemon.start()
    daemon.wait_until_ready()
    bed.pinned(daemon.pid)
    return daemon


def chronyd(served: Served, name: str, options: str, *, nts: bool = False) -> Chronyd:
    """Start one that selects nothing: it corrects nothing either, so that what it says is of the clock as it is."""
    lines = [f"server {SERVER} noselect iburst {options}{' nts' if nts else ''}", "port 0"]
    lines += [f"ntstrustedcerts {served.ca_file}"] if nts else []
    started = Chronyd(served.cable.measured, served.cable.directory / name, lines)
    started.start()
    bed.pinned(int((started.directory / "chronyd.pid").read_text()))
    return started


def ntpd_rs(served: Served, name: str, poll: int, *, nts: bool = False) -> subprocess.Popen[bytes]:
    """Start ntpd-rs. Raises NewerDebianError where it cannot be fetched."""
    directory = served.cable.directory / name
    directory.mkdir()
    configuration = directory / "ntp.toml"
    mode, more = ("nts", f'certificate-authority = "{served.ca_file}"') if nts else ("server", "")
    configuration.write_text(NTPD_RS.format(server=SERVER, poll=poll, directory=directory, mode=mode, more=more))
    return served.cable.measured.start([*newer_ntp().ntp_daemon, "-c", str(configuration)], directory / "ntpd-rs.log")


def all_of_them(served: Served, poll: int) -> dict[str, Program]:
    """Start every client there is, also with NTS (its name and ``WITH_NTS``) where it has that."""
    programs: dict[str, Program] = {}
    for nts, suffix in VARIANTS:
        own = ours(served, f"ours-{nts:d}", poll, nts=nts)
        programs[f"ours{suffix}"] = Program(own.pid, own.stop)
        if nts:
            own.wait_until(lambda: _has_proven(own), 60, "had a reply that NTS proves")  # noqa: B023 (called at once)
        peer = chronyd(served, f"chronyd-{nts:d}", f"minpoll {poll} maxpoll {poll}", nts=nts)
        pid = int((peer.directory / "chronyd.pid").read_text())
        programs[f"chronyd{suffix}"] = Program(pid, peer.stop)
    try:
        for nts, suffix in VARIANTS:
            process = ntpd_rs(served, f"ntpd-rs-{nts:d}", poll, nts=nts)
            programs[f"ntpd-rs{suffix}"] = Program(process.pid, lambda process=process: stop([process]))  # type: ignore[misc]
        timesyncd = Timesyncd(served.cable.measured, served.cable.directory / "timesyncd", SERVER, poll)
        timesyncd.start()
        programs["timesyncd"] = Program(timesyncd.pid, timesyncd.stop)
    except PtpstackError as error:
        print(f"lab bench: without programs of a newer Debian: {error}")
    return programs


def _has_proven(daemon: Daemon) -> bool:
    """Tell whether keys were established and a reply proved itself with them."""
    sources = daemon.status()["ntp"]["sources"].values()
    return any(source["authenticated"] and source["samples"] for source in sources)
