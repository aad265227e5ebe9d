"""The list of requirements: data that names registered checks."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from profiles.loader import DelayMechanismName, Profile
from ptpstack.conform.port_under_test import is_gptp, negotiates
from ptpstack.errors import ConfigError

FILE = Path(__file__).with_name("requirements.toml")
WayName: TypeAlias = Literal["simulated", "live"]


class RequirementsError(ConfigError):
    """The list of requirements cannot be used."""


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One requirement; *check* names how it is tried, or *not_testable* says why it is not.

    It concerns *profiles* (all, if none is named) whose first delay mechanism is *mechanism* and whose best master
    clock algorithm is one of *bmca*: without these all of IEEE 1588, and with *also_gptp* IEEE 802.1AS as well; with
    *unicast* those that negotiate it. *source* is where it comes from, *ways* the kinds of port that the check can be
    tried on.
    """

    ident: str
    title: str
    source: tuple[str, ...]
    check: str | None = None
    not_testable: str = ""
    profiles: tuple[str, ...] = ()
    mechanism: DelayMechanismName | None = None
    bmca: tuple[str, ...] = ()
    also_gptp: bool = False
    unicast: bool = False
    ways: tuple[WayName, ...] = ("simulated", "live")

    def __post_init__(self) -> None:
        if bool(self.check) == bool(self.not_testable):
            raise ValueError(f"{self.ident} needs either a check or the reason why there is none")

    def concerns(self, profile: Profile) -> bool:
        """Whether a clock of *profile* has to fulfil it."""
        return (
            (not self.profiles or profile.ident in self.profiles)
            and self.mechanism in (None, profile.delay_mechanisms[0])
            and (profile.bmca in self.bmca if self.bmca else self.also_gptp or not is_gptp(profile))
            and (negotiates(profile) or not self.unicast)
        )


class _File(msgspec.Struct, forbid_unknown_fields=True):
    requirement: tuple[Requirement, ...]


@functools.cache
def all_requirements() -> tuple[Requirement, ...]:
    """Return the list. Raises :class:`RequirementsError`."""
    try:
        found = msgspec.convert(tomllib.loads(FILE.read_text(encoding="utf-8")), _File).requirement
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RequirementsError("not a usable list of requirements", where=str(FILE), why=str(error)) from error
    return found


def requirements_of(profile: Profile) -> Sequence[Requirement]:
    """Return what a clock of *profile* has to fulfil."""
    return [requirement for requirement in all_requirements() if requirement.concerns(profile)]
