"""GNSS receivers as reference clocks: by gpsd, or on a serial port by NMEA sentences or UBX messages.

gpsd stamps pulses and sentences with this host's CLOCK_REALTIME itself. On a serial port of ours a sentence counts as
read when it came: what lies between the second and that is *delay*, and only as well known as *bound* says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from hw.gpsd import GpsdConnection, SystemStamp
from hw.serial_receiver import SerialPort, SerialReceiver
from hw.time_of_day import UtcSecond
from hw.time_of_day_nmea import NmeaSentences
from hw.ubx import UbxMessages
from ntp.reference.reading import Reading
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime, TimeInterval

_SECOND_NS = 1_000_000_000
_NOT_BEFORE_S = 1_735_689_600  # 2025-01-01: a receiver that has lost count of 1024 weeks shows such dates


class GpsdInput:
    """The gpsd of this host: its PPS within ± *pulse_bound*, else its TOFF, *delay* late and within ± *bound*.

    A TOFF comes before the TPV of its second and counts once that says that there is a fix.
    """

    def __init__(
        self, gpsd: GpsdConnection, *, pulse_bound: TimeInterval, delay: TimeInterval, bound: TimeInterval
    ) -> None:
        self._gpsd = gpsd
        self._pulse_bound, self._delay, self._bound = pulse_bound, delay, bound
        self._fix: bool | None = None
        self._told: Reading | None = None
        """Of a TOFF whose TPV, which says whether there is a fix, has not come yet."""
        self.tai_offset_s: int | None = None
        """TAI - UTC as the receiver believes, None until it says."""

    @property
    def name(self) -> str:
        """Where gpsd is."""
        return self._gpsd.name

    @property
    def fault(self) -> str:
        """Why no readings come."""
        return self._gpsd.fault or ("the receiver has no fix" if self._fix is False else "")

    @property
    def wake_at(self) -> MonotonicTime | None:
        """When to call ``receive`` even if nothing is readable."""
        return self._gpsd.wake_at

    @property
    def dropped(self) -> int:
        """Lines that could not be decoded."""
        return self._gpsd.dropped

    def fileno(self) -> int:
        """The connection's descriptor, -1 while there is none."""
        return self._gpsd.fileno()

    def receive(self, now: MonotonicTime) -> list[Reading]:
        """Return what has come."""
        readings = []
        for said in self._gpsd.receive(now):
            if said.tai_offset_s is not None:
                self.tai_offset_s = said.tai_offset_s
            if said.has_fix is not None:
                self._fix = said.has_fix
                if self._fix and self._told is not None:
                    readings.append(self._told)
                self._told = None
            if said.stamp is None or said.stamp.true_ns < _NOT_BEFORE_S * _SECOND_NS:
                continue
            if said.report == "TOFF":
                self._told = self._sentences(said.stamp)
            elif self._fix is not False:
                readings.append(self._pulse(said.stamp))
        return readings

    def close(self) -> None:
        """Close the connection for good."""
        self._gpsd.close()

    def _pulse(self, stamp: SystemStamp) -> Reading:
        precision = 0 if stamp.precision is None else round(SECOND * 2.0 ** min(max(stamp.precision, -30), 0))
        bound = max(self._pulse_bound, precision)
        system_ns = stamp.system_ns + stamp.qerr_ps // 1000
        return Reading(system_ns=system_ns, true_ns=stamp.true_ns, bound=bound, kind="PPS of gpsd", rank=1)

    def _sentences(self, stamp: SystemStamp) -> Reading:
        true_ns = stamp.true_ns + self._delay // NANOSECOND
        return Reading(system_ns=stamp.system_ns, true_ns=true_ns, bound=self._bound, kind="TOFF of gpsd")


class SerialInput:
    """The receiver on a serial *port*, which speaks NMEA, or UBX; what it says is *delay* late, within ± *bound*."""

    def __init__(
        self,
        port: str,
        now: MonotonicTime,
        *,
        speaks_ubx: bool = False,
        baud_rate: int = 9600,
        delay: TimeInterval,
        bound: TimeInterval,
        open_port: Callable[[str, int], SerialPort] | None = None,
        system_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._messages: NmeaSentences | UbxMessages = UbxMessages() if speaks_ubx else NmeaSentences()
        self._receiver = SerialReceiver(port, now, baud_rate=baud_rate, open_port=open_port)
        self._kind = "UBX" if speaks_ubx else "NMEA"
        self._delay, self._bound = delay, bound
        self._system_ns = system_ns
        self._fix: bool | None = None
        self._last_s = 0

    @property
    def name(self) -> str:
        """The serial port."""
        return self._receiver.name

    @property
    def fault(self) -> str:
        """Why no readings come."""
        return self._receiver.fault or ("the receiver has no fix" if self._fix is False else "")

    @property
    def wake_at(self) -> MonotonicTime | None:
        """When to call ``receive`` even if nothing is readable."""
        return self._receiver.wake_at

    @property
    def dropped(self) -> int:
        """What could not be decoded."""
        return self._messages.dropped

    def fileno(self) -> int:
        """The port's descriptor, -1 while it is closed."""
        return self._receiver.fileno()

    def receive(self, now: MonotonicTime) -> list[Reading]:
        """Return what has come."""
        was_open, data = self._receiver.is_open, self._receiver.receive(now)
        system_ns = self._system_ns()
        if not was_open:
            self._messages.begin_anew()
        seconds = list(self._seconds(data))
        return [self._reading(second, system_ns) for second in seconds if self._is_news(second)]

    def close(self) -> None:
        """Close the port for good."""
        self._receiver.close()

    def _seconds(self, data: bytes) -> Iterable[UtcSecond]:
        for said in self._messages.take(data):
            self._receiver.spoke_sense()
            if said.has_fix is not None:
                self._fix = said.has_fix
            if said.second is not None and self._fix is not False:
                yield said.second

    def _is_news(self, second: UtcSecond) -> bool:
        """Whether it is the first of a second, and its beginning: several sentences name each, at several Hz."""
        if second.fraction or second.leap_second or second.utc_s == self._last_s or second.utc_s < _NOT_BEFORE_S:
            return False
        self._last_s = second.utc_s
        return True

    def _reading(self, second: UtcSecond, system_ns: int) -> Reading:
        true_ns = second.utc_s * _SECOND_NS + self._delay // NANOSECOND
        return Reading(system_ns=system_ns, true_ns=true_ns, bound=self._bound, kind=self._kind)
