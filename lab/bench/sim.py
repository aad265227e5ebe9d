"""The simulator on one core: CPU time of a thousand scheduler events, and of a second of virtual time for each slave.

A scheduler event is one action at an instant of virtual time: a frame that arrives or leaves, a transmit stamp that
comes, a deadline. A star of slaves at 8 Syncs/s, a Delay_Req each second, TCXOs, hardware stamps; locked when the
clock starts. CPU time, so that other work on the machine disturbs less.
"""

from __future__ import annotations

import resource
import time
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

from lab.bench.rows import Row
from ptpstack.config.source import Source, canonical
from ptpstack.sim.scenario.build import Site
from ptpstack.sim.scenario.load import from_source

EVENTS_PER_SECOND = 20_000
LOCKED_S = 12.0

SCENARIO = """\
duration = "1 h"
servo.type = "{servo}"
stamping.jitter_ns = 20

[host.gm.instance.main]
enforce_profile = false
priority1 = 10
[[host.gm.instance.main.port]]
log_sync_interval = -3

[host.slave]
count = {slaves}
start_offset_spread_ns = 1e6
oscillator = {{ preset = "tcxo", frequency_spread_ppb = 4600 }}
instance.main.slave_only = true

[[star]]
center = "gm"
leaves = ["slave"]
"""


class Case(NamedTuple):
    """A star and how long to look at it."""

    slaves: int
    servo: str
    seconds: float


CASES = (Case(50, "pi", 20.0), Case(50, "auto", 20.0), Case(1000, "pi", 2.0), Case(1000, "auto", 2.0))


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case."""
    for case in CASES:
        site = _site(case)
        costs = [_run(site, case.seconds) for _ in range(rounds)]
        name = f"{case.slaves} slaves, {case.servo}"
        limit = 1e6 / EVENTS_PER_SECOND
        yield Row("sim", f"{name}: a scheduler event", "us", [cpu_s / n * 1e6 for cpu_s, n in costs], limit=limit)
        per_slave = [cpu_s / case.seconds / case.slaves * 1e3 for cpu_s, _ in costs]
        yield Row("sim", f"{name}: a slave's second", "ms", per_slave)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Row("sim", "memory at the most", "MB", [peak_mb])


def _site(case: Case) -> Site:
    text = SCENARIO.format(**case._asdict())
    site = Site(from_source(Source("bench", canonical(tomllib.loads(text)))), seed=1)
    site.world.run(LOCKED_S)
    return site


def _run(site: Site, seconds: float) -> tuple[float, int]:
    """Return CPU time and scheduler events of *seconds*."""
    events, began = site.world.scheduler.events, time.process_time()
    site.world.run(seconds)
    return time.process_time() - began, site.world.scheduler.events - events
