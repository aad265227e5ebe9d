"""Inside the virtual machine: equal links, at the end of each a slave: the programs of a scenario, several of each.

The even ports are grandmasters (ptp4l, free-running, all on one perfect clock), the odd ones the slaves, each with a
clock of its own. The clocks of one set of programs walk alike, each set in its own way. All run at the same time under
the same knobs; the truth is read ten times a second.
``python -m lab.bench.hardware_guest SCENARIO_JSON`` writes ``$FINISHED/NAME.json``.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hw.phc import Phc
from lab.bench.results import hand_over
from lab.vptp.debugfs import read_truth, set_knob
from ptpstack.time import interval_from_ns

SAMPLES_PER_S = 10
INITIAL_OFFSET_S = 0.001
START_EVERY = 5
"""Samples between the starts of two slaves: each has the processor for itself while it starts."""

LOCKING_S = 30
"""How long after its start a slave's Syncs are looked for."""

REFERENCE = 0
"""The clock of all grandmasters."""

MASTER_CHOSEN = re.compile(r"^ptp4l\[([\d.]+)\]: port 1.*: \w+ to UNCALIBRATED", re.MULTILINE)
RUN = Path("/run/bench")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_OCTETS = os.sysconf("SC_PAGE_SIZE")
_ETHERTYPE = 0x88F7

PTP4L = """[global]
network_transport L2
time_stamping hardware
delay_mechanism {delay_mechanism}
clock_servo {servo}
logSyncInterval {log_sync_interval}
logMinDelayReqInterval {log_sync_interval}
logMinPdelayReqInterval {log_sync_interval}
logAnnounceInterval 0
tx_timestamp_timeout 100
use_syslog 0
verbose 1
uds_address /run/bench/uds{port}
{options}
[vptp{port}]
"""

OURS = """
[instance.main]
enforce_profile = false
slave_only = true
[[instance.main.port]]
interface = "vptp{port}"
transport = "l2"
delay_mechanism = "{delay_mechanism}"
log_announce_interval = 0
log_sync_interval = {log_sync_interval}
{request} = {log_sync_interval}
[servo]
type = "{servo}"
"""
QUIET = """[log]
format = "linuxptp"
[control]
socket = ""
[state]
directory = ""
time_floor = false
"""
"""The end of every configuration of ours: logs as ptp4l does, is asked by nobody, knows nothing from before."""


@dataclass
class Track:
    """What one program did: the true offset of each sample; and each second, the CPU time used so far."""

    offsets_ns: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    measuring_from: int | None = None
    """The sample in which it had the first Sync of the master that it chose; None: never."""


@dataclass
class Slave:
    """One program on one link."""

    program: str
    link: int
    begins: int
    """The sample in which it is started."""

    track: Track = field(default_factory=Track)
    process: subprocess.Popen[bytes] | None = None
    synced: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = 2 * self.link + 1
        self.clock = self.link + 1
        self.listening = event_socket(self.port)

    def begin(self, scenario: dict[str, Any]) -> None:
        """Start it, with its clock a millisecond off."""
        put(self.clock)
        brand, servo = self.program.split()
        if brand == "ptpstack":
            self.process = ours(self.port, scenario, servo)
        else:
            self.process = ptp4l(self.port, scenario, servo, "slaveOnly 1\nsummary_interval 10")

    def end(self) -> None:
        """Stop it, and find when it began to follow."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait()
        self.listening.close()
        if chosen := MASTER_CHOSEN.search(log_of(self.port)):
            later = (number for instant, number in self.synced if instant >= float(chosen[1]))
            self.track.measuring_from = next(later, None)


def main(arguments: list[str]) -> int:
    scenario: dict[str, Any] = json.loads(arguments[0])
    RUN.mkdir(exist_ok=True)
    programs: list[str] = scenario["programs"]
    links = range(len(programs) * scenario["sets"])
    for link in links:
        for port in (2 * link, 2 * link + 1):
            subprocess.run(["ip", "link", "set", f"vptp{port}", "up"], check=True)
            set_knob(f"port{port}/stamp_jitter_ns", scenario["jitter_ns"])
            set_knob(f"port{port}/delay_ns", scenario["delay_ns"])
    set_knob(f"clock{REFERENCE}/walk_ppt", 0)
    set_knob(f"clock{REFERENCE}/error_ppb", 0)
    for link in links:
        clock = f"clock{link + 1}"
        set_knob(f"{clock}/walk_ppt", 0)  # which brings the oscillator home
        set_knob(f"{clock}/error_ppb", scenario["error_ppb"])
        set_knob(f"{clock}/seed", scenario["seed"] + link // len(programs))
        set_knob(f"{clock}/walk_ppt", scenario["walk_ppt"])
    masters = [ptp4l(2 * link, scenario, "pi", "masterOnly 1\npriority1 1\nfree_running 1") for link in links]
    time.sleep(6)  # announce receipt timeout: they serve from now on
    slaves = [Slave(programs[link % len(programs)], link, START_EVERY * link) for link in links]
    guest = follow(slaves, scenario)
    for process in masters:
        process.terminate()
        process.wait()
    tracks: dict[str, list[Track]] = {}
    for slave in slaves:
        tracks.setdefault(slave.program, []).append(slave.track)
    write_result(scenario["name"], tracks, guest)
    return 0


def follow(slaves: Sequence[Slave], scenario: dict[str, Any]) -> dict[str, float]:
    """Let all follow for the scenario's time; return how busy the machine was, as it may be no limit to them."""
    late_s: list[float] = []
    idle: list[float] = []

    def sample(number: int) -> None:
        clocks, now = read_truth().clocks, time.monotonic()
        late_s.append(now - began - number / SAMPLES_PER_S)
        for slave in slaves:
            slave.track.offsets_ns.append(clocks[slave.clock].minus_ns(clocks[REFERENCE]))
            if number % SAMPLES_PER_S == 0:
                slave.track.cpu_s.append(cpu_s(slave.process.pid) if slave.process else 0.0)
            if number < slave.begins + LOCKING_S * SAMPLES_PER_S and brought_sync(slave.listening):
                slave.synced.append((now, number))
            if number == slave.begins:
                slave.begin(scenario)
        if number % SAMPLES_PER_S == 0:
            idle.append(idle_s())

    began = time.monotonic() + 1 / SAMPLES_PER_S
    sample_regularly(scenario["seconds"], sample)
    for slave in slaves:
        slave.end()
    settled = slice(scenario["settled_s"] * SAMPLES_PER_S, None)
    idle = idle[scenario["settled_s"] :]
    return {
        "idle": (idle[-1] - idle[0]) / (len(idle) - 1),
        "late_ms": 1e3 * sorted(late_s[settled])[int(0.99 * len(late_s[settled]))],
    }


