"""One port: its state machine, its timers, and which role gets which message (IEEE 1588-2019 9.2, 9.5).

What lives here: what a port does on entering and leaving a state, and the way of a message to its role.
What does not: the roles themselves (``announce.py``, ``master.py``, ``slave.py``, ``delay_*.py``), the table of
states (``port_states.py``), what concerns several ports (``instance.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeAlias

from ptpstack.core.announce import AnnounceTransmitter
from ptpstack.core.announce_receiver import AnnounceReceiver
from ptpstack.core.context import PortContext
from ptpstack.core.datasets import PortDS
from ptpstack.core.delay_e2e import EndToEndDelay
from ptpstack.core.delay_p2p import PeerDelay
from ptpstack.core.delay_responder import DelayResponder
from ptpstack.core.events import AnnounceReceiptTimeout, PortStateChanged
from ptpstack.core.master import SyncTransmitter, answer_delay_req
from ptpstack.core.paired_port import PassiveSlave
from ptpstack.core.parent_messages import ParentMessages
from ptpstack.core.port_fault import PortFault
from ptpstack.core.port_states import ACTIVE_STATES, PortEvent, next_state
from ptpstack.core.settings import DelayMechanism
from ptpstack.core.signal_fail import SignalFail, SignalFails
from ptpstack.core.slave import Slave
from ptpstack.core.timers import Timer
from ptpstack.core.unicast_negotiation import Negotiation
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
from ptpstack.wire.message import Message
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Signaling,
    Sync,
)
from ptpstack.wire.types import MessageType, PortIdentity

TimerHandler: TypeAlias = Callable[[MonotonicTime, MonotonicTime], None]
EventHandler: TypeAlias = Callable[[Any, LocalTime | None, MonotonicTime, Hashable], None]
GeneralHandler: TypeAlias = Callable[[Any, MonotonicTime, Hashable], None]


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
        self.signal_fails = SignalFails(context, context.data_sets.signal_fail)
        self.announces = AnnounceReceiver(context, self.signal_fails, path_trace_enabled=path_trace_enabled)
        self._announce_transmitter = AnnounceTransmitter(context, path_trace_enabled=path_trace_enabled)
        self._sync_transmitter = SyncTransmitter(context)
        self._delay_responder = DelayResponder(context)
        self._end_to_end: EndToEndDelay | None = None
        self._peer_to_peer: PeerDelay | None = None
        match context.settings.delay_mechanism:
            case DelayMechanism.E2E:
                self._end_to_end = EndToEndDelay(context, delay_filter, self.signal_fails)
            case DelayMechanism.P2P:
                self._peer_to_peer = PeerDelay(context, delay_filter, self.fault.several_peers)
            case DelayMechanism.NO_MECHANISM:
                pass
        self._slave = Slave(context, self._end_to_end or self._peer_to_peer, self.signal_fails)
        self.passive_slave = PassiveSlave(context, self._peer_to_peer)
        self.parent_messages = ParentMessages(context, self._slave, self._decide_after_failure)
        self.negotiation: Negotiation | None = None
        if context.settings.unicast_client or context.settings.unicast_service:
            self.negotiation = Negotiation(
                context, self._sync_transmitter, self._announce_transmitter, self.signal_fails, decide
            )
        if self.negotiation is not None and self.negotiation.client is not None:
            self.announces.negotiates(self.negotiation.client.masters)
            if self._end_to_end is not None:
                self._end_to_end.negotiates(self.negotiation.client.masters)
        self._on_timer: dict[Timer, TimerHandler] = {
            Timer.ANNOUNCE: self._announce_transmitter.on_timer,
            Timer.SYNC: self._sync_transmitter.on_timer,
            Timer.QUALIFICATION: self._on_qualification_timeout,
            Timer.FOREIGN_MASTER: self._on_foreign_master_expiry,
            Timer.ANNOUNCE_RECEIPT: self._on_announce_receipt_timeout,
            Timer.SYNC_LOSS: self._on_sync_loss,
            Timer.FAULT_RESET: self.fault.on_reset,
            Timer.WAIT_TO_RESTORE: self.signal_fails.on_timer,
        }
        if self._end_to_end is not None:
            self._on_timer[Timer.DELAY_REQ] = self._end_to_end.on_timer
        if self._peer_to_peer is not None:
            self._on_timer[Timer.PDELAY_REQ] = self._peer_to_peer.on_timer
        if self.negotiation is not None:
            self._on_timer |= self.negotiation.on_timer
        self._on_event: dict[type[Message], EventHandler] = {
            Sync: self._receive_sync,
            DelayReq: self._receive_delay_req,
            PdelayReq: self._receive_pdelay_req,
            PdelayResp: self._receive_pdelay_resp,
        }
        self._on_general: dict[type[Message], GeneralHandler] = {
            Announce: self._receive_announce,
            FollowUp: self._receive_follow_up,
            DelayResp: self._receive_delay_resp,
            PdelayRespFollowUp: self._receive_pdelay_resp_follow_up,
            Signaling: self._receive_signaling,
        }

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
        self._enter(new, now)
        return True

    def _leave(self, old: PortState, new: PortState) -> None:
        timers = self._context.timers
        if old is PortState.PRE_MASTER:
            timers.stop(Timer.QUALIFICATION)
        if old is PortState.MASTER:
            self._announce_transmitter.stop()
            self._sync_transmitter.stop()
            if self.negotiation is not None:
                self.negotiation.leave_master(new)
        if old in RECEIVING_STATES and new not in RECEIVING_STATES:
            timers.stop(Timer.ANNOUNCE_RECEIPT)
            self._slave.reset()
        if old in (PortState.LISTENING, PortState.PASSIVE):
            timers.stop(Timer.ANNOUNCE_RECEIPT)

    def _enter(self, new: PortState, now: MonotonicTime) -> None:
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
                self.announces.arm_receipt_timeout(now)
                self._slave.start(now)
            case PortState.MASTER:
                self._announce_transmitter.start(now)
                self._sync_transmitter.start(now)
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
        self._slave.reset()
        self._slave.start(now)
        self.announces.arm_receipt_timeout(now)

    def _listen(self, now: MonotonicTime) -> None:
        self.announces.arm_receipt_timeout(now)
        if self.negotiation is not None:
            self.negotiation.start(now)
        if self._peer_to_peer is not None and not self._context.timers.running(Timer.PDELAY_REQ):
            self._peer_to_peer.start(now)

    def _shut(self, state: PortState, now: MonotonicTime) -> None:
        if self.negotiation is not None and state is PortState.DISABLED:
            self.negotiation.cancel_all(now)
        self._context.timers.stop_all()
        self._context.forget_pending()
        self.announces.clear()
        self.signal_fails.clear()
        self._slave.reset()
        self.passive_slave.end()
        if self._peer_to_peer is not None:
            self._peer_to_peer.reset()
        if self.negotiation is not None:
            self.negotiation.stop()

    # -- inputs ----------------------------------------------------------------------------------------

    @property
    def delay_responder(self) -> DelayResponder | None:
        """What answers ordinary Delay_Reqs in this state, if they are answered at all."""
        return self._delay_responder if self.may_answer and self._context.settings.multicast else None

    @property
    def may_answer(self) -> bool:
        """Whether Delay_Reqs are answered in this state at all."""
        answers = self.state is PortState.MASTER and self._end_to_end is not None
        return answers and self._context.shows_announced_time

    def receive(self, message: Message, ingress: LocalTime | None, now: MonotonicTime, address: Hashable) -> None:
        """Take a message of this domain; event messages with their stamp."""
        context, kind, port_ds = self._context, type(message), self._context.port_ds
        context.counters.received[kind.__name__] += 1
        if port_ds.port_state not in ACTIVE_STATES:
            return
        if message.source_port_identity.clock_identity == port_ds.port_identity.clock_identity:
            context.discard(message, "sent by this clock")
        elif take_event := self._on_event.get(kind):
            take_event(message, context.ingress(message, ingress, now), now, address)
        elif take_general := self._on_general.get(kind):
            take_general(message, now, address)
        self._decide_after_failure(now)

    def _decide_after_failure(self, now: MonotonicTime) -> None:
        if self.signal_fails.take_change():
            self._decide(now)

    def _from_parent(self, message: Message) -> bool:
        return (
            self.state in RECEIVING_STATES
            and message.source_port_identity == self._context.data_sets.parent_ds.parent_port_identity
        )

    def _receive_sync(self, sync: Sync, ingress: LocalTime | None, now: MonotonicTime, address: Hashable) -> None:
        if self.negotiation is not None and sync.unicast_flag:
            self.negotiation.hears(MessageType.SYNC, sync.source_port_identity, address, now)
        if self._from_parent(sync):
            self._slave.receive_sync(sync, ingress, now, address)
        elif ingress is not None:
            self.passive_slave.receive_sync(sync, ingress, now)
            self.signal_fails.heard(sync.source_port_identity, SignalFail.LOSS_SYNC, now)

    def _receive_follow_up(self, follow_up: FollowUp, now: MonotonicTime, _address: Hashable) -> None:
        if self._from_parent(follow_up):
            self._slave.receive_follow_up(follow_up, now)
        else:
            self.passive_slave.receive_follow_up(follow_up, now)

    def _receive_delay_req(
        self, request: DelayReq, ingress: LocalTime | None, _now: MonotonicTime, address: Hashable
    ) -> None:
        if self._end_to_end is None:
            self._context.discard(request, "this port does not use the delay request-response mechanism")
        elif not self._context.shows_announced_time:
            self._context.discard(request, "the own clock is not synchronized yet")
        elif self.state is PortState.MASTER and ingress is not None:
            granted = self.negotiation is not None and self.negotiation.answers(request, address)
            if granted or (self._context.settings.multicast and not self._negotiates(request)):
                answer_delay_req(self._context, request, ingress, address, granted=granted)
            else:
                self._context.discard(request, "its sender was not granted Delay_Resp")

    def _negotiates(self, request: DelayReq) -> bool:
        """Whether *request* came by unicast to a port that grants it."""
        return request.unicast_flag and self.negotiation is not None and self.negotiation.service is not None

    def _receive_delay_resp(self, response: DelayResp, now: MonotonicTime, _address: Hashable) -> None:
        if self.state in RECEIVING_STATES:
            self._slave.receive_delay_resp(response, now)

    def _receive_pdelay_req(
        self, request: PdelayReq, ingress: LocalTime | None, _now: MonotonicTime, _address: Hashable
    ) -> None:
        if self._peer_to_peer is None:
            self._context.discard(request, "this port does not use the peer delay mechanism")
        elif ingress is not None:
            self._peer_to_peer.answer(request, ingress)

    def _receive_pdelay_resp(
        self, response: PdelayResp, ingress: LocalTime | None, _now: MonotonicTime, _address: Hashable
    ) -> None:
        if self._peer_to_peer is None:
            self._context.discard(response, "this port does not use the peer delay mechanism")
        elif ingress is not None:
            self._peer_to_peer.receive_response(response, ingress)

    def _receive_pdelay_resp_follow_up(
        self, follow_up: PdelayRespFollowUp, _now: MonotonicTime, _address: Hashable
    ) -> None:
        if self._peer_to_peer is not None:
            self._peer_to_peer.receive_follow_up(follow_up)

    def _receive_announce(self, announce: Announce, now: MonotonicTime, address: Hashable) -> None:
        local_priority = None
        if self.negotiation is not None:
            reason, local_priority = self.negotiation.judge(announce, address, now)
            if reason:
                self._context.discard(announce, reason)
                return
        if self.announces.receive(announce, self.state, self._context.data_sets.parent_ds, now, local_priority):
            self._decide(now)

    def set_clock_problem(self, problem: str) -> None:
        """Take why the stamps of this port's clock are no use to serve others, or that they are ("")."""
        self._context.clock_problem = problem
        self._context.tell(PortClockJudged, problem=problem)

    def _receive_signaling(self, signaling: Signaling, now: MonotonicTime, address: Hashable) -> None:
        if self.negotiation is not None:
            self.negotiation.receive(signaling, self.state, address, now)

    def transmitted(self, context: int, egress: LocalTime | None, now: MonotonicTime) -> None:
        """Take an egress stamp, or word of its loss."""
        self._context.transmitted(context, egress, now)

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, now: MonotonicTime) -> None:
        """Carry every stored local instant over a step of the clock by *delta*, which now reads *local*."""
        self._context.clock_stepped(delta, local, now)
        self._slave.clock_stepped(delta)
        self.passive_slave.clock_stepped(delta)
        if self._end_to_end is not None:
            self._end_to_end.clock_stepped(delta)
        if self._peer_to_peer is not None:
            self._peer_to_peer.clock_stepped(delta)

    # -- timers --------------------------------------------------------------------------------------------

    def handle_deadline(self, now: MonotonicTime) -> None:
        """Run every timer that is due."""
        for timer, deadline in self._context.timers.take_due(now):
            self._on_timer[timer](deadline, now)
        self._decide_after_failure(now)

    def _on_sync_loss(self, deadline: MonotonicTime, now: MonotonicTime) -> None:
        kind = SignalFail.LOSS_DELAY_RESP if self._slave.lacks_delay else SignalFail.LOSS_SYNC
        reason = self._slave.tell_sync_loss(deadline, now)
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
