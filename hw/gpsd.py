"""gpsd's JSON over TCP (gpsd_json(5)): the connection, made again when it breaks, and the reports that concern time.

PPS tells what CLOCK_REALTIME read at a pulse, TOFF what it read when a receiver's sentences began, TPV the time of a
position and whether there is one.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import msgspec

from hw.time_of_day import Backoff, UtcSecond, utc_second
from ptpstack.errors import HardwareError, WireError
from ptpstack.time import MonotonicTime

PORT = 2947

_LONGEST_LINE = 1 << 16
_GPS_TO_TAI_S = 19
_SECOND_NS = 1_000_000_000
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d(?:\.\d+)?)Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class SystemStamp:
    """What gpsd's host read from CLOCK_REALTIME, and to how many s (log2) gpsd knows that; *qerr_ps* of the pulse."""

    system_ns: int
    true_ns: int
    precision: int | None = None
    qerr_ps: int = 0


@dataclass(frozen=True, slots=True)
class GpsdReport:
    """What a TPV, TOFF or PPS *report* says; None: it does not. *tai_offset_s* is TAI - UTC as gpsd believes."""

    report: str
    second: UtcSecond | None
    has_fix: bool | None = None
    tai_offset_s: int | None = None
    stamp: SystemStamp | None = None


class _Report(msgspec.Struct, rename={"report": "class"}):
    report: str


_Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 34)]  # till the year 2514
_Nanoseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=_SECOND_NS)]


class _Pulse(msgspec.Struct):
    real_sec: _Seconds
    real_nsec: _Nanoseconds
    clock_sec: _Seconds | None = None
    clock_nsec: _Nanoseconds | None = None
    precision: Annotated[int, msgspec.Meta(ge=-128, le=127)] | None = None
    qErr: Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 31)] = 0  # noqa: N815 (gpsd's name)


class _Position(msgspec.Struct):
    mode: int
    time: str | None = None
    leapseconds: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None


def decode_gpsd(line: bytes) -> GpsdReport | None:
    """Decode a line, None for a report without a time. Raises ``WireError`` for a broken one."""
    try:
        report = msgspec.json.decode(line, type=_Report).report
        if report in ("PPS", "TOFF"):
            return _pulse(report, msgspec.json.decode(line, type=_Pulse))
        if report == "TPV":
            return _position(msgspec.json.decode(line, type=_Position))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError("a broken report of gpsd", why=str(error)) from error
    return None


def _pulse(report: str, said: _Pulse) -> GpsdReport:
    stamp = None
    if said.clock_sec is not None and said.clock_nsec is not None:
        stamp = SystemStamp(
            said.clock_sec * _SECOND_NS + said.clock_nsec,
            said.real_sec * _SECOND_NS + said.real_nsec,
            said.precision,
            said.qErr,
        )
    return GpsdReport(report, UtcSecond(said.real_sec, said.real_nsec / 1e9), stamp=stamp)


def _position(said: _Position) -> GpsdReport:
    tai_offset_s = None if said.leapseconds is None else said.leapseconds + _GPS_TO_TAI_S
    second = None
    if said.time is not None:
        match = _TIME.fullmatch(said.time)
        if match is None:
            raise WireError(f"{said.time!r} is no time")
        second = utc_second((int(match[1]), int(match[2]), int(match[3])), match[4] + match[5] + match[6])
    return GpsdReport("TPV", second, said.mode >= 2, tai_offset_s)


class GpsdConnection:
    """The gpsd at *host*, asked for the receiver *device* (None: any); reconnects.

    Raises ``HardwareError`` for a *host* that has no address; nothing else does.
    """

    def __init__(
        self, now: MonotonicTime, *, host: str = "127.0.0.1", port: int = PORT, device: str | None = None
    ) -> None:
        self.name = f"gpsd at {host}:{port}"
        self.fault = ""
        """Why nothing can come; empty while gpsd answers."""
        self.dropped = 0
        """Lines that could not be decoded."""
        self.wake_at: MonotonicTime | None = None
        self._device = device
        self._backoff = Backoff()
        self._socket: socket.socket | None = None
        self._line = b""
        self._asked = False
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            raise HardwareError("no such host", where=self.name, why=str(error.strerror)) from error
        self._family, self._address = found[0], found[4]
        self._connect(now)

    def fileno(self) -> int:
        """The connection's descriptor, -1 while there is none."""
        return -1 if self._socket is None else self._socket.fileno()

    def receive(self, now: MonotonicTime) -> list[GpsdReport]:
        """Return what has come; connect again when it is time."""
        if self._socket is None:
            if self.wake_at is not None and now >= self.wake_at:
                self._connect(now)
            return []
        try:
            data = self._socket.recv(1 << 16)
            if data and not self._asked:  # gpsd speaks first, so the connection stands
                self._socket.send(self._question())
                self._asked = True
                self.fault = ""
        except BlockingIOError:
            return []
        except OSError as error:
            self._fail(str(error.strerror), now)
            return []
        if not data:
            self._fail("it closed the connection", now)
            return []
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-_LONGEST_LINE:]
        return [said for line in lines if (said := self._decode(line)) is not None]

    def close(self) -> None:
        """Close the connection for good."""
        self.wake_at = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self, now: MonotonicTime) -> None:
        self._line, self._asked, self.wake_at = b"", False, None
        self.fault = "gpsd has not answered yet"
        self._socket = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            with contextlib.suppress(BlockingIOError):  # the banner, or an error, will make it readable
                self._socket.connect(self._address)
        except OSError as error:
            self._fail(str(error.strerror), now)

    def _fail(self, why: str, now: MonotonicTime) -> None:
        self.close()
        self.fault = f"not connected to gpsd: {why}"
        self.wake_at = self._backoff.next_try(now)

    def _question(self) -> bytes:
        watch = {"enable": True, "json": True, "pps": True} | ({"device": self._device} if self._device else {})
        return b"?WATCH=" + json.dumps(watch).encode() + b";\n"

    def _decode(self, line: bytes) -> GpsdReport | None:
        try:
            said = decode_gpsd(line)
        except WireError:
            self.dropped += 1
            return None
        if said is not None:
            self._backoff.reset()
        return said
