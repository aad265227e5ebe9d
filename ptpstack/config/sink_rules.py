"""What a well-formed `[sink.NAME]` must not say."""

from __future__ import annotations

from collections.abc import Iterator

from ptpstack.config.clock_rules import SYSTEM, real_clock, useless_keys
from ptpstack.config.model import Config
from ptpstack.config.ntp_rules import NTP, ntp_writers
from ptpstack.config.problems import Path, Problem
from ptpstack.config.rules import clocks_of, steers, unknown_clock
from ptpstack.config.source import Source

ONLY_WITH_TYPE: dict[str, tuple[str, ...]] = {"path": ("sock",), "unit": ("shm",), "mode": ("shm",)}


def sink_problems(config: Config, source: Source) -> Iterator[Problem]:
    """Yield what the sinks of *config* say that cannot all be true."""
    places: dict[tuple[str, object], str] = {}
    for name, sink in config.sink.items():
        path: Path = ("sink", name)
        yield from useless_keys(path, sink.type, "type", ONLY_WITH_TYPE, source)
        yield from unknown_clock(sink.clock, config.clock, (*path, "clock"), source)
        if sink.clock == "auto":
            yield source.problem((*path, "clock"), '"auto" is no clock here', next_step="name the clock")
        if sink.type == "sock" and not sink.path:
            yield source.problem(
                (*path, "path"), "is missing", next_step="write the path behind chronyd's refclock SOCK"
            )
        place = ("sock", sink.path) if sink.type == "sock" else ("shm", sink.unit)
        other = places.setdefault(place, name)
        if other != name:
            yield source.problem(path, f"sink {other} writes to the same place")
        if real_clock(sink.clock, config.clock) == SYSTEM:
            yield from _steered_here(config, path, source)


def _steered_here(config: Config, path: Path, source: Source) -> Iterator[Problem]:
    """Two programs on one clock fight."""
    who = [f"instance {name}" for name, one in config.instance.items() if steers(one) and SYSTEM in clocks_of(one)]
    who += ["[ntp]"] if NTP in ntp_writers(config, SYSTEM) else []
    who += [
        f"clock {name}"
        for name, one in config.clock.items()
        if one.follows and real_clock(name, config.clock) == SYSTEM
    ]
    if who:
        yield source.problem(
            (*path, "clock"),
            f"{who[0]} steers the system clock",
            why="a sink is for sites where another program does",
            next_step="set free_running = true there, or leave the sink out",
        )
