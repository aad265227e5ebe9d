"""CLOCK_REALTIME as a :class:`~hw.clock.Clock` on the PTP timescale: local = UTC + TAI offset.

Sources: adjtimex(2), <linux/timex.h>.
"""

from __future__ import annotations

import os
import time
from enum import Enum

from hw.clock import check_frequency
from hw.timestamping import Timestamping
from hw.timex import SCALED_PPM_PER_PPB, AdjTime, Modes, Status, Timex, clock_adjtime, frequency_timex, step_timex
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, SECOND, LocalTime, TimeInterval

_MAX_FREQ_PPB = 500_000
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_NOMINAL_TICK_US = 1_000_000 // _TICKS_PER_SECOND
_PPB_PER_TICK_US = 1_000 * _TICKS_PER_SECOND
_MAX_TICK_SHARE = 10  # the kernel takes ticks within a tenth of the nominal one


class Leap(Enum):
    """What the kernel does at the end of the UTC day."""

    NONE = Status(0)
    INSERT = Status.INS
    DELETE = Status.DEL


class RealtimeClock:
    """The system's clock. *tai_offset_s* defaults to the kernel's. Every method raises ``HardwareError``."""

    name = "CLOCK_REALTIME"
    stamping = Timestamping.SOFTWARE
    max_frequency_ppb = float(_NOMINAL_TICK_US // _MAX_TICK_SHARE * _PPB_PER_TICK_US)

    def __init__(self, *, tai_offset_s: int | None = None, adjtime: AdjTime = clock_adjtime) -> None:
        self._adjtime = adjtime
        self.tai_offset_s = self.kernel_tai_offset_s() if tai_offset_s is None else tai_offset_s
        """What is added to UTC here; the kernel may have been told another number, or none."""

    def time(self) -> LocalTime:
        """Read the clock."""
        return self.local_time(time.clock_gettime_ns(time.CLOCK_REALTIME))

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Return the PTP instant of a software stamp, which is UTC."""
        return LocalTime(stamp_ns * NANOSECOND + self.tai_offset_s * SECOND)

    def frequency_ppb(self) -> float:
        """Return the frequency adjustment in force, coarse and fine part together, by whomever."""
        timex = self._read()
        return float((timex.tick - _NOMINAL_TICK_US) * _PPB_PER_TICK_US + timex.freq / SCALED_PPM_PER_PPB)

    def set_frequency(self, ppb: float) -> None:
        """Run *ppb* faster; beyond ± 500 ppm the length of the kernel's tick takes the coarse part."""
        check_frequency(self, ppb)
        ticks_us = round(ppb / _PPB_PER_TICK_US) if abs(ppb) > _MAX_FREQ_PPB else 0
        timex = frequency_timex(ppb - ticks_us * _PPB_PER_TICK_US)
        timex.modes |= Modes.TICK
        timex.tick = _NOMINAL_TICK_US + ticks_us
        self._adjust(timex)

    def step(self, delta: TimeInterval) -> None:
        """Add *delta*, rounded to 1 ns, at once."""
        self._adjust(step_timex(delta))

    def close(self) -> None:
        """Nothing to release."""

    def kernel_tai_offset_s(self) -> int:
        """Return TAI - UTC as the kernel has it: 0 if nobody has told it."""
        return int(self._read().tai)

    def set_tai_offset(self, seconds: int) -> None:
        """Tell the kernel TAI - UTC, which CLOCK_TAI and this clock go by from now on."""
        self._adjust(Timex(modes=Modes.TAI, constant=seconds))
        self.tai_offset_s = seconds

    def set_leap(self, leap: Leap) -> None:
        """Announce a leap second at the end of the UTC day, or withdraw it."""
        status = self._read().status & ~int(Status.INS | Status.DEL)
        self._adjust(Timex(modes=Modes.STATUS, status=status | leap.value))

    def set_synchronized(self, *, max_error_us: int, estimated_error_us: int) -> None:
        """Clear STA_UNSYNC and state the error. The kernel lets max_error grow: repeat within minutes."""
        status = self._read().status & ~int(Status.UNSYNC)
        self._adjust(
            Timex(
                modes=Modes.STATUS | Modes.MAXERROR | Modes.ESTERROR,
                status=status,
                maxerror=max_error_us,
                esterror=estimated_error_us,
            )
        )

    def is_synchronized(self) -> bool:
        """Return whether some program says that it keeps this clock (STA_UNSYNC is clear)."""
        return not self._read().status & Status.UNSYNC

    def set_unsynchronized(self) -> None:
        """Tell the system that nobody keeps its clock (STA_UNSYNC)."""
        self._adjust(Timex(modes=Modes.STATUS, status=self._read().status | Status.UNSYNC))

    def _read(self) -> Timex:
        timex = Timex(modes=Modes.READ)
        self._adjust(timex)
        return timex

    def _adjust(self, timex: Timex) -> None:
        try:
            self._adjtime(time.CLOCK_REALTIME, timex)
        except OSError as error:
            raise HardwareError(
                "cannot adjust the clock" if timex.modes else "cannot read the clock's state",
                where=self.name,
                why=str(error.strerror),
                next_step="run as root or grant CAP_SYS_TIME (containers often forbid it)",
            ) from error
