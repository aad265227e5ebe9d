"""What a unicast service sends when it is due: Announce, and Sync with Follow_Up, message by message or as a batch.

What lives here: the messages. What does not: whose turn it is (``unicast_schedule``), the octets of a whole slot at
once (``unicast_batch``), which are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ptpstack.core.context import PortContext
from ptpstack.core.master import SyncTransmitter
from ptpstack.engine.outputs import UnicastBatch
from ptpstack.engine.unicast_slot import Grant, Slot
from ptpstack.wire.header import LOG_INTERVAL_UNSPECIFIED, Flag
from ptpstack.wire.messages import Announce, Sync
from ptpstack.wire.types import MessageType

FEW = 3
"""So few Syncs are made one by one as quickly as by a batch."""


class UnicastTransmitter:
    """Sends what is due on one port. *announce* makes an Announce as the data sets have it now."""

    def __init__(
        self, context: PortContext, syncs: SyncTransmitter, announce: Callable[[int, int], Announce], *, batched: bool
    ) -> None:
        self._context = context
        self._syncs = syncs
        self._announce = announce
        self._batched = batched

    def send(self, message_type: MessageType, slot: Slot) -> None:
        """Send one message to each client of *slot*."""
        if message_type is MessageType.SYNC and self._syncs.withholds():
            return
        few = message_type is MessageType.SYNC and len(slot.grants) <= FEW
        if self._batched and not few and self._context.settings.two_step_flag:
            sent = self._context.counters.sent
            sent["Announce" if message_type is MessageType.ANNOUNCE else "Sync"] += len(slot.grants)
            self._context.emit(UnicastBatch(self._context.port_number, message_type, slot, slot.turn))
        elif message_type is MessageType.ANNOUNCE:
            for grant in slot.grants:
                self._context.send_general(self.announce(grant.sequence_id), address=grant.address)
        else:
            for grant in slot.grants:
                self._send_sync(grant)
        slot.turn += 1

    def announce(self, sequence_id: int) -> Announce:
        """Return the Announce that every client gets now."""
        return self._announce(sequence_id, Flag.UNICAST)

    def _send_sync(self, grant: Grant) -> None:
        context, sequence_id, address = self._context, grant.sequence_id, grant.address
        if context.settings.two_step_flag:
            sync = self.sync(sequence_id)
            context.send_event(sync, partial(self._syncs.follow_up, sync, address), address=address)
        else:
            latency = context.settings.egress_latency
            sync = context.new(
                Sync,
                sequence_id=sequence_id,
                flags=Flag.UNICAST,
                log_message_interval=LOG_INTERVAL_UNSPECIFIED,
                correction_field=latency,
            )
            context.send_event(sync, None, address=address)

    def sync(self, sequence_id: int) -> Sync:
        """Return a two-step Sync to a client."""
        return self._context.new(
            Sync,
            sequence_id=sequence_id,
            flags=Flag.TWO_STEP | Flag.UNICAST,
            log_message_interval=LOG_INTERVAL_UNSPECIFIED,
        )
