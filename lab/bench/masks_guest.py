"""Inside the virtual machine: telecom clocks of ours and of ptp4l's behind a grandmaster that is modulated, or dies.

``python -m lab.bench.masks_guest SCENARIO_JSON`` loads the card for it, starts its nodes, reads the truth sixteen times
a second and writes ``$FINISHED/NAME.json``. What the scenarios hold: ``masks_vm`` and ``masks_holdover``.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from contextlib import closing
from typing import Any

from lab.bench.boundary_guest import load_card
from lab.bench.hardware_guest import QUIET, RUN, log_of, sample_regularly, start
from lab.bench.results import hand_over
from lab.vptp.debugfs import read_truth, set_knob
from ptpstack.client import Clock, TimeUnknownError

PTP4L = """[global]
network_transport L2
time_stamping hardware
dataset_comparison G.8275.x
G.8275.defaultDS.localPriority 128
ptp_dst_mac 01:1B:19:00:00:00
domainNumber 24
logAnnounceInterval -3
logSyncInterval -4
logMinDelayReqInterval -4
tx_timestamp_timeout 100
use_syslog 0
verbose 1
summary_interval 4
uds_address /run/bench/uds{name}
{options}
"""
PTP4L_ROLES = {
    "gm": "free_running 1\nclockClass 6\nclockAccuracy 0x21\noffsetScaledLogVariance 0x4E5D",
    "gm of unknown accuracy": "free_running 1\nclockClass 6",
    "bc": "clockClass 248",
    "slave": "slaveOnly 1\nclockClass 255",
}
OURS = """
[instance.main]
profile = "g8275-1"
slave_only = {slave_only}
{ports}
[servo]
type = "bandwidth"
[time]
directory = "/run/bench/time-{name}"
max_asymmetry_ns = 0
"""
OUR_PORT = """
[[instance.main.port]]
interface = "vptp{port}"
destination_mac = "forwardable"
"""
BOUNDS_EVERY_S = 5


def main(arguments: list[str]) -> int:
    """Play the scenario in *arguments*."""
    scenario: dict[str, Any] = json.loads(arguments[0])
    RUN.mkdir(exist_ok=True)
    load_card(scenario)
    programs = {node["name"]: run_node(node) for node in scenario["nodes"]}
    tracks: dict[str, list[float]] = {name: [] for name in scenario["clocks"]}
    bounds: dict[str, list[tuple[float, float]]] = {name: [] for name in scenario["bounds"]}

    def sample(number: int) -> None:
        at_s = number / scenario["samples_per_s"]
        clocks = read_truth().clocks
        for name, clock in scenario["clocks"].items():
            tracks[name].append(clocks[clock].minus_ns(clocks[scenario["reference"]]))
        if at_s >= scenario["modulated_from_s"]:
            set_knob(f"clock{scenario['clocks']['gm']}/error_ppb", round(frequency_ppb(scenario, at_s)))
        if at_s == scenario["lost_at_s"]:
            programs["gm"].kill()
        if at_s and at_s % BOUNDS_EVERY_S == 0:
            for name, stated in bounds.items():
                stated.append((at_s, stated_bound_ns(name)))

    sample_regularly(scenario["seconds"], sample, scenario["samples_per_s"])
    killed = {"gm"} if scenario["lost_at_s"] < scenario["seconds"] else set()
    ended = [name for name, process in programs.items() if process.poll() is not None and name not in killed]
    for process in programs.values():
        process.terminate()
        process.wait()
    logs = {name: log_of(name)[-3000:] for name in programs}
    answer = {"tracks": tracks, "bounds": bounds, "logs": logs}
    hand_over(scenario["name"], answer)
    for name in ended:
        print(f"{name} ended by itself: {logs}")
    return 1 if ended else 0


def frequency_ppb(scenario: dict[str, Any], at_s: float) -> float:
    """Return the frequency of a phase that is the sum of all the sinusoids."""
    turns = (2 * math.pi * hz for hz in scenario["frequencies_hz"])
    return float(sum(scenario["amplitude_ns"] * turn * math.cos(turn * at_s) for turn in turns))


def stated_bound_ns(name: str) -> float:
    """Return how far off the daemon called so says that its clock may be; infinity while it does not know."""
    try:
        with closing(Clock(directory=f"/run/bench/time-{name}")) as clock:
            earliest, latest = clock.now_ptp()
    except TimeUnknownError:
        return math.inf
    return (latest - earliest) / 2


def run_node(node: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start a program in its role on its ports; the first of a boundary clock's looks up, the second down."""
    name, role, ports = node["name"], node["role"], node["ports"]
    if node["program"] == "ptp4l":
        configuration = RUN / f"{name}.conf"
        text = PTP4L.format(name=name, options=PTP4L_ROLES[role]) + "".join(f"[vptp{port}]\n" for port in ports)
        configuration.write_text(text + "masterOnly 1\n" * (role != "slave"))
        return start(name, ["ptp4l", "-f", str(configuration)])
    configuration = RUN / f"{name}.toml"
    text = "".join(OUR_PORT.format(port=port) for port in ports) + "master_only = true" * (role == "bc")
    slave_only = str(role == "slave").lower()
    configuration.write_text(OURS.format(name=name, slave_only=slave_only, ports=text) + QUIET)
    return start(name, [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
