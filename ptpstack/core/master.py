"""What a port in MASTER state does besides announcing: Sync with Follow_Up, and answers to Delay_Req."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from ptpstack.core.context import PortContext
from ptpstack.core.events import SyncsResumed, SyncsWithheld
from ptpstack.core.timers import Timer, following
from ptpstack.engine.port_messages import LOG_INTERVAL_UNSPECIFIED, NANOSECOND_FRACTION
from ptpstack.time import LocalTime, MonotonicTime, interval_from_log2_seconds, ptp_from_local
from ptpstack.wire.message import Flag
from ptpstack.wire.messages.delay_req import DelayReq
from ptpstack.wire.messages.delay_resp import DelayResp
from ptpstack.wire.messages.follow_up import FollowUp
from ptpstack.wire.messages.sync import Sync


class SyncTransmitter:
    """Sends Syncs at the sync interval, and their Follow_Ups (IEEE 1588-2019 9.5.9, 9.5.10).

    A one-step Sync gets its originTimestamp from the NIC while it leaves, so it is sent without. A boundary clock
    sends none until its own clock shows the time of the grandmaster that it announces.
    """

    def __init__(self, context: PortContext) -> None:
        self._context = context
        self._withholds = self._active = False

    def start(self, now: MonotonicTime) -> None:
        """Send the first Sync now, if the groups are served."""
        self._active = True
        if self._context.settings.multicast:
            self._context.timers.start(Timer.SYNC, now)

    def stop(self) -> None:
        """Send no more, nor Follow_Ups to what was sent."""
        self._context.timers.stop(Timer.SYNC)
        self._withholds = self._active = False

    def withholds(self) -> bool:
        """Tell whether Syncs would be a lie now, and say so when that changes."""
        context = self._context
        if context.shows_announced_time is self._withholds:
            self._withholds = not self._withholds
            if self._withholds:
                context.tell(SyncsWithheld, reason=context.clock_problem)
            else:
                context.tell(SyncsResumed)
        return self._withholds

    def on_timer(self, deadline: MonotonicTime, now: MonotonicTime) -> None:
        """Send one Sync and arm the next."""
        context = self._context
        log_interval = context.port_ds.log_sync_interval
        context.timers.start(Timer.SYNC, following(deadline, interval_from_log2_seconds(log_interval), now))
        if self.withholds():
            return
        if context.settings.two_step_flag:
            sync = context.new(Sync, flags=Flag.TWO_STEP, log_message_interval=log_interval)
            context.send_event(sync, partial(self.follow_up, sync, None))
        else:
            latency = context.settings.egress_latency
            sync = context.new(Sync, log_message_interval=log_interval, correction_field=latency)
            context.send_event(sync, None)

    def follow_up(self, sync: Sync, address: str | None, egress: LocalTime, _now: MonotonicTime) -> None:
        """Tell the group, or *address*, when *sync* left (11.4.3: the fraction of a ns goes into correctionField)."""
        context = self._context
        if not self._active:
            return
        origin = ptp_from_local(egress)
        fraction = int(origin) & NANOSECOND_FRACTION
        context.send_general(
            context.new(
                FollowUp,
                sequence_id=sync.sequence_id,
                flags=sync.flag_field & Flag.UNICAST,
                log_message_interval=sync.log_message_interval,
                precise_origin_timestamp=origin - fraction,
                correction_field=fraction,
            ),
            address=address,
        )


def answer_delay_req(
    context: PortContext, request: DelayReq, ingress: LocalTime, address: Hashable, *, granted: bool = False
) -> None:
    """Answer *request* (9.5.12, 11.3.2), by unicast if it came so; what was *granted* tells no interval."""
    receipt = ptp_from_local(ingress)
    fraction = int(receipt) & NANOSECOND_FRACTION
    context.send_general(
        context.new(
            DelayResp,
            sequence_id=request.sequence_id,
            flags=request.flag_field & Flag.UNICAST,
            log_message_interval=(LOG_INTERVAL_UNSPECIFIED if granted else context.port_ds.log_min_delay_req_interval),
            receive_timestamp=receipt - fraction,
            correction_field=request.correction_field - fraction,
            requesting_port_identity=request.source_port_identity,
        ),
        address=address if request.unicast_flag else None,
    )
