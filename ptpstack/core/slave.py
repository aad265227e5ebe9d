"""What a port in UNCALIBRATED or SLAVE does: the parent's Syncs and the path delay become measurements (11.2).

And when there are none for too long, it says so: a parent that only announces synchronizes nobody.
"""

from __future__ import annotations

from collections.abc import Hashable

from ptpstack.core.context import PortContext
from ptpstack.core.datasets import PLAUSIBLE_LOG_INTERVALS
from ptpstack.core.delay_e2e import PLAUSIBLE_RATE, EndToEndDelay
from ptpstack.core.delay_p2p import PeerDelay
from ptpstack.core.events import SynchronizationLost
from ptpstack.core.signal_fail import SignalFails
from ptpstack.core.sync_receiver import SyncPoint, SyncReceiver
from ptpstack.core.timers import Timer
from ptpstack.engine.outputs import EarlierOffset, GrandmasterRank, Measurement
from ptpstack.engine.port_state import PortState
from ptpstack.time import (
    SECOND,
    LocalTime,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_seconds,
    offset_between,
)
from ptpstack.wire.messages import DelayResp, FollowUp, Sync

SYNC_LOSS_INTERVALS = 10
"""Sync intervals without a usable Sync after which a slave is no longer synchronized, at least 2 s."""

DELAY_UNKNOWN = "the path delay is not known yet"


