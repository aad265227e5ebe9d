"""ClockMasterSyncSend: the time of this grandmaster, at the interval (IEEE 802.1AS-2020 10.2.9, Figure 10-5)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from ptpstack.gptp.machine import Machine, always, following
from ptpstack.gptp.sync_data import PortSyncSync
from ptpstack.gptp.variables import InstanceVariables
from ptpstack.time import MonotonicTime, interval_from_log2_seconds
from ptpstack.wire.types import PortIdentity


class State(Enum):
    """The states of the figure, which goes round without end; here it rests while another is the grandmaster."""

    INITIALIZING = auto()
    WAITING = auto()
    SEND_SYNC_INDICATION = auto()


class ClockMasterSyncSend(Machine):
    """Gives a PortSyncSync to *deliver* every clockMasterSyncInterval, the least of all ports'."""

    def __init__(
        self,
        instance: InstanceVariables,
        log_interval: Callable[[], int],
        deliver: Callable[[PortSyncSync, MonotonicTime], None],
    ) -> None:
        super().__init__(State.INITIALIZING)
        self.enabled = False
        self._instance = instance
        self._log_interval = log_interval
        self._deliver = deliver

    def _is_grandmaster(self) -> bool:
        serves = self._instance.is_grandmaster or self._instance.serves_default_time
        return self.enabled and serves and self._instance.gm_present

    def _is_not_grandmaster(self) -> bool:
        return not self._is_grandmaster()

    def _is_due(self) -> bool:
        return self.expired

    def _rest(self) -> None:
        self.deadline = None

    def _begin(self) -> None:
        if self.deadline is None:
            self.deadline = self.now

    def _send(self) -> None:
        log_interval, instance = self._log_interval(), self._instance
        self.deadline = following(self.deadline or self.now, interval_from_log2_seconds(log_interval), self.now)
        base = instance.clock_source
        self._deliver(
            PortSyncSync(
                local_port_number=0,
                sync_receipt_timeout_time=None,
                source_port_identity=PortIdentity(instance.this_clock, 0),
                log_message_interval=log_interval,
                rate_ratio=instance.gm_rate_ratio,
                gm_time_base_indicator=base.gm_time_base_indicator,
                last_gm_phase_change=base.last_gm_phase_change,
                last_gm_freq_change=base.last_gm_freq_change,
            ),
            self.now,
        )

    ROWS = (
        (None, _is_not_grandmaster, State.INITIALIZING),
        (State.INITIALIZING, _is_grandmaster, State.WAITING),
        (State.WAITING, _is_due, State.SEND_SYNC_INDICATION),
        (State.SEND_SYNC_INDICATION, always, State.WAITING),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.INITIALIZING: _rest,
        State.WAITING: _begin,
        State.SEND_SYNC_INDICATION: _send,
    }
