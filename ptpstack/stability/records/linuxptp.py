"""Logs of ptp4l, phc2sys and ts2phc, from stdout (-m), syslog or the journal.

    ptp4l[10.123]: [tag] master offset   -15 s2 freq  +100 path delay    500
    phc2sys[10.123]: CLOCK_REALTIME phc offset   12 s2 freq  -7 delay  600
    ts2phc[10.123]: eth0 offset   3 s2 freq  +5             (older: eth0 master offset)
    ptp4l[10.123]: rms   12 max   30 freq  +100 +/-  20 delay   500 +/-   3

Offsets are local - master (of the clock named first, or the port's, less its source), in ns. The time is
CLOCK_MONOTONIC's. A summary line (``rms``) has neither single offsets nor a sign.
"""

from __future__ import annotations

import re

from ptpstack.stability.records.reading import Extremes, Format, Sample

_PREFIX = (
    r"(?P<program>ptp4l|phc2sys|ts2phc)(?:\[\d+\])?(?::\s*)?\[(?P<time>\d+\.\d+)\]:?\s+(?:\[(?P<tag>[^\]]*)\]\s+)?"
)
_SAMPLE = re.compile(
    _PREFIX + r"(?:(?P<clock>\S+)\s+)??(?:(?P<master>master|phc|sys)\s+)?"
    r"offset\s+(?P<offset>-?\d+)\s+s(?P<state>\d)\s+freq\s+[+-]?\d+"
)
_SUMMARY = re.compile(_PREFIX + r"(?:(?P<clock>\S+)\s+)?rms\s+(?P<rms>\d+)\s+max\s+(?P<max>\d+)\s+freq\s+[+-]?\d+")


def _series(match: re.Match[str]) -> str:
    tag = (match["tag"] or "").partition(":")[0]  # "[ptp4l.0.config:6]": the last is the level
    return " ".join(part for part in (match["program"], tag, match["clock"]) if part)


def _read_line(line: str) -> Sample | Extremes | None:
    if match := _SAMPLE.search(line):
        locked = int(match["state"]) >= 2
        return Sample(_series(match), float(match["time"]), float(match["offset"]), locked)
    if match := _SUMMARY.search(line):
        return Extremes(_series(match), float(match["time"]), float(match["rms"]), float(match["max"]))
    return None


LINUXPTP = Format("linuxptp", "a log of ptp4l, phc2sys or ts2phc", "local - master, ns", lambda _tau0_s: _read_line)