class Slave:
    """Follows the parent by *delay*, which is None where the path delay is not measured (NO_MECHANISM)."""

    def __init__(self, context: PortContext, delay: EndToEndDelay | PeerDelay | None, fails: SignalFails) -> None:
        self._context = context
        self._fails = fails
        self._delay = delay
        self._sync_receiver = SyncReceiver(context)
        self._last_usable_sync: MonotonicTime | None = None
        """None: there was none of this parent."""
        self._log_sync_interval = context.port_ds.log_sync_interval

    def start(self, now: MonotonicTime) -> None:
        """Expect Syncs from now on."""
        self._arm_sync_loss(now)

    def reset(self) -> None:
        """Forget what was measured against the parent of before, and expect nothing."""
        self._context.timers.stop(Timer.SYNC_LOSS)
        self._sync_receiver.reset()
        self._fails.parent_changed()
        self._last_usable_sync = None
        if isinstance(self._delay, EndToEndDelay):
            self._delay.reset()

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Carry stored local instants over a step of the clock."""
        self._sync_receiver.clock_stepped(delta)

    # -- messages of the parent ------------------------------------------------------------------------

    def receive_sync(self, sync: Sync, ingress: LocalTime | None, now: MonotonicTime, address: Hashable = None) -> None:
        """Take a Sync from *address*; without a usable stamp it only explains why nothing is measured."""
        if isinstance(self._delay, EndToEndDelay):
            self._delay.parent_address = address
        if ingress is None:
            self._sync_receiver.note("Sync without a usable receive stamp")
            return
        told = sync.log_message_interval  # by unicast it tells none: what was granted holds
        self._log_sync_interval = told if told in PLAUSIBLE_LOG_INTERVALS else self._context.port_ds.log_sync_interval
        if point := self._sync_receiver.receive_sync(sync, ingress):
            self._use(point, now)

    def receive_follow_up(self, follow_up: FollowUp, now: MonotonicTime) -> None:
        """Take a Follow_Up."""
        if point := self._sync_receiver.receive_follow_up(follow_up):
            self._use(point, now)

    def receive_delay_resp(self, response: DelayResp, now: MonotonicTime) -> None:
        """Take a Delay_Resp."""
        if isinstance(self._delay, EndToEndDelay):
            self._delay.receive_response(response, self._context.data_sets.parent_ds.parent_port_identity, now)

    def _use(self, point: SyncPoint, now: MonotonicTime) -> None:
        """Make a measurement of a corrected Sync, as soon as the path delay is known."""
        exchange = None
        mean_delay: TimeInterval | None = 0
        if isinstance(self._delay, EndToEndDelay):
            self._delay.add_sync_point(point, now)
            exchange = self._delay.last_exchange
        if self._delay is not None:
            mean_delay = self._delay.mean
        if mean_delay is None:
            self._sync_receiver.note(DELAY_UNKNOWN)
            return
        offset = offset_between(point.t2, point.t1) - mean_delay
        data_sets = self._context.data_sets
        data_sets.current_ds.offset_from_master, data_sets.current_ds.mean_delay = offset, mean_delay
        earlier = self._earlier(point, offset) if self._last_usable_sync is None else None
        self._last_usable_sync = now
        self._sync_receiver.note("Syncs stopped")
        self._arm_sync_loss(now)
        parent, locked = data_sets.parent_ds.parent_port_identity, self._context.port_ds.port_state is PortState.SLAVE
        self._fails.offset_measured(parent, offset, now, locked=locked)
        self._context.emit(
            Measurement(
                port_number=self._context.port_number,
                parent_port_identity=data_sets.parent_ds.parent_port_identity,
                t1=point.t1,
                t2=point.t2,
                offset_from_master=offset,
                mean_delay=mean_delay,
                log_sync_interval=self._log_sync_interval,
                t3=exchange[0] if exchange else None,
                t4=exchange[1] if exchange else None,
                grandmaster_identity=data_sets.parent_ds.grandmaster_identity,
                ptp_timescale=data_sets.time_properties_ds.ptp_timescale,
                time_traceable=data_sets.time_properties_ds.time_traceable,
                rank=self._rank(),
                earlier=earlier,
            )
        )

    def _earlier(self, point: SyncPoint, offset: TimeInterval) -> EarlierOffset | None:
        """Return the offset by the earliest that the parent sent, if a frequency can be told from both.

        Not by two clocks that differ by more than any oscillators do: a peer may answer by another clock than the one
        it serves.
        """
        delay = self._delay
        earliest = delay.earliest_point(self._context.data_sets.parent_ds.parent_port_identity) if delay else None
        if delay is None or earliest is None or delay.mean is None:
            return None
        elapsed = point.t2 - earliest.t2
        earlier = offset_between(earliest.t2, earliest.t1) - delay.mean
        if 2 * elapsed < interval_from_log2_seconds(self._log_sync_interval):
            return None
        return EarlierOffset(earlier, earliest.t2) if abs(offset - earlier) * PLAUSIBLE_RATE < elapsed else None

    def _rank(self) -> GrandmasterRank:
        data_sets = self._context.data_sets
        quality = data_sets.parent_ds.grandmaster_clock_quality
        return GrandmasterRank(quality.clock_class, quality.clock_accuracy, data_sets.current_ds.steps_removed)

    @property
    def lacks_delay(self) -> bool:
        """Whether Syncs come and only the path delay is not known."""
        return self._sync_receiver.problem == DELAY_UNKNOWN

    # -- silence -----------------------------------------------------------------------------------------

    def _patience(self) -> TimeInterval:
        if (settings := self._fails.settings) is not None and settings.sync_timeout:
            return settings.sync_timeout
        return max(SYNC_LOSS_INTERVALS * interval_from_log2_seconds(self._log_sync_interval), 2 * SECOND)

    def _arm_sync_loss(self, now: MonotonicTime) -> None:
        self._context.timers.start(Timer.SYNC_LOSS, now + self._patience())

    def tell_sync_loss(self, deadline: MonotonicTime, now: MonotonicTime) -> str:
        """Emit that synchronization is lost and return why."""
        reason = self._sync_receiver.problem
        if self._context.data_sets.parent_is_uncertain:
            reason += "; the parent says that it is not synchronized itself"
        since = self._last_usable_sync
        self._context.tell(
            SynchronizationLost,
            port_identity=self._context.data_sets.parent_ds.parent_port_identity,
            silence_s=interval_to_seconds(now - deadline + self._patience() if since is None else now - since),
            reason=reason,
        )
        return reason
