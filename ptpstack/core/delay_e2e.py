"""The slave's side of the delay request-response mechanism (IEEE 1588-2019 11.3).

The standard's formula takes t1 and t2 of a Sync near the Delay_Req and thereby assumes that both clocks
run alike in between. A clock that is not yet disciplined does not: at 50 ppm, half a second apart is an
error of 12 µs. So the master's time of a Sync that would have arrived just at t3 is interpolated between
the Syncs before and after it; the formula is then (t4 − t1(t3)) / 2 and no frequency enters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from itertools import pairwise

import msgspec

from ptpstack.core.context import PortContext
from ptpstack.core.datasets import PLAUSIBLE_LOG_INTERVALS
from ptpstack.core.events import DelayKnown, DelayMissing, IntervalChanged, PathChanged
from ptpstack.core.path_watch import PathWatch
from ptpstack.core.signal_fail import SignalFail, SignalFails
from ptpstack.core.sync_receiver import SyncPoint
from ptpstack.core.timers import Timer
from ptpstack.core.unicast_masters import UnicastMasters
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.port_messages import CORRECTION_OVERFLOW, LOG_INTERVAL_UNSPECIFIED
from ptpstack.time import (
    SECOND,
    LocalTime,
    MonotonicTime,
    PtpTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_ns,
    interval_to_seconds,
)
from ptpstack.wire.message import Flag
from ptpstack.wire.messages.delay_req import DelayReq
from ptpstack.wire.messages.delay_resp import DelayResp
from ptpstack.wire.types import PortIdentity

REQUEST_VARIABILITY = 0.3
"""Requests are spread over ±30 % of the interval, so that slaves do not beat (9.5.11.2)."""

UNANSWERED_REPORTED = frozenset({3, 30, 300, 3000})
PLAUSIBLE_RATE = 1000
"""One part in this many is the largest difference in rate between two clocks that nobody steps."""

SYNC_POINTS_KEPT = 4
EXCHANGES_KEPT = 16
ANSWER_TIMEOUT: TimeInterval = SECOND
"""How long an answer may take; at a high rate many requests are under way."""


class Exchange(msgspec.Struct):
    """One Delay_Req under way: its egress stamp and its answer may come in either order."""

    sequence_id: int
    asked: MonotonicTime
    t3: LocalTime | None = None
    t4: PtpTime | None = None


class EndToEndDelay:
    """Measures the mean path delay to the parent."""

    def __init__(self, context: PortContext, delay_filter: DelayFilter, fails: SignalFails) -> None:
        self._context = context
        self._fails = fails
        self._filter = delay_filter
        self._masters: UnicastMasters | None = None
        self._sync_points: deque[SyncPoint] = deque(maxlen=SYNC_POINTS_KEPT)
        self._complete: deque[tuple[LocalTime, PtpTime]] = deque(maxlen=EXCHANGES_KEPT)
        self._watch = PathWatch()
        self.reset()

    def negotiates(self, masters: UnicastMasters) -> None:
        """Ask the parent alone, when it has granted answers."""
        self._masters = masters

    def reset(self) -> None:
        """Forget everything: a new parent."""
        self._context.timers.stop(Timer.DELAY_REQ)
        self._filter.reset()
        self._sync_points.clear()
        self._complete.clear()
        self._watch.forget()
        self._exchanges: dict[int, Exchange] = {}
        self._unanswered = 0
        self._brought_forward: TimeInterval = 0
        self._answered: MonotonicTime | None = None
        """When the last answer came, or the first request was made."""
        self.mean: TimeInterval | None = None
        self.last_exchange: tuple[LocalTime, PtpTime] | None = None
        self.parent_address: Hashable = None

    def earliest_point(self, _parent: PortIdentity) -> SyncPoint | None:
        """Return the earliest of the Syncs of the parent that are remembered."""
        return self._sync_points[0] if self._sync_points else None

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Carry stored local instants over a step; the requests under way are lost."""
        self._exchanges.clear()
        self._watch.forget()
        self._sync_points = deque(
            (SyncPoint(point.t1, point.t2 + delta) for point in self._sync_points), maxlen=SYNC_POINTS_KEPT
        )
        self._complete = deque(((t3 + delta, t4) for t3, t4 in self._complete), maxlen=EXCHANGES_KEPT)
        if self.last_exchange is not None:
            self.last_exchange = self.last_exchange[0] + delta, self.last_exchange[1]

    # -- requests --------------------------------------------------------------------------------

    def _interval(self) -> TimeInterval:
        return interval_from_log2_seconds(self._context.port_ds.log_min_delay_req_interval)

    def on_timer(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        """Send one Delay_Req and arm the next."""
        context = self._context
        spread = 1 + REQUEST_VARIABILITY * (2 * context.random() - 1)
        context.timers.start(Timer.DELAY_REQ, now + self._brought_forward + round(self._interval() * spread))
        self._brought_forward = 0
        self._give_up_unanswered(now)
        self._look_for_loss(now)
        address = self.parent_address if context.settings.asks_by_unicast else None
        if self._masters is not None:
            granted = self._masters.delay_address(context.data_sets.parent_ds.parent_port_identity)
            if granted is None and not context.settings.multicast:
                return
            address = granted or address
        request = context.new(
            DelayReq,
            flags=Flag.UNICAST if address is not None else 0,
            log_message_interval=LOG_INTERVAL_UNSPECIFIED,
            correction_field=-context.delay_asymmetry,
        )
        exchange = self._exchanges[request.sequence_id] = Exchange(request.sequence_id, now)

        def sent(egress: LocalTime, _now: MonotonicTime) -> None:
            exchange.t3 = egress
            self._try_complete(exchange)

        context.send_event(request, sent, address=address)

    def _give_up_unanswered(self, now: MonotonicTime) -> None:
        """Count the requests that got no answer in time, and tell when that goes on."""
        overdue = [number for number, exchange in self._exchanges.items() if now - exchange.asked >= ANSWER_TIMEOUT]
        for number in overdue:
            del self._exchanges[number]
            self._unanswered += 1
            self._context.counters.discarded["Delay_Req unanswered"] += 1
            if self._unanswered in UNANSWERED_REPORTED:
                self._context.tell(
                    DelayMissing,
                    message="Delay_Req",
                    requests=self._unanswered,
                    advice=self._advice(),
                )

    def _advice(self) -> str:
        if self._masters is not None:
            return "the master granted answers and gives none: has it started anew, or does UDP port 319 pass one way?"
        if self._context.settings.asks_by_unicast:
            return "does the master answer unicast Delay_Req (hybrid e2e)? if not: delay_request = multicast"
        return "does the master use the same delay mechanism (e2e), and do multicasts pass both ways?"

    def _look_for_loss(self, now: MonotonicTime) -> None:
        """A master that answers no request for too long fails (PTSF-lossDelayResp)."""
        if self._answered is None:
            self._answered = now
        timeout = self._fails.settings.delay_resp_timeout if self._fails.settings else 0
        if timeout and now - self._answered > timeout:
            parent = self._context.data_sets.parent_ds.parent_port_identity
            reason = f"no Delay_Req was answered for {interval_to_seconds(now - self._answered):.3g} s"
            self._fails.fail(parent, SignalFail.LOSS_DELAY_RESP, reason, now)

    def receive_response(self, response: DelayResp, parent: PortIdentity, now: MonotonicTime) -> None:
        """Take a Delay_Resp; those to others are theirs."""
        context, exchange = self._context, self._exchanges.get(response.sequence_id)
        if response.requesting_port_identity != context.port_ds.port_identity:
            return
        if response.source_port_identity != parent:
            context.discard(response, "not from the parent")
            return
        if exchange is None or exchange.t4 is not None:
            context.discard(response, "late or duplicate")
            return
        if response.correction_field == CORRECTION_OVERFLOW:
            context.discard(response, "correctionField overflow")
            return
        self._adopt_interval(response)
        self._answered = now
        exchange.t4 = response.receive_timestamp - response.correction_field
        self._try_complete(exchange)

    def _adopt_interval(self, response: DelayResp) -> None:
        """The master says how often it may be asked (9.5.12.2)."""
        old, new = self._context.port_ds.log_min_delay_req_interval, response.log_message_interval
        if new != old and new in PLAUSIBLE_LOG_INTERVALS:
            self._context.port_ds.log_min_delay_req_interval = new
            self._context.tell(IntervalChanged, message="Delay_Req", old_log_interval=old, new_log_interval=new)

    # -- the measurement --------------------------------------------------------------------------

    def add_sync_point(self, point: SyncPoint, now: MonotonicTime) -> None:
        """Take a corrected Sync; the first one starts the requests, within one interval."""
        self._sync_points.append(point)
        if self._watch.add(point):
            self._ask_at_once(now)
        if not self._context.timers.running(Timer.DELAY_REQ):
            first = min(self._interval(), interval_from_log2_seconds(0))
            self._context.timers.start(Timer.DELAY_REQ, now + round(first * self._context.random()))
        self._measure()

    def _ask_at_once(self, now: MonotonicTime) -> None:
        """Bring the next request forward: the way back tells what jumped. Those after it keep the mean rate."""
        due = self._context.timers.deadline(Timer.DELAY_REQ)
        if due is not None and due > now and not self._brought_forward:
            self._brought_forward = due - now
            self._context.timers.start(Timer.DELAY_REQ, now)

    def _try_complete(self, exchange: Exchange) -> None:
        if self._exchanges.get(exchange.sequence_id) is not exchange or exchange.t3 is None or exchange.t4 is None:
            return
        del self._exchanges[exchange.sequence_id]
        self._unanswered = 0
        self._complete.append((exchange.t3, exchange.t4))
        self._measure()

    def _measure(self) -> None:
        """Finish every exchange that has a Sync on both sides."""
        while self._complete and self._sync_points:
            t3, t4 = self._complete[0]
            if t3 > self._sync_points[-1].t2:
                return
            self._complete.popleft()
            origin = self._origin_at(t3)
            if origin is None:
                self._context.counters.discarded["delay exchange between no two Syncs"] += 1
                continue
            self.last_exchange = t3, t4
            self._take((t4 - origin) // 2, t3)

    def _take(self, delay: TimeInterval, t3: LocalTime) -> None:
        """Filter the *delay* of an exchange; a path that jumped with the Syncs is another one."""
        before, jump = self.mean, self._watch.jump
        is_another = before is not None and self._watch.path_changed(delay - before, t3)
        self.mean = self._filter.path_changed(delay) if is_another else self._filter.update(delay)
        self._context.data_sets.current_ds.mean_delay = self.mean
        if before is None:
            self._context.tell(DelayKnown, mechanism="end-to-end", delay_ns=interval_to_ns(self.mean))
        elif is_another:
            self._context.tell(
                PathChanged,
                sync_jump_ns=interval_to_ns(jump),
                delay_before_ns=interval_to_ns(before),
                delay_after_ns=interval_to_ns(delay),
            )

    def _origin_at(self, t3: LocalTime) -> PtpTime | None:
        """Return when a Sync that came in at *t3* would have left the master, None where that cannot be said.

        Two clocks that differ by more than any oscillators do were not both left alone: one was stepped.
        """
        for before, after in pairwise(self._sync_points):
            if before.t2 <= t3 <= after.t2 and after.t2 > before.t2:
                master, local = after.t1 - before.t1, after.t2 - before.t2
                if abs(master - local) * PLAUSIBLE_RATE > local or self._watch.is_between_no_two(before, after):
                    return None
                return before.t1 + (t3 - before.t2) * master // local
        return None
