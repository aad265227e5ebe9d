"""The requests of <linux/ptp_clock.h> that a clock needs, as numbers and layouts (x86-64, arm64, RISC-V)."""

from __future__ import annotations

import struct

_WRITE, _READ = 1, 2
_MAGIC = ord("=")

MAX_SAMPLES = 25
CAPS = struct.Struct("=20i")
CLOCK_TIME = struct.Struct("=qII")  # struct ptp_clock_time: sec, nsec, reserved
SAMPLES_HEADER = struct.Struct("=4I")  # n_samples, reserved
EXTTS_REQUEST = struct.Struct("=4I")  # index, flags, reserved
EXTTS_EVENT = struct.Struct("=qIIII8x")  # struct ptp_clock_time, index, flags, reserved
PEROUT_REQUEST = struct.Struct("=qIIqIIIIqII")  # start or phase, period, index, flags, on
PIN_DESC = struct.Struct("=64sIII20x")  # name, index, function, channel, reserved

SYS_OFFSET_SIZE = SAMPLES_HEADER.size + (2 * MAX_SAMPLES + 1) * CLOCK_TIME.size
SYS_OFFSET_PRECISE_SIZE = 3 * CLOCK_TIME.size + 4 * 4
SYS_OFFSET_EXTENDED_SIZE = SAMPLES_HEADER.size + 3 * MAX_SAMPLES * CLOCK_TIME.size


def _ioc(direction: int, number: int, size: int) -> int:
    """Encode a request as <asm-generic/ioctl.h> does."""
    return direction << 30 | size << 16 | _MAGIC << 8 | number


PTP_CLOCK_GETCAPS = _ioc(_READ, 1, CAPS.size)
PTP_SYS_OFFSET = _ioc(_WRITE, 5, SYS_OFFSET_SIZE)
PTP_SYS_OFFSET_PRECISE = _ioc(_READ | _WRITE, 8, SYS_OFFSET_PRECISE_SIZE)
PTP_SYS_OFFSET_EXTENDED = _ioc(_READ | _WRITE, 9, SYS_OFFSET_EXTENDED_SIZE)
PTP_EXTTS_REQUEST = _ioc(_WRITE, 2, EXTTS_REQUEST.size)
PTP_EXTTS_REQUEST2 = _ioc(_WRITE, 11, EXTTS_REQUEST.size)
PTP_PEROUT_REQUEST2 = _ioc(_WRITE, 12, PEROUT_REQUEST.size)
PTP_PIN_GETFUNC2 = _ioc(_READ | _WRITE, 15, PIN_DESC.size)
PTP_PIN_SETFUNC2 = _ioc(_WRITE, 16, PIN_DESC.size)
PTP_MASK_CLEAR_ALL = _ioc(0, 19, 0)  # since Linux 6.7, as the next
PTP_MASK_EN_SINGLE = _ioc(_WRITE, 20, 4)


def times_ns(data: bytes | bytearray, offset: int, count: int) -> list[int]:
    """Return *count* ``struct ptp_clock_time`` from *offset* on, in ns."""
    times = CLOCK_TIME.iter_unpack(data[offset : offset + count * CLOCK_TIME.size])
    return [seconds * 1_000_000_000 + nanoseconds for seconds, nanoseconds, _ in times]
