"""The way of a message that came to a port to the role that takes it (IEEE 1588-2019 9.5).

What lives here: which role, and when none. What does not: the roles (``port_roles``); the short way of what comes
most often (``parent_messages``, ``delay_responder``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

from ptpstack.core.context import PortContext
from ptpstack.core.master import answer_delay_req
from ptpstack.core.parent_messages import ParentMessages
from ptpstack.core.port_roles import PortRoles
from ptpstack.core.port_states import ACTIVE_STATES
from ptpstack.core.signal_fail import SignalFail
from ptpstack.engine.port_state import RECEIVING_STATES, PortState
from ptpstack.time import LocalTime, MonotonicTime
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
from ptpstack.wire.types import MessageType

EventHandler: TypeAlias = Callable[[Any, LocalTime | None, MonotonicTime, Hashable], None]
GeneralHandler: TypeAlias = Callable[[Any, MonotonicTime, Hashable], None]


class PortMessageRoutes:
    """The messages of one port with *roles*. *decide* asks the instance for a state decision."""

    def __init__(self, context: PortContext, roles: PortRoles, decide: Callable[[MonotonicTime], None]) -> None:
        self._context = context
        self._roles = roles
        self._decide = decide
        self.of_parent = ParentMessages(context, roles.slave, self.decide_after_failure)
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
        self.decide_after_failure(now)

    def decide_after_failure(self, now: MonotonicTime) -> None:
        """Ask for a state decision if a master failed, or does no more."""
        if self._roles.signal_fails.take_change():
            self._decide(now)

    def _from_parent(self, message: Message) -> bool:
        return (
            self._context.port_ds.port_state in RECEIVING_STATES
            and message.source_port_identity == self._context.data_sets.parent_ds.parent_port_identity
        )

    def _receive_sync(self, sync: Sync, ingress: LocalTime | None, now: MonotonicTime, address: Hashable) -> None:
        if self._roles.negotiation is not None and sync.unicast_flag:
            self._roles.negotiation.hears(MessageType.SYNC, sync.source_port_identity, address, now)
        if self._from_parent(sync):
            self._roles.slave.receive_sync(sync, ingress, now, address)
        elif ingress is not None:
            self._roles.passive_slave.receive_sync(sync, ingress, now)
            self._roles.signal_fails.heard(sync.source_port_identity, SignalFail.LOSS_SYNC, now)

    def _receive_follow_up(self, follow_up: FollowUp, now: MonotonicTime, _address: Hashable) -> None:
        if self._from_parent(follow_up):
            self._roles.slave.receive_follow_up(follow_up, now)
        else:
            self._roles.passive_slave.receive_follow_up(follow_up, now)

    def _receive_delay_req(
        self, request: DelayReq, ingress: LocalTime | None, _now: MonotonicTime, address: Hashable
    ) -> None:
        if self._roles.end_to_end is None:
            self._context.discard(request, "this port does not use the delay request-response mechanism")
        elif not self._context.shows_announced_time:
            self._context.discard(request, "the own clock is not synchronized yet")
        elif self._context.port_ds.port_state is PortState.MASTER and ingress is not None:
            granted = self._roles.negotiation is not None and self._roles.negotiation.answers(request, address)
            if granted or (self._context.settings.multicast and not self._negotiates(request)):
                answer_delay_req(self._context, request, ingress, address, granted=granted)
            else:
                self._context.discard(request, "its sender was not granted Delay_Resp")

    def _negotiates(self, request: DelayReq) -> bool:
        """Whether *request* came by unicast to a port that grants it."""
        return (
            request.unicast_flag and self._roles.negotiation is not None and self._roles.negotiation.service is not None
        )

    def _receive_delay_resp(self, response: DelayResp, now: MonotonicTime, _address: Hashable) -> None:
        if self._context.port_ds.port_state in RECEIVING_STATES:
            self._roles.slave.receive_delay_resp(response, now)

    def _receive_pdelay_req(
        self, request: PdelayReq, ingress: LocalTime | None, _now: MonotonicTime, _address: Hashable
    ) -> None:
        if self._roles.peer_to_peer is None:
            self._context.discard(request, "this port does not use the peer delay mechanism")
        elif ingress is not None:
            self._roles.peer_to_peer.answer(request, ingress)

    def _receive_pdelay_resp(
        self, response: PdelayResp, ingress: LocalTime | None, _now: MonotonicTime, _address: Hashable
    ) -> None:
        if self._roles.peer_to_peer is None:
            self._context.discard(response, "this port does not use the peer delay mechanism")
        elif ingress is not None:
            self._roles.peer_to_peer.receive_response(response, ingress)

    def _receive_pdelay_resp_follow_up(
        self, follow_up: PdelayRespFollowUp, _now: MonotonicTime, _address: Hashable
    ) -> None:
        if self._roles.peer_to_peer is not None:
            self._roles.peer_to_peer.receive_follow_up(follow_up)

    def _receive_announce(self, announce: Announce, now: MonotonicTime, address: Hashable) -> None:
        local_priority = None
        if self._roles.negotiation is not None:
            reason, local_priority = self._roles.negotiation.judge(announce, address, now)
            if reason:
                self._context.discard(announce, reason)
                return
        state, parent_ds = self._context.port_ds.port_state, self._context.data_sets.parent_ds
        if self._roles.announces.receive(announce, state, parent_ds, now, local_priority):
            self._decide(now)

    def _receive_signaling(self, signaling: Signaling, now: MonotonicTime, address: Hashable) -> None:
        if self._roles.negotiation is not None:
            self._roles.negotiation.receive(signaling, self._context.port_ds.port_state, address, now)
