"""Inside the virtual machine: CLOCK_REALTIME kept on a hardware clock by ours, then by phc2sys, from the same start.

The truth is read ten times a second. ``python -m lab.bench.system_clock_guest SCENARIO_JSON`` writes
``$RESULTS/NAME.json``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hw.phc import Phc
from hw.realtime import RealtimeClock
from lab.bench.hardware_guest import INITIAL_OFFSET_S, SAMPLES_PER_S, cpu_s
from lab.vptp.debugfs import read_truth, set_knob
from ptpstack.time import NANOSECOND, LocalTime

TAI_OFFSET_S = 37
_RUN = Path("/run/bench")

OURS = """
[clock.nic]
type = "phc"
device = "{device}"
reference = true
[clock.system]
type = "system"
follows = "nic"
log_interval = {log_interval}
[log]
level = "notice"
[control]
socket = ""
[state]
directory = ""
"""


def main(arguments: list[str]) -> int:
    scenario: dict[str, Any] = json.loads(arguments[0])
    _RUN.mkdir(exist_ok=True)
    device = read_truth().clocks[0].device
    configuration = _RUN / "system.toml"
    configuration.write_text(OURS.format(device=device, log_interval=scenario["log_interval"]))
    ours = [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)]
    peer = ["phc2sys", "-m", "-s", device, "-c", "CLOCK_REALTIME", "-O", str(-TAI_OFFSET_S)]
    peer += ["-R", str(2.0 ** -scenario["log_interval"])]
    offsets, cpu = zip(*(measure(command, scenario) for command in (ours, peer)), strict=True)
    result = {"offsets_ns": offsets, "cpu_s": cpu}
    Path(os.environ["RESULTS"], f"{scenario['name']}.json").write_text(json.dumps(result))
    return 0


def measure(command: list[str], scenario: dict[str, Any]) -> tuple[list[float], float]:
    """Return the true offsets of CLOCK_REALTIME while *command* keeps it, and its CPU time."""
    set_knob("clock0/walk_ppt", 0)
    set_knob("clock0/error_ppb", scenario["error_ppb"])
    set_knob("clock0/walk_ppt", scenario["walk_ppt"])
    RealtimeClock(tai_offset_s=0).set_frequency(0.0)
    phc = Phc(read_truth().clocks[0].device)
    phc.set_frequency(0.0)
    ahead_ns = round((TAI_OFFSET_S + INITIAL_OFFSET_S) * 1e9)
    phc.set_time(LocalTime((read_truth().realtime_ns + ahead_ns) * NANOSECOND))
    phc.close()
    with (_RUN / "system.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    offsets = record(scenario["seconds"])
    cpu = cpu_s(process.pid)
    process.terminate()
    process.wait()
    return offsets, cpu


def record(seconds: float) -> list[float]:
    """Return how far CLOCK_REALTIME, read as TAI, is ahead of the hardware clock, in ns, ten times a second."""
    offsets = []
    due = time.monotonic()
    for _ in range(int(seconds * SAMPLES_PER_S)):
        due += 1 / SAMPLES_PER_S
        time.sleep(max(0.0, due - time.monotonic()))
        truth = read_truth()
        clock = truth.clocks[0]
        offsets.append(truth.realtime_ns + TAI_OFFSET_S * 10**9 - clock.ns - clock.fraction * 2**-32)
    return offsets


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
