"""Receiving Announce messages: which are let in, and when their silence counts (IEEE 1588-2019 9.3.2.5, 9.5.3)."""

from __future__ import annotations

from ptpstack.core.announce_tlvs import lacks
from ptpstack.core.comparison import ComparisonSet
from ptpstack.core.context import PortContext
from ptpstack.core.datasets import ParentDS
from ptpstack.core.events import (
    AnnounceIntervalMismatch,
    ForeignMasterExpired,
    ForeignMasterQualified,
    ForeignMasterSeen,
)
from ptpstack.core.foreign_masters import FOREIGN_MASTER_TIME_WINDOW, ForeignMasters
from ptpstack.core.quality_level import is_usable, quality_level
from ptpstack.core.signal_fail import SignalFail, SignalFails
from ptpstack.core.timers import Timer
from ptpstack.core.unicast_masters import UnicastMasters
from ptpstack.engine.port_state import RECEIVING_STATES, PortState
from ptpstack.time import MonotonicTime, TimeInterval, interval_from_log2_seconds, interval_to_seconds
from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.tlvs.path_trace import PathTrace
from ptpstack.wire.types import ClockIdentity, PortIdentity

LATE_WINDOW = 16
"""How far behind the newest sequenceId an Announce counts as late or doubled."""


class AnnounceReceiver:
    """The foreign masters of one port and the announce receipt timeout."""

    def __init__(self, context: PortContext, fails: SignalFails, *, path_trace_enabled: bool) -> None:
        self._context = context
        self._fails = fails
        self._path_trace_enabled = path_trace_enabled
        self._foreign_masters = ForeignMasters(
            context.port_ds.port_identity,
            context.settings.local_priority,
            context.data_sets.acceptable,
            by_quality_level=context.data_sets.default_ds.by_quality_level,
        )
        self._masters: UnicastMasters | None = None
        self.receipt_timeout: TimeInterval = 0

    def negotiates(self, masters: UnicastMasters) -> None:
        """Take what *masters* says of those that this port negotiates with."""
        self._masters = masters

    # -- intervals -----------------------------------------------------------------------------------

    def _interval(self) -> TimeInterval:
        return interval_from_log2_seconds(self._context.port_ds.log_announce_interval)

    def _window(self) -> TimeInterval:
        return FOREIGN_MASTER_TIME_WINDOW * self._interval()

    def arm_receipt_timeout(self, now: MonotonicTime) -> None:
        """Wait announceReceiptTimeout intervals from now, and up to one more so that ports differ (9.2.6.12)."""
        intervals = self._context.port_ds.announce_receipt_timeout + self._context.random()
        self.receipt_timeout = round(intervals * self._interval())
        self._context.timers.start(Timer.ANNOUNCE_RECEIPT, now + self.receipt_timeout)

    # -- the records ----------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget all foreign masters."""
        self._foreign_masters.clear()
        self._context.timers.stop(Timer.FOREIGN_MASTER)

    def best(self) -> ComparisonSet | None:
        """Return Erbest: of masters by unicast, one that serves while one that does is followed."""
        best, masters = self.best_that_announces(), self._masters
        data_sets = self._context.data_sets
        parent = data_sets.parent_ds.parent_port_identity
        if best is None or masters is None or best.sender == parent or masters.serves(best.sender):
            return best
        followed = next((known for known in self.qualified() if known.sender == parent), None)
        if followed is not None:
            return followed if masters.serves(parent) else best
        elsewhere = data_sets.is_synchronized and masters.named(parent) is None
        return None if elsewhere else best

    def best_that_announces(self) -> ComparisonSet | None:
        """Return the best of all that may be compared, be it ready to serve or not."""
        return self._foreign_masters.best(self._fails)

    def qualified(self) -> list[ComparisonSet]:
        """Return every foreign master that may be compared."""
        return self._foreign_masters.qualified(self._fails)

    def newest_of(self, sender: PortIdentity) -> Announce | None:
        """Return the last Announce of *sender*."""
        record = self._foreign_masters.get(sender)
        return record.announce if record else None

    def receive(
        self,
        announce: Announce,
        state: PortState,
        parent: ParentDS,
        now: MonotonicTime,
        local_priority: int | None = None,
    ) -> bool:
        """Let *announce* in, unless a rule forbids; return whether a state decision is due.

        *local_priority* is that of its sender, where that has one of its own.
        """
        sender = announce.source_port_identity
        reason = self._rejection(announce)
        if reason:
            self._context.discard(announce, reason)
            return False
        known = self._foreign_masters.get(sender)
        was_qualified = known is not None and known.qualified
        record = self._foreign_masters.record(announce, now, self._window(), local_priority)
        self._arm_expiry(now)
        if known is None:
            self._greet(announce)
        if record.qualified and not was_qualified:
            self._context.tell(ForeignMasterQualified, port_identity=sender)
        if self._is_watched(sender, state, parent):
            self.arm_receipt_timeout(now)
        self._judge(announce, now, qualified=record.qualified)
        return record.qualified or was_qualified

    def _judge(self, announce: Announce, now: MonotonicTime, *, qualified: bool) -> None:
        """Look whether the master fails by what it announces, or no more (packet timing signal fail)."""
        sender, fails = announce.source_port_identity, self._fails
        if qualified:
            fails.heard(sender, SignalFail.LOSS_ANNOUNCE, now)
        if fails.settings is None or not fails.settings.heeds_uncertain:
            return
        if announce.synchronization_uncertain:
            fails.fail(sender, SignalFail.SYNCHRONIZATION_UNCERTAIN, "it says so of itself", now)
            fails.still_fails(sender, SignalFail.SYNCHRONIZATION_UNCERTAIN)
        else:
            fails.heard(sender, SignalFail.SYNCHRONIZATION_UNCERTAIN, now)

    def _greet(self, announce: Announce) -> None:
        sender, configured = announce.source_port_identity, self._context.port_ds.log_announce_interval
        self._context.tell(ForeignMasterSeen, port_identity=sender, grandmaster_identity=announce.grandmaster_identity)
        if announce.log_message_interval not in (configured, 0x7F):
            self._context.tell(
                AnnounceIntervalMismatch,
                port_identity=sender,
                announced_log_interval=announce.log_message_interval,
                configured_log_interval=configured,
            )

    def _is_watched(self, sender: PortIdentity, state: PortState, parent: ParentDS) -> bool:
        """The parent's silence counts in UNCALIBRATED and SLAVE, the best master's in PASSIVE."""
        if state in RECEIVING_STATES:
            return sender == parent.parent_port_identity
        best = self.best()
        return state is PortState.PASSIVE and best is not None and best.sender == sender

    def _rejection(self, announce: Announce) -> str:  # noqa: PLR0911 (one return for each rule)
        """Return why *announce* may not be considered, or nothing (9.3.2.5, 16.2.3)."""
        context = self._context
        if context.port_ds.master_only:
            return "this port is master only"
        if context.data_sets.acceptable_masters and not context.data_sets.acceptable(announce.source_port_identity):
            return "not in the acceptable master table"
        clock_class = announce.grandmaster_clock_quality.clock_class
        if context.data_sets.default_ds.by_quality_level and not is_usable(clock_class):
            return f"quality level {quality_level(clock_class)} is not to be used"
        if announce.alternate_master_flag:
            return "alternateMasterFlag is set"
        if announce.steps_removed >= context.data_sets.default_ds.max_steps_removed:
            return "stepsRemoved is too large"
        if self._path_trace_enabled and context.data_sets.default_ds.clock_identity in path_of(announce):
            return "it came through this clock (path trace)"
        if missing := lacks(announce, context.data_sets.required_announce_tlvs):
            return f"it has no {missing} TLV, without which this profile ignores it"
        known = self._foreign_masters.get(announce.source_port_identity)
        if known is not None and (known.announce.sequence_id - announce.sequence_id) & 0xFFFF < LATE_WINDOW:
            return "late or duplicate"
        return ""

    def drop_silent(self, state: PortState, parent: ParentDS, now: MonotonicTime) -> PortIdentity | None:
        """Forget the master whose silence made the receipt timeout expire and return it, if there was one."""
        silent = None
        if state in RECEIVING_STATES:
            silent = parent.parent_port_identity
        elif state is PortState.PASSIVE and (best := self.best()) is not None:
            silent = best.sender
        if silent is not None:
            self._foreign_masters.drop(silent)
            timeout_s = interval_to_seconds(self.receipt_timeout)
            self._fails.fail(silent, SignalFail.LOSS_ANNOUNCE, f"no Announce within {timeout_s:.3g} s", now)
        return silent

    # -- ageing ----------------------------------------------------------------------------------------

    def _arm_expiry(self, now: MonotonicTime) -> None:
        expiry = self._foreign_masters.next_expiry(self._window())
        if expiry is not None:
            self._context.timers.start(Timer.FOREIGN_MASTER, max(expiry, now))

    def expire(self, now: MonotonicTime) -> bool:
        """Forget masters that were silent for the whole window; return whether there were any."""
        expired = self._foreign_masters.expire(now, self._window())
        for sender in expired:
            self._context.tell(
                ForeignMasterExpired,
                port_identity=sender,
                reason=f"silent for {FOREIGN_MASTER_TIME_WINDOW} announce intervals",
            )
        self._arm_expiry(now)
        return bool(expired)


def path_of(announce: Announce) -> tuple[ClockIdentity, ...]:
    """Return the identities of the PATH_TRACE TLV, none where it is absent (16.2)."""
    for tlv in announce.tlvs:
        if isinstance(tlv, PathTrace):
            return tlv.path_sequence
    return ()
