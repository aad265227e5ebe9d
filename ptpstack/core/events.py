"""What the engine decided or noticed, each with its inputs and the rule applied.

Repeated observations (a drop, a lost stamp) are
counted in ``PortCounters`` as well; the recorder limits how often they are printed.
"""

from __future__ import annotations

from typing import ClassVar

from ptpstack.core.port_states import PortEvent
from ptpstack.engine import events as engine
from ptpstack.engine.events import PortEventRecord
from ptpstack.events import Event, Severity
from ptpstack.wire.types import ClockIdentity, PortIdentity


class PortStateChanged(engine.PortStateChanged, frozen=True, kw_only=True):
    """The port state machine moved (IEEE 1588-2019 9.2.5)."""

    cause: PortEvent

    def __str__(self) -> str:
        because = f": {self.reason}" if self.reason else ""
        return f"port {self.port_number}: {self.old_state.name} to {self.new_state.name} on {self.cause.name}{because}"


class BestMasterSelected(Event, frozen=True, kw_only=True):
    """The best master clock algorithm chose another grandmaster, parent, or the local clock (9.3.3)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    grandmaster_identity: ClockIdentity
    parent_port_identity: PortIdentity | None
    port_number: int | None
    decision: str
    rule: str

    def __str__(self) -> str:
        if self.parent_port_identity is None:
            return f"selected the local clock {self.grandmaster_identity} as best master ({self.decision}): {self.rule}"
        return (
            f"selected best master clock {self.grandmaster_identity} by {self.parent_port_identity}"
            f" on port {self.port_number} ({self.decision}): {self.rule}"
        )


class ForeignMasterSeen(PortEventRecord, frozen=True, kw_only=True):
    """A first Announce of a master that has no record yet (9.3.2.4)."""

    port_identity: PortIdentity
    grandmaster_identity: ClockIdentity

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: new foreign master {self.port_identity},"
            f" announcing grandmaster {self.grandmaster_identity}"
        )


class ForeignMasterQualified(PortEventRecord, frozen=True, kw_only=True):
    """A foreign master announced often enough to be compared (9.3.2.5)."""

    port_identity: PortIdentity

    def __str__(self) -> str:
        return f"port {self.port_number}: foreign master {self.port_identity} qualified"


class ForeignMasterExpired(PortEventRecord, frozen=True, kw_only=True):
    """A foreign master's Announces became too few or stopped (9.3.2.5)."""

    port_identity: PortIdentity
    reason: str

    def __str__(self) -> str:
        return f"port {self.port_number}: foreign master {self.port_identity} is out: {self.reason}"


class AnnounceReceiptTimeout(PortEventRecord, frozen=True, kw_only=True):
    """The parent, or any master at all, was not heard for the announce receipt timeout (9.2.6.12)."""

    severity: ClassVar[Severity] = Severity.WARNING
    port_identity: PortIdentity | None
    timeout_s: float

    def __str__(self) -> str:
        whom = f"from {self.port_identity} " if self.port_identity else ""
        return f"port {self.port_number}: no Announce {whom}within {self.timeout_s:.3g} s"


class PairedPortStandsBy(PortEventRecord, frozen=True, kw_only=True):
    """A port measures by its own path while its twin follows the same grandmaster (IEC 62439-3 Annex A)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    twin: int
    port_identity: PortIdentity

    def __str__(self) -> str:
        return f"port {self.port_number}: stands by for port {self.twin}, measuring by {self.port_identity}"


class PairedPortStoodBy(PortEventRecord, frozen=True, kw_only=True):
    """A port stands by no more, and what its path said last of the clock."""

    severity: ClassVar[Severity] = Severity.NOTICE
    twin: int
    offset_ns: float | None

    def __str__(self) -> str:
        offset = "" if self.offset_ns is None else f"; by its path the clock was off by {self.offset_ns:+.0f} ns"
        return f"port {self.port_number}: stands by for port {self.twin} no more{offset}"


class SynchronizationLost(PortEventRecord, frozen=True, kw_only=True):
    """The parent still announces, but no Sync could be used for too long."""

    severity: ClassVar[Severity] = Severity.WARNING
    port_identity: PortIdentity
    silence_s: float
    reason: str

    def __str__(self) -> str:
        seconds = self.silence_s
        return f"port {self.port_number}: no usable Sync from {self.port_identity} for {seconds:.3g} s ({self.reason})"


class SignalFailed(PortEventRecord, frozen=True, kw_only=True):
    """A master that announces is no use (PTSF, ITU-T G.8275.1): it is not compared until it is restored."""

    severity: ClassVar[Severity] = Severity.WARNING
    port_identity: PortIdentity
    signal_fail: str
    reason: str
    wait_to_restore_s: float

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: PTSF-{self.signal_fail} of {self.port_identity}: {self.reason}; not chosen "
            f"until that was in order for {self.wait_to_restore_s:g} s"
        )


class SignalRestored(PortEventRecord, frozen=True, kw_only=True):
    """A master that failed may be chosen again."""

    severity: ClassVar[Severity] = Severity.NOTICE
    port_identity: PortIdentity
    signal_fail: str

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: PTSF-{self.signal_fail} of {self.port_identity} is over: it may be chosen again"
        )


class SyncsWithheld(PortEventRecord, frozen=True, kw_only=True):
    """A boundary clock's own clock does not show the time of the grandmaster it announces: it sends no Syncs."""

    severity: ClassVar[Severity] = Severity.NOTICE
    reason: str = ""

    def __str__(self) -> str:
        because = self.reason or "until the own clock is synchronized to the grandmaster"
        return f"port {self.port_number}: sends no Syncs {'as ' * bool(self.reason)}{because}"


