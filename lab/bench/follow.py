"""A slave at 500 Sync/s: CPU time of the process for each Sync with its Follow_Up, from the kernel to the command.

Kernel, wake-ups and all else that the process does are in it: an Announce for every 31st Sync, and a Delay_Req each
second, or for every fourth Sync. The core is kept awake, as a core that wakes up counts that as the program's; what it
is else stands beside it. Ours measures and steers its soft clock; ptp4l has no clock here that it may steer, so it
measures only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from lab.bench import bed
from lab.bench.rows import Row

RATE = 500
SECONDS = 6.0
SETTLE_S = 2.0


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; ours and ptp4l take turns."""
    with bed.core_kept_awake():
        yield Row("follow", "CPU time per Sync followed", "µs", *_rounds(rounds, "syncs"), "ptp4l", limit=150)
        yield Row("follow", "the same, 1/4 Delay_Req in it", "µs", *_rounds(rounds, "master"), "ptp4l")
    yield Row("follow", "as first, core asleep in between", "µs", *_rounds(rounds, "syncs"), "ptp4l")


def _rounds(rounds: int, traffic: str) -> tuple[list[float], list[float]]:
    """Return the CPU time per Sync of ours and of ptp4l, in µs."""
    ours, peer = [], []
    for _ in range(rounds):
        with bed.cable() as cable:
            ours.append(_round(cable, traffic, bed.ours(cable, "slave_only = true")))
        with bed.cable() as cable:
            peer.append(_round(cable, traffic, bed.ptp4l(cable, slaveOnly=1, summary_interval=1)))
    return ours, peer


def _round(cable: bed.Cable, traffic: str, program: AbstractContextManager[int]) -> float:
    """Return the CPU time per Sync in µs, after the slave has found its master."""
    with program as pid:
        master = bed.generator(cable, traffic, SECONDS, RATE)
        bed.settle(SETTLE_S)
        before_s = bed.cpu_s(pid)
        bed.settle(SECONDS - SETTLE_S - 1)
        used_s = bed.cpu_s(pid) - before_s
        sent_per_s: float = bed.traffic_result(cable, master)["sent"] / SECONDS  # fewer on a busy machine
    return used_s / (sent_per_s * (SECONDS - SETTLE_S - 1)) * 1e6
