"""The events that engines of every kind emit; what one kind decides is in the ``events.py`` of its package.

Those that may come many times a second (a drop, a lost stamp) are counted in ``PortCounters`` as well.
"""

from __future__ import annotations

from typing import ClassVar

from ptpstack.engine.port_state import PortState
from ptpstack.events import Event, Severity
from ptpstack.wire.types import PortIdentity


class PortEventRecord(Event, frozen=True, kw_only=True):
    """The base of events that belong to one port."""

    port_number: int


class PortStateChanged(PortEventRecord, frozen=True, kw_only=True):
    """A port is in another state."""

    severity: ClassVar[Severity] = Severity.NOTICE
    old_state: PortState
    new_state: PortState
    reason: str = ""

    def __str__(self) -> str:
        because = f": {self.reason}" if self.reason else ""
        return f"port {self.port_number}: {self.old_state.name} to {self.new_state.name}{because}"


class LocalQualityChanged(Event, frozen=True, kw_only=True):
    """The local clock is worth something else as a grandmaster (IEEE 1588-2019 8.2.1.3.1)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    clock_class: int
    previous_clock_class: int
    clock_accuracy: int
    time_traceable: bool

    def __str__(self) -> str:
        return (
            f"as a grandmaster this clock has class {self.clock_class} (was {self.previous_clock_class}), "
            f"accuracy 0x{self.clock_accuracy:02X}, time {'' if self.time_traceable else 'not '}traceable"
        )


class MessageDiscarded(PortEventRecord, frozen=True, kw_only=True):
    """A well-formed message that a rule of the standard rejects."""

    severity: ClassVar[Severity] = Severity.DEBUG
    message: str
    port_identity: PortIdentity
    reason: str

    def __str__(self) -> str:
        return f"port {self.port_number}: {self.message} from {self.port_identity} discarded: {self.reason}"


class TransmitStampLost(PortEventRecord, frozen=True, kw_only=True):
    """An event message left without an egress stamp: that one exchange is lost, the port goes on."""

    severity: ClassVar[Severity] = Severity.WARNING
    message: str
    sequence_id: int
    total: int

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: no transmit stamp for {self.message} {self.sequence_id}"
            f" ({self.total} lost so far): one sample lost"
        )


class PortClockJudged(PortEventRecord, frozen=True, kw_only=True):
    """The clock of a port is near enough to that of the others for its stamps to be used, or is not."""

    severity: ClassVar[Severity] = Severity.NOTICE
    problem: str

    def __str__(self) -> str:
        if self.problem:
            return f"port {self.port_number}: its stamps are not used: {self.problem}"
        return f"port {self.port_number}: its stamps are used: its clock is near that of the others"
