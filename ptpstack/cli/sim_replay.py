"""``ptpstack sim --replay``: the offsets of a field log under another servo, beside what was recorded."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ptpstack.cli.report_table import ns
from ptpstack.config.servo_settings import servo_settings
from ptpstack.config.servo_table import Servo as ServoTable
from ptpstack.servo.registry import make_servo
from ptpstack.sim.replay import Course, Recording, ReplayError, recorded, recordings, replay
from ptpstack.words import counted

MEANING = """\
  Offsets are as measured (local - master in ns), not true errors: noise of stamps and path is in both columns. As far
  as that noise is the same from sample to sample by chance only, the difference of the squares of two RMS is the
  difference of the true errors' squares. Not seen: asymmetry, and a path that was measured wrong for long."""


def run(args: argparse.Namespace) -> int:
    """Print recorded and replayed offsets. Raises :class:`ReplayError`."""
    table = ServoTable(type=args.servo or "auto")
    try:
        with Path(args.replay).open(encoding="utf-8", errors="replace") as lines:
            found = recordings(lines, args.replay)
    except OSError as error:
        raise ReplayError("cannot be read", where=args.replay, why=error.strerror or str(error)) from error
    compared = [(recording, recorded(recording), _replay(recording, table)) for recording in found]
    if args.json:
        clocks = [_as_json(*each) for each in compared]
        text = json.dumps(
            {"source": args.replay, "servo": table.type, "sign": "local - master", "clocks": clocks}, indent=2
        )
    else:
        text = "\n".join(line for each in compared for line in _as_text(table.type, *each)) + "\n" + MEANING
    sys.stdout.write(f"{text}\n")
    return 0


def _replay(recording: Recording, table: ServoTable) -> Course:
    settings = servo_settings(table, max_frequency_ppb=table.max_frequency_ppb, hardware_timestamping=True)
    return replay(recording, make_servo(table.type, settings, recording.found_at_ppb))


def compared_from_s(before: Course, after: Course) -> float | None:
    """Return the time from which both were locked; ``None``: never."""
    starts = before.locked_from_s, after.locked_from_s
    return None if None in starts else max(start for start in starts if start is not None)


def figures(course: Course, from_s: float) -> dict[str, float]:
    """Return the statistics of *course* from *from_s* on."""
    chosen = course.times_s >= from_s
    offsets_ns, frequencies_ppb = course.offsets_ns[chosen], course.frequencies_ppb[chosen]
    changes = np.diff(frequencies_ppb)
    return {
        "rms_ns": float(np.sqrt(np.mean(offsets_ns**2))),
        "p95_ns": float(np.percentile(np.abs(offsets_ns), 95)),
        "max_abs_ns": float(np.abs(offsets_ns).max()),
        "mean_ns": float(offsets_ns.mean()),
        "frequency_sd_ppb": float(frequencies_ppb.std()),
        "frequency_change_rms_ppb": float(np.sqrt(np.mean(changes**2))) if changes.size else 0.0,
    }


ROWS = {
    "rms_ns": "offset RMS, ns",
    "p95_ns": "|offset| 95 %, ns",
    "max_abs_ns": "|offset| max, ns",
    "mean_ns": "offset mean, ns",
    "frequency_sd_ppb": "frequency, standard deviation, ppb",
    "frequency_change_rms_ppb": "frequency, RMS change a sample, ppb",
}


def _as_text(servo: str, recording: Recording, before: Course, after: Course) -> Iterator[str]:
    span_s = before.times_s[-1]
    samples = counted(len(recording.samples), "sample")
    yield f"{recording.instance}, clock {recording.clock}: {samples} over {span_s:.4g} s"
    yield f"  {'':<36} {'recorded':>12} {servo:>12}"
    for title, course_rows in (("locked after, s", "locked_from_s"), ("steps", "steps")):
        cells = [getattr(course, course_rows) for course in (before, after)]
        yield f"  {title:<36} " + " ".join(f"{'never' if cell is None else f'{cell:g}':>12}" for cell in cells)
    from_s = compared_from_s(before, after)
    if from_s is None:
        yield "  not compared: one of the two never locked"
        return
    old, new = figures(before, from_s), figures(after, from_s)
    for key, title in ROWS.items():
        yield f"  {title:<36} {ns(old[key]):>12} {ns(new[key]):>12}"


def _as_json(recording: Recording, before: Course, after: Course) -> dict[str, Any]:
    from_s = compared_from_s(before, after)
    return {
        "instance": recording.instance,
        "clock": recording.clock,
        "samples": len(recording.samples),
        "compared_from_s": from_s,
        **{
            name: {"locked_from_s": course.locked_from_s, "steps": course.steps}
            | (figures(course, from_s) if from_s is not None else {})
            for name, course in (("recorded", before), ("replayed", after))
        },
    }
