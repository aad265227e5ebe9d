"""Inside the virtual machine: a T-BC of ours and one of ptp4l's behind one grandmaster, whose clock is then modulated.

``python -m lab.bench.masks_guest SCENARIO_JSON`` loads the card for it, starts the three, reads the truth sixteen times
a second and writes ``$RESULTS/masks.json``. What the scenario holds: ``lab.bench.masks_vm``.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.bench.boundary_guest import load_card
from lab.bench.hardware_guest import RUN, log_of, start
from lab.vptp.debugfs import read_truth, set_knob

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
GRANDMASTER = "free_running 1\nclockClass 6\nclockAccuracy 0x21\noffsetScaledLogVariance 0x4E5D\n[vptp0]\nmasterOnly 1"
BOUNDARY_CLOCK = "clockClass 248\n[vptp2]\n[vptp5]\nmasterOnly 1"
OURS = """
[instance.main]
profile = "g8275-1"
[[instance.main.port]]
interface = "vptp1"
destination_mac = "forwardable"
[[instance.main.port]]
interface = "vptp3"
destination_mac = "forwardable"
master_only = true
[servo]
type = "bandwidth"
[log]
format = "linuxptp"
[control]
socket = ""
[state]
directory = ""
time_floor = false
"""


def main(arguments: list[str]) -> int:
    """Play the scenario in *arguments*."""
    scenario: dict[str, Any] = json.loads(arguments[0])
    RUN.mkdir(exist_ok=True)
    load_card(scenario)
    programs = {"gm": ptp4l("gm", GRANDMASTER), "ptp4l": ptp4l("bc", BOUNDARY_CLOCK), "ours": ours()}
    tracks: dict[str, list[float]] = {name: [] for name in scenario["clocks"]}

    def sample(at_s: float) -> None:
        clocks = read_truth().clocks
        for name, number in scenario["clocks"].items():
            tracks[name].append(clocks[number].minus_ns(clocks[scenario["reference"]]))
        if at_s >= scenario["modulated_from_s"]:
            set_knob(f"clock{scenario['clocks']['gm']}/error_ppb", round(frequency_ppb(scenario, at_s)))

    sample_regularly(scenario["seconds"], scenario["samples_per_s"], sample)
    ended = [name for name, process in programs.items() if process.poll() is not None]
    for process in programs.values():
        process.terminate()
        process.wait()
    logs = {name: log_of(name)[-3000:] for name in ("gm", "bc", "ours")}
    Path(os.environ["RESULTS"], "masks.json").write_text(json.dumps({"tracks": tracks, "logs": logs}))
    for name in ended:
        print(f"{name} ended by itself: {logs}")
    return 1 if ended else 0


def frequency_ppb(scenario: dict[str, Any], at_s: float) -> float:
    """Return the frequency of a phase that is the sum of all the sinusoids."""
    turns = (2 * math.pi * hz for hz in scenario["frequencies_hz"])
    return float(sum(scenario["amplitude_ns"] * turn * math.cos(turn * at_s) for turn in turns))


def sample_regularly(seconds: float, samples_per_s: int, sample: Callable[[float], None]) -> None:
    """Call *sample* with the time since the begin, evenly spread."""
    begin = time.monotonic()
    for number in range(int(seconds * samples_per_s)):
        at_s = number / samples_per_s
        time.sleep(max(0.0, begin + at_s - time.monotonic()))
        sample(at_s)


def ptp4l(name: str, options: str) -> subprocess.Popen[bytes]:
    """Start a ptp4l."""
    configuration = RUN / f"{name}.conf"
    configuration.write_text(PTP4L.format(name=name, options=options))
    return start(name, ["ptp4l", "-f", str(configuration)])


def ours() -> subprocess.Popen[bytes]:
    """Start our boundary clock."""
    configuration = RUN / "ours.toml"
    configuration.write_text(OURS)
    return start("ours", [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
