"""Time of day from a u-blox receiver: NAV-PVT names the second, TIM-TP tells how early the next pulse comes."""

from __future__ import annotations

from dataclasses import replace

from hw.time_of_day import PulseSecond
from hw.time_of_day_serial import SerialTimeOfDay
from hw.ubx import UbxMessages, UbxTime
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime


class UbxTimeOfDay(SerialTimeOfDay[UbxTime]):
    """Time of day by a receiver that speaks UBX. Raises ``HardwareError`` where pyubx2 is missing."""

    _next_pulse: tuple[MonotonicTime, int] | None = None

    def _make_language(self) -> UbxMessages:
        return UbxMessages()

    def _heard(self, said: UbxTime, now: MonotonicTime) -> None:
        if said.qerr_ps is not None:
            self._next_pulse = now, said.qerr_ps
        super()._heard(said, now)

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        """Number the pulse that came about *pulse*, and tell how early it came by the TIM-TP before it."""
        second = super().second_of(pulse)
        if self._next_pulse is None or not 0 <= pulse - self._next_pulse[0] < SECOND:
            return second
        return replace(second, early_by=self._next_pulse[1] * NANOSECOND // 1000)
