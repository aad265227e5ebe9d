"""The peer-to-peer delay mechanism, both sides (IEEE 1588-2019 11.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from ptpstack.core.context import PortContext
from ptpstack.core.events import DelayKnown, DelayMissing, MultiplePeers
from ptpstack.core.sync_receiver import SyncPoint
from ptpstack.core.timers import Timer, following
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.outputs import Destination
from ptpstack.engine.port_messages import CORRECTION_OVERFLOW, LOG_INTERVAL_UNSPECIFIED, NANOSECOND_FRACTION
from ptpstack.time import (
    LocalTime,
    MonotonicTime,
    PtpTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_ns,
    ptp_from_local,
)
from ptpstack.wire.message import Flag
from ptpstack.wire.messages.pdelay_req import PdelayReq
from ptpstack.wire.messages.pdelay_resp import PdelayResp
from ptpstack.wire.messages.pdelay_resp_follow_up import PdelayRespFollowUp
from ptpstack.wire.types import PortIdentity

ALLOWED_FAULTS = 3
"""Exchanges in a row with several responders after which the link delay no longer counts as known."""

RESPONDERS_KEPT = 8
"""Of those that answer one request; a link has one, and more than a few tell nothing more."""

RESPONSES_KEPT = 4

UNANSWERED_REPORTED = frozenset({3, 30, 300, 3000})


class Answer(msgspec.Struct):
    """What one responder said to one request."""

    response: PdelayResp
    t4: LocalTime
    follow_up: PdelayRespFollowUp | None = None


class Exchange(msgspec.Struct):
    """One Pdelay_Req and everything that came back, in any order."""

    sequence_id: int
    t1: LocalTime | None = None
    answers: dict[PortIdentity, Answer] = msgspec.field(default_factory=dict)
    early_follow_ups: dict[PortIdentity, PdelayRespFollowUp] = msgspec.field(default_factory=dict)
    measured: bool = False


class PeerDelay:
    """Measures the mean link delay to the one peer of this port, and answers that peer's requests.

    *on_several_peers* is told when several answer time and again; it returns whether that stopped the port.
    """

    def __init__(
        self,
        context: PortContext,
        delay_filter: DelayFilter,
        on_several_peers: Callable[[MonotonicTime], bool] = lambda _now: False,
    ) -> None:
        self._context = context
        self._filter = delay_filter
        self._on_several_peers = on_several_peers
        self.reset()

    def reset(self) -> None:
        """Forget everything and stop: the link went away."""
        self._context.timers.stop(Timer.PDELAY_REQ)
        self._filter.reset()
        self._exchange: Exchange | None = None
        self._peer: PortIdentity | None = None
        self._unanswered = 0
        self._faults = 0
        self._responses: deque[SyncPoint] = deque(maxlen=RESPONSES_KEPT)
        """Of one peer: when its responses left it, and when they came in."""
        self.mean: TimeInterval | None = None

    def earliest_point(self, parent: PortIdentity) -> SyncPoint | None:
        """Return the earliest response that is remembered, as if it were a Sync, if *parent* is the peer."""
        return self._responses[0] if self._responses and self._peer == parent else None

    def start(self, now: MonotonicTime) -> None:
        """Ask now, and at the interval from then on."""
        self._context.timers.start(Timer.PDELAY_REQ, now)

    def clock_stepped(self, _delta: TimeInterval) -> None:
        """Drop the exchange under way: its stamps are on both sides of the step."""
        self._exchange = None
        self._responses.clear()

    # -- the requester ----------------------------------------------------------------------------

    def on_timer(self, deadline: MonotonicTime, now: MonotonicTime) -> None:
        """Close the last exchange, send one Pdelay_Req and arm the next."""
        context = self._context
        interval = interval_from_log2_seconds(context.port_ds.log_min_pdelay_req_interval)
        context.timers.start(Timer.PDELAY_REQ, following(deadline, interval, now))
        if self._exchange is not None and self._close(self._exchange, now):
            return
        request = context.new(
            PdelayReq,
            log_message_interval=LOG_INTERVAL_UNSPECIFIED,
            correction_field=-context.settings.delay_asymmetry,
        )
        exchange = self._exchange = Exchange(request.sequence_id)

        def sent(egress: LocalTime, _now: MonotonicTime) -> None:
            exchange.t1 = egress
            self._try_measure(exchange)

        context.send_event(request, sent, Destination.PEER_DELAY)

    def _close(self, exchange: Exchange, now: MonotonicTime) -> bool:
        """Judge what came back; return whether that stopped the port."""
        if len(exchange.answers) > 1:
            self._faults += 1
            self._context.counters.discarded["several peers answered"] += 1
            if self._faults == ALLOWED_FAULTS:
                self._context.tell(MultiplePeers, responders=tuple(exchange.answers))
                self._filter.reset()
                self.mean = None
                return self._on_several_peers(now)
            return False
        self._try_measure(exchange, closing=True)
        if exchange.measured:
            self._unanswered = self._faults = 0
            return False
        self._unanswered += 1
        self._context.counters.discarded["Pdelay_Req unanswered"] += 1
        if self._unanswered in UNANSWERED_REPORTED:
            self._context.tell(
                DelayMissing,
                message="Pdelay_Req",
                requests=self._unanswered,
                advice="is the neighbour a PTP port with delay mechanism p2p?",
            )
        return False

    def receive_response(self, response: PdelayResp, ingress: LocalTime) -> None:
        """Take a Pdelay_Resp to this port's request."""
        exchange = self._exchange_of(response)
        if exchange is None:
            return
        sender = response.source_port_identity
        if sender in exchange.answers:
            self._context.discard(response, "late or duplicate")
            return
        if len(exchange.answers) == RESPONDERS_KEPT:
            self._context.discard(response, "too many answer")
            return
        exchange.answers[sender] = Answer(response, ingress, exchange.early_follow_ups.pop(sender, None))
        self._try_measure(exchange)

    def receive_follow_up(self, follow_up: PdelayRespFollowUp) -> None:
        """Take a Pdelay_Resp_Follow_Up, which may come before its Pdelay_Resp."""
        exchange = self._exchange_of(follow_up)
        if exchange is None:
            return
        answer = exchange.answers.get(follow_up.source_port_identity)
        if answer is None:
            if len(exchange.early_follow_ups) == RESPONDERS_KEPT:
                self._context.discard(follow_up, "too many answer")
                return
            exchange.early_follow_ups[follow_up.source_port_identity] = follow_up
            return
        answer.follow_up = follow_up
        self._try_measure(exchange)

    def _exchange_of(self, answer: PdelayResp | PdelayRespFollowUp) -> Exchange | None:
        if answer.requesting_port_identity != self._context.port_ds.port_identity:
            return None
        if self._exchange is None or answer.sequence_id != self._exchange.sequence_id:
            self._context.discard(answer, "late or duplicate")
            return None
        if answer.correction_field == CORRECTION_OVERFLOW:
            self._context.discard(answer, "correctionField overflow")
            return None
        return self._exchange

    def _try_measure(self, exchange: Exchange, *, closing: bool = False) -> None:
        """Compute the mean link delay once the only answer is complete (11.4.2, Figure 42).

        After a request that several clocks answered, an answer counts only when it has stayed the only one.
        """
        if exchange is not self._exchange or exchange.measured or exchange.t1 is None or len(exchange.answers) != 1:
            return
        if self._faults and not closing:
            return
        ((peer, answer),) = exchange.answers.items()
        response, follow_up = answer.response, answer.follow_up
        round_trip = answer.t4 - exchange.t1 - response.correction_field - self._context.settings.delay_asymmetry
        if response.two_step_flag:
            if follow_up is None:
                return
            round_trip -= follow_up.response_origin_timestamp - response.request_receipt_timestamp
            round_trip -= follow_up.correction_field
        exchange.measured = True
        first = self.mean is None or peer != self._peer
        if peer != self._peer:
            self._filter.reset()
            self._responses.clear()
            self._peer = peer
        if follow_up is not None:
            # The request's own correctionField, which the responder copies, took the asymmetry off (11.4.2): now both
            # ways' is added, the Sync's and that.
            left = follow_up.response_origin_timestamp + follow_up.correction_field
            self._responses.append(SyncPoint(left + 2 * self._context.settings.delay_asymmetry, answer.t4))
        self.mean = self._context.port_ds.mean_link_delay = self._filter.update(round_trip // 2)
        if first:
            self._context.tell(DelayKnown, mechanism=f"peer {peer}", delay_ns=interval_to_ns(self.mean))

    # -- the responder ----------------------------------------------------------------------------

    def answer(self, request: PdelayReq, ingress: LocalTime) -> None:
        """Send the two-step answer: t2 in Pdelay_Resp, t3 and the request's correction in its Follow_Up."""
        context = self._context
        receipt = ptp_from_local(ingress)
        fraction = int(receipt) & NANOSECOND_FRACTION
        response = context.new(
            PdelayResp,
            sequence_id=request.sequence_id,
            flags=Flag.TWO_STEP,
            log_message_interval=LOG_INTERVAL_UNSPECIFIED,
            request_receipt_timestamp=receipt - fraction,
            correction_field=-fraction,
            requesting_port_identity=request.source_port_identity,
        )

        def sent(egress: LocalTime, _now: MonotonicTime) -> None:
            origin: PtpTime = ptp_from_local(egress)
            fraction = int(origin) & NANOSECOND_FRACTION
            context.send_general(
                context.new(
                    PdelayRespFollowUp,
                    sequence_id=request.sequence_id,
                    log_message_interval=LOG_INTERVAL_UNSPECIFIED,
                    response_origin_timestamp=origin - fraction,
                    correction_field=request.correction_field + fraction,
                    requesting_port_identity=request.source_port_identity,
                ),
                Destination.PEER_DELAY,
            )

        context.send_event(response, sent, Destination.PEER_DELAY)
