"""ClockMasterSyncOffset: the local clock beside the present grandmaster's (IEEE 802.1AS-2020 10.2.10, Figure 10-6).

How they differ is what changes for everybody when this system becomes the grandmaster.
"""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.gptp.machine import Machine
from ptpstack.gptp.variables import InstanceVariables
from ptpstack.time import MonotonicTime, offset_between


class State(Enum):
    """The states of the figure."""

    INITIALIZING = auto()
    SEND_SYNC_OFFSET_INDICATION = auto()


class ClockMasterSyncOffset(Machine):
    """Takes each time of the grandmaster."""

    def __init__(self, instance: InstanceVariables) -> None:
        super().__init__(State.INITIALIZING)
        self._instance = instance
        self._rcvd_sync_receipt_time = False

    def sync_receipt_time(self, now: MonotonicTime) -> None:
        """Take that syncReceiptTime is another."""
        self._rcvd_sync_receipt_time = True
        self.run(now)

    def _has_received(self) -> bool:
        return self._rcvd_sync_receipt_time

    def _compute(self) -> None:
        """Compare with a grandmaster elsewhere; a grandmaster here has told its own steps already."""
        self._rcvd_sync_receipt_time = False
        instance = self._instance
        if instance.is_grandmaster or instance.sync_receipt_time is None or instance.sync_receipt_local_time is None:
            return
        instance.clock_source.last_gm_phase_change = offset_between(
            instance.sync_receipt_local_time, instance.sync_receipt_time
        )
        instance.clock_source.last_gm_freq_change = instance.gm_rate_ratio / instance.rate_ratio - 1.0

    ROWS = (
        (State.INITIALIZING, _has_received, State.SEND_SYNC_OFFSET_INDICATION),
        (State.SEND_SYNC_OFFSET_INDICATION, _has_received, State.SEND_SYNC_OFFSET_INDICATION),
    )
    ENTRY = {State.SEND_SYNC_OFFSET_INDICATION: _compute}  # noqa: RUF012 (declared in the base)
