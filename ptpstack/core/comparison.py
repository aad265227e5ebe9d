"""The data set comparison algorithm (IEEE 1588-2019 9.3.4, Figures 34 and 35).

Every result carries the rule that decided, with both values, so that an operator can read why.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, TypeAlias

import msgspec

from ptpstack.core.datasets import DefaultDS
from ptpstack.core.quality_level import quality_level
from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

LAST_CLASS_OF_PRIMARY_REFERENCES = 127
"""clockClass up to which several grandmasters may be active (ITU-T G.8275)."""


class Ordering(IntEnum):
    """What A is compared with B; "by topology" means the same grandmaster by a better path."""

    BETTER = -2
    BETTER_BY_TOPOLOGY = -1
    ERROR = 0
    WORSE_BY_TOPOLOGY = 1
    WORSE = 2


class Comparison(NamedTuple):
    """The outcome and the rule that led to it."""

    ordering: Ordering
    rule: str

    @property
    def better(self) -> bool:
        """A is better, or better by topology."""
        return self.ordering < 0


class ComparisonSet(msgspec.Struct, frozen=True, kw_only=True):
    """One side of the comparison (IEEE 1588-2019 Tables 27 and 28)."""

    grandmaster_priority1: int
    grandmaster_identity: ClockIdentity
    grandmaster_clock_quality: ClockQuality
    grandmaster_priority2: int
    steps_removed: int
    sender: PortIdentity
    receiver: PortIdentity
    local_priority: int | None = None
    """Both sides have one where an algorithm of ITU-T is used, else none has."""
    by_quality_level: bool = False
    """Of these, whether it is that of G.8265.1."""

    @classmethod
    def of_default_ds(cls, default: DefaultDS) -> ComparisonSet:
        """Return D0, the data set of the local clock."""
        own = PortIdentity(default.clock_identity, 0)
        return cls(
            grandmaster_priority1=default.priority1,
            grandmaster_identity=default.clock_identity,
            grandmaster_clock_quality=default.clock_quality,
            grandmaster_priority2=default.priority2,
            steps_removed=0,
            sender=own,
            receiver=own,
            local_priority=default.local_priority,
            by_quality_level=default.by_quality_level,
        )

    @classmethod
    def of_announce(
        cls,
        announce: Announce,
        receiver: PortIdentity,
        local_priority: int | None = None,
        *,
        by_quality_level: bool = False,
    ) -> ComparisonSet:
        """Return the data set that *announce* describes, received on *receiver*."""
        return cls(
            grandmaster_priority1=announce.grandmaster_priority1,
            grandmaster_identity=announce.grandmaster_identity,
            grandmaster_clock_quality=announce.grandmaster_clock_quality,
            grandmaster_priority2=announce.grandmaster_priority2,
            steps_removed=announce.steps_removed,
            sender=announce.source_port_identity,
            receiver=receiver,
            local_priority=local_priority,
            by_quality_level=by_quality_level,
        )


def compare(a: ComparisonSet, b: ComparisonSet) -> Comparison:
    """Compare A with B: Figure 35 for the same grandmaster, else Figure 34; with localPriority, as ITU-T G.8275."""
    if a.local_priority is not None and b.local_priority is not None:
        if a.by_quality_level:
            return _compare_by_g8265(a, b, a.local_priority, b.local_priority)
        return _compare_by_g8275(a, b, a.local_priority, b.local_priority)
    if a.grandmaster_identity == b.grandmaster_identity:
        return _compare_topology(a, b)
    return _compare_grandmasters(a, b)


Attribute: TypeAlias = tuple[str, int, int, str]
"""Its name, its value in A and in B, and how to write that."""


def _compare_grandmasters(a: ComparisonSet, b: ComparisonSet) -> Comparison:
    """Figure 34: the first attribute that differs decides; the lower value wins."""
    priority1 = ("priority1", a.grandmaster_priority1, b.grandmaster_priority1, "d")
    return _first_that_differs(priority1, *_quality_and_priority2(a, b)) or _lower_identity(a, b)


def _compare_by_g8265(a: ComparisonSet, b: ComparisonSet, priority_a: int, priority_b: int) -> Comparison:
    """The choice of ITU-T G.8265.1: the quality level, then the rank that this clock gives; nobody's identity counts.

    Of equals the lower sender stays chosen, so that the choice does not depend on the order of arrival.
    """
    class_a, class_b = a.grandmaster_clock_quality.clock_class, b.grandmaster_clock_quality.clock_class
    if class_a != class_b:
        level_a, level_b = quality_level(class_a), quality_level(class_b)
        return _lower_wins(f"quality level {level_a}", level_b, a_is_lower=class_a < class_b)
    by_rank = _first_that_differs(("localPriority", priority_a, priority_b, "d"))
    return by_rank or _lower_wins(f"sender {a.sender}", str(b.sender), a_is_lower=a.sender < b.sender)


def _compare_by_g8275(a: ComparisonSet, b: ComparisonSet, priority_a: int, priority_b: int) -> Comparison:
    """The alternate algorithm (ITU-T G.8275): no priority1, and of equal primary references the nearest.

    So several grandmasters may be active, each for those around it.
    """
    local_priority = ("localPriority", priority_a, priority_b, "d")
    if decision := _first_that_differs(*_quality_and_priority2(a, b), local_priority):
        return decision
    is_primary = a.grandmaster_clock_quality.clock_class <= LAST_CLASS_OF_PRIMARY_REFERENCES
    if is_primary or a.grandmaster_identity == b.grandmaster_identity:
        return _compare_topology(a, b)
    return _lower_identity(a, b)


def _quality_and_priority2(a: ComparisonSet, b: ComparisonSet) -> tuple[Attribute, ...]:
    quality_a, quality_b = a.grandmaster_clock_quality, b.grandmaster_clock_quality
    return (
        ("clockClass", quality_a.clock_class, quality_b.clock_class, "d"),
        ("clockAccuracy", quality_a.clock_accuracy, quality_b.clock_accuracy, "#04x"),
        ("offsetScaledLogVariance", quality_a.offset_scaled_log_variance, quality_b.offset_scaled_log_variance, "#06x"),
        ("priority2", a.grandmaster_priority2, b.grandmaster_priority2, "d"),
    )


def _first_that_differs(*attributes: Attribute) -> Comparison | None:
    for name, value_a, value_b, spec in attributes:
        if value_a != value_b:
            return _lower_wins(f"{name} {value_a:{spec}}", f"{value_b:{spec}}", a_is_lower=value_a < value_b)
    return None


def _lower_identity(a: ComparisonSet, b: ComparisonSet) -> Comparison:
    return _lower_wins(
        f"grandmasterIdentity {a.grandmaster_identity}",
        str(b.grandmaster_identity),
        a_is_lower=bytes(a.grandmaster_identity) < bytes(b.grandmaster_identity),
    )


def _lower_wins(left: str, right: str, *, a_is_lower: bool, by_topology: bool = False) -> Comparison:
    ordering = Ordering.BETTER_BY_TOPOLOGY if by_topology else Ordering.BETTER
    return Comparison(
        ordering if a_is_lower else Ordering(-ordering),
        f"{left} {'<' if a_is_lower else '>'} {right}",
    )


def _compare_topology(a: ComparisonSet, b: ComparisonSet) -> Comparison:
    """Figure 35: the shorter path, then the lower sender, then the lower receiving port."""
    difference = a.steps_removed - b.steps_removed
    steps = f"stepsRemoved {a.steps_removed}"
    if abs(difference) > 1:
        return _lower_wins(steps, str(b.steps_removed), a_is_lower=difference < 0)
    if difference == 0:
        if a.sender != b.sender:
            return _lower_wins(f"sender {a.sender}", str(b.sender), a_is_lower=a.sender < b.sender, by_topology=True)
        if a.receiver.port_number != b.receiver.port_number:
            ports = a.receiver.port_number, b.receiver.port_number
            return _lower_wins(
                f"receiving port {ports[0]}", str(ports[1]), a_is_lower=ports[0] < ports[1], by_topology=True
            )
        return Comparison(Ordering.ERROR, "error-2: the same message twice")
    # One step apart: the farther side loses by topology only if its receiver lies above its sender.
    farther, a_is_farther = (a, True) if difference > 0 else (b, False)
    if farther.receiver == farther.sender:
        return Comparison(Ordering.ERROR, "error-1: a port hears itself")
    nearer = Ordering.BETTER if farther.receiver < farther.sender else Ordering.BETTER_BY_TOPOLOGY
    return Comparison(
        Ordering(-nearer) if a_is_farther else nearer,
        f"{steps} {'>' if a_is_farther else '<'} {b.steps_removed}",
    )
