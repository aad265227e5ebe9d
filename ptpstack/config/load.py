"""From TOML to a checked :class:`Config`, or to one error that lists every problem.

What lives here: reading, and the order of the checks. What does not: structure (``structure``), rules between
keys and the profile's ranges (``rules``), open values (``fill``).
"""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ptpstack.config.clock_rules import clock_problems
from ptpstack.config.gptp_rules import hot_standby_problems
from ptpstack.config.instance_table import Instance
from ptpstack.config.model import Config
from ptpstack.config.ntp_rules import ntp_problems
from ptpstack.config.ntp_server_rules import ntp_server_problems
from ptpstack.config.port_table import Port
from ptpstack.config.problems import InvalidConfigError, Problem
from ptpstack.config.rules import contradictions, has_profile, profile_problems
from ptpstack.config.sink_rules import sink_problems
from ptpstack.config.source import Source, canonical, lines_of
from ptpstack.config.synce_rules import synce_problems
from ptpstack.errors import ConfigError


def load(path: str | os.PathLike[str]) -> Config:
    """Return the configuration in the file *path*; raise :class:`ConfigError` with every problem found."""
    return from_source(read(path))


def from_dict(table: Mapping[str, Any], *, name: str = "configuration") -> Config:
    """Return the configuration in *table*, whose origin errors call *name*; raises as :func:`load`."""
    return from_source(Source(name, canonical(dict(table)), origin=name))


def from_command_line(
    interfaces: Sequence[str], profile: str = "default-e2e", **overrides: bool | float | str | None
) -> Config:
    """Return one instance ``main`` with a port on each of *interfaces*; raises as :func:`load`.

    *overrides* are keys of an instance or of every port by their names (``slave_only=True``,
    ``transport="udpv4"``); ``None`` is left open.
    """
    return from_source(command_line(interfaces, profile, **overrides))


def command_line(
    interfaces: Sequence[str], profile: str = "default-e2e", **overrides: bool | float | str | None
) -> Source:
    """Return what the command line says, in the shape of a file."""
    given = {key: value for key, value in overrides.items() if value is not None}
    for_ports = {key: value for key, value in given.items() if key in Port.__struct_fields__}
    instance = {key: value for key, value in given.items() if key not in for_ports}
    ports = [{"interface": interface, **for_ports} for interface in interfaces]
    main = canonical({"profile": profile, **instance, "port": ports})
    return Source("command line", {"instance": {"main": main}}, origin="command line")


def read(path: str | os.PathLike[str]) -> Source:
    """Return the tables of the TOML file *path* with their lines; raise :class:`ConfigError` if it is not TOML."""
    name = os.fspath(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        return Source(name, canonical(tomllib.loads(text)), lines_of(text))
    except OSError as error:
        raise ConfigError("cannot be read", where=name, why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", where=name, why=f"at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"\(at line (\d+)", str(error))
        syntax = Problem(file=name, line=int(line[1]) if line else None, key="", what="is not TOML", why=str(error))
        raise InvalidConfigError(name, [syntax]) from error


def from_source(source: Source) -> Config:
    """Return the configuration in *source*; raises as :func:`load`."""
    config, misfits = _convert(source)
    instances = config.instance if config else _intact_instances(source)
    by_key = {problem.key: problem for problem in misfits}
    by_key |= {problem.key: problem for problem in profile_problems(source, by_key)}  # the tighter range is told
    problems = [*by_key.values(), *contradictions(instances, source)]
    if config and all(map(has_profile, instances.values())):  # by which the rules between tables judge instances
        problems += clock_problems(config, source)
        problems += ntp_problems(config, source)
        problems += synce_problems(config, source)
        problems += sink_problems(config, source)
        problems += hot_standby_problems(config, source)
        problems += ntp_server_problems(config, source)
    if problems or config is None:
        raise InvalidConfigError(source.name, problems)
    return config


def _convert(source: Source) -> tuple[Config | None, list[Problem]]:
    """Return the configuration, or every reason why *source* has not the structure of one."""
    try:
        return msgspec.convert(source.table, Config), []
    except msgspec.ValidationError as error:
        from ptpstack.config.structure import structure_problems  # noqa: PLC0415 (20 ms, needed only here)

        return None, list(structure_problems(source)) or [source.problem((), str(error))]


def _intact_instances(source: Source) -> dict[str, Instance]:
    """Return the instances that are well formed, so that their contradictions can be told in the same run."""
    intact: dict[str, Instance] = {}
    tables = source.table.get("instance")
    for name, table in tables.items() if isinstance(tables, dict) else ():
        with contextlib.suppress(msgspec.ValidationError):
            intact[name] = msgspec.convert(table, Instance)
    return intact
