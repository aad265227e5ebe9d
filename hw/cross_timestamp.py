"""A PHC and CLOCK_REALTIME read at one instant, by the best method that the driver has.

Sources: <linux/ptp_clock.h>, Documentation/driver-api/ptp.rst. Everything here raises ``OSError``.
"""

from __future__ import annotations

import errno
import fcntl
import time
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import TypeVar

import msgspec

from hw.phc_ioctl import (
    PTP_SYS_OFFSET,
    PTP_SYS_OFFSET_EXTENDED,
    PTP_SYS_OFFSET_PRECISE,
    SAMPLES_HEADER,
    SYS_OFFSET_EXTENDED_SIZE,
    SYS_OFFSET_PRECISE_SIZE,
    SYS_OFFSET_SIZE,
    times_ns,
)
from ptpstack.time import NANOSECOND, LocalTime, UtcTime

DEFAULT_READINGS = 5
_BUSY_TRIES = 10
_TRY_NEXT_METHOD = frozenset(
    {
        errno.EOPNOTSUPP,
        errno.ENOTTY,
        errno.EINVAL,
        errno.ENODEV,  # precise: the system's clocksource is not the one that the NIC latches
        errno.ETIMEDOUT,  # precise: the PCIe root does not answer
        errno.EBUSY,
    }
)

_Result = TypeVar("_Result")


class CrossMethod(Enum):
    """How both clocks were read, the best first."""

    PRECISE = "precise"
    EXTENDED = "extended"
    BASIC = "basic"
    TWO_READS = "two reads"


class CrossTimestamp(msgspec.Struct, frozen=True):
    """Both clocks at one instant; *system* is true within ± *uncertainty_ns* (0: latched by hardware)."""

    phc: LocalTime
    system: UtcTime
    uncertainty_ns: float
    method: CrossMethod


class CrossTimestamper:
    """Tries the methods in order once, then stays with the first that worked."""

    def __init__(self, fd: int, clock_id: int) -> None:
        self._fd = fd
        self._clock_id = clock_id
        self._methods: tuple[CrossMethod, ...] = tuple(CrossMethod)
        self._readers: dict[CrossMethod, Callable[[int], CrossTimestamp]] = {
            CrossMethod.PRECISE: self._precise,
            CrossMethod.EXTENDED: self._extended,
            CrossMethod.BASIC: self._basic,
            CrossMethod.TWO_READS: self._two_reads,
        }

    def read(self, readings: int = DEFAULT_READINGS) -> CrossTimestamp:
        """Return both clocks by the narrowest of *readings*, 1 to 25 (the precise method needs one)."""
        while len(self._methods) > 1:
            try:
                result = self._read(readings)
            except OSError as error:
                if error.errno not in _TRY_NEXT_METHOD:
                    raise
                self._methods = self._methods[1:]
            else:
                self._methods = self._methods[:1]
                return result
        return self._read(readings)

    def _read(self, readings: int) -> CrossTimestamp:
        return retry_busy(partial(self._readers[self._methods[0]], readings))

    def _precise(self, _readings: int) -> CrossTimestamp:
        data = bytearray(SYS_OFFSET_PRECISE_SIZE)
        fcntl.ioctl(self._fd, PTP_SYS_OFFSET_PRECISE, data)
        phc_ns, system_ns = times_ns(data, 0, 2)
        return tightest([(system_ns, phc_ns, system_ns)], CrossMethod.PRECISE)

    def _extended(self, readings: int) -> CrossTimestamp:
        data = bytearray(SYS_OFFSET_EXTENDED_SIZE)
        SAMPLES_HEADER.pack_into(data, 0, readings, 0, 0, 0)
        fcntl.ioctl(self._fd, PTP_SYS_OFFSET_EXTENDED, data)
        times = times_ns(data, SAMPLES_HEADER.size, 3 * readings)
        return tightest(zip(times[0::3], times[1::3], times[2::3], strict=True), CrossMethod.EXTENDED)

    def _basic(self, readings: int) -> CrossTimestamp:
        data = bytearray(SYS_OFFSET_SIZE)
        SAMPLES_HEADER.pack_into(data, 0, readings, 0, 0, 0)
        fcntl.ioctl(self._fd, PTP_SYS_OFFSET, data)
        times = times_ns(data, SAMPLES_HEADER.size, 2 * readings + 1)
        return tightest(zip(times[0:-1:2], times[1::2], times[2::2], strict=True), CrossMethod.BASIC)

    def _two_reads(self, readings: int) -> CrossTimestamp:
        return tightest((self._one_by_one() for _ in range(readings)), CrossMethod.TWO_READS)

    def _one_by_one(self) -> tuple[int, int, int]:
        before_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
        phc_ns = time.clock_gettime_ns(self._clock_id)
        return before_ns, phc_ns, time.clock_gettime_ns(time.CLOCK_REALTIME)


def tightest(samples_ns: Iterable[tuple[int, int, int]], method: CrossMethod) -> CrossTimestamp:
    """Return the sample (system before, PHC, system after) with the narrowest bracket."""
    before_ns, phc_ns, after_ns = min(samples_ns, key=lambda sample: sample[2] - sample[0])
    return CrossTimestamp(
        LocalTime(phc_ns * NANOSECOND),
        UtcTime((before_ns + after_ns) * NANOSECOND // 2),
        (after_ns - before_ns) / 2,
        method,
    )


def retry_busy(request: Callable[[], _Result]) -> _Result:
    """Do *request* again while the driver says EBUSY, ten times at most."""
    for _ in range(_BUSY_TRIES - 1):
        try:
            return request()
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
    return request()
