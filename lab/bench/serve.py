"""Delay_Req → Delay_Resp on one core with software stamps: CPU time of the master for each answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from lab.bench import bed
from lab.bench.rows import Row

SECONDS = 3.0
WINDOW = 32


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; ours and ptp4l take turns."""
    ours_us, peer_us, ours_gap, peer_gap = [], [], [], []
    for _ in range(rounds):
        with bed.cable() as cable:
            cpu, gap = _round(cable, bed.ours(cable, "clock_class = 6"))
            ours_us.append(cpu)
            ours_gap.append(gap)
        with bed.cable() as cable:
            cpu, gap = _round(cable, bed.ptp4l(cable, masterOnly=1))
            peer_us.append(cpu)
            peer_gap.append(gap)
    yield Row("serve", "CPU time per Delay_Req answered", "µs", ours_us, peer_us, "ptp4l")
    yield Row("serve", "wall time per Delay_Req answered", "µs", ours_gap, peer_gap, "ptp4l")


def _round(cable: bed.Cable, program: AbstractContextManager[int]) -> tuple[float, float]:
    """Return CPU and wall time per answer, in µs."""
    with program as pid:
        bed.settle(1.0)  # announce receipt timeout at 16 Announces a second, then MASTER
        before_s = bed.cpu_s(pid)
        result = bed.traffic_result(cable, bed.generator(cable, "requests", SECONDS, WINDOW))
        used_s = bed.cpu_s(pid) - before_s
    return used_s / result["answered"] * 1e6, result["seconds"] / result["answered"] * 1e6
