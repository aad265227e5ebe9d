"""One port: its state machine and its timers (IEEE 1588-2019 9.2).

What lives here: what a port does on entering and leaving a state, and when a timer ends. What does not: which roles
it has (``port_roles``), which of them gets a message (``port_message_routes``), the table of states
(``port_states``), what concerns several ports (``best_master``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ptpstack.core.context import PortContext
from ptpstack.core.datasets import PortDS
from ptpstack.core.delay_responder import DelayResponder
from ptpstack.core.events import AnnounceReceiptTimeout, PortStateChanged
from ptpstack.core.port_fault import PortFault
from ptpstack.core.port_message_routes import PortMessageRoutes
from ptpstack.core.port_roles import PortRoles
from ptpstack.core.port_states import PortEvent, next_state
from ptpstack.core.signal_fail import SignalFail
from ptpstack.core.timers import Timer
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.events import PortClockJudged
from ptpstack.engine.port_messages import PortCounters
from ptpstack.engine.port_state import RECEIVING_STATES, PortState
from ptpstack.time import (
    LocalTime,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_seconds,
)
from ptpstack.wire.types import PortIdentity

TimerHandler: TypeAlias = Callable[[MonotonicTime, MonotonicTime], None]


class Port:
    """A PTP port of one instance. *decide* asks the instance for a state decision."""

    def __init__(
        self,
        context: PortContext,
        *,
        path_trace_enabled: bool,
        delay_filter: DelayFilter,
        decide: Callable[[MonotonicTime], None],
    ) -> None:
        self._context = context
        self._decide = decide
        self.next_deadline = context.timers.next_deadline
        """Return when :meth:`handle_deadline` wants to be called."""
        self.counters: PortCounters = context.counters
        """What passed and what was dropped."""
        self.fault = PortFault(context.timers, self.apply, decide)
        roles = self._roles = PortRoles(
            context,
            path_trace_enabled=path_trace_enabled,
            delay_filter=delay_filter,
            several_peers=self.fault.several_peers,
            decide=decide,
        )
        self.signal_fails = roles.signal_fails
        self.announces = roles.announces
        self.passive_slave = roles.passive_slave
        self.negotiation = roles.negotiation
        messages = PortMessageRoutes(context, roles, decide)
        self.receive = messages.receive
        """Take a message of this domain."""
        self.parent_messages = messages.of_parent
        self._decide_after_failure = messages.decide_after_failure
        self.transmitted = context.transmitted
        """Take an egress stamp, or word of its loss."""
        self._on_timer: dict[Timer, TimerHandler] = {
            Timer.ANNOUNCE: roles.announce_transmitter.on_timer,
            Timer.SYNC: roles.sync_transmitter.on_timer,
            Timer.QUALIFICATION: self._on_qualification_timeout,
            Timer.FOREIGN_MASTER: self._on_foreign_master_expiry,
            Timer.ANNOUNCE_RECEIPT: self._on_announce_receipt_timeout,
            Timer.SYNC_LOSS: self._on_sync_loss,
            Timer.FAULT_RESET: self.fault.on_reset,
            Timer.WAIT_TO_RESTORE: self.signal_fails.on_timer,
        }
        if roles.end_to_end is not None:
            self._on_timer[Timer.DELAY_REQ] = roles.end_to_end.on_timer
        if roles.peer_to_peer is not None:
            self._on_timer[Timer.PDELAY_REQ] = roles.peer_to_peer.on_timer
        if self.negotiation is not None:
            self._on_timer |= self.negotiation.on_timer

    # -- what others read --------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """portDS.portIdentity.portNumber."""
        return self._context.port_number

    @property
    def state(self) -> PortState:
        """portDS.portState."""
        return self._context.port_ds.port_state

    @property
    def port_ds(self) -> PortDS:
        """The port's data set."""
        return self._context.port_ds

    # -- the state machine ---------------------------------------------------------------------------

    def apply(self, event: PortEvent, now: MonotonicTime, reason: str = "") -> bool:
        """Move as the table says, do what the new state brings, and return whether it is another one."""
        old = self.state
        new = next_state(old, event, slave_only=self._context.data_sets.default_ds.slave_only)
        if new is old:
            return False
        self._context.port_ds.port_state = new
        self._context.tell(PortStateChanged, old_state=old, new_state=new, cause=event, reason=reason)
        self._leave(old, new)
        self._enter(new, event, now)
        return True

    def _leave(self, old: PortState, new: PortState) -> None:
        timers = self._context.timers
        if old is PortState.PRE_MASTER:
            timers.stop(Timer.QUALIFICATION)
        if old is PortState.MASTER:
            self._roles.announce_transmitter.stop()
            self._roles.sync_transmitter.stop()
            if self.negotiation is not None:
                self.negotiation.leave_master(new)
        if old in RECEIVING_STATES and new not in RECEIVING_STATES:
            timers.stop(Timer.ANNOUNCE_RECEIPT)
            self._roles.slave.reset()
        if old in (PortState.LISTENING, PortState.PASSIVE):
            timers.stop(Timer.ANNOUNCE_RECEIPT)

    def _enter(self, new: PortState, event: PortEvent, now: MonotonicTime) -> None:
        match new:
            case PortState.INITIALIZING:
                self.apply(PortEvent.INITIALIZATION_COMPLETE, now)
            case PortState.FAULTY | PortState.DISABLED:
                self._shut(new, now)
            case PortState.LISTENING:
                self._listen(now)
            case PortState.PASSIVE:
                self.announces.arm_receipt_timeout(now)
            case PortState.UNCALIBRATED:
                if event is not PortEvent.SYNCHRONIZATION_FAULT:  # else it runs since the parent's last Announce
                    self.announces.arm_receipt_timeout(now)
                self._roles.slave.start(now)
            case PortState.MASTER:
                self._roles.announce_transmitter.start(now)
                self._roles.sync_transmitter.start(now)
            case PortState.PRE_MASTER | PortState.SLAVE:
                pass

    def qualify(self, intervals: int, now: MonotonicTime) -> None:
        """Stay in PRE_MASTER for *intervals* announce intervals (9.2.6.11)."""
        wait = intervals * interval_from_log2_seconds(self.port_ds.log_announce_interval)
        self._context.timers.start(Timer.QUALIFICATION, now + wait)

    def want(self, senders: Sequence[PortIdentity], now: MonotonicTime) -> None:
        """Have time from those of *senders* with which this port negotiates."""
        if self.negotiation is not None and self.negotiation.client is not None:
            self.negotiation.client.want(senders, now)

    def follow_new_parent(self, now: MonotonicTime) -> None:
        """Forget what was measured against the parent of before."""
        self._roles.slave.reset()
        self._roles.slave.start(now)
        self.announces.arm_receipt_timeout(now)

    def _listen(self, now: MonotonicTime) -> None:
        self.announces.arm_receipt_timeout(now)
        if self.negotiation is not None:
            self.negotiation.start(now)
        if self._roles.peer_to_peer is not None and not self._context.timers.running(Timer.PDELAY_REQ):
            self._roles.peer_to_peer.start(now)

    def _shut(self, state: PortState, now: MonotonicTime) -> None:
        if self.negotiation is not None and state is PortState.DISABLED:
            self.negotiation.cancel_all(now)
        self._context.timers.stop_all()
        self._context.forget_pending()
        self._roles.forget()

    # -- inputs ----------------------------------------------------------------------------------------

    @property
    def delay_responder(self) -> DelayResponder | None:
        """What answers ordinary Delay_Reqs in this state, if they are answered at all."""
        return self._roles.delay_responder if self.may_answer and self._context.settings.multicast else None

    @property
    def may_answer(self) -> bool:
        """Whether Delay_Reqs are answered in this state at all."""
        answers = self.state is PortState.MASTER and self._roles.end_to_end is not None
        return answers and self._context.shows_announced_time

    def set_clock_problem(self, problem: str) -> None:
        """Take why the stamps of this port's clock are no use to serve others, or that they are ("")."""
        self._context.clock_problem = problem
        self._context.tell(PortClockJudged, problem=problem)

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, now: MonotonicTime) -> None:
        """Carry every stored local instant over a step of the clock by *delta*, which now reads *local*."""
        self._context.clock_stepped(delta, local, now)
        self._roles.clock_stepped(delta)

    # -- timers --------------------------------------------------------------------------------------------

    def handle_deadline(self, now: MonotonicTime) -> None:
        """Run every timer that is due."""
        for timer, deadline in self._context.timers.take_due(now):
            self._on_timer[timer](deadline, now)
        self._decide_after_failure(now)

    def _on_sync_loss(self, deadline: MonotonicTime, now: MonotonicTime) -> None:
        kind = SignalFail.LOSS_DELAY_RESP if self._roles.slave.lacks_delay else SignalFail.LOSS_SYNC
        reason = self._roles.slave.tell_sync_loss(deadline, now)
        self.apply(PortEvent.SYNCHRONIZATION_FAULT, now, reason)
        parent = self._context.data_sets.parent_ds.parent_port_identity
        self.signal_fails.fail(parent, kind, reason, now)

    def _on_qualification_timeout(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        self.apply(PortEvent.QUALIFICATION_TIMEOUT_EXPIRES, now)

    def _on_foreign_master_expiry(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        if self.announces.expire(now):
            self._decide(now)

    def _on_announce_receipt_timeout(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        """Drop who fell silent; take the next best on this port, else become master (9.2.6.12)."""
        silent = self.announces.drop_silent(self.state, self._context.data_sets.parent_ds, now)
        if silent is not None:
            timeout_s = interval_to_seconds(self.announces.receipt_timeout)
            self._context.tell(AnnounceReceiptTimeout, port_identity=silent, timeout_s=timeout_s)
            if self.negotiation is not None and (masters := self.negotiation.client) is not None:
                masters.announce_lost(silent, now)
        if self.announces.best() is None:
            self.apply(PortEvent.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES, now)
        if self.state is PortState.LISTENING:
            self.announces.arm_receipt_timeout(now)
        self._decide(now)
