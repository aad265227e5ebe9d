"""The two UBX messages of a u-blox receiver that concern time: NAV-PVT and TIM-TP. Decoded by pyubx2.

What lives here: finding frames among other octets (NMEA, RTCM), and what they say. What does not: the port.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hw.time_of_day import UtcSecond
from ptpstack.errors import HardwareError

_SYNC = b"\xb5\x62"
_FRAME_OVERHEAD = 8  # sync, class, id, length, checksum
_LONGEST_PAYLOAD = 8192
_NAV_PVT, _TIM_TP = b"\x01\x07", b"\x0d\x01"
_FIXES = (2, 3, 4, 5)  # 2D, 3D, with dead reckoning, time only


@dataclass(frozen=True, slots=True)
class UbxTime:
    """The second of a NAV-PVT (None: it is not known), or *qerr_ps* of the pulse that comes next, by TIM-TP."""

    second: UtcSecond | None = None
    has_fix: bool | None = None
    qerr_ps: int | None = None


class UbxMessages:
    """Puts octets together to frames. Raises ``HardwareError`` where pyubx2 is missing."""

    def __init__(self) -> None:
        try:
            self._reader: Any = importlib.import_module("pyubx2").UBXReader
            self._errors = tuple(
                getattr(importlib.import_module("pyubx2"), name)
                for name in ("UBXMessageError", "UBXParseError", "UBXStreamError", "UBXTypeError")
            )
        except ImportError as error:
            raise HardwareError(
                "cannot read UBX", why="pyubx2 is not installed", next_step="install ptpstack[gnss]"
            ) from error
        self.dropped = 0
        """Frames that could not be decoded."""
        self._octets = b""

    def begin_anew(self) -> None:
        """Forget half a frame: what follows is of another connection."""
        self._octets = b""

    def take(self, data: bytes) -> Iterator[UbxTime]:
        """Yield what the frames that *data* completes say of the time."""
        self._octets += data
        while (frame := self._next_frame()) is not None:
            if frame[2:4] not in (_NAV_PVT, _TIM_TP):
                continue
            try:
                yield _said(self._reader.parse(frame))
            except (*self._errors, ValueError, AttributeError, struct.error):
                self.dropped += 1

    def _next_frame(self) -> bytes | None:
        """Return the next whole frame, and let go of what is none."""
        while True:
            start = self._octets.find(_SYNC)
            if start < 0:
                self._octets = self._octets[-1:]
                return None
            self._octets = self._octets[start:]
            if len(self._octets) < 6:
                return None
            length = int.from_bytes(self._octets[4:6], "little")
            if length > _LONGEST_PAYLOAD:
                self._octets = self._octets[2:]
                continue
            whole = _FRAME_OVERHEAD + length
            if len(self._octets) < whole:
                return None
            frame = self._octets[:whole]
            if _checksum(frame[2:-2]) != frame[-2:]:
                self.dropped += 1
                self._octets = self._octets[2:]
                continue
            self._octets = self._octets[whole:]
            return frame


def _said(message: Any) -> UbxTime:  # noqa: ANN401 (pyubx2 makes the attributes as it reads)
    if message.identity == "TIM-TP":
        return UbxTime(qerr_ps=int(message.qErr))
    has_fix = bool(message.gnssFixOk) and message.fixType in _FIXES
    if not (message.validDate and message.validTime and message.fullyResolved):
        return UbxTime(None, has_fix)
    leap_second = message.second == 60
    date = message.year, message.month, message.day, message.hour, message.min
    moment = int(datetime(*date, 59 if leap_second else message.second, tzinfo=UTC).timestamp()) + leap_second
    whole, fraction_ns = divmod(message.nano, 1_000_000_000)  # it may be before the second that it rounds to
    near = abs(message.nano) < 1_000_000  # the navigation epoch is a receiver's clock tick off the second
    return UbxTime(UtcSecond(moment + (0 if near else whole), 0.0 if near else fraction_ns / 1e9, leap_second), has_fix)


def _checksum(body: bytes) -> bytes:
    first = second = 0
    for octet in body:
        first = (first + octet) & 0xFF
        second = (second + first) & 0xFF
    return bytes((first, second))
