"""One link: both sides of the peer delay and what they found (IEEE 802.1AS-2020 11.2.17, 14.16).

It belongs to one instance, or to the :class:`~ptpstack.gptp.link_delay_service.LinkDelayService`; then instances of
several domains read it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.port_messages import PortCounters, PortMessages
from ptpstack.gptp.events import LinkCapabilityChanged, MeanLinkDelayToKeep
from ptpstack.gptp.interval_settings import LinkDelayIntervalSetting
from ptpstack.gptp.link_capability import KEPT_DELAY_TOLERANCE, LinkCapability, Reason
from ptpstack.gptp.md_pdelay_req import MdPdelayReq
from ptpstack.gptp.md_pdelay_resp import MdPdelayResp
from ptpstack.gptp.pdelay_hurry import PdelayHurry
from ptpstack.gptp.settings import LinkSettings
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval, interval_to_ns
from ptpstack.wire.message import Message
from ptpstack.wire.messages import PdelayReq, PdelayResp, PdelayRespFollowUp
from ptpstack.wire.types import PortIdentity


class LinkPortDS(msgspec.Struct, kw_only=True):
    """commonMeanLinkDelay and cmldsLinkPortDS (14.16), for who looks."""

    port_identity: PortIdentity
    as_capable_across_domains: bool
    as_capable_reason: str
    is_measuring_delay: bool
    mean_link_delay: TimeInterval
    mean_link_delay_thresh: TimeInterval
    delay_asymmetry: TimeInterval
    neighbor_rate_ratio: float
    neighbor_port_identity: PortIdentity | None
    current_log_pdelay_req_interval: int | None
    lost_responses: int
    detected_faults: int
    pdelay_resp_timeout_count: int
    mean_link_delay_exceeded_count: int


class LinkPort:
    """Measures one link by *messages*; ``listeners`` are called when what it found becomes another verdict."""

    def __init__(self, messages: PortMessages, settings: LinkSettings, delay_filter: DelayFilter) -> None:
        self.settings = settings
        self.capability = LinkCapability(settings)
        self.listeners: list[Callable[[MonotonicTime], None]] = []
        self._messages = messages
        hurry = PdelayHurry(settings.log_pdelay_retry_interval)
        self._request = MdPdelayReq(messages, self.capability, delay_filter, hurry)
        self._respond = MdPdelayResp(messages)
        self.interval = LinkDelayIntervalSetting(messages, settings.log_pdelay_req_interval)
        self._told: tuple[bool, Reason, Reason | None] = False, Reason.PORT_DISABLED, None

    # -- what instances read ---------------------------------------------------------------------------

    @property
    def as_capable_across_domains(self) -> bool:
        """Whether the neighbour is one that gPTP can work with."""
        return self.capability.as_capable_across_domains

    @property
    def mean_link_delay(self) -> TimeInterval:
        """The delay of the link, by the neighbour's clock."""
        return self.capability.mean_link_delay

    @property
    def neighbor_rate_ratio(self) -> float:
        """How much faster the neighbour's clock runs than the local one, as a ratio."""
        return self._request.rate_ratio.ratio

    @property
    def neighbor_is_of_2011(self) -> bool:
        """Whether the neighbour speaks the edition of 2011, which knows one domain and no gPTP-capable TLV."""
        return self._request.neighbor_minor_version == 0

    @property
    def counters(self) -> PortCounters:
        """What passed and what was dropped."""
        return self._messages.counters

    @property
    def port_ds(self) -> LinkPortDS:
        """Everything at once."""
        capability = self.capability
        return LinkPortDS(
            port_identity=self._messages.port_identity,
            as_capable_across_domains=capability.as_capable_across_domains,
            as_capable_reason=f"{capability.reason.value}: {capability.explanation}",
            is_measuring_delay=self._request.rate_ratio.is_valid and capability.lost_responses == 0,
            mean_link_delay=self.mean_link_delay,
            mean_link_delay_thresh=self.settings.mean_link_delay_thresh,
            delay_asymmetry=self.settings.delay_asymmetry,
            neighbor_rate_ratio=self.neighbor_rate_ratio,
            neighbor_port_identity=self._request.neighbor,
            current_log_pdelay_req_interval=self.interval.current_log_interval,
            lost_responses=capability.lost_responses,
            detected_faults=capability.detected_faults,
            pdelay_resp_timeout_count=capability.pdelay_resp_timeout_count,
            mean_link_delay_exceeded_count=capability.mean_link_delay_exceeded_count,
        )

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called."""
        return self._request.deadline

    # -- inputs ------------------------------------------------------------------------------------------

    def set_enabled(self, enabled: bool, now: MonotonicTime) -> None:
        """Begin to measure and to answer, or stop."""
        self.interval.port_enabled = self._request.port_enabled = self._respond.port_enabled = enabled
        self.interval.run(now)
        self._request.log_pdelay_req_interval = self.interval.current_log_interval
        self._request.run(now)
        self._respond.run(now)
        self._tell(now)

    def receive_event(self, message: Message, ingress: LocalTime, now: MonotonicTime) -> None:
        """Take a Pdelay_Req or Pdelay_Resp."""
        if isinstance(message, PdelayReq):
            self._respond.receive_request(message, ingress, now)
        elif isinstance(message, PdelayResp):
            self._request.receive_response(message, ingress, now)
            self._tell(now)

    def receive_follow_up(self, message: PdelayRespFollowUp, now: MonotonicTime) -> None:
        """Take a Pdelay_Resp_Follow_Up."""
        self._request.receive_follow_up(message, now)
        self._tell(now)

    def sync_heard(self, now: MonotonicTime) -> None:
        """Take that the neighbour sends Syncs: the first one may come before any delay is known."""
        self._request.sync_heard(now)

    def request_interval(self, log_interval: int, source: PortIdentity | None, now: MonotonicTime) -> None:
        """Take the interval of Pdelay_Req that a neighbour, or None, asks for; it holds from the next request on."""
        self.interval.request(log_interval, source, now)
        stopped = self._request.log_pdelay_req_interval is None
        self._request.log_pdelay_req_interval = self.interval.current_log_interval
        if stopped and self.interval.current_log_interval is not None:
            self._request.resume(now)

    def operate(self, now: MonotonicTime) -> None:
        """Measure at the operational interval from now on, where there is one (AVnu Automotive 6.2.3)."""
        if (log_interval := self.settings.oper_log_pdelay_req_interval) is not None:
            self.request_interval(log_interval, None, now)

    def transmitted(self, context: int, egress: LocalTime | None, now: MonotonicTime) -> None:
        """Take an egress stamp, or word of its loss."""
        self._messages.transmitted(context, egress, now)
        self._tell(now)

    def handle_deadline(self, now: MonotonicTime) -> None:
        """Run what is due."""
        self._request.run_if_due(now)
        self._tell(now)

    def clock_stepped(self) -> None:
        """Forget instants of before a step of the local clock."""
        self._request.clock_stepped()
        self._respond.clock_stepped()

    def _tell(self, now: MonotonicTime) -> None:
        """Say when the verdict or its reason is another, and let the instances know."""
        capability = self.capability
        if (delay := capability.delay_to_keep()) is not None:
            self._messages.tell(
                MeanLinkDelayToKeep,
                mean_link_delay_ns=interval_to_ns(delay),
                tolerance_ns=interval_to_ns(KEPT_DELAY_TOLERANCE),
            )
        told = capability.as_capable_across_domains, capability.reason, capability.trouble
        if told == self._told:
            return
        self._told = told
        ratio = self._request.rate_ratio
        self._messages.tell(
            LinkCapabilityChanged,
            as_capable_across_domains=capability.as_capable_across_domains,
            reason=capability.reason.value,
            explanation=capability.explanation,
            mean_link_delay_ns=interval_to_ns(capability.mean_link_delay),
            mean_link_delay_thresh_ns=interval_to_ns(self.settings.mean_link_delay_thresh),
            suggested_thresh_ns=capability.suggested_thresh_ns,
            lost_responses=capability.lost_responses,
            detected_faults=capability.detected_faults,
            neighbor_rate_offset_ppm=(ratio.ratio - 1.0) * 1e6 if ratio.is_valid else None,
        )
        for listener in self.listeners:
            listener(now)
