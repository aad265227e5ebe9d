"""Time of day from a u-blox receiver: NAV-PVT names the second, TIM-TP tells how early the next pulse comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hw.serial_receiver import SerialPort, SerialReceiver
from hw.time_of_day import USUAL_DELAY, PulseSecond, SecondCounter
from hw.ubx import UbxMessages
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime, TimeInterval


class UbxTimeOfDay:
    """The receiver on serial *port*, reopened when it is unplugged. A :class:`~hw.time_of_day.TimeOfDay`.

    *delay*: from the pulse to the end of the NAV-PVT that names its second. The default suits all from 0 to 1 s.
    Raises ``HardwareError`` where pyserial or pyubx2 is missing; nothing else does.
    """

    def __init__(
        self,
        port: str,
        now: MonotonicTime,
        *,
        baud_rate: int = 9600,
        delay: TimeInterval = USUAL_DELAY,
        open_port: Callable[[str, int], SerialPort] | None = None,
    ) -> None:
        self.name = port
        self._messages = UbxMessages()
        self._receiver = SerialReceiver(port, now, baud_rate=baud_rate, open_port=open_port)
        self._delay = delay
        self._counter = SecondCounter()
        self._counter.fault = self._receiver.fault
        self._next_pulse: tuple[MonotonicTime, int] | None = None

    @property
    def dropped(self) -> int:
        """Frames that could not be decoded."""
        return self._messages.dropped

    @property
    def wake_at(self) -> MonotonicTime | None:
        """When to call ``receive`` even if nothing is readable."""
        return self._receiver.wake_at

    def fileno(self) -> int:
        """The port's descriptor, -1 while it is closed."""
        return self._receiver.fileno()

    def receive(self, now: MonotonicTime) -> None:
        """Read what has come; open the port again when it is time."""
        fault, data = self._receiver.fault, self._receiver.receive(now)
        if self._receiver.fault != fault:
            self._counter.fault = self._receiver.fault
            self._messages.begin_anew()
        for said in self._messages.take(data):
            self._receiver.spoke_sense()
            if said.qerr_ps is not None:
                self._next_pulse = now, said.qerr_ps
            if said.has_fix is not None:
                self._counter.fault = "" if said.has_fix else "the receiver has no fix"
            if said.second is not None:
                self._counter.state(said.second, now, delay=self._delay)

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        """Number the pulse that came about *pulse*, and tell how early it came by the TIM-TP before it."""
        second = self._counter.second_of(pulse)
        if self._next_pulse is None or not 0 <= pulse - self._next_pulse[0] < SECOND:
            return second
        return replace(second, early_by=self._next_pulse[1] * NANOSECOND // 1000)

    def close(self) -> None:
        """Close the port for good."""
        self._receiver.close()
