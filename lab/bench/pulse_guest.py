"""Inside the virtual machine: hardware clocks kept by the pulses of another one, by ours and by ts2phc.

Clock 0 is perfect and sends a pulse each second, which the others get by equal wires at the same time. The truth is
read ten times a second. ``python -m lab.bench.pulse_guest SCENARIO_JSON`` writes ``$FINISHED/NAME.json``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hw.periodic_output import start_periodic_output, stop_periodic_output
from hw.phc import Phc
from hw.pins import PinFunction, assign_pin, read_pins
from hw.realtime import RealtimeClock
from hw.timex import Modes, Timex, clock_adjtime
from lab.bench.hardware_guest import (
    QUIET,
    RUN,
    SAMPLES_PER_S,
    Track,
    cpu_s,
    put,
    sample_regularly,
    start,
    write_result,
)
from lab.vptp.debugfs import read_truth, set_knob
from ptpstack.time import NANOSECOND, LocalTime

TAI_OFFSET_S = 37
PROGRAMS = {"ptpstack auto": 1, "ptpstack pi": 3, "ts2phc pi": 5}
"""The clock that each program keeps."""
FIRST_STEP_NS = 100_000

OURS = """
[clock.nic]
type = "phc"
device = "{device}"
[source.pulses]
type = "pps"
clock = "nic"
pin = "SDP1"
[servo]
type = "{servo}"
"""
TS2PHC = """[global]
use_syslog 0
verbose 1
[{device}]
ts2phc.pin_index 1
"""


def main(arguments: list[str]) -> int:
    scenario: dict[str, Any] = json.loads(arguments[0])
    RUN.mkdir(exist_ok=True)
    tell_kernel()
    source = Phc(read_truth().clocks[0].device)
    source.set_frequency(0.0)
    source.set_time(LocalTime((read_truth().realtime_ns + TAI_OFFSET_S * 10**9) * NANOSECOND))
    assign_pin(source, read_pins(source)[0], PinFunction.PEROUT)
    for number in PROGRAMS.values():
        for knob, value in (("walk_ppt", 0), ("error_ppb", scenario["error_ppb"]), ("pps_from", 0)):
            set_knob(f"clock{number}/{knob}", value)
        set_knob(f"clock{number}/seed", scenario["seed"])
        set_knob(f"clock{number}/walk_ppt", scenario["walk_ppt"])
        set_knob(f"clock{number}/extts_jitter_ns", scenario["jitter_ns"])
        put(number)
    start_periodic_output(source)
    tracks = follow(scenario)
    stop_periodic_output(source)
    write_result(scenario["name"], {name: [track] for name, track in tracks.items()}, {})
    return 0


def tell_kernel() -> None:
    """Let the system clock, which names the seconds, count as kept, and know TAI."""
    RealtimeClock(tai_offset_s=0).set_tai_offset(TAI_OFFSET_S)
    clock_adjtime(time.CLOCK_REALTIME, Timex(modes=Modes.STATUS | Modes.MAXERROR, status=0, maxerror=0))


def follow(scenario: dict[str, Any]) -> dict[str, Track]:
    """Let all programs keep their clocks for the scenario's time; return what each did."""
    tracks = {name: Track() for name in PROGRAMS}
    processes = {name: program(name, number) for name, number in PROGRAMS.items()}

    def sample(number: int) -> None:
        clocks = read_truth().clocks
        for name, clock in PROGRAMS.items():
            tracks[name].offsets_ns.append(clocks[clock].minus_ns(clocks[0]))
            if number % SAMPLES_PER_S == 0:
                tracks[name].cpu_s.append(cpu_s(processes[name].pid))

    sample_regularly(scenario["seconds"], sample)
    for name, process in processes.items():
        process.terminate()
        process.wait()
        tracks[name].measuring_from = first_step(tracks[name].offsets_ns)
    return tracks


def first_step(offsets_ns: Sequence[float]) -> int | None:
    """Return the sample in which the clock had been put right for the first time; None: never.

    ts2phc tells nothing of its pulses, so what all programs do with the first ones is taken for when they had them.
    """
    changes = (abs(after - before) for before, after in pairwise(offsets_ns))
    return next((number for number, change in enumerate(changes, 1) if change > FIRST_STEP_NS), None)


def program(name: str, number: int) -> subprocess.Popen[bytes]:
    """Start the program *name* on clock *number*."""
    device, configuration = read_truth().clocks[number].device, RUN / f"pulses{number}"
    if name.startswith("ts2phc"):
        configuration.write_text(TS2PHC.format(device=device))
        return start(number, ["ts2phc", "-m", "-q", "-f", str(configuration), "-s", "generic"])
    configuration.write_text(OURS.format(device=device, servo=name.split()[1]) + QUIET)
    return start(number, [sys.executable, "-m", "ptpstack", "run", "-c", str(configuration)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
