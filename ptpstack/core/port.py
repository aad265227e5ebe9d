"""One port: its state machine, its timers, and which role gets which message (IEEE 1588-2019 9.2, 9.5).

What lives here: what a port does on entering and leaving a state, and the way of a message to its role.
What does not: the roles themselves (``announce.py``, ``master.py``, ``sync_receiver.py``, ``delay_*.py``),
the table of states (``port_states.py``), what concerns several ports (``instance.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from ptpstack.core.announce import AnnounceTransmitter
from ptpstack.core.announce_receiver import AnnounceReceiver
from ptpstack.core.context import DelayFilter, PortContext
from ptpstack.core.datasets import PortCounters, PortDS
from ptpstack.core.delay_e2e import EndToEndDelay
from ptpstack.core.delay_p2p import PeerDelay
from ptpstack.core.events import AnnounceReceiptTimeout, PortStateChanged, SynchronizationLost
from ptpstack.core.master import SyncTransmitter, answer_delay_req
from ptpstack.core.outputs import Measurement
from ptpstack.core.port_states import ACTIVE_STATES, RECEIVING_STATES, PortEvent, PortState, next_state
from ptpstack.core.settings import DelayMechanism
from ptpstack.core.sync_receiver import SyncPoint, SyncReceiver
from ptpstack.core.timers import Timer
from ptpstack.time import (
    SECOND,
    LocalTime,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    offset_between,
)
from ptpstack.wire import messages
from ptpstack.wire.message import Message

SYNC_LOSS_INTERVALS = 10
"""Sync intervals without a usable Sync after which a slave is no longer synchronized, at least 2 s."""

EVENT_MESSAGES = (messages.Sync, messages.DelayReq, messages.PdelayReq, messages.PdelayResp)
PLAUSIBLE_LOG_INTERVALS = range(-10, 11)


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
        self.announces = AnnounceReceiver(context, path_trace_enabled=path_trace_enabled)
        self._announce_transmitter = AnnounceTransmitter(context, path_trace_enabled=path_trace_enabled)
        self._sync_transmitter = SyncTransmitter(context)
        self._sync_receiver = SyncReceiver(context)
        self._end_to_end: EndToEndDelay | None = None
        self._peer_to_peer: PeerDelay | None = None
        self._on_timer: dict[Timer, Callable[[MonotonicTime, MonotonicTime], None]] = {
            Timer.ANNOUNCE: self._announce_transmitter.on_timer,
            Timer.SYNC: self._sync_transmitter.on_timer,
            Timer.QUALIFICATION: self._on_qualification_timeout,
            Timer.FOREIGN_MASTER: self._on_foreign_master_expiry,
            Timer.ANNOUNCE_RECEIPT: self._on_announce_receipt_timeout,
            Timer.SYNC_LOSS: self._on_sync_loss,
        }
        match context.settings.delay_mechanism:
            case DelayMechanism.E2E:
                self._end_to_end = EndToEndDelay(context, delay_filter)
                self._on_timer[Timer.DELAY_REQ] = self._end_to_end.on_timer
            case DelayMechanism.P2P:
                self._peer_to_peer = PeerDelay(context, delay_filter)
                self._on_timer[Timer.PDELAY_REQ] = self._peer_to_peer.on_timer
            case DelayMechanism.NO_MECHANISM:
                pass
        self._last_usable_sync: MonotonicTime | None = None
        self._log_sync_interval = context.port_ds.log_sync_interval

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

    @property
    def counters(self) -> PortCounters:
        """What passed and what was dropped."""
        return self._context.counters

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called."""
        return self._context.timers.next_deadline()

    # -- the state machine ---------------------------------------------------------------------------

    def apply(self, event: PortEvent, now: MonotonicTime, reason: str = "") -> None:
        """Move as the table says and do what the new state brings."""
        old = self.state
        new = next_state(old, event, slave_only=self._context.data_sets.default_ds.slave_only)
        if new is old:
            return
        self._context.port_ds.port_state = new
        self._context.tell(PortStateChanged, old_state=old, new_state=new, cause=event, reason=reason)
        self._leave(old, new)
        self._enter(new, now)

    def _leave(self, old: PortState, new: PortState) -> None:
        timers = self._context.timers
        if old is PortState.PRE_MASTER:
            timers.stop(Timer.QUALIFICATION)
        if old is PortState.MASTER:
            self._announce_transmitter.stop()
            self._sync_transmitter.stop()
        if old in RECEIVING_STATES and new not in RECEIVING_STATES:
            timers.stop(Timer.ANNOUNCE_RECEIPT, Timer.SYNC_LOSS)
            self._reset_measurement()
        if old in (PortState.LISTENING, PortState.PASSIVE):
            timers.stop(Timer.ANNOUNCE_RECEIPT)

    def _enter(self, new: PortState, now: MonotonicTime) -> None:
        match new:
            case PortState.INITIALIZING:
                self.apply(PortEvent.INITIALIZATION_COMPLETE, now)
            case PortState.FAULTY | PortState.DISABLED:
                self._shut()
            case PortState.LISTENING:
                self.announces.arm_receipt_timeout(now)
                if self._peer_to_peer is not None and not self._context.timers.running(Timer.PDELAY_REQ):
                    self._peer_to_peer.start(now)
            case PortState.PASSIVE:
                self.announces.arm_receipt_timeout(now)
            case PortState.UNCALIBRATED:
                self.announces.arm_receipt_timeout(now)
                self._arm_sync_loss(now)
            case PortState.MASTER:
                self._announce_transmitter.start(now)
                self._sync_transmitter.start(now)
            case PortState.PRE_MASTER | PortState.SLAVE:
                pass

    def qualify(self, intervals: int, now: MonotonicTime) -> None:
        """Stay in PRE_MASTER for *intervals* announce intervals (9.2.6.11)."""
        wait = intervals * interval_from_log2_seconds(self.port_ds.log_announce_interval)
        self._context.timers.start(Timer.QUALIFICATION, now + wait)

    def follow_new_parent(self, now: MonotonicTime) -> None:
        """Forget what was measured against the parent of before."""
        self._reset_measurement()
        self.announces.arm_receipt_timeout(now)
        self._arm_sync_loss(now)

    def _shut(self) -> None:
        self._context.timers.stop_all()
        self._context.forget_pending()
        self.announces.clear()
        self._reset_measurement()
        if self._peer_to_peer is not None:
            self._peer_to_peer.reset()

    def _reset_measurement(self) -> None:
        self._sync_receiver.reset()
        self._last_usable_sync = None
        if self._end_to_end is not None:
            self._end_to_end.reset()

    # -- inputs ----------------------------------------------------------------------------------------

    def receive(self, message: Message, ingress: LocalTime | None, now: MonotonicTime, address: Hashable) -> None:
        """Take a message of this domain; a stamp is needed for event messages."""
        context = self._context
        context.counters.received[message.message_type.name] += 1
        if self.state not in ACTIVE_STATES:
            return
        if message.source_port_identity.clock_identity == context.port_ds.port_identity.clock_identity:
            context.discard(message, "sent by this clock")
            return
        if isinstance(message, EVENT_MESSAGES):
            corrected = context.ingress(message, ingress, now)
            if corrected is None:
                if isinstance(message, messages.Sync):
                    self._sync_receiver.note("Sync without a usable receive stamp")
                return
            self._receive_event(message, corrected, now, address)
        else:
            self._receive_general(message, now)

    def _receive_event(self, message: Message, ingress: LocalTime, now: MonotonicTime, address: Hashable) -> None:
        match message:
            case messages.Sync() if self._from_parent(message):
                self._log_sync_interval = self._sync_interval_of(message)
                self._use(self._sync_receiver.receive_sync(message, ingress), now)
            case messages.DelayReq() if self.state is PortState.MASTER:
                if self._end_to_end is None:
                    self._context.discard(message, "this port measures by the peer delay mechanism")
                else:
                    answer_delay_req(self._context, message, ingress, address)
            case messages.PdelayReq():
                if self._peer_to_peer is None:
                    self._context.discard(message, "this port does not use the peer delay mechanism")
                else:
                    self._peer_to_peer.answer(message, ingress)
            case messages.PdelayResp() if self._peer_to_peer is not None:
                self._peer_to_peer.receive_response(message, ingress)
            case _:
                pass

    def _receive_general(self, message: Message, now: MonotonicTime) -> None:
        match message:
            case messages.Announce():
                if self.announces.receive(message, self.state, self._context.data_sets.parent_ds, now):
                    self._decide(now)
            case messages.FollowUp() if self._from_parent(message):
                self._use(self._sync_receiver.receive_follow_up(message), now)
            case messages.DelayResp() if self.state in RECEIVING_STATES and self._end_to_end is not None:
                self._end_to_end.receive_response(message, self._context.data_sets.parent_ds.parent_port_identity)
            case messages.PdelayRespFollowUp() if self._peer_to_peer is not None:
                self._peer_to_peer.receive_follow_up(message)
            case _:
                pass

    def _from_parent(self, message: Message) -> bool:
        return (
            self.state in RECEIVING_STATES
            and message.source_port_identity == self._context.data_sets.parent_ds.parent_port_identity
        )

    def _sync_interval_of(self, sync: Message) -> int:
        announced = sync.log_message_interval
        return announced if announced in PLAUSIBLE_LOG_INTERVALS else self.port_ds.log_sync_interval

    def transmitted(self, context: int, egress: LocalTime | None, now: MonotonicTime) -> None:
        """Take an egress stamp, or word of its loss."""
        self._context.transmitted(context, egress, now)

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, now: MonotonicTime) -> None:
        """Carry every stored local instant over a step of the clock by *delta*, which now reads *local*."""
        self._context.clock_stepped(delta, local, now)
        self._sync_receiver.clock_stepped(delta)
        if self._end_to_end is not None:
            self._end_to_end.clock_stepped(delta)
        if self._peer_to_peer is not None:
            self._peer_to_peer.clock_stepped(delta)

    # -- synchronization ---------------------------------------------------------------------------------

    def _use(self, point: SyncPoint | None, now: MonotonicTime) -> None:
        """Make a measurement of a corrected Sync, as soon as the path delay is known."""
        if point is None:
            return
        exchange = None
        if self._end_to_end is not None:
            self._end_to_end.add_sync_point(point, now)
            mean_delay, exchange = self._end_to_end.mean, self._end_to_end.last_exchange
        elif self._peer_to_peer is not None:
            mean_delay = self._peer_to_peer.mean
        else:
            mean_delay = 0
        if mean_delay is None:
            self._sync_receiver.note("the path delay is not known yet")
            return
        offset = offset_between(point.t2, point.t1) - mean_delay
        current = self._context.data_sets.current_ds
        current.offset_from_master, current.mean_delay = offset, mean_delay
        self._last_usable_sync = now
        self._sync_receiver.note("Syncs stopped")
        self._arm_sync_loss(now)
        self._context.emit(
            Measurement(
                port_number=self.number,
                parent_port_identity=self._context.data_sets.parent_ds.parent_port_identity,
                t1=point.t1,
                t2=point.t2,
                offset_from_master=offset,
                mean_delay=mean_delay,
                log_sync_interval=self._log_sync_interval,
                t3=exchange[0] if exchange else None,
                t4=exchange[1] if exchange else None,
            )
        )

    def _arm_sync_loss(self, now: MonotonicTime) -> None:
        patience = max(SYNC_LOSS_INTERVALS * interval_from_log2_seconds(self._log_sync_interval), 2 * SECOND)
        self._context.timers.start(Timer.SYNC_LOSS, now + patience)

    def _on_sync_loss(self, deadline: MonotonicTime, now: MonotonicTime) -> None:
        patience = max(SYNC_LOSS_INTERVALS * interval_from_log2_seconds(self._log_sync_interval), 2 * SECOND)
        since = self._last_usable_sync
        self._context.tell(
            SynchronizationLost,
            port_identity=self._context.data_sets.parent_ds.parent_port_identity,
            silence=now - since if since is not None else now - deadline + patience,
            reason=self._sync_receiver.problem,
        )
        self.apply(PortEvent.SYNCHRONIZATION_FAULT, now, self._sync_receiver.problem)

    # -- timers --------------------------------------------------------------------------------------------

    def handle_deadline(self, now: MonotonicTime) -> None:
        """Run every timer that is due."""
        for timer, deadline in self._context.timers.take_due(now):
            self._on_timer[timer](deadline, now)

    def _on_qualification_timeout(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        self.apply(PortEvent.QUALIFICATION_TIMEOUT_EXPIRES, now)

    def _on_foreign_master_expiry(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        if self.announces.expire(now):
            self._decide(now)

    def _on_announce_receipt_timeout(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        """Drop who fell silent; take the next best on this port, else become master (9.2.6.12)."""
        silent = self.announces.drop_silent(self.state, self._context.data_sets.parent_ds)
        if silent is not None:
            self._context.tell(AnnounceReceiptTimeout, port_identity=silent, timeout=self.announces.receipt_timeout)
        if self.announces.best() is None:
            self.apply(PortEvent.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES, now)
        if self.state is PortState.LISTENING:
            self.announces.arm_receipt_timeout(now)
        self._decide(now)
