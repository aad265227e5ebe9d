"""Time of day from gpsd: PPS, TOFF and TPV reports, in this order of trust.

TPV also says whether the receiver has a fix, and how many leap seconds gpsd believes in.
"""

from __future__ import annotations

from hw.gpsd import PORT, GpsdConnection, GpsdReport
from hw.time_of_day import USUAL_DELAY, PulseSecond, SecondCounter
from ptpstack.time import MonotonicTime, TimeInterval

_RANKS = {"TPV": 0, "TOFF": 1, "PPS": 2}


class GpsdTimeOfDay:
    """The receiver *device* (None: any) of the gpsd at *host*; reconnects. A :class:`~hw.time_of_day.TimeOfDay`.

    *delay*: from a pulse to gpsd's TPV or TOFF of its second. The default suits all from 0 to 1 s.
    Raises ``HardwareError`` for a *host* that has no address; nothing else does.
    """

    def __init__(
        self,
        now: MonotonicTime,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        device: str | None = None,
        delay: TimeInterval = USUAL_DELAY,
    ) -> None:
        self._gpsd = GpsdConnection(now, host=host, port=port, device=device)
        self.name = self._gpsd.name
        self.tai_offset_s: int | None = None
        """TAI - UTC as gpsd believes, None until it says; to be compared with, not gone by."""
        self._delay = delay
        self._counter = SecondCounter()
        self._counter.fault = self._gpsd.fault

    @property
    def dropped(self) -> int:
        """Lines that could not be decoded."""
        return self._gpsd.dropped

    @property
    def wake_at(self) -> MonotonicTime | None:
        """When to call ``receive`` even if nothing is readable."""
        return self._gpsd.wake_at

    def fileno(self) -> int:
        """The connection's descriptor, -1 while there is none."""
        return self._gpsd.fileno()

    def receive(self, now: MonotonicTime) -> None:
        """Read what has come; connect again when it is time."""
        fault, reports = self._gpsd.fault, self._gpsd.receive(now)
        if self._gpsd.fault != fault:
            self._counter.fault = self._gpsd.fault
        for said in reports:
            self._take(said, now)

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        """Number the pulse that came about *pulse*."""
        return self._counter.second_of(pulse)

    def close(self) -> None:
        """Close the connection for good."""
        self._gpsd.close()

    def _take(self, said: GpsdReport, now: MonotonicTime) -> None:
        if said.has_fix is not None:
            self._counter.fault = "" if said.has_fix else "the receiver has no fix"
        if said.tai_offset_s is not None:
            self.tai_offset_s = said.tai_offset_s
        if said.second is not None:
            delay = 0 if said.report == "PPS" else self._delay
            self._counter.state(said.second, now, delay=delay, rank=_RANKS[said.report])
