"""What is wrong with the Syncs that a slave port hears (AVnu Automotive 9.3.1, 9.3.2): silence, and jumps.

It only counts and tells. What follows from silence is decided elsewhere: by ``port_announce_information.py`` where the
grandmaster is chosen, by the clock's holdover where roles are set.
"""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.engine.port_messages import PortMessages
from ptpstack.engine.port_state import PortState
from ptpstack.gptp.events import SyncLost, SyncNotContinuous
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.settings import NEIGHBOR_JUMP_LIMIT, NEIGHBOR_RATE_LIMIT
from ptpstack.gptp.sync_data import MdSync
from ptpstack.gptp.variables import PortVariables
from ptpstack.time import MonotonicTime, PtpTime, TimeInterval, interval_from_log2_seconds, interval_to_ns


class State(Enum):
    """The states."""

    SILENT = auto()
    RECEIVING = auto()
    LOST = auto()


class SyncWatch(Machine):
    """Counts syncReceiptTimeouts and Syncs that do not follow on the last one; *tells_loss*: nothing else tells it."""

    def __init__(self, port: PortVariables, messages: PortMessages, *, tells_loss: bool) -> None:
        super().__init__(State.SILENT)
        self.sync_receipt_timeout_count = 0
        self.non_continuous_sync_count = 0
        self._port = port
        self._messages = messages
        self._tells_loss = tells_loss
        self._received: MdSync | None = None
        self._last: MdSync | None = None
        link = port.settings.link
        self._jump_limit: TimeInterval = max(NEIGHBOR_JUMP_LIMIT, link.mean_link_delay_thresh)

    @property
    def hears_sync(self) -> bool:
        """Whether Syncs come, the next one not being overdue."""
        return self.state is State.RECEIVING

    @property
    def is_lost(self) -> bool:
        """Whether they came, and come no more."""
        return self.state is State.LOST

    def receive(self, sync: MdSync, now: MonotonicTime) -> None:
        """Take a Sync with all that belongs to it."""
        self._received = sync
        self.run(now)

    def clock_stepped(self) -> None:
        """Forget the instant of the last Sync: it was before a step of the local clock."""
        self._last = None

    def _is_disabled(self) -> bool:
        return not self._port.is_active

    def _has_received(self) -> bool:
        return self._received is not None

    def _is_overdue(self) -> bool:
        return self.expired

    def _forget(self) -> None:
        self._received = self._last = self.deadline = None

    def _take(self) -> None:
        assert self._received is not None
        sync, self._received = self._received, None
        if self._last is not None and self._last.source_port_identity == sync.source_port_identity:
            self._compare(self._last, sync)
        self._last = sync
        interval = interval_from_log2_seconds(sync.log_message_interval)
        self.deadline = self.now + self._port.settings.sync_receipt_timeout * interval

    def _compare(self, last: MdSync, sync: MdSync) -> None:
        missing = (sync.sequence_id - last.sequence_id - 1) & 0xFFFF
        elapsed = sync.upstream_tx_time - last.upstream_tx_time
        jump = _grandmaster_time(sync) - _grandmaster_time(last) - elapsed
        jumped = abs(jump) > self._jump_limit + round(abs(elapsed) * NEIGHBOR_RATE_LIMIT)
        new_time_base = sync.gm_time_base_indicator != last.gm_time_base_indicator
        if not (missing or jumped or new_time_base):
            return
        self.non_continuous_sync_count += 1
        self._messages.tell(
            SyncNotContinuous,
            port_identity=sync.source_port_identity,
            sequence_id=sync.sequence_id,
            last_sequence_id=last.sequence_id,
            jump_ns=interval_to_ns(jump) if jumped else None,
            new_time_base=new_time_base,
        )

    def _lose(self) -> None:
        """Count silence, unless this port is no longer the one to hear Syncs."""
        self.deadline = None
        last, self._last = self._last, None
        if self._port.selected_state is not PortState.SLAVE:
            return
        self.sync_receipt_timeout_count += 1
        if self._tells_loss:
            self._messages.tell(SyncLost, port_identity=last.source_port_identity if last else None)

    ROWS = (
        (None, _is_disabled, State.SILENT),
        (tuple(State), _has_received, State.RECEIVING),
        (State.RECEIVING, _is_overdue, State.LOST),
    )
    ENTRY = {State.SILENT: _forget, State.RECEIVING: _take, State.LOST: _lose}  # noqa: RUF012 (declared in the base)


def _grandmaster_time(sync: MdSync) -> PtpTime:
    return sync.precise_origin_timestamp + sync.follow_up_correction_field
