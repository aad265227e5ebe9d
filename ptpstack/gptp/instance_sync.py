"""PtpInstanceSync: whether an instance is synchronized (isSynced, IEEE 802.1ASdm-2024 14.7a).

The figure itself was not at hand: the conditions are those that the published data model states for its variables.
"""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from ptpstack.gptp.machine import Machine
from ptpstack.time import MICROSECOND, MonotonicTime, TimeInterval, interval_to_ns


class InstanceSyncSettings(msgspec.Struct, frozen=True, kw_only=True):
    """ptpInstanceSyncDS; the standard leaves all values to the application."""

    offset_from_time_transmitter_max: TimeInterval = MICROSECOND
    rx_sync_count_thresh: int = 8
    """So many Syncs in a row without a timeout."""
    offset_max_exceeded_count_thresh: int = 3
    offset_max_met_count_thresh: int = 3


class State(Enum):
    """The states."""

    NOT_SYNCED = auto()
    SYNCED = auto()


class InstanceSync(Machine):
    """isSynced of one instance; :meth:`take` is told each measurement and when the next one is overdue."""

    def __init__(self, settings: InstanceSyncSettings) -> None:
        super().__init__(State.NOT_SYNCED)
        self._settings = settings
        self.rule = "no Sync yet"
        self._rx_sync_count = self._met_count = self._exceeded_count = 0
        self._last_offset: TimeInterval = 0

    @property
    def is_synced(self) -> bool:
        """The variable isSynced."""
        return self.state is State.SYNCED

    def take(self, offset: TimeInterval, timeout: TimeInterval, now: MonotonicTime) -> None:
        """Take a Sync that showed *offset*; it is lost if none follows within *timeout*."""
        self.deadline = now + timeout
        self._rx_sync_count += 1
        self._last_offset = offset
        if abs(offset) <= self._settings.offset_from_time_transmitter_max:
            self._met_count, self._exceeded_count = self._met_count + 1, 0
        else:
            self._met_count, self._exceeded_count = 0, self._exceeded_count + 1
        self.run(now)

    def _is_met(self) -> bool:
        settings = self._settings
        return (
            self._rx_sync_count >= settings.rx_sync_count_thresh
            and self._met_count >= settings.offset_max_met_count_thresh
            and not self.expired
        )

    def _is_lost(self) -> bool:
        return self.expired or self._exceeded_count >= self._settings.offset_max_exceeded_count_thresh

    def _begin(self) -> None:
        if self.expired:
            self.rule = "no Sync within the Sync receipt timeout"
            self.deadline = None
            self._rx_sync_count = self._met_count = self._exceeded_count = 0
        else:
            limit_ns = interval_to_ns(self._settings.offset_from_time_transmitter_max)
            self.rule = (
                f"{self._exceeded_count} offsets in a row beyond {limit_ns:.0f} ns,"
                f" the last {interval_to_ns(self._last_offset):+.0f} ns"
            )
            self._rx_sync_count = 0

    def _settle(self) -> None:
        limit_ns = interval_to_ns(self._settings.offset_from_time_transmitter_max)
        self.rule = f"{self._rx_sync_count} Syncs, {self._met_count} offsets in a row within {limit_ns:.0f} ns"

    ROWS = (
        (State.NOT_SYNCED, _is_met, State.SYNCED),
        (State.SYNCED, _is_lost, State.NOT_SYNCED),
    )
    ENTRY = {State.NOT_SYNCED: _begin, State.SYNCED: _settle}  # noqa: RUF012 (declared in the base)
