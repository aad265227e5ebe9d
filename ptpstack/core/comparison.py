"""The data set comparison algorithm (IEEE 1588-2019 9.3.4, Figures 34 and 35).

Every result carries the rule that decided, with both values, so that an operator can read why.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import msgspec

from ptpstack.core.datasets import DefaultDS
from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity


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
        )

    @classmethod
    def of_announce(cls, announce: Announce, receiver: PortIdentity) -> ComparisonSet:
        """Return the data set that *announce* describes, received on *receiver*."""
        return cls(
            grandmaster_priority1=announce.grandmaster_priority1,
            grandmaster_identity=announce.grandmaster_identity,
            grandmaster_clock_quality=announce.grandmaster_clock_quality,
            grandmaster_priority2=announce.grandmaster_priority2,
            steps_removed=announce.steps_removed,
            sender=announce.source_port_identity,
            receiver=receiver,
        )


def compare(a: ComparisonSet, b: ComparisonSet) -> Comparison:
    """Compare A with B: Figure 35 for the same grandmaster, else Figure 34."""
    if a.grandmaster_identity == b.grandmaster_identity:
        return _compare_topology(a, b)
    return _compare_grandmasters(a, b)


def _compare_grandmasters(a: ComparisonSet, b: ComparisonSet) -> Comparison:
    """Figure 34: the first attribute that differs decides; the lower value wins."""
    quality_a, quality_b = a.grandmaster_clock_quality, b.grandmaster_clock_quality
    attributes: tuple[tuple[str, int, int, str], ...] = (
        ("priority1", a.grandmaster_priority1, b.grandmaster_priority1, "d"),
        ("clockClass", quality_a.clock_class, quality_b.clock_class, "d"),
        ("clockAccuracy", quality_a.clock_accuracy, quality_b.clock_accuracy, "#04x"),
        ("offsetScaledLogVariance", quality_a.offset_scaled_log_variance, quality_b.offset_scaled_log_variance, "#06x"),
        ("priority2", a.grandmaster_priority2, b.grandmaster_priority2, "d"),
    )
    for name, value_a, value_b, spec in attributes:
        if value_a != value_b:
            return _lower_wins(f"{name} {value_a:{spec}}", f"{value_b:{spec}}", a_is_lower=value_a < value_b)
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
