"""Inside the virtual machine: equal links, at the end of each a slave; two of ours and two of ptp4l, with both servos.

The even ports are grandmasters (ptp4l, free-running on perfect oscillators), the odd ones the slaves of `PROGRAMS`, in
that order. All run at the same time under the same knobs; the truth is read ten times a second.
``python -m lab.bench.hardware_guest SCENARIO_JSON`` writes ``$RESULTS/NAME.json``.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.vptp.debugfs import read_truth, set_knob

PROGRAMS = {"ptpstack auto": "auto", "ptpstack pi": "pi", "ptp4l pi": "pi", "ptp4l linreg": "linreg"}
"""Each slave's program and servo."""

SAMPLES_PER_S = 10
INITIAL_OFFSET_S = 0.001
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


def main(arguments: list[str]) -> int:
    scenario: dict[str, Any] = json.loads(arguments[0])
    RUN.mkdir(exist_ok=True)
    for number in range(len(PROGRAMS)):
        for port in (2 * number, 2 * number + 1):
            subprocess.run(["ip", "link", "set", f"vptp{port}", "up"], check=True)
            set_knob(f"port{port}/stamp_jitter_ns", scenario["jitter_ns"])
            set_knob(f"port{port}/delay_ns", scenario["delay_ns"])
        set_knob(f"clock{2 * number + 1}/walk_ppt", 0)  # which brings the oscillator home
        set_knob(f"clock{2 * number + 1}/error_ppb", scenario["error_ppb"])
        set_knob(f"clock{2 * number + 1}/walk_ppt", scenario["walk_ppt"])
    masters = [
        ptp4l(2 * number, scenario, "pi", "masterOnly 1\npriority1 1\nfree_running 1")
        for number in range(len(PROGRAMS))
    ]
    time.sleep(6)  # announce receipt timeout: they serve from now on
    tracks = follow(scenario)
    for process in masters:
        process.terminate()
        process.wait()
    write_result(scenario["name"], tracks)
    return 0


def follow(scenario: dict[str, Any]) -> dict[str, Track]:
    """Let all slaves start a millisecond off and follow for the scenario's time; return what each did."""
    ports = {name: 2 * number + 1 for number, name in enumerate(PROGRAMS)}
    tracks = {name: Track() for name in PROGRAMS}
    sockets = {name: event_socket(port) for name, port in ports.items()}
    synced: dict[str, list[tuple[float, int]]] = {name: [] for name in PROGRAMS}
    for port in ports.values():
        align(port, port - 1)
    slaves = {
        name: ours(port, scenario, PROGRAMS[name])
        if name.startswith("ptpstack")
        else ptp4l(port, scenario, PROGRAMS[name], "slaveOnly 1\nsummary_interval 10")
        for name, port in ports.items()
    }

    def sample(number: int) -> None:
        clocks, now = read_truth().clocks, time.monotonic()
        for name, port in ports.items():
            tracks[name].offsets_ns.append(clocks[port].minus_ns(clocks[port - 1]))
            if number % SAMPLES_PER_S == 0:
                tracks[name].cpu_s.append(cpu_s(slaves[name].pid))
            if brought_sync(sockets[name]):
                synced[name].append((now, number))

    sample_regularly(scenario["seconds"], sample)
    for name, port in ports.items():
        slaves[name].terminate()
        slaves[name].wait()
        sockets[name].close()
        if chosen := MASTER_CHOSEN.search(log_of(port)):
            later = (number for instant, number in synced[name] if instant >= float(chosen[1]))
            tracks[name].measuring_from = next(later, None)
    return tracks


def write_result(name: str, tracks: dict[str, Track]) -> None:
    """Hand the tracks of a scenario to the host."""
    Path(os.environ["RESULTS"], f"{name}.json").write_text(
        json.dumps({program: asdict(track) for program, track in tracks.items()})
    )


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


def align(slave: int, master: int) -> None:
    """Let the slave's clock start a millisecond away from its master's, unsteered."""
    clocks = read_truth().clocks
    away_s = clocks[master].minus_ns(clocks[slave]) * 1e-9 + INITIAL_OFFSET_S
    command = ["phc_ctl", "-q", "--", clocks[slave].device, "freq", "0", "adj", f"{away_s:.9f}"]  # it may be negative
    subprocess.run(command, check=True, capture_output=True)


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


def resident_mb(pid: int) -> float:
    """Return the resident memory of *pid*."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_OCTETS / 1e6


def log_of(name: object) -> str:
    """Return what the program on port *name*, or called so, said."""
    return (RUN / f"log{name}").read_text(errors="replace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
