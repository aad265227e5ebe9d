"""Priority vectors, compared octet for octet: lower is better (IEEE 802.1AS-2020 10.3.4 to 10.3.6)."""

from __future__ import annotations

from typing import NamedTuple

from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity


class SystemIdentity(NamedTuple):
    """Who a system is as a grandmaster, the most significant first (10.3.2)."""

    priority1: int
    clock_class: int
    clock_accuracy: int
    offset_scaled_log_variance: int
    priority2: int
    clock_identity: ClockIdentity

    @property
    def clock_quality(self) -> ClockQuality:
        """The three members that tell how good it is."""
        return ClockQuality(self.clock_class, self.clock_accuracy, self.offset_scaled_log_variance)


class PriorityVector(NamedTuple):
    """A grandmaster and the way to it."""

    root: SystemIdentity
    steps_removed: int
    source_port_identity: PortIdentity
    port_number: int

    @classmethod
    def of_system(cls, system: SystemIdentity) -> PriorityVector:
        """Return the vector of a system that is its own grandmaster (systemPriority)."""
        return cls(system, 0, PortIdentity(system.clock_identity, 0), 0)

    @classmethod
    def of_announce(cls, announce: Announce, port_number: int) -> PriorityVector:
        """Return the vector that *announce* carries, received by *port_number* (messagePriority)."""
        quality = announce.grandmaster_clock_quality
        root = SystemIdentity(
            announce.grandmaster_priority1, *quality, announce.grandmaster_priority2, announce.grandmaster_identity
        )
        return cls(root, announce.steps_removed, announce.source_port_identity, port_number)

    def as_path(self) -> PriorityVector:
        """Return it as one step farther (gmPathPriority)."""
        return self._replace(steps_removed=self.steps_removed + 1)


NAMES = ("priority1", "clockClass", "clockAccuracy", "offsetScaledLogVariance", "priority2", "grandmasterIdentity")


def reason_between(better: PriorityVector, worse: PriorityVector) -> str:
    """Return what decided that *better* is better than *worse*."""
    for name, one, other in zip(NAMES, better.root, worse.root, strict=True):
        if one != other:
            return f"{name} {one} < {other}"
    if better.steps_removed != worse.steps_removed:
        return f"stepsRemoved {better.steps_removed} < {worse.steps_removed}"
    if better.source_port_identity != worse.source_port_identity:
        return f"sourcePortIdentity {better.source_port_identity} < {worse.source_port_identity}"
    return f"receiving port {better.port_number} < {worse.port_number}"
