"""What the guest of ``lab bench hardware`` recorded, and what is computed from it.

What lives here: the true offsets of each clock, their statistics. What does not: the scenarios (``hardware.py``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ptpstack.errors import PtpstackError

Series: TypeAlias = NDArray[np.float64]

SAMPLES_PER_S = 10
SETTLED_S = 60
"""What is left out of RMS and the like: the rest is the steady state."""

LOCKED_NS = 100


@dataclass(frozen=True)
class Comparison:
    """Two of the programs of a scenario, by their names in the guest; the limit of the ratio of their RMS, if any."""

    ours: str
    peer: str
    rms_limit: float | None = None


@dataclass(frozen=True)
class Track:
    """What one program did in one scenario: each sample and each second; and from which sample on it had Syncs."""

    offsets_ns: Series
    cpu_s: Series
    measuring_from: int


@dataclass(frozen=True)
class Run:
    """A scenario in one boot: by program, what each of its clocks did; and how busy the guest was."""

    programs: Mapping[str, Sequence[Track]]
    guest: Mapping[str, float]


class HardwareBenchError(PtpstackError):
    """The guest could not run the scenarios."""


def read(path: Path) -> Run:
    """Return what was recorded of a scenario. Raises HardwareBenchError where a program never followed."""
    answer = json.loads(path.read_text())
    programs: dict[str, list[Track]] = {}
    for program, tracks in answer["programs"].items():
        for track in tracks:
            if track["measuring_from"] is None:
                raise HardwareBenchError(f"{program} never followed", where=str(path))
            known = Track(np.array(track["offsets_ns"]), np.array(track["cpu_s"]), track["measuring_from"])
            programs.setdefault(program, []).append(known)
    return Run(programs, answer["guest"])


def time_to_stay(track: Track) -> float:
    """Return how long after the first Sync |offset| was above LOCKED_NS for the last time, in s.

    Infinity if it still is; at least the time between samples.
    """
    outside = np.flatnonzero(np.abs(track.offsets_ns) >= LOCKED_NS)
    last = int(outside[-1]) if len(outside) else 0
    return math.inf if last == len(track.offsets_ns) - 1 else max(last + 1 - track.measuring_from, 1) / SAMPLES_PER_S


def mtie(offsets: Series, window: int) -> float:
    """Return the largest peak-to-peak offset within *window* + 1 samples."""
    views = np.lib.stride_tricks.sliding_window_view(offsets, window + 1)
    return float((views.max(axis=1) - views.min(axis=1)).max())


def rms(track: Track) -> float:
    """Return the true RMS of the settled offset, in ns."""
    return float(np.sqrt(np.mean(_settled(track) ** 2)))


METRICS: tuple[tuple[str, str, Callable[[Track], float]], ...] = (
    (f"first Sync to within {LOCKED_NS} ns", "s", time_to_stay),
    ("true offset RMS", "ns", rms),
    ("true offset 95 %", "ns", lambda x: float(np.quantile(np.abs(_settled(x)), 0.95))),
    ("true offset maximum", "ns", lambda x: float(np.abs(_settled(x)).max())),
    ("MTIE(10 s)", "ns", lambda x: mtie(_settled(x), 10 * SAMPLES_PER_S)),
    ("CPU time before the first Sync", "s", lambda x: float(x.cpu_s[math.ceil(x.measuring_from / SAMPLES_PER_S)])),
    ("CPU time of a minute at work", "s", lambda x: 60 * float(np.mean(np.diff(x.cpu_s[SETTLED_S:])))),
)
"""The first Sync is that of the chosen master, or the first comparison of the clocks; of pulses, the first step.

The time from a program's start is left out: in there it tells how busy the host is, whose files are waited for. What
the start takes of the processor is told, and `lab.bench.start` measures it where files are near.
"""


def _settled(track: Track) -> Series:
    return track.offsets_ns[SETTLED_S * SAMPLES_PER_S :]