class SyncsResumed(PortEventRecord, frozen=True, kw_only=True):
    """The own clock shows the time that is announced."""

    severity: ClassVar[Severity] = Severity.NOTICE

    def __str__(self) -> str:
        return f"port {self.port_number}: sends Syncs: the own clock shows the time that is announced"


class ForwardingChanged(PortEventRecord, frozen=True, kw_only=True):
    """A port of a transparent clock forwards from now on, or no more."""

    severity: ClassVar[Severity] = Severity.NOTICE
    forwards: bool
    reason: str

    def __str__(self) -> str:
        return f"port {self.port_number}: forwards{'' if self.forwards else ' nothing'}: {self.reason}"


class DelayKnown(PortEventRecord, frozen=True, kw_only=True):
    """The first path delay of this parent or peer: offsets can be corrected from now on."""

    mechanism: str
    delay_ns: float

    def __str__(self) -> str:
        return f"port {self.port_number}: {self.mechanism} path delay is {self.delay_ns:.0f} ns"


class PathChanged(PortEventRecord, frozen=True, kw_only=True):
    """Syncs came suddenly later or earlier, and the way back says that the path did it, not a clock."""

    severity: ClassVar[Severity] = Severity.NOTICE
    sync_jump_ns: float
    delay_before_ns: float
    delay_after_ns: float

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: another path: its delay went from {self.delay_before_ns:.0f} to "
            f"{self.delay_after_ns:.0f} ns together with a jump of the Syncs by {self.sync_jump_ns:+.0f} ns, "
            "which is therefore no offset"
        )


class DelayMissing(PortEventRecord, frozen=True, kw_only=True):
    """Delay requests stay unanswered."""

    severity: ClassVar[Severity] = Severity.WARNING
    message: str
    requests: int
    advice: str

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: {self.requests} {self.message} in a row without a complete answer: {self.advice}"
        )


class MultiplePeers(PortEventRecord, frozen=True, kw_only=True):
    """Several clocks answered one Pdelay_Req: the link is not point to point (11.4.2)."""

    severity: ClassVar[Severity] = Severity.WARNING
    responders: tuple[PortIdentity, ...]

    def __str__(self) -> str:
        names = ", ".join(str(responder) for responder in self.responders)
        return (
            f"port {self.port_number}: {len(self.responders)} clocks answered one Pdelay_Req ({names}):"
            " peer delay needs a link between two ports; use delay mechanism e2e, or a switch that speaks PTP"
        )


class IntervalChanged(PortEventRecord, frozen=True, kw_only=True):
    """A master's logMessageInterval replaced the configured one (IEEE 1588-2019 7.7.2)."""

    message: str
    old_log_interval: int
    new_log_interval: int

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: the master's interval for {self.message} is 2^{self.new_log_interval} s"
            f" (was 2^{self.old_log_interval} s)"
        )


class AnnounceIntervalMismatch(PortEventRecord, frozen=True, kw_only=True):
    """A master announces at another rate than this port expects, which qualification and timeouts use."""

    severity: ClassVar[Severity] = Severity.WARNING
    port_identity: PortIdentity
    announced_log_interval: int
    configured_log_interval: int

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: {self.port_identity} announces every 2^{self.announced_log_interval} s,"
            f" this port expects 2^{self.configured_log_interval} s: set log_announce_interval alike on both"
        )
