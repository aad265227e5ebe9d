"""A GNSS receiver on a serial port: what it sends, and the port opened again when it was unplugged."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

from hw.time_of_day import Backoff
from ptpstack.errors import HardwareError
from ptpstack.time import MonotonicTime


class SerialPort(Protocol):
    """What is needed of ``serial.Serial``."""

    def fileno(self) -> int:
        """Its descriptor."""

    def read(self, size: int) -> bytes:
        """Return what has come, at most *size*; never wait."""

    def close(self) -> None:
        """Close it."""


class SerialReceiver:
    """The receiver on serial *port*. Raises ``HardwareError`` where pyserial is missing; nothing else does."""

    def __init__(
        self,
        port: str,
        now: MonotonicTime,
        *,
        baud_rate: int = 9600,
        open_port: Callable[[str, int], SerialPort] | None = None,
    ) -> None:
        self.name = port
        self.fault = ""
        """Why nothing can come; empty while the port is open."""
        self.wake_at: MonotonicTime | None = None
        self._baud_rate = baud_rate
        self._open_port = open_port or _pyserial()
        self._backoff = Backoff()
        self._port: SerialPort | None = None
        self._open(now)

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._port is not None

    def fileno(self) -> int:
        """The port's descriptor, -1 while it is closed."""
        return -1 if self._port is None else self._port.fileno()

    def receive(self, now: MonotonicTime) -> bytes:
        """Return what has come; open the port again when it is time."""
        if self._port is None:
            if self.wake_at is not None and now >= self.wake_at:
                self._open(now)
            return b""
        try:
            return self._port.read(1 << 16)
        except OSError as error:
            self._fail(f"cannot read {self.name}: {error.strerror or error}", now)
            return b""

    def spoke_sense(self) -> None:
        """Take that what came was understood: the next failure begins to be retried at once."""
        self._backoff.reset()

    def close(self) -> None:
        """Close the port for good."""
        self.wake_at = None
        if self._port is not None:
            self._port.close()
            self._port = None

    def _open(self, now: MonotonicTime) -> None:
        try:
            self._port = self._open_port(self.name, self._baud_rate)
        except OSError as error:
            self._fail(f"cannot open {self.name}: {error.strerror or error}", now)
            return
        self.fault, self.wake_at = "", None

    def _fail(self, fault: str, now: MonotonicTime) -> None:
        self.close()
        self.fault = fault
        self.wake_at = self._backoff.next_try(now)


def _pyserial() -> Callable[[str, int], SerialPort]:
    try:
        serial = importlib.import_module("serial")
    except ImportError as error:
        raise HardwareError(
            "cannot read a serial port", why="pyserial is not installed", next_step="install ptpstack[gnss]"
        ) from error

    def open_port(port: str, baud_rate: int) -> SerialPort:
        opened: Any = serial.Serial(port, baud_rate, timeout=0, exclusive=True)
        opened.reset_input_buffer()  # what waited there is of earlier seconds
        return opened  # type: ignore[no-any-return]

    return open_port