def write_result(name: str, tracks: Mapping[str, Sequence[Track]], guest: Mapping[str, float]) -> None:
    """Hand the tracks of a scenario to the host."""
    programs = {program: [asdict(track) for track in several] for program, several in tracks.items()}
    hand_over(name, {"programs": programs, "guest": guest})


def start(name: object, command: list[str]) -> subprocess.Popen[bytes]:
    """Start a program on port *name*, or called so; its output stays in the guest's memory."""
    with (RUN / f"log{name}").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def ptp4l(port: int, scenario: dict[str, Any], servo: str, options: str) -> subprocess.Popen[bytes]:
    """Start ptp4l on *port*."""
    configuration = RUN / f"ptp4l{port}.conf"
    configuration.write_text(
        PTP4L.format(
            port=port,
            delay_mechanism=scenario["delay_mechanism"].upper(),
            log_sync_interval=scenario["log_sync_interval"],
            servo=servo,
            options=options,
        )
    )
    return start(port, ["ptp4l", "-f", str(configuration)])


def ours(port: int, scenario: dict[str, Any], servo: str) -> subprocess.Popen[bytes]:
    """Start our daemon on *port*."""
    configuration = RUN / f"ptpstack{port}.toml"
    e2e = scenario["delay_mechanism"] == "e2e"
    configuration.write_text(
        OURS.format(
            port=port,
            delay_mechanism=scenario["delay_mechanism"],
            log_sync_interval=scenario["log_sync_interval"],
            request="log_min_delay_req_interval" if e2e else "log_min_pdelay_req_interval",
            servo=servo,
        )
        + QUIET
    )
    return start(port, [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)])


def put(number: int) -> None:
    """Let clock *number* start a millisecond ahead of the reference, unsteered."""
    clocks = read_truth().clocks
    phc = Phc(clocks[number].device)
    phc.set_frequency(0.0)
    phc.step(interval_from_ns(INITIAL_OFFSET_S * 1e9 - clocks[number].minus_ns(clocks[REFERENCE])))
    phc.close()


def sample_regularly(seconds: float, sample: Callable[[int], None], samples_per_s: int = SAMPLES_PER_S) -> None:
    """Call *sample* with 0, 1, 2, …, so many times a second."""
    due = time.monotonic()
    for number in range(int(seconds * samples_per_s)):
        due += 1 / samples_per_s
        time.sleep(max(0.0, due - time.monotonic()))
        sample(number)


def event_socket(port: int) -> socket.socket:
    """Return a socket that hears the PTP frames that come in at *port*."""
    listening = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETHERTYPE))
    listening.bind((f"vptp{port}", _ETHERTYPE))
    listening.setblocking(False)
    return listening


def brought_sync(listening: socket.socket) -> bool:
    """Take what has come since the last time; return whether there was a Sync."""
    found = False
    while True:
        try:
            found |= listening.recv(256)[0] & 0xF == 0
        except BlockingIOError:
            return found


def cpu_s(pid: int) -> float:
    """Return the CPU time of *pid*, in the guest's seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def idle_s() -> float:
    """Return how long the machine had nothing to do so far."""
    return int(Path("/proc/stat").read_text().split(maxsplit=5)[4]) / _TICKS_PER_S


def resident_mb(pid: int) -> float:
    """Return the resident memory of *pid*."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_OCTETS / 1e6


def log_of(name: object) -> str:
    """Return what the program on port *name*, or called so, said."""
    return (RUN / f"log{name}").read_text(errors="replace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
