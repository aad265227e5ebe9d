"""Inside the virtual machine: CLOCK_REALTIME kept on a hardware clock by ours, then by phc2sys, from the same start.

The truth is read ten times a second. ``python -m lab.bench.system_clock_guest SCENARIO_JSON`` writes
``$FINISHED/NAME.json``.
"""

from __future__ import annotations

import json
import re
import sys
import time
from math import ceil
from typing import Any

from hw.phc import Phc
from hw.realtime import RealtimeClock
from lab.bench.hardware_guest import (
    INITIAL_OFFSET_S,
    QUIET,
    RUN,
    SAMPLES_PER_S,
    Track,
    cpu_s,
    log_of,
    sample_regularly,
    start,
    write_result,
)
from lab.vptp.debugfs import read_truth, set_knob
from ptpstack.time import NANOSECOND, LocalTime

TAI_OFFSET_S = 37
FIRST_COMPARISON = re.compile(r"^phc2sys\[([\d.]+)\]: CLOCK_REALTIME phc offset", re.MULTILINE)

OURS = """
[clock.nic]
type = "phc"
device = "{device}"
reference = true
[clock.system]
type = "system"
follows = "nic"
log_interval = {log_interval}
[servo]
type = "{servo}"
"""


def main(arguments: list[str]) -> int:
    scenario: dict[str, Any] = json.loads(arguments[0])
    RUN.mkdir(exist_ok=True)
    device, interval = read_truth().clocks[0].device, scenario["log_interval"]
    commands = {}
    for servo in ("auto", "pi"):
        configuration = RUN / f"system-{servo}.toml"
        configuration.write_text(OURS.format(device=device, log_interval=interval, servo=servo) + QUIET)
        commands[f"ptpstack {servo}"] = [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)]
    commands["phc2sys pi"] = ["phc2sys", "-m", "-s", device, "-c", "CLOCK_REALTIME", "-O", str(-TAI_OFFSET_S)]
    commands["phc2sys pi"] += ["-R", str(2.0**-interval)]
    write_result(scenario["name"], {name: [measure(command, scenario)] for name, command in commands.items()}, {})
    return 0


def measure(command: list[str], scenario: dict[str, Any]) -> Track:
    """Return how CLOCK_REALTIME did while *command* kept it."""
    set_knob("clock0/walk_ppt", 0)
    set_knob("clock0/error_ppb", scenario["error_ppb"])
    set_knob("clock0/seed", scenario["seed"])  # so that both programs' oscillator walks alike
    set_knob("clock0/walk_ppt", scenario["walk_ppt"])
    RealtimeClock(tai_offset_s=0).set_frequency(0.0)
    phc = Phc(read_truth().clocks[0].device)
    phc.set_frequency(0.0)
    ahead_ns = round((TAI_OFFSET_S + INITIAL_OFFSET_S) * 1e9)
    phc.set_time(LocalTime((read_truth().realtime_ns + ahead_ns) * NANOSECOND))
    phc.close()
    track = Track()
    begin = time.monotonic()
    process = start(0, command)

    def sample(number: int) -> None:
        track.offsets_ns.append(system_offset_ns())
        if number % SAMPLES_PER_S == 0:
            track.cpu_s.append(cpu_s(process.pid))

    sample_regularly(scenario["seconds"], sample)
    process.terminate()
    process.wait()
    if first := FIRST_COMPARISON.search(log_of(0)):
        track.measuring_from = ceil((float(first[1]) - begin) * SAMPLES_PER_S)
    return track


def system_offset_ns() -> float:
    """Return how far CLOCK_REALTIME, read as TAI, is ahead of the hardware clock."""
    truth = read_truth()
    clock = truth.clocks[0]
    return truth.realtime_ns + TAI_OFFSET_S * 10**9 - clock.ns - clock.fraction * 2**-32


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
