"""A slave on software stamps over veth behind ptp4l, at 8 Sync/s: the truth of its soft clock."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial

from lab.bench import bed
from lab.bench.rows import Row
from lab.daemon import Daemon, soft_clock, true_offset_ns

SETTLE_S = 40
SECONDS = 20
LOG_INTERVAL = -3
CONFIGURATION = bed.BEHIND_PTP4L.format(offset_ns=300_000_000, frequency_error_ppb=30_000, log_interval=LOG_INTERVAL)


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case. ptp4l has no clock here that it may steer, so nothing stands beside it."""
    locked, rms, worst = [], [], []
    for _ in range(max(1, rounds // 2)):
        with bed.cable() as cable:
            master = bed.ptp4l_that_serves(cable.traffic, cable.directory / "ptp4l", LOG_INTERVAL)
            master.start()
            master.wait_for("to MASTER", 20)
            daemon = Daemon(cable.measured, cable.directory / "ours", CONFIGURATION)
            start = time.monotonic()
            daemon.start()
            daemon.wait_until_ready()
            daemon.wait_until_ready()
            daemon.wait_until(partial(_is_slave, daemon), 60, "became SLAVE")
            locked.append(time.monotonic() - start)
            bed.settle(SETTLE_S)
            offsets = [_offset_ns(daemon) for _ in range(SECONDS * 10)]
            rms.append(math.sqrt(sum(offset * offset for offset in offsets) / len(offsets)))
            worst.append(max(map(abs, offsets)))
            daemon.stop()
            master.stop()
    yield Row("slave", "start to locked at 8 Sync/s", "s", locked, limit=15)
    yield Row("slave", "true offset RMS at 8 Sync/s", "ns", rms, limit=2000)
    yield Row("slave", "true offset maximum at 8 Sync/s", "ns", worst)


def _is_slave(daemon: Daemon) -> bool:
    port: str = daemon.status()["instances"]["main"]["ports"][0]["portDS"]["portState"]
    return port == "SLAVE"


def _offset_ns(daemon: Daemon) -> float:
    time.sleep(0.1)
    return true_offset_ns(soft_clock(daemon.status()), time.time_ns())
