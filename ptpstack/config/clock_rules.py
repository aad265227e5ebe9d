"""What a well-formed configuration must not say of clocks that follow clocks, of pulses in and of pulses out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from ptpstack.config.clock_table import Clock
from ptpstack.config.instance_table import Instance
from ptpstack.config.model import Config
from ptpstack.config.problems import Path, Problem
from ptpstack.config.pulse_tables import PulseSource
from ptpstack.config.rules import clocks_of, steers, unknown_clock
from ptpstack.config.source import Source

AUTO, SYSTEM = "auto", "system"

ONLY_WITH_TYPE: dict[str, tuple[str, ...]] = {
    "device": ("phc",),
    "follows": ("phc", "system"),
    "log_interval": ("phc", "system"),
    "readings": ("phc", "system"),
    "reference": ("phc", "system"),
    "allow_timescale_mismatch": ("system",),
    "offset_ns": ("soft",),
    "frequency_error_ppb": ("soft",),
}
"""Keys of a clock that mean something for some types only."""

ONLY_WITH_TIME_OF_DAY: dict[str, tuple[str, ...]] = {
    "gpsd_host": ("gpsd",),
    "gpsd_port": ("gpsd",),
    "serial_port": ("nmea", "ubx"),
    "baud_rate": ("nmea", "ubx"),
    "time_of_day_delay_ns": ("gpsd", "nmea", "ubx"),
}
"""Keys of a source that mean something with some times of day only."""


def real_clock(word: str, clocks: Mapping[str, Clock]) -> str:
    """Return the clock that *word* stands for: ``system``, ``/dev/ptpN``, a soft clock's name, or ``auto``."""
    clock = clocks.get(word)
    if clock is None or clock.type == "soft":
        return word
    return SYSTEM if clock.type == "system" else clock.device


def clock_problems(config: Config, source: Source) -> Iterator[Problem]:
    """Yield what the clocks, sources and outputs of *config* say that cannot all be true."""
    clocks = config.clock
    for name, clock in clocks.items():
        yield from _within_clock(name, clock, source)
        if clock.follows:
            yield from _follower(name, config, source)
    for (name, first), (other, second) in combinations(clocks.items(), 2):
        if first.type == second.type != "soft" and first.device == second.device:
            yield source.problem(("clock", other), f"is the same clock as {name}", next_step="describe it once")
    for name, pulses in config.source.items():
        yield from _within_source(name, pulses, config, source)
    for (name, first_source), (other, second_source) in combinations(config.source.items(), 2):
        if real_clock(first_source.clock, clocks) == real_clock(second_source.clock, clocks):
            yield source.problem(("source", other, "clock"), f"source {name} steers the same clock")
    yield from _outputs(config, source)
    for name, instance in config.instance.items():
        if instance.learn_asymmetry and not _steers_after_a_source(instance, config):
            why = "no source steers the clock of this instance, or the instance never does"
            yield source.problem(
                ("instance", name, "learn_asymmetry"),
                "has no effect",
                why=why,
                next_step='write [source.NAME] with the clock of this instance, and clock = "/dev/ptpN" here',
            )


def _steers_after_a_source(instance: Instance, config: Config) -> bool:
    """Whether *instance* may steer a clock that a source steers first; of ``auto`` only the daemon knows."""
    clocks = {real_clock(word, config.clock) for word in clocks_of(instance)}
    kept = {real_clock(source.clock, config.clock) for source in config.source.values()}
    return steers(instance) and bool(kept) and (instance.clock == AUTO or bool(clocks & kept))


def _within_clock(name: str, clock: Clock, source: Source) -> Iterator[Problem]:
    path: Path = ("clock", name)
    if name == AUTO or name.startswith("/") or (name == SYSTEM and clock.type != "system"):
        yield source.problem(path, "is a name with a meaning of its own", next_step="choose another")
    yield from useless_keys(path, clock.type, "type", ONLY_WITH_TYPE, source)
    if clock.type == "phc" and not clock.device.startswith("/dev/"):
        what = f'"{clock.device}" is no hardware clock' if clock.device else "is missing"
        yield source.problem(
            (*path, "device"), what, next_step='write device = "/dev/ptpN"; `ptpstack nics` lists them'
        )


