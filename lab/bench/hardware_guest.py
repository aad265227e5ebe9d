"""Inside the virtual machine: two equal links, ours at the end of one and ptp4l at the end of the other.

Ports 0 and 2 are grandmasters (ptp4l, free-running on perfect oscillators), 1 is our slave, 3 is ptp4l's. Both pairs
run at the same time under the same knobs; the truth is read ten times a second. ``python -m
lab.bench.hardware_guest SCENARIO_JSON`` writes ``$RESULTS/NAME.json``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab.vptp.debugfs import read_truth, set_knob

SAMPLES_PER_S = 10
INITIAL_OFFSET_S = 0.001
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_RUN = Path("/run/bench")

PTP4L = """[global]
network_transport L2
time_stamping hardware
delay_mechanism {delay_mechanism}
logSyncInterval {log_sync_interval}
logMinDelayReqInterval {log_sync_interval}
logMinPdelayReqInterval {log_sync_interval}
logAnnounceInterval 0
tx_timestamp_timeout 100
use_syslog 0
verbose 1
{options}
[{interface}]
"""

OURS = """
[instance.main]
enforce_profile = false
slave_only = true
[[instance.main.port]]
interface = "{interface}"
transport = "l2"
delay_mechanism = "{delay_mechanism}"
log_announce_interval = 0
log_sync_interval = {log_sync_interval}
{request} = {log_sync_interval}
[log]
level = "notice"
[control]
socket = ""
[state]
directory = "{state}"
"""


def main(arguments: list[str]) -> int:
    scenario: dict[str, Any] = json.loads(arguments[0])
    _RUN.mkdir(exist_ok=True)
    for port in range(4):
        node(port)
        set_knob(f"port{port}/stamp_jitter_ns", scenario["jitter_ns"])
        set_knob(f"port{port}/delay_ns", scenario["delay_ns"])
    for clock in (1, 3):
        set_knob(f"clock{clock}/error_ppb", scenario["error_ppb"])
        set_knob(f"clock{clock}/walk_ppt", scenario["walk_ppt"])
    masters = [ptp4l(port, scenario, "masterOnly 1\npriority1 1\nfree_running 1") for port in (0, 2)]
    time.sleep(6)  # announce receipt timeout: they serve from now on
    align(1, 0)
    align(3, 2)
    slaves = [ours(1, scenario), ptp4l(3, scenario, "slaveOnly 1\nsummary_interval 10")]
    offsets = record(scenario["seconds"], ((1, 0), (3, 2)))
    cpu = [cpu_s(process.pid) for process in slaves]
    for process in (*slaves, *masters):
        process.terminate()
        process.wait()
    result = {"offsets_ns": offsets, "cpu_s": cpu, "logs": [log_tail(1), log_tail(3)]}
    Path(os.environ["RESULTS"], f"{scenario['name']}.json").write_text(json.dumps(result))
    return 0


def node(port: int) -> None:
    """Put the interface of *port* into a namespace of its own, once."""
    if Path(f"/run/netns/node{port}").exists():
        return
    for command in (
        f"ip netns add node{port}",
        f"ip link set vptp{port} netns node{port}",
        f"ip -n node{port} link set vptp{port} up",
    ):
        subprocess.run(command.split(), check=True)


def start(port: int, command: list[str]) -> subprocess.Popen[bytes]:
    """Start a program in the namespace of *port*; its output stays in the guest's memory."""
    with (_RUN / f"log{port}").open("wb") as log:
        return subprocess.Popen(
            ["ip", "netns", "exec", f"node{port}", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def ptp4l(port: int, scenario: dict[str, Any], options: str) -> subprocess.Popen[bytes]:
    """Start ptp4l on *port*."""
    configuration = _RUN / f"ptp4l{port}.conf"
    configuration.write_text(
        PTP4L.format(
            interface=f"vptp{port}",
            delay_mechanism=scenario["delay_mechanism"].upper(),
            log_sync_interval=scenario["log_sync_interval"],
            options=f"{options}\nuds_address /run/bench/uds{port}",
        )
    )
    return start(port, ["ptp4l", "-f", str(configuration)])


def ours(port: int, scenario: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start our daemon on *port*, without what it learnt in an earlier scenario."""
    configuration = _RUN / f"ptpstack{port}.toml"
    e2e = scenario["delay_mechanism"] == "e2e"
    configuration.write_text(
        OURS.format(
            interface=f"vptp{port}",
            delay_mechanism=scenario["delay_mechanism"],
            log_sync_interval=scenario["log_sync_interval"],
            request="log_min_delay_req_interval" if e2e else "log_min_pdelay_req_interval",
            state=_RUN / f"state-{scenario['name']}",
        )
    )
    return start(port, [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)])


def align(slave: int, master: int) -> None:
    """Let the slave's clock start a millisecond away from its master's, unsteered."""
    clocks = read_truth().clocks
    away_s = clocks[master].minus_ns(clocks[slave]) * 1e-9 + INITIAL_OFFSET_S
    command = ["phc_ctl", "-q", clocks[slave].device, "freq", "0", "adj", f"{away_s:.9f}"]
    subprocess.run(command, check=True, capture_output=True)


def record(seconds: float, pairs: tuple[tuple[int, int], ...]) -> list[list[float]]:
    """Return the true offset of each slave from its master in ns, ten times a second."""
    offsets: list[list[float]] = [[] for _ in pairs]
    due = time.monotonic()
    for _ in range(int(seconds * SAMPLES_PER_S)):
        due += 1 / SAMPLES_PER_S
        time.sleep(max(0.0, due - time.monotonic()))
        clocks = read_truth().clocks
        for series, (slave, master) in zip(offsets, pairs, strict=True):
            series.append(clocks[slave].minus_ns(clocks[master]))
    return offsets


def cpu_s(pid: int) -> float:
    """Return the CPU time of *pid*, in the guest's seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def log_tail(port: int) -> str:
    """Return the end of what the program on *port* said."""
    return (_RUN / f"log{port}").read_text(errors="replace")[-2000:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
