"""MDSyncReceiveSM: a Sync and its Follow_Up become one MDSyncReceive (IEEE 802.1AS-2020 11.2.14, Figure 11-6).

A Follow_Up that overtakes its Sync, as between two queues of a receiver, is kept for it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from ptpstack.engine.port_messages import CORRECTION_OVERFLOW, PortMessages
from ptpstack.gptp.autosar_time_sync import AutosarTimeSyncPort
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.machine import Machine, sensible
from ptpstack.gptp.sync_data import MdSync
from ptpstack.gptp.variables import PortVariables
from ptpstack.time import LocalTime, MonotonicTime, PtpTime, TimeInterval, interval_from_log2_seconds
from ptpstack.wire.messages import FollowUp, Sync
from ptpstack.wire.tlvs.ieee_802_1as import RATE_ONE, FollowUpInformation
from ptpstack.wire.types import NO_PORT, PortIdentity

CORRECTION_MAX: TimeInterval = 1 << 62
"""Both correctionFields together, about 20 h: what a relay adds must fit in one too."""
LATE_WINDOW = 16
"""How far behind the newest sequenceId a Sync counts as late or doubled, until the next ones are overdue.

Farther, or later, is a neighbour that started anew.
"""


class State(Enum):
    """The states of the figure."""

    DISCARD = auto()
    WAITING_FOR_FOLLOW_UP = auto()
    WAITING_FOR_SYNC = auto()


class MdSyncReceive(Machine):
    """Gives what it makes of Syncs on *link* to *deliver*."""

    def __init__(
        self,
        port: PortVariables,
        messages: PortMessages,
        link: LinkPort,
        deliver: Callable[[MdSync, MonotonicTime], None],
        autosar: AutosarTimeSyncPort | None = None,
    ) -> None:
        super().__init__(State.DISCARD)
        self._autosar = autosar
        self._port = port
        self._messages = messages
        self._link = link
        self._deliver = deliver
        self._sync: tuple[Sync, LocalTime] | None = None
        self._waiting: tuple[Sync, LocalTime] | None = None
        self._follow_up: FollowUp | None = None
        self._newest: tuple[PortIdentity, int] = NO_PORT, 0
        self._overdue_at = MonotonicTime(0)

    def receive_sync(self, sync: Sync, ingress: LocalTime, now: MonotonicTime) -> None:
        """Take a Sync."""
        if not self._port.is_active:
            self._messages.discard(sync, "the port is not asCapable")
            return
        source, sequence_id = self._newest
        behind = (sequence_id - sync.sequence_id) & 0xFFFF
        if source == sync.source_port_identity and behind < LATE_WINDOW and now < self._overdue_at:
            self._messages.discard(sync, "late or duplicate")
            return
        self._newest = sync.source_port_identity, sync.sequence_id
        interval = interval_from_log2_seconds(sensible(sync.log_message_interval))
        self._overdue_at = now + self._port.settings.sync_receipt_timeout * interval
        if self._waiting is not None and not sync.two_step_flag:
            self._messages.discard(self._waiting[0], "no Follow_Up before the next Sync")
            self._waiting = None
        self._sync = sync, ingress
        self.run(now)

    def receive_follow_up(self, follow_up: FollowUp, now: MonotonicTime) -> None:
        """Take a Follow_Up."""
        if not self._port.is_active:
            self._messages.discard(follow_up, "the port is not asCapable")
            return
        self._follow_up = follow_up
        self.run(now)
        if self._follow_up is follow_up and self._waiting is not None:
            self._messages.discard(follow_up, "of another sequenceId or port than the Sync")

    def clock_stepped(self) -> None:
        """Forget the Sync that waits: it was stamped before the step."""
        self._sync = self._waiting = None

    # -- conditions --------------------------------------------------------------------------------------

    def _is_disabled(self) -> bool:
        return not self._port.is_active

    def _has_two_step_sync(self) -> bool:
        return self._sync is not None and self._sync[0].two_step_flag

    def _has_one_step_sync(self) -> bool:
        return self._sync is not None and not self._sync[0].two_step_flag

    def _has_its_follow_up(self) -> bool:
        waiting, follow_up = self._waiting, self._follow_up
        return (
            waiting is not None
            and follow_up is not None
            and waiting[0].sequence_id == follow_up.sequence_id
            and (
                waiting[0].source_port_identity == follow_up.source_port_identity
                or not self._port.settings.verifies_source_port_identity
            )
        )

    def _follow_up_is_late(self) -> bool:
        return self.expired

    # -- what is done in a state ---------------------------------------------------------------------------

    def _discard(self) -> None:
        if self._waiting is not None and self.expired:
            self._messages.discard(self._waiting[0], "no Follow_Up within a Sync interval")
        self._sync = self._waiting = self._follow_up = None
        self.deadline = None
        if not self._port.is_active:
            self._newest = NO_PORT, 0

    def _wait_for_follow_up(self) -> None:
        if self._waiting is not None:
            self._messages.discard(self._waiting[0], "no Follow_Up before the next Sync")
        self._waiting, self._sync = self._sync, None
        assert self._waiting is not None
        self.deadline = self.now + interval_from_log2_seconds(sensible(self._waiting[0].log_message_interval))

    def _complete(self) -> None:
        """Deliver a two-step Sync with its Follow_Up, or a one-step one."""
        self.deadline = None
        if self._waiting is not None:
            (sync, ingress), follow_up = self._waiting, self._follow_up
            self._waiting = self._follow_up = None
            assert follow_up is not None
            self._finish(sync, ingress, follow_up, follow_up.precise_origin_timestamp)
        elif self._sync is not None:
            (sync, ingress), self._sync = self._sync, None
            self._finish(sync, ingress, sync, sync.origin_timestamp)

    def _finish(self, sync: Sync, ingress: LocalTime, told_by: Sync | FollowUp, origin: PtpTime) -> None:
        """Compute MDSyncReceive (11.2.14.2.1)."""
        if self._autosar is not None:
            refusal = self._autosar.refusal(told_by)
            if refusal:
                self._messages.discard(told_by, f"AUTOSAR: {refusal}")
                return
        information = next((tlv for tlv in told_by.tlvs if isinstance(tlv, FollowUpInformation)), None)
        if information is None:
            self._messages.discard(told_by, "no Follow_Up information TLV")
            return
        correction: TimeInterval = sync.correction_field
        if told_by is not sync:
            correction += told_by.correction_field
        if CORRECTION_OVERFLOW in (sync.correction_field, told_by.correction_field) or abs(correction) > CORRECTION_MAX:
            self._messages.discard(sync, "correctionField overflow")
            return
        link = self._link
        rate_ratio = 1.0 + information.cumulative_scaled_rate_offset / RATE_ONE
        by_local_clock = round(link.mean_link_delay / link.neighbor_rate_ratio)
        asymmetry = round(link.settings.delay_asymmetry / rate_ratio)
        self._deliver(
            MdSync(
                source_port_identity=sync.source_port_identity,
                sequence_id=sync.sequence_id,
                log_message_interval=sensible(sync.log_message_interval),
                precise_origin_timestamp=origin,
                follow_up_correction_field=correction,
                rate_ratio=rate_ratio,
                upstream_tx_time=ingress - by_local_clock - asymmetry,
                ingress=ingress,
                gm_time_base_indicator=information.gm_time_base_indicator,
                last_gm_phase_change=information.last_gm_phase_change,
                last_gm_freq_change=information.scaled_last_gm_freq_change / RATE_ONE,
                autosar=self._autosar.received if self._autosar is not None else (),
            ),
            self.now,
        )

    ROWS = (
        (None, _is_disabled, State.DISCARD),
        (tuple(State), _has_two_step_sync, State.WAITING_FOR_FOLLOW_UP),
        (tuple(State), _has_one_step_sync, State.WAITING_FOR_SYNC),
        (State.WAITING_FOR_FOLLOW_UP, _has_its_follow_up, State.WAITING_FOR_SYNC),
        (State.WAITING_FOR_FOLLOW_UP, _follow_up_is_late, State.DISCARD),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.DISCARD: _discard,
        State.WAITING_FOR_FOLLOW_UP: _wait_for_follow_up,
        State.WAITING_FOR_SYNC: _complete,
    }
