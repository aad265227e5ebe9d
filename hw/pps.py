"""Pulses that the kernel stamps with CLOCK_REALTIME: ``/dev/ppsN`` (RFC 2783, <linux/pps.h>).

Everything here raises ``HardwareError``. ``poll`` is no help before Linux 6.15, which says readable always.
"""

from __future__ import annotations

import fcntl
import os
import struct
from enum import Enum
from typing import NamedTuple

from ptpstack.errors import HardwareError

_GETPARAMS, _SETPARAMS, _GETCAP, _FETCH = 0x8008_70A1, 0x4008_70A2, 0x8008_70A3, 0xC008_70A4
_CAPTURE_ASSERT, _CAPTURE_CLEAR = 0x01, 0x02
_PARAMS = struct.Struct("@ii qiI qiI")
_FETCHED = struct.Struct("@II qiI qiI i4x qiI")  # sequences, assert, clear, mode, timeout: zero does not wait
_SECOND_NS = 1_000_000_000


class Edge(Enum):
    """Which end of a pulse counts."""

    ASSERT = _CAPTURE_ASSERT
    CLEAR = _CAPTURE_CLEAR


class PpsEdge(NamedTuple):
    """The edge number *sequence* came at *system_ns* of CLOCK_REALTIME."""

    sequence: int
    system_ns: int


class PpsDevice:
    """The device at *path*, of which *edge* is captured."""

    def __init__(self, path: str, edge: Edge = Edge.ASSERT) -> None:
        self.name = path
        self._edge = edge
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise HardwareError("cannot be opened", where=path, why=str(error.strerror)) from error
        try:
            self._capture()
        except HardwareError:
            os.close(self._fd)
            raise

    def fetch(self) -> PpsEdge | None:
        """Return the last edge, None before the first."""
        octets = bytearray(_FETCHED.size)
        self._ioctl(_FETCH, octets, "cannot fetch pulses")
        fields = _FETCHED.unpack(octets)
        clear = self._edge is Edge.CLEAR
        sequence, seconds, nanoseconds = fields[clear], *fields[5 if clear else 2 :][:2]
        return PpsEdge(sequence, seconds * _SECOND_NS + nanoseconds) if sequence else None

    def close(self) -> None:
        """Close the device."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _capture(self) -> None:
        """See to it that the edge is captured."""
        capabilities = bytearray(4)
        self._ioctl(_GETCAP, capabilities, "is no PPS device")
        if not int.from_bytes(capabilities, "little") & self._edge.value:
            raise HardwareError(
                f"does not capture the {self._edge.name.lower()} edge",
                where=self.name,
                next_step="ask for the other edge",
            )
        parameters = bytearray(_PARAMS.size)
        self._ioctl(_GETPARAMS, parameters, "cannot read what it captures")
        version, mode, *rest = _PARAMS.unpack(parameters)
        if mode & self._edge.value:
            return
        parameters[:] = _PARAMS.pack(version, mode | self._edge.value, *rest)
        self._ioctl(_SETPARAMS, parameters, "cannot set which edge it captures")

    def _ioctl(self, request: int, octets: bytearray, failure: str) -> None:
        try:
            fcntl.ioctl(self._fd, request, octets)
        except OSError as error:
            raise HardwareError(
                failure, where=self.name, why=str(error.strerror), next_step="run as root or grant CAP_SYS_TIME"
            ) from error
