"""A transparent clock: it hands messages on, and says how long each event message stayed (IEEE 1588-2019 10.2, 10.3).

What lives here: the ports, which message goes where, links that come and go. What does not: the residence time of
Sync (``transparent_clock_sync.py``) and of Delay_Req (``transparent_clock_delay.py``), by which rate it is told
(``transparent_clock_rate.py``), and the peer delay (``delay_p2p.py``).

It has the inputs and outputs of :class:`~ptpstack.core.instance.PtpInstance`, and runs no best master clock algorithm.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TypeAlias

from ptpstack.core.announce_tlvs import passed_on
from ptpstack.core.datasets import CurrentDS, DataSets, DefaultDS, ParentDS
from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.core.transparent_clock_delay import DelayRequestRelay
from ptpstack.core.transparent_clock_memory import Memory
from ptpstack.core.transparent_clock_port import TransparentPort
from ptpstack.core.transparent_clock_rate import RateRatio
from ptpstack.core.transparent_clock_sync import SyncRelay
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.outputs import Output
from ptpstack.time import SECOND, LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.message import Message
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    Management,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Signaling,
    Sync,
)
from ptpstack.wire.types import PortIdentity

PASSED_CAPACITY = 1024
"""General messages remembered, so that none goes round in a ring of transparent clocks."""

Passed: TypeAlias = tuple[type[Message], PortIdentity, int]


class TransparentClock:
    """A transparent clock in one domain: peer-to-peer if its ports measure peer delay, else end-to-end.

    *delay_filter* makes the filter of one port's link delays.
    """

    def __init__(
        self,
        settings: InstanceSettings,
        ports: Sequence[PortSettings],
        *,
        delay_filter: Callable[[], DelayFilter],
    ) -> None:
        default = DefaultDS.of(settings, len(ports))
        self._data_sets = DataSets(default, CurrentDS(), ParentDS.of(default), settings.time_properties)
        self._outputs: list[Output] = []
        self._extends_inaccuracy_by_ns = settings.extends_inaccuracy_by_ns
        self.is_peer_to_peer = all(port.delay_mechanism is DelayMechanism.P2P for port in ports)
        self.rate_ratio = RateRatio()
        self.ports: dict[int, TransparentPort] = {
            port.port_number: TransparentPort(port, self._data_sets, self._outputs, delay_filter()) for port in ports
        }
        self._syncs = SyncRelay(self.rate_ratio)
        self._delay_requests = DelayRequestRelay(self.rate_ratio)
        self._passed: Memory[Passed, None] = Memory(PASSED_CAPACITY, SECOND)

    @property
    def default_ds(self) -> DefaultDS:
        """IEEE 1588-2019 8.3.1."""
        return self._data_sets.default_ds

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called, if ever."""
        deadlines = (port.context.timers.next_deadline() for port in self.ports.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    # -- inputs ----------------------------------------------------------------------------------------

    def start(self, now: MonotonicTime) -> list[Output]:
        """Let every port forward."""
        for port in self.ports.values():
            port.is_enabled = True
            port.follow(now, "started")
        return self._take()

    def stop(self, now: MonotonicTime) -> list[Output]:
        """Forward nothing more."""
        for port in self.ports.values():
            port.is_enabled = False
            port.follow(now, "stopped")
        return self._take()

    def link_changed(self, port_number: int, up: bool, now: MonotonicTime) -> list[Output]:
        """Take the state of a port's link: without one a port is faulty (8.3.3)."""
        port = self.ports[port_number]
        port.link_is_up = up
        port.follow(now, "link up" if up else "link down")
        return self._take()

    def set_clock_problem(self, port_number: int, problem: str, now: MonotonicTime) -> list[Output]:
        """Take why the stamps of a port's own clock compare with no other's, or that they do ("")."""
        port = self.ports[port_number]
        port.clock_problem = problem
        port.follow(now, problem or "its clock is near that of the others")
        return self._take()

    def receive(
        self,
        port_number: int,
        message: Message,
        ingress: LocalTime | None,
        now: MonotonicTime,
        _address: Hashable = None,
    ) -> list[Output]:
        """Take a decoded message that came in at *ingress*; other domains' are ignored."""
        default, port = self._data_sets.default_ds, self.ports[port_number]
        if message.domain_number == default.domain_number and message.sdo_id == default.sdo_id and port.is_open:
            port.context.counters.received[type(message).__name__] += 1
            if message.source_port_identity.clock_identity == default.clock_identity:
                port.context.discard(message, "sent by this clock")
            else:
                self._receive(port, message, ingress, now)
        return self._take()

    def transmitted(self, port_number: int, context: int, egress: LocalTime | None, now: MonotonicTime) -> list[Output]:
        """Take the egress stamp of the event message sent with *context*; None says that there is none."""
        self.ports[port_number].context.transmitted(context, egress, now)
        return self._take()

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        """Run every timer that is due by *now*."""
        for port in self.ports.values():
            port.handle_deadline(now)
        return self._take()

    def clock_stepped(
        self, delta: TimeInterval, local: LocalTime, now: MonotonicTime, *, ports: Collection[int] | None = None
    ) -> list[Output]:
        """Take a step of the local clock, that of *ports*: what stayed over it stayed for a time that nobody knows."""
        for number in self.ports if ports is None else ports:
            self.ports[number].clock_stepped(delta, local, now)
        self._syncs.clear()
        self._delay_requests.clear()
        self.rate_ratio.clear()
        return self._take()

    def _take(self) -> list[Output]:
        taken = self._outputs.copy()
        self._outputs.clear()
        return taken

    # -- which way a message goes ------------------------------------------------------------------------

    def _receive(self, port: TransparentPort, message: Message, ingress: LocalTime | None, now: MonotonicTime) -> None:
        match message:
            case Sync() | DelayReq() | PdelayReq() | PdelayResp():
                stamp = port.context.ingress(message, ingress, now)
                if stamp is not None:
                    self._receive_event(port, message, stamp, now)
            case FollowUp():
                self._syncs.receive_follow_up(port, message, now)
            case DelayResp() if not self.is_peer_to_peer:
                self._delay_requests.receive_response(port, message, now)
            case PdelayRespFollowUp() if port.peer_delay is not None:
                port.peer_delay.receive_follow_up(message)
            case Announce() | Signaling() | Management():
                self._forward(port, message, now)
            case _:
                self._refuse(port, message)

    def _receive_event(self, port: TransparentPort, message: Message, ingress: LocalTime, now: MonotonicTime) -> None:
        match message:
            case Sync():
                self._syncs.receive_sync(port, self._others(port), message, ingress, now)
            case DelayReq() if not self.is_peer_to_peer:
                self._delay_requests.receive_request(port, self._others(port), message, ingress, now)
            case PdelayReq() if port.peer_delay is not None:
                port.peer_delay.answer(message, ingress)
            case PdelayResp() if port.peer_delay is not None:
                port.peer_delay.receive_response(message, ingress)
            case _:
                self._refuse(port, message)

    def _refuse(self, port: TransparentPort, message: Message) -> None:
        """Peer delay ends at each link, the delay request-response mechanism is none of a peer-to-peer clock's."""
        kind = "peer-to-peer" if self.is_peer_to_peer else "end-to-end"
        port.context.discard(message, f"not of the delay mechanism of this {kind} transparent clock")

    def _others(self, ingress: TransparentPort) -> list[TransparentPort]:
        return [port for port in self.ports.values() if port.is_open and port is not ingress]

    def _forward(self, port: TransparentPort, message: Message, now: MonotonicTime) -> None:
        """Hand a general message on, once: a copy that comes round a ring ends here."""
        key: Passed = type(message), message.source_port_identity, message.sequence_id
        if self._passed.get(key, now) is not Memory.NOTHING:
            port.context.discard(message, "came twice: a ring, or a duplicate")
            return
        self._passed.put(key, None, now)
        if isinstance(message, Announce):
            message = passed_on(message, self._extends_inaccuracy_by_ns)
        for other in self._others(port):
            other.context.send_general(message)
