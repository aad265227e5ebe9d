"""Inside the virtual machine: gPTP systems in a row, ours and ptp4l's with its gPTP configuration.

``python -m lab.bench.gptp_guest SCENARIO_JSON`` plays a scenario of ``lab.bench.gptp`` as ``boundary_guest`` does.
"""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

from lab.bench.boundary_guest import main
from lab.bench.hardware_guest import RUN, start

PTP4L = """[global]
gmCapable {capable}
priority1 {priority1}
priority2 248
logAnnounceInterval 0
logSyncInterval -3
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
[instance.main]
profile = "gptp"
priority1 = {priority1}
{options}
{ports}
[servo]
step_threshold_ns = 10_000
[log]
format = "text"
[control]
socket = ""
[state]
directory = ""
"""
OUR_PORT = """
[[instance.main.port]]
interface = "vptp{port}"
"""
OUR_ROLES = {"gm": "", "relay": "free_running = true", "end": ""}


def run_gptp_node(node: dict[str, Any], _mechanism: str) -> subprocess.Popen[bytes]:
    """Start a program in its role on its ports."""
    name, role, priority1 = node["name"], node["role"], node.get("priority1", 248)
    if node["program"] == "ptp4l":
        text = PTP4L.format(
            name=re.sub(r"\W", "", name),
            capable=1,
            priority1=priority1,
            options="free_running 1" if role == "gm" else "",
        )
        configuration = RUN / f"{name}.conf"
        configuration.write_text(text + "".join(f"[vptp{port}]\n" for port in node["ports"]))
        return start(name, ["ptp4l", "-f", str(configuration)])
    ports = "".join(OUR_PORT.format(port=port) for port in node["ports"])
    configuration = RUN / f"{name}.toml"
    configuration.write_text(OURS.format(priority1=priority1, options=OUR_ROLES[role], ports=ports))
    return start(name, [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], run_gptp_node))
