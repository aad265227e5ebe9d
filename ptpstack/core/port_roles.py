"""The roles that a port has by its settings: what sends, what measures and what negotiates.

What lives here: which there are, and what befalls all of them. What does not: the roles themselves (``announce``,
``master``, ``slave``, ``delay_*``, ``unicast_*``), which of them a state begins and ends (``port``).
"""

from __future__ import annotations

from collections.abc import Callable

from ptpstack.core.announce import AnnounceTransmitter
from ptpstack.core.announce_receiver import AnnounceReceiver
from ptpstack.core.context import PortContext
from ptpstack.core.delay_e2e import EndToEndDelay
from ptpstack.core.delay_p2p import PeerDelay
from ptpstack.core.delay_responder import DelayResponder
from ptpstack.core.master import SyncTransmitter
from ptpstack.core.paired_port import PassiveSlave
from ptpstack.core.settings import DelayMechanism
from ptpstack.core.signal_fail import SignalFails
from ptpstack.core.slave import Slave
from ptpstack.core.unicast_negotiation import Negotiation
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.time import MonotonicTime, TimeInterval


class PortRoles:
    """The roles of one port; those that it does not have are None.

    *several_peers* is told of a link that has more than two ends, see :class:`PeerDelay`.
    """

    def __init__(
        self,
        context: PortContext,
        *,
        path_trace_enabled: bool,
        delay_filter: DelayFilter,
        several_peers: Callable[[MonotonicTime], bool],
        decide: Callable[[MonotonicTime], None],
    ) -> None:
        self.signal_fails = SignalFails(context, context.data_sets.signal_fail)
        self.announces = AnnounceReceiver(context, self.signal_fails, path_trace_enabled=path_trace_enabled)
        self.announce_transmitter = AnnounceTransmitter(context, path_trace_enabled=path_trace_enabled)
        self.sync_transmitter = SyncTransmitter(context)
        self.delay_responder = DelayResponder(context)
        self.end_to_end: EndToEndDelay | None = None
        self.peer_to_peer: PeerDelay | None = None
        match context.settings.delay_mechanism:
            case DelayMechanism.E2E:
                self.end_to_end = EndToEndDelay(context, delay_filter, self.signal_fails)
            case DelayMechanism.P2P:
                self.peer_to_peer = PeerDelay(context, delay_filter, several_peers)
            case DelayMechanism.NO_MECHANISM:
                pass
        self.slave = Slave(context, self.end_to_end or self.peer_to_peer, self.signal_fails)
        self.passive_slave = PassiveSlave(context, self.peer_to_peer)
        self.negotiation: Negotiation | None = None
        if context.settings.unicast_client or context.settings.unicast_service:
            self.negotiation = Negotiation(
                context, self.sync_transmitter, self.announce_transmitter, self.signal_fails, decide
            )
        if self.negotiation is not None and self.negotiation.client is not None:
            self.announces.negotiates(self.negotiation.client.masters)
            if self.end_to_end is not None:
                self.end_to_end.negotiates(self.negotiation.client.masters)

    def forget(self) -> None:
        """Forget all that was heard, measured and negotiated."""
        self.announces.clear()
        self.signal_fails.clear()
        self.slave.reset()
        self.passive_slave.end()
        if self.peer_to_peer is not None:
            self.peer_to_peer.reset()
        if self.negotiation is not None:
            self.negotiation.stop()

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Carry every stored local instant over a step of the clock by *delta*."""
        self.slave.clock_stepped(delta)
        self.passive_slave.clock_stepped(delta)
        if self.end_to_end is not None:
            self.end_to_end.clock_stepped(delta)
        if self.peer_to_peer is not None:
            self.peer_to_peer.clock_stepped(delta)
