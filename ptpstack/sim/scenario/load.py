"""From TOML to a checked :class:`Scenario`, or to one error that lists every problem."""

from __future__ import annotations

import os

import msgspec

from ptpstack.config.load import read
from ptpstack.config.problems import InvalidConfigError
from ptpstack.config.source import Source
from ptpstack.config.structure import structure_problems
from ptpstack.sim.scenario.model import TABLES, Scenario
from ptpstack.sim.scenario.rules import contradictions, profile_misfits


def load(path: str | os.PathLike[str]) -> Scenario:
    """Return the scenario in the file *path*; raise :class:`ConfigError` with every problem found."""
    return from_source(read(path))


def from_source(source: Source) -> Scenario:
    """Return the scenario in *source*; raises as :func:`load`."""
    by_profile = {problem.key: problem for problem in profile_misfits(source)}
    try:
        scenario = msgspec.convert(source.table, Scenario)
    except msgspec.ValidationError as error:
        misfits = list(structure_problems(source, Scenario, TABLES)) or [source.problem((), str(error))]
        by_key = {problem.key: problem for problem in misfits} | by_profile
        raise InvalidConfigError(source.name, list(by_key.values())) from error
    problems = [*by_profile.values(), *contradictions(scenario, source)]
    if problems:
        raise InvalidConfigError(source.name, problems)
    return scenario
