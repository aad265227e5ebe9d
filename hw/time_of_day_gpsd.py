"""Time of day from gpsd's JSON over TCP (gpsd_json(5)): PPS, TOFF and TPV reports, in this order of trust.

TPV also says whether the receiver has a fix, and how many leap seconds gpsd believes in.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from dataclasses import dataclass

import msgspec

from hw.time_of_day import USUAL_DELAY, Backoff, PulseSecond, SecondCounter, UtcSecond, utc_second
from ptpstack.errors import HardwareError, WireError
from ptpstack.time import MonotonicTime, TimeInterval

PORT = 2947

_LONGEST_LINE = 1 << 16
_RANKS = {"TPV": 0, "TOFF": 1, "PPS": 2}
_GPS_TO_TAI_S = 19
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d(?:\.\d+)?)Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class GpsdReport:
    """What a TPV, TOFF or PPS *report* says; None: it does not. *tai_offset_s* is TAI - UTC as gpsd believes."""

    report: str
    second: UtcSecond | None
    has_fix: bool | None = None
    tai_offset_s: int | None = None


class _Report(msgspec.Struct, rename={"report": "class"}):
    report: str


class _Pulse(msgspec.Struct):
    real_sec: int
    real_nsec: int


class _Position(msgspec.Struct):
    mode: int
    time: str | None = None
    leapseconds: int | None = None


def decode_gpsd(line: bytes) -> GpsdReport | None:
    """Decode a line, None for a report without a time. Raises ``WireError`` for a broken one."""
    try:
        report = msgspec.json.decode(line, type=_Report).report
        if report in ("PPS", "TOFF"):
            pulse = msgspec.json.decode(line, type=_Pulse)
            return GpsdReport(report, UtcSecond(pulse.real_sec, pulse.real_nsec / 1e9))
        if report == "TPV":
            return _position(msgspec.json.decode(line, type=_Position))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError("a broken report of gpsd", why=str(error)) from error
    return None


def _position(said: _Position) -> GpsdReport:
    tai_offset_s = None if said.leapseconds is None else said.leapseconds + _GPS_TO_TAI_S
    second = None
    if said.time is not None:
        match = _TIME.fullmatch(said.time)
        if match is None:
            raise WireError(f"{said.time!r} is no time")
        second = utc_second((int(match[1]), int(match[2]), int(match[3])), match[4] + match[5] + match[6])
    return GpsdReport("TPV", second, said.mode >= 2, tai_offset_s)


class GpsdTimeOfDay:
    """The receiver *device* (None: any) of the gpsd at *host*; reconnects. A :class:`~hw.time_of_day.TimeOfDay`.

    *delay*: from a pulse to gpsd's TPV or TOFF of its second. The default suits all from 0 to 1 s.
    Raises ``HardwareError`` for a *host* that has no address; nothing else does.
    """

    wake_at: MonotonicTime | None

    def __init__(
        self,
        now: MonotonicTime,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        device: str | None = None,
        delay: TimeInterval = USUAL_DELAY,
    ) -> None:
        self.name = f"gpsd at {host}:{port}"
        self.dropped = 0
        """Lines that could not be decoded."""
        self.tai_offset_s: int | None = None
        """TAI - UTC as gpsd believes, None until it says; to be compared with, not gone by."""
        self._device = device
        self._delay = delay
        self._counter = SecondCounter()
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

    def receive(self, now: MonotonicTime) -> None:
        """Read what has come; connect again when it is time."""
        if self._socket is None:
            if self.wake_at is not None and now >= self.wake_at:
                self._connect(now)
            return
        try:
            data = self._socket.recv(1 << 16)
            if data and not self._asked:  # gpsd speaks first, so the connection stands
                self._socket.send(self._question())
                self._asked = True
                self._counter.fault = ""
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(str(error.strerror), now)
            return
        if not data:
            self._fail("it closed the connection", now)
            return
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-_LONGEST_LINE:]
        for line in lines:
            self._take(line, now)

    def second_of(self, pulse: MonotonicTime) -> PulseSecond:
        """Number the pulse that came about *pulse*."""
        return self._counter.second_of(pulse)

    def close(self) -> None:
        """Close the connection for good."""
        self.wake_at = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self, now: MonotonicTime) -> None:
        self._line, self._asked, self.wake_at = b"", False, None
        self._counter.fault = "gpsd has not answered yet"
        self._socket = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            with contextlib.suppress(BlockingIOError):  # the banner, or an error, will make it readable
                self._socket.connect(self._address)
        except OSError as error:
            self._fail(str(error.strerror), now)

    def _fail(self, why: str, now: MonotonicTime) -> None:
        self.close()
        self._counter.fault = f"not connected to gpsd: {why}"
        self.wake_at = self._backoff.next_try(now)

    def _question(self) -> bytes:
        watch = {"enable": True, "json": True, "pps": True} | ({"device": self._device} if self._device else {})
        return b"?WATCH=" + json.dumps(watch).encode() + b";\n"

    def _take(self, line: bytes, now: MonotonicTime) -> None:
        try:
            said = decode_gpsd(line)
        except WireError:
            self.dropped += 1
            return
        if said is None:
            return
        self._backoff.reset()
        if said.has_fix is not None:
            self._counter.fault = "" if said.has_fix else "the receiver has no fix"
        if said.tai_offset_s is not None:
            self.tai_offset_s = said.tai_offset_s
        if said.second is not None:
            delay = 0 if said.report == "PPS" else self._delay
            self._counter.state(said.second, now, delay=delay, rank=_RANKS[said.report])
