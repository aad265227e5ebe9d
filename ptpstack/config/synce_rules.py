"""What a well-formed `[synce]` must not say."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from ptpstack.config.model import Config
from ptpstack.config.problems import Path, Problem, nearest
from ptpstack.config.source import Source
from ptpstack.config.synce_table import SyncE
from ptpstack.synce.quality_level import QualityLevel, quality_levels


def own_level(synce: SyncE) -> QualityLevel:
    """Return the quality level of the own oscillator; raises KeyError for a name that is none."""
    name = f"EEC{synce.network_option}" if synce.quality_level is UNSET else synce.quality_level
    return quality_levels(synce.network_option).named(name)


def synce_problems(config: Config, source: Source) -> Iterator[Problem]:
    """Yield what `[synce]` of *config* says that cannot all be true."""
    synce, levels = config.synce, quality_levels(config.synce.network_option)
    if not synce.port:
        if synce != SyncE():
            step = 'write [[synce.port]] and interface = "NAME" below it'
            yield source.problem(("synce",), "has no port", next_step=step)
        return
    given: list[tuple[Path, str]] = [
        (("synce", "input", index, "quality_level"), one.quality_level) for index, one in enumerate(synce.input)
    ]
    if synce.quality_level is not UNSET:
        given.append((("synce", "quality_level"), synce.quality_level))
    for path, name in given:
        if name not in levels.names:
            why = f"network option {synce.network_option} has {', '.join(levels.names)}"
            yield source.problem(path, f'no quality level "{name}"', why=why, next_step=nearest(name, levels.names))
    seen: set[str] = set()
    names: list[tuple[Path, str]] = [(("synce", "port", n, "interface"), p.interface) for n, p in enumerate(synce.port)]
    names += [(("synce", "input", n, "name"), one.name) for n, one in enumerate(synce.input)]
    for path, name in names:
        if name in seen:
            yield source.problem(path, f'"{name}" is there already')
        seen.add(name)
    for index, one in enumerate(synce.input):
        if one.source and one.source not in config.source:
            why = f"there are {', '.join(config.source) or 'none'}"
            yield source.problem(("synce", "input", index, "source"), f'no source "{one.source}"', why=why)
