"""What unicast negotiation decided or noticed, on both sides, each with its inputs and the rule applied."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.engine.events import PortEventRecord
from ptpstack.events import Severity
from ptpstack.wire.types import PortIdentity
from ptpstack.words import counted


class UnicastEvent(PortEventRecord, frozen=True, kw_only=True):
    """The base of what unicast negotiation tells: with whom, and about which message."""

    address: str
    port_identity: PortIdentity | None
    message: str

    def party(self) -> str:
        """Return who is at the other end."""
        return f"{self.address} ({self.port_identity})" if self.port_identity else self.address


class UnicastGranted(UnicastEvent, frozen=True, kw_only=True):
    """A client got what it asked for."""

    severity: ClassVar[Severity] = Severity.INFO
    log_interval: int
    duration_s: int

    def __str__(self) -> str:
        what = f"{self.message} every 2^{self.log_interval} s for {self.duration_s} s"
        return f"port {self.port_number}: granted {what} to {self.party()}"


class UnicastRenewed(UnicastEvent, frozen=True, kw_only=True):
    """A client got for longer what it has."""

    severity: ClassVar[Severity] = Severity.DEBUG
    log_interval: int
    duration_s: int

    def __str__(self) -> str:
        what = f"{self.message} every 2^{self.log_interval} s for another {self.duration_s} s"
        return f"port {self.port_number}: granted {what} to {self.party()}"


class UnicastRefused(UnicastEvent, frozen=True, kw_only=True):
    """A client did not get what it asked for."""

    severity: ClassVar[Severity] = Severity.NOTICE
    log_interval: int
    reason: str

    def __str__(self) -> str:
        what = f"{self.message} every 2^{self.log_interval} s"
        return f"port {self.port_number}: refused {what} to {self.party()}: {self.reason}"


class UnicastGrantEnded(UnicastEvent, frozen=True, kw_only=True):
    """A client gets no more of a message."""

    severity: ClassVar[Severity] = Severity.INFO
    reason: str

    def __str__(self) -> str:
        return f"port {self.port_number}: {self.message} to {self.party()} ended: {self.reason}"


class UnicastServiceStopped(PortEventRecord, frozen=True, kw_only=True):
    """All grants of a port were cancelled at once."""

    severity: ClassVar[Severity] = Severity.NOTICE
    clients: int
    reason: str

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: cancelled all unicast grants of {counted(self.clients, 'client')}: {self.reason}"
        )


class UnicastContractChanged(UnicastEvent, frozen=True, kw_only=True):
    """A contract with a master moved on: asked for, granted, refused, ended, cancelled."""

    severity: ClassVar[Severity] = Severity.INFO
    old_state: str
    new_state: str
    cause: str
    reason: str = ""

    def __str__(self) -> str:
        because = f": {self.reason}" if self.reason else ""
        return (
            f"port {self.port_number}: {self.message} of master {self.party()}: "
            f"{self.old_state} to {self.new_state} on {self.cause}{because}"
        )


class UnicastUnanswered(UnicastEvent, frozen=True, kw_only=True):
    """A master neither grants nor refuses, however often it is asked."""

    severity: ClassVar[Severity] = Severity.WARNING
    requests: int
    domain_number: int

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: master {self.party()} has not answered {self.requests} requests for "
            f"{self.message}: is it there, of domain {self.domain_number}, and does it serve by unicast? Asking on"
        )


class InterfaceRateHeeded(PortEventRecord, frozen=True, kw_only=True):
    """A master told the speed of its link, which makes the way there and back different (ITU-T G.8275.2 Annex D)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    address: str
    port_identity: PortIdentity | None
    bit_period_ns: float
    own_bit_period_ns: float
    asymmetry_ns: float

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: a bit takes {self.bit_period_ns:g} ns at master {self.address} and"
            f" {self.own_bit_period_ns:g} ns here: {self.asymmetry_ns:+.1f} ns of asymmetry are taken off"
        )
