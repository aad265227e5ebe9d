"""Inside the virtual machine: gPTP systems, ours and ptp4l's with its gPTP configuration.

``python -m lab.bench.gptp_guest SCENARIO_JSON`` plays a scenario of ``lab.bench.gptp`` as ``boundary_guest`` does.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.bench.boundary_guest import main
from lab.bench.hardware_guest import RUN, start

PTP4L = """[global]
gmCapable {capable}
priority1 {priority1}
priority2 248
logAnnounceInterval 0
logSyncInterval {log_sync_interval}
syncReceiptTimeout 3
neighborPropDelayThresh 800
min_neighbor_prop_delay -20000000
assume_two_step 1
path_trace_enabled 1
follow_up_info 1
transportSpecific 0x1
ptp_dst_mac 01:80:C2:00:00:0E
network_transport L2
delay_mechanism P2P
time_stamping hardware
tx_timestamp_timeout 100
step_threshold 0.00001
use_syslog 0
verbose 1
uds_address /run/bench/uds{name}
{options}
"""
OURS = """
{instances}
[servo]
step_threshold_ns = {step_threshold_ns}
[log]
format = "text"
[control]
socket = ""
[state]
directory = "{state}"
time_floor = false
{options}
"""
PTP4L_IN_A_CAR = """slaveOnly 1
BMCA noop
inhibit_announce 1
asCapable true
ignore_source_id 1
msg_interval_request 1
servo_offset_threshold 30
operLogSyncInterval 0
operLogPdelayReqInterval 2
"""
"""As of linuxptp's automotive-slave.cfg, but for the thresholds."""

INSTANCE = """
[instance.{name}]
profile = "{profile}"
{options}
"""
PORT = """
[[instance.{name}.port]]
interface = "vptp{number}"
{options}
"""
OUR_ROLES = {"gm": "", "relay": "free_running = true", "end": ""}
DOMAINS: dict[str, list[list[str]]] = {
    "first": [["master"]],
    "second": [["slave"], ["master"]],
    "switch": [["slave", "master", "master"], ["master", "slave", "master"]],
    "both": [["slave"], ["slave"]],
}
"""Each role of hot standby: what its ports are in domain 0 and, if it has that, in domain 1."""

HOT_STANDBY = """
[hot_standby]
primary = "domain0"
secondary = "domain1"
"""
CAR_PORTS = {
    "car gm": 'desired_state = "master"\nlog_sync_interval = -5',
    "car end": 'desired_state = "slave"\nlog_sync_interval = -5\noper_log_sync_interval = 0',
}
LOAD = """
import time
time.sleep({begin})
end_s = time.monotonic() + {seconds}
while time.monotonic() < end_s:
    pass
time.sleep(1e6)
"""


def run_gptp_node(node: dict[str, Any], _mechanism: str) -> subprocess.Popen[bytes]:
    """Start a program in its role on its ports."""
    name, role, priority1 = node["name"], node["role"], node.get("priority1", 248)
    if node["program"] == "ptp4l":
        text = PTP4L.format(
            name=re.sub(r"\W", "", name),
            capable=1,
            priority1=priority1,
            log_sync_interval=-5 if role == "car end" else -3,
            options={"gm": "free_running 1", "car end": PTP4L_IN_A_CAR}.get(role, ""),
        )
        configuration = RUN / f"{name}.conf"
        configuration.write_text(text + "".join(f"[vptp{port}]\n" for port in node["ports"]))
        return start(name, ["ptp4l", "-f", str(configuration)])
    if node["program"] == "load":
        return start(name, [sys.executable, "-c", LOAD.format(begin=node["begin"], seconds=node["seconds"])])
    configuration = RUN / f"{name}.toml"
    configuration.write_text(ours(role, node["ports"], priority1, RUN / f"{name} state"))
    return start(name, [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)])


def ours(role: str, ports: list[int], priority1: int, state: Path) -> str:
    """Return the configuration of our daemon in its role."""
    if role in CAR_PORTS:
        state.mkdir()
        instances = INSTANCE.format(name="main", profile="avnu-automotive", options="")
        instances += "".join(PORT.format(name="main", number=number, options=CAR_PORTS[role]) for number in ports)
        return OURS.format(instances=instances, step_threshold_ns=1000, state=state, options="")
    if role in DOMAINS:
        instances = "".join(in_domain(domain, ports, states) for domain, states in enumerate(DOMAINS[role]))
        options = HOT_STANDBY if role == "both" else ""
        return OURS.format(instances=instances, step_threshold_ns=10_000, state="", options=options)
    options = f"priority1 = {priority1}\n{OUR_ROLES[role]}"
    instances = INSTANCE.format(name="main", profile="gptp", options=options)
    instances += "".join(PORT.format(name="main", number=number, options="") for number in ports)
    return OURS.format(instances=instances, step_threshold_ns=10_000, state="", options="")


def in_domain(domain: int, ports: list[int], states: list[str]) -> str:
    """Return an instance whose ports are told their states; a bridge's measures only."""
    name = f"domain{domain}"
    options = f"domain_number = {domain}\nexternal_port_configuration_enabled = true\n"
    options += "free_running = true" if len(ports) > 1 else ""
    text = INSTANCE.format(name=name, profile="gptp", options=options)
    for number, state in zip(ports, states, strict=True):
        options = f'delay_mechanism = "common-p2p"\ndesired_state = "{state}"'
        text += PORT.format(name=name, number=number, options=options)
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], run_gptp_node))
