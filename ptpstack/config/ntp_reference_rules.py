"""What a well-formed `[[ntp.reference]]` must not say."""

from __future__ import annotations

from collections.abc import Iterator

from ptpstack.config.clock_rules import SYSTEM, real_clock, useless_keys
from ptpstack.config.model import Config
from ptpstack.config.ntp_reference_table import NtpReference
from ptpstack.config.problems import Path, Problem
from ptpstack.config.source import Source

ONLY_WITH_TYPE: dict[str, tuple[str, ...]] = {
    "path": ("sock", "pps", "nmea", "ubx"),
    "unit": ("shm",),
    "mode": ("sock", "shm"),
    "group": ("sock",),
    "gpsd_port": ("gpsd",),
    "device": ("gpsd",),
    "baud_rate": ("nmea", "ubx"),
    "edge": ("pps",),
    "delay_ns": ("gpsd", "nmea", "ubx"),
}
"""Keys that mean something for some types only."""

NEEDS_PATH = {"sock": "/run/ptpstack/gps.sock", "pps": "/dev/pps0", "nmea": "/dev/ttyAMA0", "ubx": "/dev/ttyAMA0"}


def reference_problems(config: Config, source: Source) -> Iterator[Problem]:
    """Yield what the reference clocks of *config* say that cannot all be true."""
    ntp = config.ntp
    names: dict[str, int] = {}
    places: dict[tuple[str, object], int] = {}
    for index, reference in enumerate(ntp.reference):
        path: Path = ("ntp", "reference", index)
        yield from useless_keys(path, reference.type, "type", ONLY_WITH_TYPE, source)
        if reference.type in NEEDS_PATH and not reference.path:
            step = f'write path = "{NEEDS_PATH[reference.type]}" or the like'
            yield source.problem((*path, "path"), "is missing", why=f"type is {reference.type}", next_step=step)
        first = names.setdefault(reference.name, index)
        if first != index or reference.name in {server.address for server in ntp.source}:
            yield source.problem((*path, "name"), "another source has this name", next_step="choose another")
        first = places.setdefault((_kind_of_place(reference), _place(reference)), index)
        if first != index:
            yield source.problem(path, f"reads the same as ntp.reference[{first}]")
    if ntp.reference and not _is_read_by_system_clock(config):
        yield source.problem(
            ("ntp", "clock"),
            f'"{ntp.clock}" is not what reference clocks stamp with',
            why="they say what the system clock reads; a hardware clock takes pulses by its own input",
            next_step="write [source.NAME] with that clock, or keep the system clock by [ntp]",
        )


def _is_read_by_system_clock(config: Config) -> bool:
    word = real_clock(config.ntp.clock, config.clock)
    named = config.clock.get(word)
    return word == SYSTEM or (named is not None and named.type == "soft")


def _kind_of_place(reference: NtpReference) -> str:
    return reference.type if reference.type in ("gpsd", "shm") else "path"


def _place(reference: NtpReference) -> object:
    if reference.type == "gpsd":
        return reference.gpsd_port, reference.device
    return reference.unit if reference.type == "shm" else reference.path
