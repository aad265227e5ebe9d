"""SmpSynch: what a merging unit tells of the time of its samples (IEC 61850-9-2, IEC 61869-9).

What lives here: the rule. What does not: who asks, and where the value goes (``daemon.smp_synch_output``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from ptpstack.arbiter.clock_state import ClockState

GLOBAL_CLASSES = (6, 7)
"""clockClass of a grandmaster that shows a global time, locked or in holdover within its specification."""


class SmpSynch(IntEnum):
    """The values of the standard that a clock decides on; 5 to 254 name local clocks, by configuration."""

    NOT_SYNCHRONIZED = 0
    LOCAL = 1
    GLOBAL = 2


class Ruling(NamedTuple):
    """A value, and why."""

    value: SmpSynch
    rule: str


def rule(state: ClockState, clock_class: int, *, is_grandmaster: bool, before: SmpSynch) -> Ruling:
    """Return what samples stamped by a clock in *state* may claim.

    *clock_class* is that of its grandmaster, which *is_grandmaster* says it is itself; *before* is the value so far,
    which a clock keeps in holdover as long as that is in specification (IEC 61869-9; not read in its text).
    """
    if is_grandmaster and clock_class in GLOBAL_CLASSES:
        return Ruling(SmpSynch.GLOBAL, f"this clock is the grandmaster, of class {clock_class}")
    if state is ClockState.LOCKED and not is_grandmaster:
        if clock_class in GLOBAL_CLASSES:
            return Ruling(SmpSynch.GLOBAL, f"locked to a grandmaster of class {clock_class}")
        return Ruling(SmpSynch.LOCAL, f"locked to a grandmaster of class {clock_class}, whose time is not global")
    if state is ClockState.LOCKED:
        return Ruling(SmpSynch.LOCAL, f"locked to a source, and of class {clock_class} as the grandmaster")
    if state is ClockState.HOLDOVER_IN_SPEC:
        return Ruling(before, "in holdover, in specification: the value stays")
    return Ruling(SmpSynch.NOT_SYNCHRONIZED, f"the clock is {state.label}")
