"""ClockMasterSyncReceive: what the clock source says of itself (IEEE 802.1AS-2020 10.2.11, Figure 10-7).

Here the clock source is the local clock itself, which something else may keep or step: gmRateRatio is 1, and a
step is a new time base.
"""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.gptp.machine import Machine
from ptpstack.gptp.variables import InstanceVariables
from ptpstack.time import MonotonicTime, TimeInterval


class State(Enum):
    """The states of the figure."""

    WAITING = auto()
    RECEIVE_SOURCE_TIME = auto()


class ClockMasterSyncReceive(Machine):
    """Counts the time bases of the local clock."""

    def __init__(self, instance: InstanceVariables) -> None:
        super().__init__(State.WAITING)
        self._instance = instance
        self._phase_change: TimeInterval | None = None

    def clock_stepped(self, delta: TimeInterval, now: MonotonicTime) -> None:
        """Take that the local clock was moved by *delta*."""
        self._phase_change = delta
        self.run(now)

    def _has_source_time(self) -> bool:
        return self._phase_change is not None

    def _has_none(self) -> bool:
        return self._phase_change is None

    def _receive(self) -> None:
        assert self._phase_change is not None
        source = self._instance.clock_source
        source.gm_time_base_indicator = (source.gm_time_base_indicator + 1) & 0xFFFF
        source.last_gm_phase_change, self._phase_change = self._phase_change, None
        source.last_gm_freq_change = 0.0

    ROWS = (
        (State.WAITING, _has_source_time, State.RECEIVE_SOURCE_TIME),
        (State.RECEIVE_SOURCE_TIME, _has_source_time, State.RECEIVE_SOURCE_TIME),
        (State.RECEIVE_SOURCE_TIME, _has_none, State.WAITING),
    )
    ENTRY = {State.RECEIVE_SOURCE_TIME: _receive}  # noqa: RUF012 (declared in the base)
