"""Time of day from a receiver on a serial port. What does not live here: its language (_nmea.py, _ubx.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from hw.serial_receiver import SerialPort, SerialReceiver
from hw.time_of_day import USUAL_DELAY, PulseSecond, SecondCounter, UtcSecond
from ptpstack.time import MonotonicTime, TimeInterval


class SaysTime(Protocol):
    """What a receiver says of the time; None: nothing of it."""

    @property
    def second(self) -> UtcSecond | None:
        """The second that it names."""

    @property
    def has_fix(self) -> bool | None:
        """Whether the receiver knows the time."""


Said_co = TypeVar("Said_co", bound=SaysTime, covariant=True)
Said = TypeVar("Said", bound=SaysTime)


class Language(Protocol[Said_co]):
    """What puts octets together and decodes them."""

    dropped: int
    """What could not be decoded."""

    def begin_anew(self) -> None:
        """Forget what is half read: what follows is of another connection."""

    def take(self, data: bytes) -> Iterator[Said_co]:
        """Yield what *data* completes."""


class SerialTimeOfDay(ABC, Generic[Said]):
    """The receiver on serial *port*, reopened when it is unplugged. A :class:`~hw.time_of_day.TimeOfDay`.

    *delay*: from the pulse to the end of what names its second. The default suits all from 0 to 1 s.
    Raises ``HardwareError`` where pyserial, or what its language needs, is missing; nothing else does.
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
        self._language = self._make_language()
        self._receiver = SerialReceiver(port, now, baud_rate=baud_rate, open_port=open_port)
        self._delay = delay
        self._counter = SecondCounter()
        self._counter.fault = self._receiver.fault

    @abstractmethod
    def _make_language(self) -> Language[Said]:
        """Return what decodes the receiver's octets."""

    @property
    def dropped(self) -> int:
        """Lines or frames that could not be decoded."""
        return self._language.dropped

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
            self._language.begin_anew()
        for said in self._language.take(data):
            self._receiver.spoke_sense()
            self._heard(said, now)

    def _heard(self, said: Said, now: MonotonicTime) -> None:
        if said.has_fix is not None:
            self._counter.fault = "" if said.has_fix else "the receiver has no fix"
        if said.second is not None:
            self._counter.state(said.second, now, delay=self._delay, rank=self._rank(said))

    def _rank(self, said: Said) -> int:
        """Return how much *said* counts beside the others of its second; the same for all unless told otherwise."""
        del said
        return 0

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        """Number the pulse that came about *pulse*."""
        return self._counter.second_of(pulse)

    def close(self) -> None:
        """Close the port for good."""
        self._receiver.close()
