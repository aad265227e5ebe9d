"""Inside the virtual machine: clocks in a row, a star or a ring, ours and ptp4l's beside each other on equal links.

``python -m lab.bench.boundary_guest SCENARIO_JSON`` loads the card anew for the scenario, starts its nodes, reads the
truth ten times a second and writes ``$FINISHED/NAME.json``. What a scenario holds: ``lab.bench.boundary``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, TypeAlias

from hw.phc import Phc
from lab.bench.hardware_guest import (
    QUIET,
    RUN,
    SAMPLES_PER_S,
    cpu_s,
    event_socket,
    log_of,
    resident_mb,
    sample_regularly,
    start,
)
from lab.bench.results import hand_over
from lab.vptp.debugfs import ROOT, read_truth, set_knob
from ptpstack.time import NANOSECOND, LocalTime

PTP4L = """[global]
network_transport L2
time_stamping hardware
delay_mechanism {mechanism}
logSyncInterval {log_interval}
logMinDelayReqInterval {log_interval}
logMinPdelayReqInterval {log_interval}
logAnnounceInterval 0
tx_timestamp_timeout 100
use_syslog 0
verbose 1
uds_address /run/bench/uds{name}
{options}
"""
PTP4L_ROLES = {
    "gm": "masterOnly 1\nfree_running 1",
    "bc": "",
    "tc": "clock_type {mechanism}_TC\nfree_running 1\npriority1 254",
    "ring tc": "clock_type {mechanism}_TC\nfree_running 1\npriority1 254\ntc_spanning_tree 1",
    "slave": "slaveOnly 1",
    "preferred": "clockClass 6\nfree_running 1\nannounceReceiptTimeout 2",
    "substation slave": "slaveOnly 1\nannounceReceiptTimeout 2",
}
OURS = """
[instance.main]
enforce_profile = false
profile = "default-{mechanism}"
{options}
{ports}
[servo]
step_threshold_ns = 10_000
"""
OUR_PORT = """
[[instance.main.port]]
interface = "vptp{port}"
transport = "l2"
log_announce_interval = 0
log_sync_interval = {log_interval}
log_min_{request}_req_interval = {log_interval}
"""
OUR_ROLES = {
    "bc": "",
    "tc": 'instance_type = "{mechanism}-tc"',
    "ring tc": 'instance_type = "{mechanism}-tc"',
    "slave": "slave_only = true",
    "preferred": "clock_class = 6\nfree_running = true",
    "substation slave": "slave_only = true",
}
OUR_TIMEOUTS = {"preferred": 2, "substation slave": 2}
"""announceReceiptTimeout, where it is not the profile's."""

LOG_INTERVAL = -3
"""Of Sync, Delay_Req and Pdelay_Req, where a node has none of its own."""

RunNode: TypeAlias = Callable[[dict[str, Any], str], subprocess.Popen[bytes]]

ANNOUNCE, GRANDMASTER = 0xB, slice(53, 61)
LOG_OCTETS = 20_000
AWAKE_S = 60
USAGE_S = 10
"""At the end of a scenario, for so long, the CPU time of each program is taken."""


def main(arguments: list[str], run: RunNode | None = None) -> int:
    """Play the scenario in *arguments*, whose nodes *run* starts."""
    scenario: dict[str, Any] = json.loads(arguments[0])
    RUN.mkdir(exist_ok=True)
    load_card(scenario)
    change_world(scenario, 0)  # what the programs begin in
    nodes = {node["name"]: (run or run_node)(node, scenario["mechanism"]) for node in scenario["nodes"]}
    nodes |= {f"{node['name']} phc2sys": keep_cards(node) for node in scenario["nodes"] if is_jbod(node)}
    wait_until_awake([node["name"] for node in scenario["nodes"] if node["program"] != "load"])
    tracks: dict[str, list[float]] = {name: [] for name in scenario["observe"]}
    rates: dict[str, list[float]] = {name: [] for name in scenario["observe"]}
    grandmasters: dict[str, list[tuple[float, str]]] = {name: [] for name in scenario["listen"]}
    sockets = {name: event_socket(port) for name, port in scenario["listen"].items()}
    kill_at = scenario["kill_at"] * SAMPLES_PER_S
    cpu_before: dict[str, float] = {}

    def sample(number: int) -> None:
        clocks = read_truth().clocks
        for name, (clock, reference) in scenario["observe"].items():
            tracks[name].append(clocks[clock].minus_ns(clocks[reference]))
            rates[name].append(clocks[clock].frequency_error_ppb)
        if number == kill_at:
            for name in scenario["kill"]:
                nodes[name].kill()
        if number == (scenario["seconds"] - USAGE_S) * SAMPLES_PER_S:
            cpu_before.update({name: cpu_s(each.pid) for name, each in nodes.items() if each.poll() is None})
        change_world(scenario, number)
        for name, listening in sockets.items():
            hear(listening, number / SAMPLES_PER_S, grandmasters[name])

    sample_regularly(scenario["seconds"], sample)
    ended = [name for name, process in nodes.items() if process.poll() is not None and name not in scenario["kill"]]
    for name in ended:
        print(f"{name} ended by itself: {log_of(name)[-1000:]}")
    usage = {
        name: {"cpu_ms": (cpu_s(nodes[name].pid) - before) / USAGE_S * 1e3, "resident_mb": resident_mb(nodes[name].pid)}
        for name, before in cpu_before.items()
        if nodes[name].poll() is None
    }
    for process in nodes.values():
        process.terminate()
        process.wait()
    logs = {name: log_of(name)[-LOG_OCTETS:] for name in nodes}
    answer = {"tracks": tracks, "rates": rates, "grandmasters": grandmasters, "usage": usage, "logs": logs}
    hand_over(scenario["name"], answer)
    return 1 if ended else 0


