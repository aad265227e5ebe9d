"""What the clocks of the demo do: their states and true offsets at one instant, and when each locked.

What lives here: taking samples and the figures made of them. What does not: showing them (`screen`, `report`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lab.daemon import Daemon, DaemonError, soft_clock, true_offset_ns
from lab.demo.bed import CLOCKS, Clock


class Figures(NamedTuple):
    """The true offsets of a stretch of time, nanoseconds."""

    rms_ns: float
    max_ns: float


@dataclass
class Track:
    """The history of one clock."""

    clock: Clock
    offsets: list[tuple[float, float]] = field(default_factory=list)
    port_states: tuple[str, ...] = ()
    follows: str = ""
    clock_state: str = ""
    locked: bool = False
    locked_after_s: float | None = None
    answers: bool = True

    @property
    def port_state(self) -> str:
        """The state that says most of its ports."""
        for state in ("SLAVE", "UNCALIBRATED", "PASSIVE", "MASTER"):
            if state in self.port_states:
                return state
        return self.port_states[0] if self.port_states else "INITIALIZING"

    @property
    def true_offset_ns(self) -> float:
        """The newest true offset."""
        return self.offsets[-1][1] if self.offsets else math.nan

    def figures(self, start_s: float, end_s: float) -> Figures | None:
        """Return the figures from *start_s* to *end_s*; None without samples."""
        values = [value for at, value in self.offsets if start_s <= at <= end_s]
        if not values:
            return None
        return Figures(math.sqrt(sum(value * value for value in values) / len(values)), max(map(abs, values)))


class Watch:
    """Samples every clock at the same true instants; seconds count from when the clocks were started."""

    def __init__(self, daemons: Mapping[str, Daemon], started: float) -> None:
        self.tracks = {clock.name: Track(clock) for clock in CLOCKS}
        self._daemons = daemons
        self._started = started

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    def at(self, monotonic_ns: int) -> float:
        """Return the seconds from the start to an instant of CLOCK_MONOTONIC."""
        return monotonic_ns / 1e9 - self._started

    def sample(self) -> None:
        """Ask every clock, then compute where all of them are now."""
        statuses: dict[str, dict[str, Any]] = {}
        for name, daemon in self._daemons.items():
            try:
                statuses[name] = daemon.status()
            except DaemonError:
                self.tracks[name].answers = False
        now_ns, now_s = time.time_ns(), self.seconds()
        for name, status in statuses.items():
            self._take(self.tracks[name], status, now_ns, now_s)

    def _take(self, track: Track, status: dict[str, Any], now_ns: int, now_s: float) -> None:
        instance = status["instances"]["main"]
        track.port_states = tuple(port["portDS"]["portState"] for port in instance["ports"])
        track.follows = instance["parentDS"]["grandmasterIdentity"]
        track.clock_state = instance["state"]
        track.locked = track.clock_state in ("locked", "serving")
        if track.locked and track.locked_after_s is None:
            track.locked_after_s = round(now_s, 2)
        track.offsets.append((now_s, true_offset_ns(soft_clock(status), now_ns)))
