"""What a gPTP instance and the link delay service decide; each says its inputs and the rule."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.engine.events import PortEventRecord
from ptpstack.events import Event, Severity
from ptpstack.wire.types import ClockIdentity, PortIdentity

NOBODY = ClockIdentity()
"""What stands for the grandmaster where roles are set and nothing has come yet."""


class LinkCapabilityChanged(PortEventRecord, frozen=True, kw_only=True):
    """asCapableAcrossDomains of a link, or the reason for it, is another (IEEE 802.1AS-2020 11.2.2)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    as_capable_across_domains: bool
    reason: str
    explanation: str
    mean_link_delay_ns: float
    mean_link_delay_thresh_ns: float
    suggested_thresh_ns: float | None
    lost_responses: int
    detected_faults: int
    neighbor_rate_offset_ppm: float | None

    def __str__(self) -> str:
        able = "is" if self.as_capable_across_domains else "is not"
        return f"port {self.port_number}: the link {able} capable of gPTP ({self.reason}): {self.explanation}"


class MeanLinkDelayToKeep(PortEventRecord, frozen=True, kw_only=True):
    """The delay of a link is far from the kept one: keep it for the next start (AVnu Automotive 6.2.2)."""

    mean_link_delay_ns: float
    tolerance_ns: float

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: meanLinkDelay {self.mean_link_delay_ns:.0f} ns is kept for the next start: it is"
            f" more than {self.tolerance_ns:.0f} ns from what was"
        )


class OperationalIntervalsChanged(PortEventRecord, frozen=True, kw_only=True):
    """A port goes to its operational intervals, or back to its initial ones (AVnu Automotive 6.2.3)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    operational: bool
    log_pdelay_req_interval: int | None
    log_sync_interval: int | None
    rule: str

    def __str__(self) -> str:
        which = "operational" if self.operational else "initial"
        asked = "" if self.log_sync_interval is None else f"; Sync 2^{self.log_sync_interval} s asked of the neighbour"
        own = "" if self.log_pdelay_req_interval is None else f": Pdelay_Req 2^{self.log_pdelay_req_interval} s"
        return f"port {self.port_number}: {which} intervals{own}{asked}: {self.rule}"


class PdelayReqHurried(PortEventRecord, frozen=True, kw_only=True):
    """A neighbour that has just come is asked for the delay of the link sooner than at the interval."""

    why: str
    again_in_s: float

    def __str__(self) -> str:
        when = f"in {1e3 * self.again_in_s:.0f} ms" if self.again_in_s else "now"
        return (
            f"port {self.port_number}: the Pdelay exchange came to nothing ({self.why}); the delay of this link is not"
            f" known yet: asks again {when}"
        )


class AsCapableChanged(PortEventRecord, frozen=True, kw_only=True):
    """asCapable of a port in one domain, or the reason for it, is another (10.2.5.1)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    as_capable: bool
    reason: str
    explanation: str

    def __str__(self) -> str:
        word = "asCapable" if self.as_capable else "not asCapable"
        return f"port {self.port_number}: {word} ({self.reason}): {self.explanation}"


class GrandmasterSelected(Event, frozen=True, kw_only=True):
    """The priority vectors chose another grandmaster or another way to it (10.3.13)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    grandmaster_identity: ClockIdentity
    parent_port_identity: PortIdentity | None
    port_number: int | None
    gm_present: bool
    rule: str

    def __str__(self) -> str:
        if self.grandmaster_identity == NOBODY:
            return f"waits for a grandmaster on port {self.port_number}: {self.rule}"
        if self.parent_port_identity is not None:
            via = f"by {self.parent_port_identity} on port {self.port_number}"
            return f"selected grandmaster {self.grandmaster_identity} {via}: {self.rule}"
        if not self.gm_present:
            return f"no system that may be a grandmaster: {self.rule}"
        return f"selected this system, {self.grandmaster_identity}, as grandmaster: {self.rule}"


class InformationAged(PortEventRecord, frozen=True, kw_only=True):
    """What a port knows of the grandmaster is too old (10.3.12)."""

    severity: ClassVar[Severity] = Severity.WARNING
    port_identity: PortIdentity
    what: str
    timeout_s: float

    def __str__(self) -> str:
        return f"port {self.port_number}: no {self.what} from {self.port_identity} within {self.timeout_s:.3g} s"


class NeighborJumped(PortEventRecord, frozen=True, kw_only=True):
    """The neighbour's clock moved by more than any rate explains: neighborRateRatio is measured anew."""

    severity: ClassVar[Severity] = Severity.WARNING
    jump_ns: float

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: the neighbour's clock jumped by {self.jump_ns:+.0f} ns:"
            " neighborRateRatio is measured anew"
        )


class PdelayReqCeased(PortEventRecord, frozen=True, kw_only=True):
    """Several ports answer: no more Pdelay_Req for a while (11.2.19)."""

    severity: ClassVar[Severity] = Severity.WARNING
    responders: tuple[PortIdentity, ...]
    in_a_row: int
    seconds: float

    def __str__(self) -> str:
        names = ", ".join(map(str, self.responders))
        return (
            f"port {self.port_number}: {self.in_a_row} Pdelay_Req in a row were answered by several ports ({names}):"
            f" the link is not point to point; no Pdelay_Req for {self.seconds:.0f} s, or until the link was down"
        )


class IntervalRequested(PortEventRecord, frozen=True, kw_only=True):
    """A neighbour asked for another interval, by a message interval request (10.3.17, 10.3.18, 11.2.21).

    Or, without *port_identity*, this system's own settings did.
    """

    message: str
    port_identity: PortIdentity | None
    requested: int
    old_log_interval: int
    new_log_interval: int | None
    rule: str

    def __str__(self) -> str:
        asks = f"{self.port_identity} asks" if self.port_identity else "its own settings ask"
        return f"port {self.port_number}: {asks} for {self.message} {self.requested:+d}: {self.rule}"


