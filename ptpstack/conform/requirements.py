"""The list of requirements: data that names registered checks."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from profiles.loader import DelayMechanismName, Profile
from ptpstack.errors import ConfigError

FILE = Path(__file__).with_name("requirements.toml")
WayName: TypeAlias = Literal["simulated", "live"]


class RequirementsError(ConfigError):
    """The list of requirements cannot be used."""


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One requirement; *check* names how it is tried, or *not_testable* says why it is not.

    It concerns *profiles* (all, if none is named) whose first delay mechanism is *mechanism* and whose best master
    clock algorithm is *bmca*. *source* is where it comes from, *ways* the kinds of port that the check can be tried on.
    """

    ident: str
    title: str
    source: tuple[str, ...]
    check: str | None = None
    not_testable: str = ""
    profiles: tuple[str, ...] = ()
    mechanism: DelayMechanismName | None = None
    bmca: str | None = None
    ways: tuple[WayName, ...] = ("simulated", "live")

    def __post_init__(self) -> None:
        if bool(self.check) == bool(self.not_testable):
            raise ValueError(f"{self.ident} needs either a check or the reason why there is none")

    def concerns(self, profile: Profile) -> bool:
        """Whether a clock of *profile* has to fulfil it."""
        return (
            (not self.profiles or profile.ident in self.profiles)
            and self.mechanism in (None, profile.delay_mechanisms[0])
            and self.bmca in (None, profile.bmca)
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


def why_untestable(profile: Profile) -> str:
    """Return why the tester cannot try any requirement on a clock of *profile*, or nothing."""
    if profile.bmca == "gptp":
        return "the checks are of IEEE 1588, a clock of IEEE 802.1AS works by another standard"
    if "multicast" not in profile.communications:
        return "the tester does not negotiate unicast, as the profile does"
    return ""
