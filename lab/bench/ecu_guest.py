"""Inside the virtual machine: an end station of a car that is switched on behind its grandmaster at 32 Sync/s.

Ours with an empty state directory, ours with what that start has left there, and ptp4l, one after the other on the same
card: how long from the start of the program until its clock is within the limit for good. Ours runs the small
configuration of docs/automotive.md as it stands there, but for the names of interface and clock. The truth is read 50
times a second. ``python -m lab.bench.ecu_guest SEED`` writes ``$FINISHED/ecu.json``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from hw.phc import Phc
from lab.bench.boundary_guest import load_card, wait_until_awake
from lab.bench.gptp_guest import run_gptp_node
from lab.bench.hardware_guest import RUN, cpu_s, log_of, resident_mb, start
from lab.bench.results import hand_over
from lab.vptp.debugfs import read_truth
from ptpstack.time import NANOSECOND

WITHIN_NS = 80.0
SAMPLES_PER_S = 50
STARTING_S, SETTLED_S, USAGE_S = 10.0, 5.0, 10.0
"""How long a start is watched, what passes until the intervals are the operational ones, and then their CPU time."""

WRONG_NS = 146_000
DOCS = Path(__file__).parents[2] / "docs" / "automotive.md"
FILE = re.compile(r"(?<=[ '])(/[^ '\n]+)")
IN_DOCS = re.compile(r"<!-- ecu.toml: .*?-->\n```toml\n(.*?)```", re.DOTALL)
STARTS = {"ours, new": "ptpstack", "ours, kept": "ptpstack", "ptp4l": "ptp4l"}


def main(arguments: list[str]) -> int:
    """Switch on each of `STARTS`; *arguments* are the seed of the card's noise."""
    RUN.mkdir(exist_ok=True)
    load_card(
        {
            "card": f"ports=2 phc=0,1 segment=0,0 seed={arguments[0]}",
            "ports": 2,
            "jitter_ns": 20,
            "walk_ppt": 0,
            "errors_ppb": {"1": -15_000},
            "grandmaster_clocks": [],
        }
    )
    master = run_gptp_node({"name": "master", "program": "ptpstack", "role": "car gm", "ports": [0]}, "")
    wait_until_awake(["master"])
    time.sleep(SETTLED_S)
    for program in (ours(read_truth().clocks[1].device, "-v"), ptp4l()):
        time.sleep(STARTING_S)
        keep_in_memory(program.pid)
        program.terminate()
        program.wait()
    shutil.rmtree("/var/lib/ptpstack", ignore_errors=True)  # in the guest's memory
    starts = {name: switch_on(program) for name, program in STARTS.items()}
    master.terminate()
    master.wait()
    hand_over("ecu", {"starts": starts})
    return 0


def switch_on(program: str) -> Mapping[str, Any]:
    """Start a program on a clock that is wrong, watch it, end it; its state stays."""
    truth = read_truth().clocks
    with closing(Phc(truth[1].device)) as phc:
        phc.step(round(WRONG_NS - truth[1].minus_ns(truth[0])) * NANOSECOND)
        phc.set_frequency(0.0)
    began_s, offsets_ns = time.monotonic(), []
    process = ours(truth[1].device) if program == "ptpstack" else ptp4l()
    for number in range(int(STARTING_S * SAMPLES_PER_S)):
        time.sleep(max(0.0, began_s + (number + 1) / SAMPLES_PER_S - time.monotonic()))
        clocks = read_truth().clocks
        offsets_ns.append(clocks[1].minus_ns(clocks[0]))
    started_cpu_s = cpu_s(process.pid)
    outside = np.flatnonzero(np.abs(offsets_ns) > WITHIN_NS)
    time.sleep(SETTLED_S)
    before_s = cpu_s(process.pid)
    time.sleep(USAGE_S)
    used = {"cpu_ms": (cpu_s(process.pid) - before_s) / USAGE_S * 1e3, "resident_mb": resident_mb(process.pid)}
    process.terminate()
    process.wait()
    within_s = float(outside[-1] + 2) / SAMPLES_PER_S if outside.size else 1 / SAMPLES_PER_S
    return used | {"within_s": within_s, "started_cpu_s": started_cpu_s, "offsets_ns": offsets_ns}


def keep_in_memory(pid: int) -> None:
    """Let what a program has loaded be in the guest's memory, by changing nothing of each file.

    The guest's time runs ahead while it waits for a file of the host, and a start opens hundreds.
    """
    loaded = FILE.findall(Path(f"/proc/{pid}/maps").read_text() + log_of("ours"))
    for path in {path for path in loaded if Path(path).is_file()}:
        at = Path(path).stat()
        os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))


def ours(device: str, *options: str) -> subprocess.Popen[bytes]:
    """Start our daemon with what the documentation shows, and Python with *options*."""
    shown = IN_DOCS.search(DOCS.read_text(encoding="utf-8"))
    if shown is None:
        raise AssertionError(f"no ecu.toml in {DOCS}")
    configuration = RUN / "ecu.toml"
    configuration.write_text(shown[1].replace("/dev/ptp0", device).replace("eth0", "vptp1"))
    return start("ours", [sys.executable, *options, "-m", "ptpstack", "run", "-c", str(configuration)])


def ptp4l() -> subprocess.Popen[bytes]:
    """Start ptp4l as automotive-slave.cfg has it."""
    return run_gptp_node({"name": "ptp4l", "program": "ptp4l", "role": "car end", "ports": [1]}, "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
