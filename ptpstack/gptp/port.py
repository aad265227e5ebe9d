"""A port of a gPTP instance: its machines, and which of them gets which message (IEEE 802.1AS-2020 10.1.2, 11.2.1).

What lives here: how the machines of one port are joined, and asCapable. What does not: any figure (each has a module),
and what concerns several ports (``instance.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from ptpstack.engine.events import PortClockJudged
from ptpstack.engine.port_messages import PortCounters
from ptpstack.engine.port_state import PortState
from ptpstack.gptp.autosar_time_sync import AutosarTimeSyncPort
from ptpstack.gptp.datasets import PortDS
from ptpstack.gptp.events import AsCapableChanged
from ptpstack.gptp.gptp_capable_receive import GptpCapableReceive
from ptpstack.gptp.gptp_capable_transmit import GptpCapableTransmit
from ptpstack.gptp.interval_settings import (
    AnnounceIntervalSetting,
    GptpCapableIntervalSetting,
    SyncIntervalSetting,
)
from ptpstack.gptp.link_capability import Reason
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.machine import Machine, earliest
from ptpstack.gptp.md_sync_receive import MdSyncReceive
from ptpstack.gptp.md_sync_send import MdSyncSend
from ptpstack.gptp.messages import GptpMessages
from ptpstack.gptp.one_step_tx_oper_setting import OneStepTxOperSetting
from ptpstack.gptp.operational_intervals import OperationalIntervals
from ptpstack.gptp.port_announce_information import PortAnnounceInformation
from ptpstack.gptp.port_announce_information_ext import PortAnnounceInformationExt
from ptpstack.gptp.port_announce_receive import PortAnnounceReceive
from ptpstack.gptp.port_announce_transmit import PortAnnounceTransmit
from ptpstack.gptp.port_sync_sync_receive import PortSyncSyncReceive
from ptpstack.gptp.port_sync_sync_send import PortSyncSyncSend
from ptpstack.gptp.signaling import Requestable, SignalingExchange
from ptpstack.gptp.sync_data import MdSync, PortSyncSync
from ptpstack.gptp.sync_watch import SyncWatch
from ptpstack.gptp.variables import InstanceVariables, PortVariables
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.message import Message
from ptpstack.wire.messages import (
    Announce,
    FollowUp,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Signaling,
    Sync,
)


class GptpPort:
    """One port; *owns_link*: nobody else measures with *link*. *deliver* takes what SiteSyncSync is to have."""

    def __init__(
        self,
        instance: InstanceVariables,
        variables: PortVariables,
        messages: GptpMessages,
        link: LinkPort,
        *,
        owns_link: bool,
        deliver: Callable[[PortSyncSync, MonotonicTime], None],
    ) -> None:
        settings = variables.settings
        self.variables = variables
        self.link = link
        self.messages = messages
        self._owns_link = owns_link
        self._reason = Reason.PORT_DISABLED
        self.link_up_count = self.link_down_count = 0
        self._link_was_capable = False
        self.sync_interval = SyncIntervalSetting(
            messages, settings.log_sync_interval, slow_down_after=settings.sync_slow_down_after
        )
        self.announce_interval = AnnounceIntervalSetting(
            messages, settings.log_announce_interval, slow_down_after=settings.announce_receipt_timeout
        )
        self.capable_interval = GptpCapableIntervalSetting(
            messages,
            settings.log_gptp_capable_message_interval,
            slow_down_after=settings.gptp_capable_receipt_timeout,
        )
        self._intervals = self.sync_interval, self.announce_interval, self.capable_interval
        is_external = instance.settings.external_port_configuration_enabled
        self.sync_watch = SyncWatch(variables, messages, tells_loss=is_external)
        self.sync_receive = PortSyncSyncReceive(variables, link, deliver)
        autosar = instance.settings.autosar
        self.autosar = AutosarTimeSyncPort(autosar, messages) if autosar is not None else None
        self.md_sync_receive = MdSyncReceive(variables, messages, link, self._sync_received, self.autosar)
        self.md_sync_send = MdSyncSend(variables, messages, self.autosar)
        self.sync_send = PortSyncSyncSend(variables, messages, self.sync_interval, self.md_sync_send)
        self.announce_information: PortAnnounceInformation | PortAnnounceInformationExt
        if is_external:
            self.announce_information = PortAnnounceInformationExt(variables)
        else:
            self.announce_information = PortAnnounceInformation(instance, variables, messages)
        self.announce_receive = PortAnnounceReceive(instance, variables, messages, self.announce_information.receive)
        self.announce_transmit = PortAnnounceTransmit(instance, variables, messages, self.announce_interval)
        self.capable_transmit = GptpCapableTransmit(variables, messages, self.capable_interval)
        self.capable_receive = GptpCapableReceive(variables)
        self.one_step = OneStepTxOperSetting(variables, messages)
        self._signaling = SignalingExchange(
            variables,
            messages,
            Requestable(*self._intervals, self.one_step),
            self.capable_receive,
            link if owns_link else None,
        )
        self.operational_intervals = OperationalIntervals(
            variables, messages, link if owns_link else None, self.sync_watch, self._signaling.request
        )
        self.machines: tuple[Machine, ...] = (
            *self._intervals,
            self.one_step,
            self.operational_intervals,
            self.capable_transmit,
            self.capable_receive,
            self.md_sync_receive,
            self.sync_watch,
            self.sync_receive,
            self.announce_receive,
            self.announce_information,
            self.announce_transmit,
            self.sync_send,
            self.md_sync_send,
        )

    # -- what others read ----------------------------------------------------------------------------

    @property
    def state(self) -> PortState:
        """portDS.portState."""
        return self.variables.selected_state

    @property
    def counters(self) -> PortCounters:
        """What passed and what was dropped."""
        return self.messages.counters

    @property
    def port_ds(self) -> PortDS:
        """The port's data set."""
        variables, link = self.variables, self.link.port_ds
        return PortDS(
            port_identity=self.messages.port_identity,
            port_state=variables.selected_state,
            delay_mechanism="P2P" if self._owns_link else "COMMON_P2P",
            as_capable=variables.as_capable,
            as_capable_reason=f"{self._reason.value}: {self._explanation()}",
            is_measuring_delay=link.is_measuring_delay,
            mean_link_delay=link.mean_link_delay,
            mean_link_delay_thresh=link.mean_link_delay_thresh,
            delay_asymmetry=link.delay_asymmetry,
            neighbor_rate_ratio=link.neighbor_rate_ratio,
            neighbor_gptp_capable=variables.neighbor_gptp_capable,
            neighbor_port_identity=link.neighbor_port_identity,
            current_log_announce_interval=self.announce_interval.current_log_interval,
            announce_receipt_timeout=variables.settings.announce_receipt_timeout,
            current_log_sync_interval=self.sync_interval.current_log_interval,
            sync_receipt_timeout=variables.settings.sync_receipt_timeout,
            sync_locked=variables.sync_locked,
            one_step_receive=True,
            one_step_transmit=not variables.settings.two_step_flag,
            one_step_tx_oper=variables.one_step_tx_oper,
            current_log_pdelay_req_interval=link.current_log_pdelay_req_interval,
            lost_responses=link.lost_responses,
            detected_faults=link.detected_faults,
            hears_sync=self.sync_watch.hears_sync,
            link_up_count=self.link_up_count,
            link_down_count=self.link_down_count,
            sync_receipt_timeout_count=self.sync_watch.sync_receipt_timeout_count,
            non_continuous_sync_count=self.sync_watch.non_continuous_sync_count,
            pdelay_resp_timeout_count=link.pdelay_resp_timeout_count,
            mean_link_delay_exceeded_count=link.mean_link_delay_exceeded_count,
            minor_version_number=variables.settings.link.minor_version_number,
        )

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called."""
        own = self.link.next_deadline() if self._owns_link else None
        return earliest(own, *(machine.deadline for machine in self.machines))

    # -- inputs ----------------------------------------------------------------------------------------

    def set_oper(self, port_oper: bool, now: MonotonicTime) -> None:
        """Take whether the port can send and receive (portOper)."""
        if port_oper is not self.variables.port_oper:
            self.link_up_count += port_oper
            self.link_down_count += not port_oper
        self.variables.port_oper = port_oper
        for interval in self._intervals:
            interval.port_enabled = port_oper
        self.one_step.port_enabled = port_oper
        if self._owns_link:
            self.link.set_enabled(port_oper, now)
        self.run(now)

    def run(self, now: MonotonicTime) -> None:
        """Run every machine, after what any of them may depend on has changed."""
        self.update_as_capable(now)
        for machine in self.machines:
            machine.run(now)

    def handle_deadline(self, now: MonotonicTime) -> None:
        """Run what is due."""
        if self._owns_link:
            self.link.handle_deadline(now)
        for machine in self.machines:
            machine.run_if_due(now)
        self.update_as_capable(now)

    def receive(self, message: Message, ingress: LocalTime | None, now: MonotonicTime) -> None:
        """Take a message of this domain; event messages with their stamp."""
        messages = self.messages
        messages.counters.received[type(message).__name__] += 1
        if not self.variables.port_oper:
            return
        match message:
            case Sync() | PdelayReq() | PdelayResp():
                if (stamp := messages.ingress(message, ingress, now)) is not None:
                    self._receive_event(message, stamp, now)
            case FollowUp():
                self.md_sync_receive.receive_follow_up(message, now)
            case PdelayRespFollowUp() if self._owns_link:
                self.link.receive_follow_up(message, now)
            case Announce():
                self.announce_receive.receive(message, now)
            case Signaling():
                self._signaling.receive(message, now)
                self.capable_transmit.run(now)
            case _:
                messages.discard(message, "no message of gPTP on this port")
        self.announce_information.refresh_deadline()
        self.update_as_capable(now)

    def _receive_event(self, message: Message, ingress: LocalTime, now: MonotonicTime) -> None:
        if isinstance(message, Sync):
            self.md_sync_receive.receive_sync(message, ingress, now)
        elif self._owns_link:
            self.link.receive_event(message, ingress, now)
        else:
            self.messages.discard(message, "the link is measured by the common service, with sdoId 0x200")

    def _sync_received(self, sync: MdSync, now: MonotonicTime) -> None:
        if self._owns_link:
            self.link.sync_heard(now)
        self.sync_watch.receive(sync, now)
        self.sync_receive.receive(sync, now)

    def transmitted(self, context: int, egress: LocalTime | None, now: MonotonicTime) -> None:
        """Take an egress stamp, or word of its loss."""
        if self._owns_link:
            self.link.transmitted(context, egress, now)
        else:
            self.messages.transmitted(context, egress, now)
        self.update_as_capable(now)

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, now: MonotonicTime) -> None:
        """Carry stored instants over a step of the local clock by *delta*, or forget them."""
        self.messages.clock_stepped(delta, local, now)
        if self._owns_link:
            self.link.clock_stepped()
        self.md_sync_receive.clock_stepped()
        self.sync_watch.clock_stepped()
        self.md_sync_send.clock_stepped()

    def servo_locked(self, locked: bool, now: MonotonicTime) -> None:
        """Take whether the clock follows the grandmaster."""
        self.operational_intervals.synchronized = locked
        self.operational_intervals.run(now)

    def set_clock_problem(self, problem: str) -> None:
        """Take why the stamps of this port's clock are no use, or that they are ("")."""
        self.variables.clock_problem = problem
        self.messages.tell(PortClockJudged, problem=problem)

    # -- asCapable ---------------------------------------------------------------------------------------

    def update_as_capable(self, now: MonotonicTime) -> None:
        """Judge asCapable anew (10.2.5.1), tell a change, and let every machine know of it."""
        as_capable, reason = self._judge()
        variables = self.variables
        changed, was = as_capable != variables.as_capable, self._reason
        variables.as_capable, self._reason = as_capable, reason
        if reason is not was:
            self.messages.tell(
                AsCapableChanged, as_capable=as_capable, reason=reason.value, explanation=self._explanation()
            )
        if self.link.as_capable_across_domains != self._link_was_capable:
            self._link_was_capable = self.link.as_capable_across_domains
            if self._link_was_capable:
                self.capable_transmit.hurry(now)
        if changed:
            variables.reselect = True
            for machine in self.machines:
                machine.run(now)
            if as_capable:
                self._signaling.request_intervals()

    def _judge(self) -> tuple[bool, Reason]:
        variables, link = self.variables, self.link
        if not variables.port_oper:
            return False, Reason.PORT_DISABLED
        if not link.as_capable_across_domains:
            return False, link.capability.reason
        if variables.neighbor_gptp_capable or not variables.settings.gptp_capable_state_machines_enabled:
            return True, link.capability.reason
        if link.neighbor_is_of_2011 and self._is_domain_0:
            return True, Reason.NEIGHBOR_OF_2011
        return False, Reason.NEIGHBOR_NOT_GPTP_CAPABLE

    @property
    def _is_domain_0(self) -> bool:
        return self.messages.domain_number == 0

    def _explanation(self) -> str:
        match self._reason:
            case Reason.NEIGHBOR_NOT_GPTP_CAPABLE:
                return (
                    "the link is fine, but the neighbour does not say that it is gPTP-capable in this domain; if it"
                    " never will, set gptp_capable_state_machines_enabled = false"
                )
            case Reason.NEIGHBOR_OF_2011:
                return f"{self.link.capability.explanation}; it speaks IEEE 802.1AS-2011, which knows no such TLV"
            case _:
                return self.link.capability.explanation
