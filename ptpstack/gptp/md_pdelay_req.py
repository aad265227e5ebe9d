"""MDPdelayReq: asks the neighbour for the link delay, at the interval (IEEE 802.1AS-2020 11.2.19, Figure 11-9).

Three things differ from the figure, on purpose. A response of the wrong sequence or to another port is discarded and
the right one waited for, where the figure gives the exchange up. As an egress stamp may come after the response
that it belongs to, a response waits for it. And where the port is set to, it hurries (``pdelay_hurry.py``).
"""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.outputs import Destination
from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.events import NeighborJumped, PdelayReqCeased, PdelayReqHurried
from ptpstack.gptp.link_capability import LinkCapability, Reason
from ptpstack.gptp.machine import Machine, following
from ptpstack.gptp.neighbor_rate_ratio import NeighborRateRatio
from ptpstack.gptp.pdelay_hurry import PdelayHurry
from ptpstack.gptp.settings import MULTIPLE_RESPONSES_MAX, PDELAY_CEASE_TIME
from ptpstack.time import (
    LocalTime,
    MonotonicTime,
    PtpTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_ns,
    interval_to_seconds,
)
from ptpstack.wire.messages import PdelayReq, PdelayResp, PdelayRespFollowUp
from ptpstack.wire.types import PortIdentity


class State(Enum):
    """The states of the figure, and one for the time in which no requests are sent."""

    NOT_ENABLED = auto()
    INITIAL_SEND_PDELAY_REQ = auto()
    RESET = auto()
    SEND_PDELAY_REQ = auto()
    WAITING_FOR_PDELAY_RESP = auto()
    WAITING_FOR_PDELAY_RESP_FOLLOW_UP = auto()
    WAITING_FOR_PDELAY_INTERVAL_TIMER = auto()
    CEASED = auto()


SENDING = (State.INITIAL_SEND_PDELAY_REQ, State.SEND_PDELAY_REQ)
IN_EXCHANGE = (*SENDING, State.WAITING_FOR_PDELAY_RESP, State.WAITING_FOR_PDELAY_RESP_FOLLOW_UP)