def wait_until_awake(names: Sequence[str]) -> None:
    """Wait until each program has said something: on a busy host an emulated processor starts them slowly."""
    deadline_s = time.monotonic() + AWAKE_S
    while time.monotonic() < deadline_s and not all(log_of(name) for name in names):
        time.sleep(0.1)


def load_card(scenario: dict[str, Any]) -> None:
    """Load the card with the scenario's wiring, all clocks at the same time and wrong as it says."""
    if ROOT.exists():
        subprocess.run(["rmmod", "vptp"], check=True)
    subprocess.run(["insmod", os.environ["VPTP"], *scenario["card"].split()], check=True)
    for port in range(scenario["ports"]):
        subprocess.run(["ip", "link", "set", f"vptp{port}", "up"], check=True)
        set_knob(f"port{port}/stamp_jitter_ns", scenario["jitter_ns"])
    for number, truth in enumerate(read_truth().clocks):
        with closing(Phc(truth.device)) as phc:
            phc.set_time(LocalTime(read_truth().realtime_ns * NANOSECOND))
        error_ppb = scenario["errors_ppb"].get(str(number), 0)
        set_knob(f"clock{number}/error_ppb", error_ppb)
        set_knob(f"clock{number}/walk_ppt", scenario["walk_ppt"] if error_ppb else 0)  # a grandmaster's is perfect
    set_grandmasters_alike(scenario["grandmaster_clocks"])


def change_world(scenario: dict[str, Any], number: int) -> None:
    """Turn the knobs and step the clocks that are due at this sample."""
    for at_s, knob, value in scenario["turns"]:
        if number == at_s * SAMPLES_PER_S:
            set_knob(knob, value)
    for at_s, clock, step_ns in scenario["steps"]:
        if number == at_s * SAMPLES_PER_S:
            with closing(Phc(read_truth().clocks[clock].device)) as phc:
                phc.step(step_ns * NANOSECOND)


def set_grandmasters_alike(clocks: list[int]) -> None:
    """Let the grandmasters' clocks show the same to a nanosecond, as two that follow the same satellites."""
    for number in clocks[1:]:
        for _ in range(3):
            truth = read_truth().clocks
            with closing(Phc(truth[number].device)) as phc:
                phc.step(round(-truth[number].minus_ns(truth[clocks[0]])) * NANOSECOND)


def run_node(node: dict[str, Any], mechanism: str) -> subprocess.Popen[bytes]:
    """Start a program in its role on its ports."""
    name, role = node["name"], node["role"]
    if node["program"] == "ptp4l":
        options = PTP4L_ROLES[role].format(mechanism=mechanism.upper())
        if node["cards"] > 1:
            options += "\nboundary_clock_jbod 1"
        if "priority1" in node:
            options += f"\npriority1 {node['priority1']}"
        text = PTP4L.format(
            name=re.sub(r"\W", "", name),
            mechanism=mechanism.upper(),
            log_interval=node.get("log_interval", LOG_INTERVAL),
            options=options,
        )
        configuration = RUN / f"{name}.conf"
        configuration.write_text(text + "".join(f"[vptp{port}]\n" for port in node["ports"]))
        return start(name, ["ptp4l", "-f", str(configuration)])
    request = "delay" if mechanism == "e2e" else "pdelay"
    port = OUR_PORT + (f"announce_receipt_timeout = {OUR_TIMEOUTS[role]}\n" if role in OUR_TIMEOUTS else "")
    log_interval = node.get("log_interval", LOG_INTERVAL)
    ports = "".join(port.format(port=number, request=request, log_interval=log_interval) for number in node["ports"])
    configuration = RUN / f"{name}.toml"
    options = OUR_ROLES[role].format(mechanism=mechanism)
    if "priority1" in node:
        options += f"\npriority1 = {node['priority1']}"
    configuration.write_text(OURS.format(mechanism=mechanism, options=options, ports=ports) + QUIET)
    return start(name, [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)])


def is_jbod(node: dict[str, Any]) -> bool:
    """Whether ptp4l runs on several cards, whose clocks another program keeps together."""
    return node["program"] == "ptp4l" and int(node["cards"]) > 1


def keep_cards(node: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start the phc2sys that keeps the clocks of a ptp4l's cards together, as often as ours are."""
    name = re.sub(r"\W", "", node["name"])
    return start(f"{node['name']} phc2sys", ["phc2sys", "-a", "-m", "-R", "8", "-z", f"/run/bench/uds{name}"])


def hear(listening: Any, at_s: float, heard: list[tuple[float, str]]) -> None:  # noqa: ANN401 (a socket)
    """Note the grandmaster of each Announce that has come, when it is another one than before."""
    while True:
        try:
            frame = listening.recv(256)
        except BlockingIOError:
            return
        if frame[0] & 0xF == ANNOUNCE and len(frame) > GRANDMASTER.stop:
            identity = frame[GRANDMASTER].hex()
            if not heard or heard[-1][1] != identity:
                heard.append((at_s, identity))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
