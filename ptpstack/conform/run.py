"""Trying a profile's requirements on a port, one after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import Enum
from typing import NamedTuple

# Importing these modules registers their checks.
from ptpstack.conform import (  # noqa: F401 (for that)
    checks_announce,
    checks_best_master,
    checks_delay,
    checks_gptp,
    checks_power,
    checks_several_masters,
    checks_unicast,
)
from ptpstack.conform.port_under_test import CHECKS, Failed, NotTestable, PortUnderTest
from ptpstack.conform.requirements import Requirement, RequirementsError, WayName, requirements_of


class Verdict(Enum):
    """What came out."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    NOT_TESTABLE = "not testable"


class Outcome(NamedTuple):
    """A requirement, the verdict and, unless it passed, the reason."""

    requirement: Requirement
    verdict: Verdict
    reason: str = ""


def run(port: PortUnderTest, way: WayName, *, only: Collection[str] = ()) -> Iterator[Outcome]:
    """Yield the outcome of each requirement of the port's profile, or of those named in *only*.

    Raises ``RequirementsError`` where one of these is none of the profile's.
    """
    requirements = {requirement.ident: requirement for requirement in requirements_of(port.profile)}
    for ident in only:
        if ident not in requirements:
            why = f"there are {', '.join(requirements)}"
            raise RequirementsError(f'{port.profile.ident} has no requirement "{ident}"', where="conform", why=why)
    for ident in only or requirements:
        yield try_one(port, way, requirements[ident])


def try_one(port: PortUnderTest, way: WayName, requirement: Requirement) -> Outcome:
    """Return the outcome of one requirement."""
    if requirement.check is None:
        return Outcome(requirement, Verdict.NOT_TESTABLE, requirement.not_testable)
    if way not in requirement.ways:
        reason = "needs a clock that begins in another role; --simulate can"
        return Outcome(requirement, Verdict.NOT_TESTABLE, reason)
    try:
        CHECKS[requirement.check](port)
    except Failed as failed:
        return Outcome(requirement, Verdict.FAIL, str(failed))
    except NotTestable as reason:
        return Outcome(requirement, Verdict.NOT_TESTABLE, str(reason))
    return Outcome(requirement, Verdict.PASS)
