"""How well NTP clients know the time, side by side on the same path.

Server and clients read the same CLOCK_REALTIME, so that the true offset is 0 and every client's estimate its error.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

from lab.bench import bed
from lab.bench.ntp_programs import chronyd, ours, served
from lab.bench.rows import Row
from lab.daemon import Daemon
from lab.peers.chronyd import Chronyd

SETTLE_S, WINDOW_S = 40, 60


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; a round takes some four minutes."""
    for interleaved in (False, True):
        yield accuracy(rounds, interleaved=interleaved)


def accuracy(rounds: int, *, interleaved: bool) -> Row:
    """Both ask the same server each second, at the same time: RMS of what each believes of an offset of 0."""
    ours_us, chronyd_us = list[float](), list[float]()
    for _ in range(rounds):
        with served() as place:
            own = ours(place, "ours", 0, interleaved=interleaved)
            peer = chronyd(place, "chronyd", f"minpoll 0 maxpoll 0{' xleave' if interleaved else ''}")
            bed.settle(SETTLE_S)
            errors: list[tuple[float, float]] = []
            for _ in range(WINDOW_S):
                time.sleep(1)
                errors.append((_offset_of_ours_ns(own), _offset_of_chronyd_ns(peer)))
            own.stop()
            peer.stop()
        ours_us.append(_rms([mine for mine, _ in errors]) / 1000)
        chronyd_us.append(_rms([theirs for _, theirs in errors]) / 1000)
    mode = "interleaved" if interleaved else "basic"
    return Row("ntp_accuracy", f"error RMS, {mode}, a request a second", "us", ours_us, chronyd_us, "chronyd", 1.0)


def _offset_of_ours_ns(daemon: Daemon) -> float:
    return float(daemon.status()["ntp"]["offset_ns"])


def _offset_of_chronyd_ns(chronyd: Chronyd) -> float:
    fields = chronyd.ask("-c", "sourcestats").strip().split(",")
    return float(fields[6]) * 1e9


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))
