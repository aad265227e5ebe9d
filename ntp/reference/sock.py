"""Samples by datagrams on a UNIX socket, as gpsd and others send them to chrony's SOCK reference clock, and back.

The layout is chrony's ``struct sock_sample`` with a 64-bit time: 40 octets in the host's order.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import socket
import stat
import struct
from pathlib import Path
from typing import NamedTuple

from ntp.reference.reading import Reading
from ntp.wire.packet import Leap
from ptpstack.errors import HardwareError, WireError
from ptpstack.time import SECOND, MonotonicTime, TimeInterval
from ptpstack.words import counted

MAGIC = 0x534F434B
_LAYOUT = struct.Struct("@qqdiiii")
_SECOND_NS = 1_000_000_000
_LOOK_EVERY: TimeInterval = 2 * SECOND
_LARGEST_OFFSET_S = 2.0**32
_LEAPS = {0: Leap.NONE, 1: Leap.INSERT, 2: Leap.DELETE}
_LEAP_NUMBERS = {leap: number for number, leap in _LEAPS.items()}


class SockSample(NamedTuple):
    """At *system_ns* of CLOCK_REALTIME the true time was *offset_s* more; *pulse*: but for whole seconds."""

    system_ns: int
    offset_s: float
    pulse: bool = False
    leap: Leap = Leap.NONE


def encode_sock(sample: SockSample) -> bytes:
    """Return the datagram."""
    seconds, rest_ns = divmod(sample.system_ns, _SECOND_NS)
    leap = _LEAP_NUMBERS.get(sample.leap, 0)
    return _LAYOUT.pack(seconds, rest_ns // 1000, sample.offset_s, sample.pulse, leap, 0, MAGIC)


def decode_sock(datagram: bytes) -> SockSample:
    """Decode a datagram. Raises ``WireError``."""
    if len(datagram) != _LAYOUT.size:
        raise WireError(
            f"{counted(len(datagram), 'octet is', 'octets are')} no sock_sample", why=f"it has {_LAYOUT.size}"
        )
    seconds, microseconds, offset_s, pulse, leap, _, magic = _LAYOUT.unpack(datagram)
    if magic != MAGIC:
        raise WireError("no sock_sample", why=f"its magic number is {magic & 0xFFFF_FFFF:#x}")
    if not 0 <= microseconds < 1_000_000 or not 0 <= seconds < 1 << 40:
        raise WireError(f"{seconds} s and {microseconds} us are no time")
    if not (math.isfinite(offset_s) and abs(offset_s) < _LARGEST_OFFSET_S):
        raise WireError(f"{offset_s} s is no offset")
    if leap not in _LEAPS:
        raise WireError(f"{leap} is no leap indicator", why="there are 0, 1 and 2")
    return SockSample(seconds * _SECOND_NS + microseconds * 1000, offset_s, bool(pulse), _LEAPS[leap])


class SockInput:
    """A socket of ours at *path* with file *mode* and *group* ("": ours), made again when somebody removes it."""

    def __init__(
        self, path: str, now: MonotonicTime, *, bound: TimeInterval, mode: int = 0o600, group: str = ""
    ) -> None:
        self.name = path
        self.fault = ""
        self.dropped = 0
        self.wake_at: MonotonicTime | None = now + _LOOK_EVERY
        self._mode, self._group, self._bound = mode, group, bound
        self._socket: socket.socket | None = None
        self._identity: tuple[int, int] | None = None
        self._open()

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 while there is none."""
        return -1 if self._socket is None else self._socket.fileno()

    def receive(self, now: MonotonicTime) -> list[Reading]:
        """Return what has come; make the socket again if it is gone."""
        readings = []
        while self._socket is not None:
            try:
                datagram = self._socket.recv(256)
            except BlockingIOError:
                break
            try:
                readings.append(self._reading(decode_sock(datagram)))
            except WireError:
                self.dropped += 1
        if self.wake_at is not None and now >= self.wake_at:
            self.wake_at = now + _LOOK_EVERY
            if self._socket is None or _identity(self.name) != self._identity:
                self._close_socket()
                self._open()
        return readings

    def close(self) -> None:
        """Remove the socket."""
        self.wake_at = None
        ours = self._socket is not None and _identity(self.name) == self._identity
        self._close_socket()
        if ours:
            with contextlib.suppress(OSError):
                Path(self.name).unlink()

    def _reading(self, sample: SockSample) -> Reading:
        true_ns = sample.system_ns + round(sample.offset_s * 1e9)
        kind = "SOCK pulses" if sample.pulse else "SOCK"
        return Reading(
            system_ns=sample.system_ns,
            true_ns=true_ns,
            bound=self._bound,
            kind=kind,
            is_pulse=sample.pulse,
            leap=sample.leap,
        )

    def _open(self) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            Path(self.name).parent.mkdir(parents=True, exist_ok=True)
            _remove_dead(self.name)
            before = os.umask(0o777 & ~self._mode)
            try:
                made.bind(self.name)
            finally:
                os.umask(before)
            if self._group:
                shutil.chown(self.name, group=self._group)
            Path(self.name).chmod(self._mode)
        except (OSError, LookupError, HardwareError) as error:
            made.close()
            self.fault = f"cannot listen at {self.name}: {getattr(error, 'strerror', None) or error}"
            return
        self._socket, self._identity, self.fault = made, _identity(self.name), ""

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (as cheap as can be, each few seconds)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove_dead(path: str) -> None:
    """Remove a socket that nobody listens at. Raises ``HardwareError`` for anything else that is there."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116 (as above)
            raise HardwareError("is no socket", where=path)
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        number = probe.connect_ex(path)
    if number == 0:
        raise HardwareError("another program listens there", where=path)
    if number == errno.ECONNREFUSED:
        Path(path).unlink(missing_ok=True)


class SockOutput:
    """Sends to the socket that another program, chronyd, owns at *path*."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def write(self, sample: SockSample, _precision: int) -> None:
        """Send *sample*. Raises ``HardwareError`` where nobody listens."""
        try:
            self._socket.sendto(encode_sock(sample), self.name)
        except OSError as error:
            raise HardwareError(
                "nobody takes samples there",
                where=self.name,
                why=str(error.strerror),
                next_step=f"start the program that owns it; chronyd: refclock SOCK {self.name}",
            ) from error

    def close(self) -> None:
        """Send no more."""
        self._socket.close()
