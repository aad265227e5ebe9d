"""PortSyncSyncSend: when a port sends Sync (IEEE 802.1AS-2020 10.2.12, Figure 10-8).

A port whose interval is its parent's is syncLocked: it sends when a Sync comes in. Another one sends by its own
timer what came last, as long as that is not overdue; with ``sends_without_sync`` for longer (AVnu Automotive 6.3).
"""

from __future__ import annotations

from enum import Enum, auto

from msgspec.structs import replace

from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.events import SyncContinued, SyncLockedChanged
from ptpstack.gptp.interval_settings import SyncIntervalSetting
from ptpstack.gptp.machine import Machine, always, earliest, following
from ptpstack.gptp.md_sync_send import MdSyncSend
from ptpstack.gptp.sync_data import PortSyncSync
from ptpstack.gptp.variables import PortVariables
from ptpstack.time import MonotonicTime, TimeInterval, interval_from_log2_seconds


class State(Enum):
    """The states of the figure."""

    TRANSMIT_INIT = auto()
    SEND_MD_SYNC = auto()
    SET_SYNC_RECEIPT_TIMEOUT_TIME = auto()
    SYNC_RECEIPT_TIMEOUT = auto()


class PortSyncSyncSend(Machine):
    """Gives *md* what to send, at the interval of *setting*."""

    def __init__(
        self, port: PortVariables, messages: PortMessages, setting: SyncIntervalSetting, md: MdSyncSend
    ) -> None:
        super().__init__(State.TRANSMIT_INIT)
        self._port = port
        self._messages = messages
        self._setting = setting
        self._md = md
        self._fresh: PortSyncSync | None = None
        self._last: PortSyncSync | None = None
        self._send_at: MonotonicTime | None = None
        self._goes_on = False

    def receive(self, sync: PortSyncSync, now: MonotonicTime) -> None:
        """Take what SiteSyncSync hands out."""
        if sync.local_port_number == self._port.port_number or not self._port.sends:
            return
        self._fresh = replace(sync)  # each port carries its own over a step of the clock
        self._lock(sync)
        self.run(now)
        if self.state is State.SET_SYNC_RECEIPT_TIMEOUT_TIME:
            self._set_timeout()  # which is another with each Sync, also with those that are not sent on

    def clock_stepped(self, delta: TimeInterval, ports: frozenset[int]) -> None:
        """Carry what is sent again over a step of the clock of *ports*."""
        for sync in (self._fresh, self._last):
            if sync is not None and sync.upstream_tx_time is not None and sync.local_port_number in ports:
                sync.upstream_tx_time += delta

    def _lock(self, sync: PortSyncSync) -> None:
        interval = self._setting.current_log_interval
        locked = interval == sync.log_message_interval and not self._setting.slow_down_after
        if locked != self._port.sync_locked and interval is not None:
            self._messages.tell(
                SyncLockedChanged,
                sync_locked=locked,
                log_sync_interval=interval,
                parent_log_sync_interval=sync.log_message_interval,
            )
        self._port.sync_locked = locked

    # -- conditions --------------------------------------------------------------------------------------

    def _may_not_send(self) -> bool:
        return not self._port.sends or bool(self._port.clock_problem) or self._setting.current_log_interval is None

    def _has_fresh(self) -> bool:
        return self._fresh is not None and not self._may_not_send()

    def _is_due(self) -> bool:
        if self._may_not_send():
            return False
        if self._port.sync_locked:
            goes_on_at = self._goes_on_at()
            return self._fresh is not None or (goes_on_at is not None and self.now >= goes_on_at)
        return self._send_at is not None and self.now >= self._send_at

    def _is_overdue(self) -> bool:
        if self._port.sync_locked or self._port.settings.sends_without_sync:
            return False
        overdue_at = self._overdue_at()
        return overdue_at is not None and self.now >= overdue_at

    def _overdue_at(self) -> MonotonicTime | None:
        newest = self._fresh or self._last
        return newest.sync_receipt_timeout_time if newest is not None else None

    def _goes_on_at(self) -> MonotonicTime | None:
        """When a port that goes on without Syncs sends next, None if it does not."""
        if self._last is None or self._send_at is None or not self._port.settings.sends_without_sync:
            return None
        overdue_at = self._last.sync_receipt_timeout_time
        return None if overdue_at is None else max(overdue_at, self._send_at)

    # -- what is done in a state ---------------------------------------------------------------------------

    def _initialize(self) -> None:
        self._fresh = self._last = self._send_at = self.deadline = None
        self._goes_on = self._port.sync_locked = False

    def _send(self) -> None:
        self._tell_whether_it_goes_on()
        if self._fresh is not None:
            self._last, self._fresh = self._fresh, None
        log_interval, told = self._setting.next_log_interval(), self._setting.current_log_interval
        if self._last is None or log_interval is None or told is None:
            return
        interval = interval_from_log2_seconds(log_interval)
        grid = None if self._port.sync_locked else self._send_at  # who is locked keeps the neighbour's pace
        self._send_at = following(grid or self.now, interval, self.now)
        self._md.send(self._last, told, self.now)

    def _tell_whether_it_goes_on(self) -> None:
        goes_on_at = self._goes_on_at()
        goes_on = self._fresh is None and goes_on_at is not None and self.now >= goes_on_at
        if goes_on and not self._goes_on:
            self._messages.tell(SyncContinued)
        self._goes_on = goes_on

    def _set_timeout(self) -> None:
        if self._port.sync_locked:
            self.deadline = self._goes_on_at()
            return
        overdue_at = None if self._port.settings.sends_without_sync else self._overdue_at()
        self.deadline = earliest(self._send_at, overdue_at)

    def _time_out(self) -> None:
        self._fresh = self._last = self._send_at = self.deadline = None

    ROWS = (
        (None, _may_not_send, State.TRANSMIT_INIT),
        (State.TRANSMIT_INIT, _has_fresh, State.SEND_MD_SYNC),
        (State.SEND_MD_SYNC, always, State.SET_SYNC_RECEIPT_TIMEOUT_TIME),
        (State.SET_SYNC_RECEIPT_TIMEOUT_TIME, _is_overdue, State.SYNC_RECEIPT_TIMEOUT),
        (State.SET_SYNC_RECEIPT_TIMEOUT_TIME, _is_due, State.SEND_MD_SYNC),
        (State.SYNC_RECEIPT_TIMEOUT, _has_fresh, State.SEND_MD_SYNC),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.TRANSMIT_INIT: _initialize,
        State.SEND_MD_SYNC: _send,
        State.SET_SYNC_RECEIPT_TIMEOUT_TIME: _set_timeout,
        State.SYNC_RECEIPT_TIMEOUT: _time_out,
    }
