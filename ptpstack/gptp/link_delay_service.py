"""The common mean link delay service: one measurement of each link for all domains (IEEE 802.1AS-2020 11.2.17).

It is an engine of its own, driven as an instance is: its messages have sdoId 0x200 and domain 0. Instances are given
its link ports, and listen to them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import msgspec

from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.outputs import Output
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.machine import earliest
from ptpstack.gptp.messages import GptpMessages
from ptpstack.gptp.settings import CMLDS_SDO_ID, LinkSettings
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.message import Message
from ptpstack.wire.messages import PdelayReq, PdelayResp, PdelayRespFollowUp, Signaling
from ptpstack.wire.tlvs.ieee_802_1as import MessageIntervalRequest
from ptpstack.wire.types import ClockIdentity, PortIdentity


class LinkDelayServiceDS(msgspec.Struct, kw_only=True):
    """commonServicesPortDS and cmldsDefaultDS (14.15, 14.17)."""

    clock_identity: ClockIdentity
    number_link_ports: int
    sdo_id: int = CMLDS_SDO_ID
    domain_number: int = 0


class LinkDelayService:
    """Measures the links of *ports*; *delay_filter* makes the filter of one link's delays."""

    def __init__(
        self, clock_identity: ClockIdentity, ports: Sequence[LinkSettings], *, delay_filter: Callable[[], DelayFilter]
    ) -> None:
        self._outputs: list[Output] = []
        self._begin_at: MonotonicTime | None = None
        self._down: set[int] = set()
        self.default_ds = LinkDelayServiceDS(clock_identity=clock_identity, number_link_ports=len(ports))
        self._messages = {
            settings.port_number: GptpMessages(
                PortIdentity(clock_identity, settings.port_number),
                self._outputs,
                settings,
                sdo_id=CMLDS_SDO_ID,
                domain_number=0,
            )
            for settings in ports
        }
        self.ports = {
            settings.port_number: LinkPort(self._messages[settings.port_number], settings, delay_filter())
            for settings in ports
        }

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called, if ever."""
        return earliest(self._begin_at, *(port.next_deadline() for port in self.ports.values()))

    def start(self, now: MonotonicTime) -> list[Output]:
        """Begin to measure every link that is up, at the first deadline, which is now (as ``GptpInstance.start``)."""
        self._begin_at = now
        return self._take()

    def _begin(self, now: MonotonicTime) -> None:
        self._begin_at = None
        for number in self.ports.keys() - self._down:
            self.ports[number].set_enabled(True, now)

    def stop(self, now: MonotonicTime) -> list[Output]:
        """Measure nothing more."""
        self._begin_at = None
        for port in self.ports.values():
            port.set_enabled(False, now)
        return self._take()

    def link_changed(self, port_number: int, up: bool, now: MonotonicTime) -> list[Output]:
        """Take the state of a link."""
        (self._down.discard if up else self._down.add)(port_number)
        if self._begin_at is None:
            self.ports[port_number].set_enabled(up, now)
        return self._take()

    def receive(
        self,
        port_number: int,
        message: Message,
        ingress: LocalTime | None,
        now: MonotonicTime,
        _address: Hashable = None,
    ) -> list[Output]:
        """Take a decoded message that came in at *ingress*; those of instances are ignored."""
        if message.sdo_id == CMLDS_SDO_ID and message.domain_number == 0:
            port, messages = self.ports[port_number], self._messages[port_number]
            messages.counters.received[type(message).__name__] += 1
            match message:
                case PdelayReq() | PdelayResp():
                    if (stamp := messages.ingress(message, ingress, now)) is not None:
                        port.receive_event(message, stamp, now)
                case PdelayRespFollowUp():
                    port.receive_follow_up(message, now)
                case Signaling():
                    self._receive_signaling(port, message, now)
                case _:
                    messages.discard(message, "no message of the common mean link delay service")
        return self._take()

    def _receive_signaling(self, port: LinkPort, message: Signaling, now: MonotonicTime) -> None:
        if not self._messages[port.settings.port_number].concerns(message):
            return
        for tlv in message.tlvs:
            if isinstance(tlv, MessageIntervalRequest):
                port.request_interval(tlv.link_delay_interval, message.source_port_identity, now)

    def transmitted(self, port_number: int, context: int, egress: LocalTime | None, now: MonotonicTime) -> list[Output]:
        """Take the egress stamp of the event message sent with *context*; None says that there is none."""
        self.ports[port_number].transmitted(context, egress, now)
        return self._take()

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        """Run every timer that is due by *now*."""
        if self._begin_at is not None:
            self._begin(now)
        for port in self.ports.values():
            port.handle_deadline(now)
        return self._take()

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, now: MonotonicTime) -> list[Output]:
        """Take a step of the local clock: exchanges under way are lost, ratios are measured anew."""
        for number, port in self.ports.items():
            self._messages[number].clock_stepped(delta, local, now)
            port.clock_stepped()
        return self._take()

    def _take(self) -> list[Output]:
        taken = self._outputs.copy()
        self._outputs.clear()
        return taken
