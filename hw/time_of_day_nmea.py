"""Time of day from a GNSS receiver's NMEA 0183 sentences: ZDA, or RMC where there is none.

RMC also says whether the receiver has a fix, which ZDA does not; NMEA is UTC, leap seconds are named 23:59:60.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hw.time_of_day import USUAL_DELAY, Backoff, PulseSecond, SecondCounter, UtcSecond, utc_second
from ptpstack.errors import HardwareError, WireError
from ptpstack.time import MonotonicTime, TimeInterval

_LONGEST_LINE = 1024  # 82 by the standard, which receivers' own sentences exceed
_RANKS = {"RMC": 0, "ZDA": 1}
_CENTURY_BEGINS = 80  # two digits of a year: 80 is 1980, when GPS began, 79 is 2079


@dataclass(frozen=True, slots=True)
class NmeaTime:
    """What a ZDA or RMC *sentence* says; *second* None: no time. *has_fix* None: it does not say."""

    sentence: str
    second: UtcSecond | None
    has_fix: bool | None


def decode_nmea(line: bytes) -> NmeaTime | None:
    """Decode a sentence, None for one without a date. Raises ``WireError`` for a broken one."""
    fields = _verified(line.strip()).split(",")
    address = fields[0]
    if len(address) != 5 or address[0] == "P":  # two letters of the talker, whichever; P: a maker's own
        return None
    try:
        if address.endswith("ZDA"):
            return _zda(fields)
        if address.endswith("RMC"):
            return _rmc(fields)
    except (ValueError, IndexError) as error:
        raise WireError(f"a broken {address}", why=str(error)) from error
    return None


def _verified(line: bytes) -> str:
    """Return what stands between ``$`` and ``*``, if the checksum behind that is right."""
    body, star, checksum = line[1:].rpartition(b"*")
    if line[:1] != b"$" or not star:
        raise WireError("no NMEA sentence with a checksum")
    parity = 0
    for byte in body:
        parity ^= byte
    if checksum.upper() != b"%02X" % parity:
        raise WireError("a wrong checksum", why=f"{checksum!r}, computed {parity:02X}")
    return body.decode("ascii", errors="replace")


def _zda(fields: list[str]) -> NmeaTime:
    clock, day, month, year = fields[1:5]
    if "" in (clock, day, month, year):
        return NmeaTime("ZDA", None, None)
    return NmeaTime("ZDA", utc_second((_digits(year, 4), _digits(month, 2), _digits(day, 2)), clock), None)


def _rmc(fields: list[str]) -> NmeaTime:
    clock, status, date = fields[1], fields[2], fields[9]
    if status not in ("A", "V"):
        raise WireError(f"RMC status {status!r} is neither A nor V")
    has_fix = status == "A" and fields[12:13] != ["N"]  # the mode, since NMEA 2.3
    if "" in (clock, date):
        return NmeaTime("RMC", None, has_fix)
    _digits(date, 6)
    year = int(date[4:])
    year += 1900 if year >= _CENTURY_BEGINS else 2000
    return NmeaTime("RMC", utc_second((year, int(date[2:4]), int(date[:2])), clock), has_fix)


def _digits(text: str, count: int) -> int:
    if len(text) != count or not (text.isascii() and text.isdigit()):
        raise WireError(f"{text!r} are not {count} digits")
    return int(text)


class SerialPort(Protocol):
    """What is needed of ``serial.Serial``."""

    def fileno(self) -> int:
        """Its descriptor."""

    def read(self, size: int) -> bytes:
        """Return what has come, at most *size*; never wait."""

    def close(self) -> None:
        """Close it."""


class NmeaTimeOfDay:
    """The receiver on serial *port*, reopened when it is unplugged. A :class:`~hw.time_of_day.TimeOfDay`.

    *delay*: from the pulse to the end of the sentence that names its second. The default suits all from 0 to 1 s.
    Raises ``HardwareError`` where pyserial is missing; nothing else does.
    """

    wake_at: MonotonicTime | None

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
        self.dropped = 0
        """Lines that could not be decoded."""
        self._baud_rate = baud_rate
        self._delay = delay
        self._open_port = open_port or _pyserial()
        self._counter = SecondCounter()
        self._backoff = Backoff()
        self._port: SerialPort | None = None
        self._line = b""
        self._open(now)

    def fileno(self) -> int:
        """The port's descriptor, -1 while it is closed."""
        return -1 if self._port is None else self._port.fileno()

    def receive(self, now: MonotonicTime) -> None:
        """Read what has come; open the port again when it is time."""
        if self._port is None:
            if self.wake_at is not None and now >= self.wake_at:
                self._open(now)
            return
        try:
            data = self._port.read(1 << 16)
        except OSError as error:
            self._fail(f"cannot read {self.name}: {error.strerror or error}", now)
            return
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-_LONGEST_LINE:]
        for line in lines:
            self._take(line, now)

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        """Number the pulse that came about *pulse*."""
        return self._counter.second_of(pulse)

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
        self._line, self.wake_at = b"", None
        self._counter.fault = ""

    def _fail(self, fault: str, now: MonotonicTime) -> None:
        self.close()
        self._counter.fault = fault
        self.wake_at = self._backoff.next_try(now)

    def _take(self, line: bytes, now: MonotonicTime) -> None:
        try:
            said = decode_nmea(line)
        except WireError:
            self.dropped += 1
            return
        if said is None:
            return
        self._backoff.reset()
        if said.has_fix is not None:
            self._counter.fault = "" if said.has_fix else "the receiver has no fix"
        if said.second is not None:
            self._counter.state(said.second, now, delay=self._delay, rank=_RANKS[said.sentence])


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