def useless_keys(
    path: Path, kind: str, kind_key: str, only_with: Mapping[str, tuple[str, ...]], source: Source
) -> Iterator[Problem]:
    """Yield each key of *path* that has no effect as its *kind* is not one of those that *only_with* names for it."""
    for key, kinds in only_with.items():
        if kind not in kinds and source.gives((*path, key)):
            why = f'it belongs to {" and ".join(kinds)}, and {kind_key} is "{kind}"'
            yield source.problem((*path, key), "has no effect", why=why)


def _follower(name: str, config: Config, source: Source) -> Iterator[Problem]:
    clocks, word = config.clock, config.clock[name].follows
    path: Path = ("clock", name, "follows")
    yield from unknown_clock(word, clocks, path, source)
    if word in clocks and clocks[word].type == "soft":
        yield source.problem(path, f"{word} is a soft clock", why="nothing else can be compared with it")
    if word == AUTO and not config.instance:
        yield source.problem(path, "there is no instance whose clock it could be", next_step="name the clock")
    own = real_clock(name, clocks)
    if own in _chain(real_clock(word, clocks), clocks):
        yield source.problem(path, "goes round in a circle", why=f"{word} is, or follows, this clock")
    for instance_name, instance in config.instance.items():
        if steers(instance) and own in {real_clock(clock, clocks) for clock in clocks_of(instance)}:
            yield source.problem(
                path,
                f"instance {instance_name} steers this clock",
                next_step="let it follow nothing, or set free_running = true in the instance",
            )
    for source_name, pulses in config.source.items():
        if real_clock(pulses.clock, clocks) == own:
            yield source.problem(path, f"source {source_name} steers this clock", next_step="let it follow nothing")


def _chain(word: str, clocks: Mapping[str, Clock]) -> list[str]:
    """Return *word* and what it follows, directly and indirectly."""
    chain: list[str] = []
    followed = {real_clock(name, clocks): real_clock(clock.follows, clocks) for name, clock in clocks.items()}
    while word and word not in chain:
        chain.append(word)
        word = followed.get(word, "")
    return chain


def _within_source(name: str, pulses: PulseSource, config: Config, source: Source) -> Iterator[Problem]:
    path: Path = ("source", name)
    yield from _hardware_clock(pulses.clock, config, path, source)
    yield from useless_keys(path, pulses.time_of_day, "time_of_day", ONLY_WITH_TIME_OF_DAY, source)
    if pulses.time_of_day in ("nmea", "ubx") and not pulses.serial_port:
        yield source.problem((*path, "serial_port"), "is missing", why=f"time_of_day is {pulses.time_of_day}")
    followed = _chain(SYSTEM, config.clock)[1:]
    if pulses.time_of_day == "system" and {real_clock(pulses.clock, config.clock), AUTO} & set(followed):
        yield source.problem(
            (*path, "time_of_day"),
            "the system clock cannot name the seconds of what it follows",
            why="a clock table lets the system clock follow this source's clock",
            next_step="use nmea or gpsd, or leave the system clock to an NTP program",
        )


def _outputs(config: Config, source: Source) -> Iterator[Problem]:
    used: dict[tuple[str, int], str] = {}
    for name, pulses in config.output.items():
        path: Path = ("output", name)
        yield from _hardware_clock(pulses.clock, config, path, source)
        if pulses.width_ns >= pulses.period_ns:
            yield source.problem((*path, "width_ns"), "a pulse must be shorter than its period")
        other = used.setdefault((real_clock(pulses.clock, config.clock), pulses.channel), name)
        if other != name:
            yield source.problem((*path, "channel"), f"output {other} uses the same channel of this clock")


def _hardware_clock(word: str, config: Config, path: Path, source: Source) -> Iterator[Problem]:
    path = (*path, "clock")
    if not real_clock(word, config.clock).startswith("/dev/"):
        known = [name for name, clock in config.clock.items() if clock.type == "phc"]
        why = f"there are {', '.join([*known, '/dev/ptpN'])}"
        yield source.problem(path, f'"{word}" is no hardware clock', why=why, next_step="`ptpstack nics` lists them")
