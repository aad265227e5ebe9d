"""What the ports of one link ask of each other by Signaling (IEEE 802.1AS-2020 10.6.4)."""

from __future__ import annotations

from typing import NamedTuple

from ptpstack.gptp.gptp_capable_receive import GptpCapableReceive
from ptpstack.gptp.interval_settings import IntervalSetting
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.messages import GptpMessages
from ptpstack.gptp.one_step_tx_oper_setting import OneStepTxOperSetting
from ptpstack.gptp.variables import PortVariables
from ptpstack.time import MonotonicTime
from ptpstack.wire.messages.signaling import Signaling
from ptpstack.wire.tlvs.ieee_802_1as import (
    INTERVAL_REQUEST_FLAGS,
    NO_CHANGE,
    GptpCapable,
    GptpCapableIntervalRequest,
    IntervalRequestFlags,
    MessageIntervalRequest,
)


class Requestable(NamedTuple):
    """What a neighbour may ask for."""

    sync: IntervalSetting
    announce: IntervalSetting
    gptp_capable: IntervalSetting
    one_step: OneStepTxOperSetting


class SignalingExchange:
    """Takes requests to what is *requestable*, and makes those of this port.

    *link* is None where the common service measures it: requests about it go there. Of the flags of a request, those
    that let a neighbour stop to compute are not obeyed: editions disagree about them, and computing harms nobody. The
    one that asks for Syncs in one step is read as the port's own edition has it; that of 2011 has none.
    """

    def __init__(
        self,
        port: PortVariables,
        messages: GptpMessages,
        requestable: Requestable,
        capable: GptpCapableReceive,
        link: LinkPort | None,
    ) -> None:
        self._port = port
        self._messages = messages
        self._requestable = requestable
        self._capable = capable
        self._link = link

    def receive(self, message: Signaling, now: MonotonicTime) -> None:
        """Take the TLVs of *message*."""
        if not self._messages.concerns(message):
            return
        asked, source = self._requestable, message.source_port_identity
        for tlv in message.tlvs:
            match tlv:
                case GptpCapable():
                    self._capable.receive(tlv, now)
                case MessageIntervalRequest():
                    asked.sync.request(tlv.time_sync_interval, source, now)
                    if (flag := self._flags.one_step_receive_capable) and message.minor_version_ptp:
                        asked.one_step.request(bool(tlv.flags & flag), source)
                        asked.one_step.run(now)
                    if self._port.settings.obeys_only_sync_interval:
                        continue
                    asked.announce.request(tlv.announce_interval, source, now)
                    if self._link is not None:
                        self._link.request_interval(tlv.link_delay_interval, source, now)
                case GptpCapableIntervalRequest():
                    asked.gptp_capable.request(tlv.log_gptp_capable_message_interval, source, now)
                case _:
                    pass

    @property
    def _flags(self) -> IntervalRequestFlags:
        return INTERVAL_REQUEST_FLAGS[self._port.settings.interval_request_edition]

    def request_intervals(self) -> None:
        """Ask for the intervals that the settings want of the neighbour, if any."""
        settings = self._port.settings
        wanted = (
            settings.requested_log_pdelay_req_interval,
            settings.requested_log_sync_interval,
            settings.requested_log_announce_interval,
        )
        if any(interval is not None for interval in wanted):
            self.request(*(NO_CHANGE if interval is None else interval for interval in wanted))

    def request(self, link_delay_interval: int, time_sync_interval: int, announce_interval: int) -> None:
        """Ask for these intervals, log2 seconds or a special value of the TLV."""
        bits = self._flags
        flags = bits.compute_neighbor_rate_ratio | bits.compute_mean_link_delay | bits.one_step_receive_capable
        tlv = MessageIntervalRequest(link_delay_interval, time_sync_interval, announce_interval, flags)
        self._messages.send_general(self._messages.new(Signaling, tlvs=(tlv,)))