class SyncLost(PortEventRecord, frozen=True, kw_only=True):
    """No more Syncs come to a port that is set to be a slave (AVnu Automotive 9.3.1)."""

    severity: ClassVar[Severity] = Severity.WARNING
    port_identity: PortIdentity | None

    def __str__(self) -> str:
        source = "" if self.port_identity is None else f" from {self.port_identity}"
        return f"port {self.port_number}: no more Syncs{source} within the timeout"


class SyncNotContinuous(PortEventRecord, frozen=True, kw_only=True):
    """A Sync does not follow on the one before, by its number or its time (AVnu Automotive 9.3.2)."""

    severity: ClassVar[Severity] = Severity.WARNING
    port_identity: PortIdentity
    sequence_id: int
    last_sequence_id: int
    jump_ns: float | None
    new_time_base: bool

    def __str__(self) -> str:
        what = []
        if (self.sequence_id - self.last_sequence_id) & 0xFFFF != 1:
            what.append(f"sequenceId {self.sequence_id} after {self.last_sequence_id}")
        if self.jump_ns is not None:
            what.append(f"its time jumped by {self.jump_ns:+.0f} ns")
        if self.new_time_base:
            what.append("the grandmaster says that it has a new time base")
        return f"port {self.port_number}: a Sync of {self.port_identity} does not follow on the last: {', '.join(what)}"


class OneStepTxOperChanged(PortEventRecord, frozen=True, kw_only=True):
    """A neighbour said whether it can take Syncs in one step (11.2.16)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    one_step_tx_oper: bool
    port_identity: PortIdentity

    def __str__(self) -> str:
        how = "one step, as {} can take that" if self.one_step_tx_oper else "two steps, as {} cannot take one"
        return f"port {self.port_number}: Syncs go in {how.format(self.port_identity)}"


class AutosarContentChanged(PortEventRecord, frozen=True, kw_only=True):
    """The AUTOSAR TLV of the Follow_Ups says something else than before."""

    content: tuple[str, ...]
    was: tuple[str, ...]

    def __str__(self) -> str:
        said = ", ".join(self.content) or "nothing"
        return f"port {self.port_number}: AUTOSAR time sync says {said} (before: {', '.join(self.was) or 'nothing'})"


class HotStandbyStateChanged(Event, frozen=True, kw_only=True):
    """A hot standby system is worth something else (IEEE 802.1ASdm-2024, hotStandbySystemState)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    old_state: str
    new_state: str
    primary: str
    secondary: str
    primary_is_synced: bool
    secondary_is_synced: bool
    primary_rule: str
    secondary_rule: str
    primary_secondary_offset_ns: float | None
    primary_secondary_offset_thresh_ns: float

    def __str__(self) -> str:
        words = {True: "is synced", False: "is not synced"}
        offset_ns = self.primary_secondary_offset_ns
        between = (
            ""
            if offset_ns is None
            else (
                f"; their times differ by {offset_ns:+.0f} ns (threshold {self.primary_secondary_offset_thresh_ns:.0f})"
            )
        )
        return (
            f"hot standby {self.old_state} to {self.new_state}:"
            f" {self.primary} {words[self.primary_is_synced]} ({self.primary_rule}),"
            f" {self.secondary} {words[self.secondary_is_synced]} ({self.secondary_rule}){between}"
        )


class DefaultTimeServed(Event, frozen=True, kw_only=True):
    """A relay without any Sync since its start serves its own clock's time, or ends that (AVnu Automotive 6.3)."""

    severity: ClassVar[Severity] = Severity.WARNING
    serves: bool
    after_s: float

    def __str__(self) -> str:
        if self.serves:
            return (
                f"no Sync within {self.after_s:.0f} s of the start: serving the time of the own clock until one comes"
            )
        return "a Sync came: the time of the own clock is served no more"


class SyncContinued(PortEventRecord, frozen=True, kw_only=True):
    """No more Syncs come, and a relay goes on by what it had last (AVnu Automotive 6.3)."""

    severity: ClassVar[Severity] = Severity.WARNING

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: no Syncs come in: it goes on sending, by the last one and the rate that the"
            " grandmaster had"
        )


class SyncLockedChanged(PortEventRecord, frozen=True, kw_only=True):
    """Whether a port sends each Sync as soon as one came in (10.2.5.15)."""

    sync_locked: bool
    log_sync_interval: int
    parent_log_sync_interval: int

    def __str__(self) -> str:
        how = "at once when one comes in" if self.sync_locked else "by its own timer"
        return (
            f"port {self.port_number}: sends Syncs {how}: its interval is 2^{self.log_sync_interval} s,"
            f" the parent's 2^{self.parent_log_sync_interval} s"
        )


class GmTimeBaseChanged(PortEventRecord, frozen=True, kw_only=True):
    """The grandmaster's time or frequency changed all at once (9.6, 10.2.4.15); port 0: this system is it."""

    severity: ClassVar[Severity] = Severity.NOTICE
    gm_time_base_indicator: int
    last_gm_phase_change_ns: float
    last_gm_freq_change_ppm: float

    def __str__(self) -> str:
        who = f"port {self.port_number}: the grandmaster" if self.port_number else "this grandmaster"
        return (
            f"{who} has a new time base, number {self.gm_time_base_indicator}: phase by"
            f" {self.last_gm_phase_change_ns:+.0f} ns, frequency by {self.last_gm_freq_change_ppm:+.6f} ppm"
        )