class MdPdelayReq(Machine):
    """Measures meanLinkDelay and neighborRateRatio of one link, and judges it in *capability*."""

    def __init__(
        self, messages: PortMessages, capability: LinkCapability, delay_filter: DelayFilter, hurry: PdelayHurry
    ) -> None:
        super().__init__(State.NOT_ENABLED)
        self.port_enabled = False
        self.log_pdelay_req_interval: int | None = 0
        """None: a neighbour asked that there be no requests."""
        self.rate_ratio = NeighborRateRatio()
        self.neighbor: PortIdentity | None = None
        self.neighbor_minor_version: int | None = None
        self._messages = messages
        self._capability = capability
        self._filter = delay_filter
        self._hurry = hurry
        self._hurried_by: TimeInterval = 0
        """How much sooner than due the next request goes."""
        self._several_in_a_row = 0
        self._begin_exchange(None)

    def _begin_exchange(self, sequence_id: int | None) -> None:
        self._sequence_id = sequence_id
        self._sent: LocalTime | None = None
        self._abandoned = ""
        """Why the exchange is given up, if it is, by this system."""
        self._response: tuple[PdelayResp, LocalTime] | None = None
        self._follow_up: PdelayRespFollowUp | None = None
        self._responders: set[PortIdentity] = set()

    # -- inputs --------------------------------------------------------------------------------------

    def receive_response(self, response: PdelayResp, ingress: LocalTime, now: MonotonicTime) -> None:
        """Take a Pdelay_Resp."""
        if not self._is_for_this_exchange(response):
            return
        self._responders.add(response.source_port_identity)
        if self._response is not None:
            reason = "late or duplicate" if len(self._responders) == 1 else "another port answered this request"
            self._messages.discard(response, reason)
        elif not response.two_step_flag:
            self._messages.discard(response, "a Pdelay_Resp without Pdelay_Resp_Follow_Up")
        else:
            self._response = response, ingress
            if self._follow_up is not None and self._follow_up.source_port_identity != response.source_port_identity:
                self._follow_up = None
        self.run(now)

    def receive_follow_up(self, follow_up: PdelayRespFollowUp, now: MonotonicTime) -> None:
        """Take a Pdelay_Resp_Follow_Up, which may come before its Pdelay_Resp."""
        if not self._is_for_this_exchange(follow_up):
            return
        response = self._response
        if response is not None and follow_up.source_port_identity != response[0].source_port_identity:
            self._messages.discard(follow_up, "another port answered this request")
            return
        self._follow_up = follow_up
        self.run(now)

    def resume(self, now: MonotonicTime) -> None:
        """Ask again, after a time without requests that a neighbour wished for."""
        self._abandoned = "asking begins again"
        self.deadline = now
        self.run(now)

    def sync_heard(self, now: MonotonicTime) -> None:
        """Take that the neighbour sends Syncs; before any delay is known, the next request is due soon."""
        interval = self._interval
        if interval is None or self.deadline is None or self.state not in (*IN_EXCHANGE, State.RESET):
            return
        if self._hurry.sync_heard():
            due = min(self.deadline, now + self._hurry.next_wait(interval))
            self._hurried_by += self.deadline - due
            self.deadline = due

    def clock_stepped(self) -> None:
        """Give up the exchange under way: its stamps are on both sides of a step of the local clock."""
        self.rate_ratio.reset()
        self._abandoned = "" if self._sequence_id is None else "the own clock was stepped"

    def _is_for_this_exchange(self, answer: PdelayResp | PdelayRespFollowUp) -> bool:
        if answer.requesting_port_identity != self._messages.port_identity:
            return False
        if self._sequence_id is None or answer.sequence_id != self._sequence_id:
            self._messages.discard(answer, "of another sequenceId than the request, or late")
            return False
        return True

    # -- conditions ------------------------------------------------------------------------------------

    def _is_disabled(self) -> bool:
        return not self.port_enabled

    def _is_enabled(self) -> bool:
        return self.port_enabled

    def _has_sent(self) -> bool:
        return self._sent is not None

    def _is_abandoned(self) -> bool:
        return bool(self._abandoned)

    def _has_response(self) -> bool:
        return self._response is not None

    def _has_follow_up(self) -> bool:
        return self._follow_up is not None

    def _interval_is_over(self) -> bool:
        return self.expired

    def _several_answer(self) -> bool:
        return self.expired and self._several_in_a_row + (len(self._responders) > 1) >= MULTIPLE_RESPONSES_MAX

    # -- what is done in a state -------------------------------------------------------------------------

    def _disable(self) -> None:
        self.deadline = self.neighbor = self.neighbor_minor_version = None
        self._several_in_a_row = 0
        self._begin_exchange(None)
        self.rate_ratio.reset()
        self._filter.reset()
        self._hurry.end()
        self._capability.reset(Reason.PORT_DISABLED)

    def _initial_send(self) -> None:
        self._capability.reset(Reason.NOT_MEASURED)
        self._several_in_a_row = 0
        self.rate_ratio.reset()
        self._filter.reset()
        self._hurried_by = 0
        self._hurry.begin()
        self._send()

    @property
    def _interval(self) -> TimeInterval | None:
        log_interval = self.log_pdelay_req_interval
        return None if log_interval is None else interval_from_log2_seconds(log_interval)

    def _send(self) -> None:
        if self._sequence_id is not None:
            self._several_in_a_row = self._several_in_a_row + 1 if len(self._responders) > 1 else 0
        interval = self._interval
        if interval is None or self.log_pdelay_req_interval is None:
            self._begin_exchange(None)
            self.deadline = None
            return
        wait = self._hurry.next_wait(interval)
        self._hurried_by = interval - wait
        self.deadline = following(self.deadline or self.now, wait, self.now)
        request = self._messages.new(PdelayReq, log_message_interval=self.log_pdelay_req_interval)
        self._begin_exchange(request.sequence_id)
        sequence_id = request.sequence_id

        def left(egress: LocalTime, now: MonotonicTime) -> None:
            if sequence_id == self._sequence_id:
                self._sent = egress
                self.run(now)

        def lost(now: MonotonicTime) -> None:
            if sequence_id == self._sequence_id:
                self._abandoned = "it has no egress stamp"
                self.run(now)

        self._messages.send_event(request, left, Destination.PEER_DELAY, on_loss=lost)

    def _reset(self) -> None:
        """Count what the neighbour, not this system, lost, and had the time to answer."""
        why, self._abandoned = self._abandoned, ""
        if self._hurried_by:
            due_s = interval_to_seconds(max(0, (self.deadline or self.now) - self.now))
            self._messages.tell(PdelayReqHurried, why=why or "no complete answer yet", again_in_s=due_s)
        elif not why and len(self._responders) <= 1:
            self._messages.counters.discarded["Pdelay_Req unanswered"] += 1
            self._capability.lost()

    def _measure(self) -> None:
        """Compute meanLinkDelay and neighborRateRatio (11.2.19.3.3, 11.2.19.3.4)."""
        if self._sent is None or self._response is None or self._follow_up is None:
            raise AssertionError("the rows let nothing in that is not complete")
        (response, t4), follow_up = self._response, self._follow_up
        self.deadline = (self.deadline or self.now) + self._hurried_by
        self._hurried_by = 0
        if self._several_in_a_row or len(self._responders) > 1:
            return
        self._hurry.end()
        if self.neighbor != response.source_port_identity:
            self.neighbor = response.source_port_identity
            self.rate_ratio.reset()
            self._filter.reset()
        self.neighbor_minor_version = response.minor_version_ptp
        t2: PtpTime = response.request_receipt_timestamp + response.correction_field
        t3: PtpTime = follow_up.response_origin_timestamp + follow_up.correction_field
        jump = self.rate_ratio.take(t3, t4)
        if jump is not None:
            self._messages.tell(NeighborJumped, jump_ns=interval_to_ns(jump))
        delay = (round((t4 - self._sent) * self.rate_ratio.ratio) - (t3 - t2)) // 2
        self._capability.measured(
            self._filter.update(delay) if self.rate_ratio.is_valid else delay,
            own_clock=self.neighbor.clock_identity == self._messages.port_identity.clock_identity,
            rate_ratio_is_valid=self.rate_ratio.is_valid,
        )

    def _cease(self) -> None:
        """Several ports answer: stop asking for five minutes."""
        self._capability.refuse(Reason.SEVERAL_NEIGHBORS)
        self._messages.tell(
            PdelayReqCeased,
            responders=tuple(sorted(self._responders)),
            in_a_row=MULTIPLE_RESPONSES_MAX,
            seconds=interval_to_seconds(PDELAY_CEASE_TIME),
        )
        self._several_in_a_row = 0
        self._begin_exchange(None)
        self.deadline = self.now + PDELAY_CEASE_TIME

    ROWS = (
        (None, _is_disabled, State.NOT_ENABLED),
        (State.NOT_ENABLED, _is_enabled, State.INITIAL_SEND_PDELAY_REQ),
        (IN_EXCHANGE, _is_abandoned, State.RESET),
        ((*IN_EXCHANGE, State.WAITING_FOR_PDELAY_INTERVAL_TIMER), _several_answer, State.CEASED),
        (IN_EXCHANGE, _interval_is_over, State.RESET),
        (SENDING, _has_sent, State.WAITING_FOR_PDELAY_RESP),
        (State.WAITING_FOR_PDELAY_RESP, _has_response, State.WAITING_FOR_PDELAY_RESP_FOLLOW_UP),
        (State.WAITING_FOR_PDELAY_RESP_FOLLOW_UP, _has_follow_up, State.WAITING_FOR_PDELAY_INTERVAL_TIMER),
        (State.RESET, _interval_is_over, State.SEND_PDELAY_REQ),
        (State.WAITING_FOR_PDELAY_INTERVAL_TIMER, _interval_is_over, State.SEND_PDELAY_REQ),
        (State.CEASED, _interval_is_over, State.INITIAL_SEND_PDELAY_REQ),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.NOT_ENABLED: _disable,
        State.INITIAL_SEND_PDELAY_REQ: _initial_send,
        State.RESET: _reset,
        State.SEND_PDELAY_REQ: _send,
        State.WAITING_FOR_PDELAY_INTERVAL_TIMER: _measure,
        State.CEASED: _cease,
    }
