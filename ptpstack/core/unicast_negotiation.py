"""Both sides of unicast negotiation of one port, and the way of each TLV of a Signaling message to one of them (16.1).

What lives here: which side a TLV is for, acknowledgements, what is due. What does not: the sides themselves
(``unicast_client``, ``unicast_service``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING

from ptpstack.core.announce import AnnounceTransmitter
from ptpstack.core.context import PortContext
from ptpstack.core.master import SyncTransmitter
from ptpstack.core.signal_fail import SignalFails
from ptpstack.core.timers import Timer
from ptpstack.core.unicast_client import UnicastClient
from ptpstack.core.unicast_service import UnicastService, acknowledgement
from ptpstack.core.unicast_transmitter import UnicastTransmitter
from ptpstack.engine.port_state import PortState
from ptpstack.time import MonotonicTime
from ptpstack.wire.header import Flag
from ptpstack.wire.messages import Announce, DelayReq, Signaling
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import (
    AcknowledgeCancelUnicastTransmission,
    CancelUnicastTransmission,
    GrantUnicastTransmission,
    InterfaceRate,
    RequestUnicastTransmission,
)
from ptpstack.wire.types import ALL_PORTS, MessageType, PortIdentity

if TYPE_CHECKING:
    from ptpstack.core.port import Port
    from ptpstack.core.unicast_batch import UnicastBatchCodec

LARGEST_CLOCK, ANY_NUMBER = ALL_PORTS


class Negotiation:
    """What a port negotiates: with masters of a table, with clients that ask, or both."""

    def __init__(
        self,
        context: PortContext,
        syncs: SyncTransmitter,
        announces: AnnounceTransmitter,
        fails: SignalFails,
        decide: Callable[[MonotonicTime], None],
    ) -> None:
        self._context = context
        settings = context.settings
        self.client: UnicastClient | None = None
        if settings.unicast_client is not None:
            self.client = UnicastClient(context, settings.unicast_client, fails, decide)
            if settings.interface_rate_tlv:
                context.rate_asymmetry = self.client.masters.rate_asymmetry
        self.service = UnicastService(context, settings.unicast_service) if settings.unicast_service else None
        batched = settings.unicast_service is not None and settings.unicast_service.batched
        self.transmitter = UnicastTransmitter(context, syncs, announces.announce, batched=batched)

    @property
    def on_timer(self) -> Mapping[Timer, Callable[[MonotonicTime, MonotonicTime], None]]:
        """What each timer of this runs."""
        handlers: dict[Timer, Callable[[MonotonicTime, MonotonicTime], None]] = {}
        if self.client is not None:
            handlers[Timer.UNICAST_CLIENT] = self.client.on_timer
        if self.service is not None:
            handlers[Timer.UNICAST_SERVICE] = self._serve
        return handlers

    # -- begin and end -----------------------------------------------------------------------------

    def start(self, now: MonotonicTime) -> None:
        """Ask the masters of the table; those that were asked stay as they are."""
        if self.client is not None:
            self.client.start(now)

    def leave_master(self, state: PortState) -> None:
        """Serve nobody in *state*."""
        if self.service is not None:
            self.service.stop(f"this port is {state.name}, no master")
            self._context.timers.stop(Timer.UNICAST_SERVICE)

    def cancel_all(self, now: MonotonicTime) -> None:
        """Tell the masters that nothing is wanted any more."""
        if self.client is not None:
            self.client.cancel_all(now)

    def stop(self) -> None:
        """Forget everything."""
        if self.client is not None:
            self.client.stop()
        if self.service is not None:
            self.service.clear()

    # -- messages ----------------------------------------------------------------------------------

    def hears(self, message_type: MessageType, sender: PortIdentity, address: Hashable, now: MonotonicTime) -> None:
        """Take that a message came by unicast."""
        if self.client is not None:
            self.client.hears(message_type, sender, address, now)

    def judge(self, announce: Announce, address: Hashable, now: MonotonicTime) -> tuple[str, int | None]:
        """Return why *announce* is not considered, or nothing, and the rank of its sender if it has one of its own."""
        multicast = self._context.settings.multicast
        if self.client is None:
            return "" if multicast else "this port follows no masters: it has no unicast master table", None
        if self.client.hears(MessageType.ANNOUNCE, announce.source_port_identity, address, now):
            return "", self.client.masters.local_priority(str(address))
        return "" if multicast else "its sender is not in the unicast master table", None

    def batch_codec(self, port: Port) -> UnicastBatchCodec:
        """Return what makes the messages to many clients of *port* at once; numpy is loaded for it."""
        from ptpstack.core.unicast_batch import UnicastBatchCodec  # noqa: PLC0415 (12 MB and 0.1 s for few ports)

        assert self.service is not None
        return UnicastBatchCodec(port, self._context, self.service, self.transmitter)

    def answers(self, request: DelayReq, address: Hashable) -> bool:
        """Whether the sender of *request* was granted answers."""
        service, sender = self.service, request.source_port_identity
        return service is not None and service.grant_of(address, sender, MessageType.DELAY_RESP) is not None

    def receive(self, signaling: Signaling, state: PortState, address: Hashable, now: MonotonicTime) -> None:
        """Take the TLVs of *signaling* in their order, and answer them in one message."""
        clock, number = signaling.target_port_identity
        own = self._context.port_ds.port_identity
        if clock not in (own.clock_identity, LARGEST_CLOCK) or number not in (own.port_number, ANY_NUMBER):
            self._context.discard(signaling, "for another port")
            return
        sender, where = signaling.source_port_identity, str(address)
        if self.service is not None and not self.service.tolerates(where, len(signaling.tlvs), now):
            self._context.discard(signaling, "too much Signaling from one address")
            return
        answers = [answer for tlv in signaling.tlvs for answer in self._take(tlv, sender, where, state, now)]
        settings = self._context.settings
        if settings.interface_rate_tlv and settings.interface_bit_period and any(map(_grants_sync, answers)):
            answers.append(InterfaceRate(settings.interface_bit_period))
        if answers:
            self._context.send_general(
                self._context.new(Signaling, flags=Flag.UNICAST, target_port_identity=sender, tlvs=tuple(answers)),
                address=address,
            )
        self._arm()

    def _take(self, tlv: Tlv, sender: PortIdentity, address: str, state: PortState, now: MonotonicTime) -> list[Tlv]:
        match tlv:
            case RequestUnicastTransmission() if self.service is not None:
                return [self.service.request(tlv, sender, address, state, now)]
            case InterfaceRate() if self.client is not None and self._context.settings.interface_rate_tlv:
                self.client.told_rate(tlv, address)
            case GrantUnicastTransmission() if self.client is not None:
                self.client.granted(tlv, sender, address, now)
            case CancelUnicastTransmission():
                by_client = self.service is not None and self.service.cancel(tlv, sender, address)
                by_master = self.client is not None and self.client.cancelled(tlv, sender, address, now)
                return [acknowledgement(tlv)] if by_client or by_master else []
            case AcknowledgeCancelUnicastTransmission() if self.client is not None:
                self.client.acknowledged(tlv.message_type, sender, address, now)
        return []

    # -- what is due -------------------------------------------------------------------------------

    def _serve(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        if self.service is not None:
            for message_type, slot in self.service.take_due(now):
                self.transmitter.send(message_type, slot)
            self._arm()

    def _arm(self) -> None:
        deadline = self.service.next_deadline() if self.service is not None else None
        if deadline is None:
            self._context.timers.stop(Timer.UNICAST_SERVICE)
        else:
            self._context.timers.start(Timer.UNICAST_SERVICE, deadline)


def _grants_sync(tlv: Tlv) -> bool:
    return isinstance(tlv, GrantUnicastTransmission) and tlv.duration_field > 0 and tlv.message_type == MessageType.SYNC
