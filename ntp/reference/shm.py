"""Samples by shared memory, as gpsd and ntpd's SHM driver (28) have them: one segment a unit, in and out.

Two ways to write it: in mode 1 a count before and after tells a reader whether it read one and the same sample; in
mode 0 the writer counts on ``valid`` alone. The layout is that of 64-bit Linux, 96 octets.
"""

from __future__ import annotations

import ctypes
import os

from ntp.reference.reading import Reading
from ntp.reference.sock import SockSample
from ntp.wire.packet import Leap
from ptpstack.errors import HardwareError
from ptpstack.time import SECOND, MonotonicTime, TimeInterval

KEY = 0x4E545030  # NTP0
_IPC_CREAT = 0o1000
_SECOND_NS = 1_000_000_000
_LOOK_EVERY: TimeInterval = SECOND // 2
_LEAPS = {0: Leap.NONE, 1: Leap.INSERT, 2: Leap.DELETE, 3: Leap.UNSYNCHRONIZED}
_LEAP_NUMBERS = {leap: number for number, leap in _LEAPS.items()}


class Segment(ctypes.Structure):
    """``struct shmTime``: the true time is ``clock…``, what the system's clock read then is ``receive…``."""

    _fields_ = (
        ("mode", ctypes.c_int),
        ("count", ctypes.c_int),
        ("clock_s", ctypes.c_long),
        ("clock_us", ctypes.c_int),
        ("receive_s", ctypes.c_long),
        ("receive_us", ctypes.c_int),
        ("leap", ctypes.c_int),
        ("precision", ctypes.c_int),
        ("nsamples", ctypes.c_int),
        ("valid", ctypes.c_int),
        ("clock_ns", ctypes.c_uint),
        ("receive_ns", ctypes.c_uint),
        ("dummy", ctypes.c_int * 8),
    )


def read_segment(segment: Segment) -> tuple[SockSample, int] | None:
    """Return the sample that waits in *segment* and its precision, and mark it as taken; None: there is none.

    A sample that was written while it was read is left alone: it waits for the next look.
    """
    if not segment.valid:
        return None
    count = segment.count
    values = Segment.from_buffer_copy(segment)
    if values.mode == 1 and not values.count == count == segment.count:
        return None
    segment.valid = 0
    if values.mode not in (0, 1) or values.leap not in _LEAPS:
        raise ValueError(f"mode {values.mode}, leap {values.leap}")
    system_ns = _instant_ns(values.receive_s, values.receive_us, values.receive_ns)
    true_ns = _instant_ns(values.clock_s, values.clock_us, values.clock_ns)
    return SockSample(system_ns, (true_ns - system_ns) / 1e9, leap=_LEAPS[values.leap]), values.precision


def write_segment(segment: Segment, sample: SockSample, precision: int) -> None:
    """Put *sample* into *segment*, in mode 1."""
    true_ns = sample.system_ns + round(sample.offset_s * 1e9)
    segment.valid = 0
    segment.mode = 1
    segment.count = (segment.count + 1) & 0x7FFF_FFFF
    segment.clock_s, rest_ns = divmod(true_ns, _SECOND_NS)
    segment.clock_us, segment.clock_ns = rest_ns // 1000, rest_ns
    segment.receive_s, rest_ns = divmod(sample.system_ns, _SECOND_NS)
    segment.receive_us, segment.receive_ns = rest_ns // 1000, rest_ns
    segment.leap = _LEAP_NUMBERS.get(sample.leap, 3)
    segment.precision = precision
    segment.nsamples = 3
    segment.count = (segment.count + 1) & 0x7FFF_FFFF
    segment.valid = 1


def _instant_ns(seconds: int, microseconds: int, nanoseconds: int) -> int:
    """Return the instant; nanoseconds count where they agree with microseconds, which old writers have alone."""
    fine = nanoseconds if nanoseconds // 1000 == microseconds else microseconds * 1000
    if not (0 <= fine < _SECOND_NS and 0 <= seconds < 1 << 40):
        raise ValueError(f"{seconds} s, {microseconds} us and {nanoseconds} ns are no time")
    return seconds * _SECOND_NS + fine


class SharedSegment:
    """The segment of *unit*, made with *mode* where there is none. Raises ``HardwareError``."""

    def __init__(self, unit: int, mode: int = 0o600) -> None:
        self.name = f"SHM unit {unit}"
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        self._detach = libc.shmdt
        self._detach.argtypes = (ctypes.c_void_p,)
        found = libc.shmget(KEY + unit, ctypes.sizeof(Segment), _IPC_CREAT | mode)
        self._address = None if found < 0 else libc.shmat(found, None, 0)
        if found < 0 or self._address is None or self._address == ctypes.c_void_p(-1).value:
            number = ctypes.get_errno()
            raise HardwareError(
                "cannot share memory",
                where=self.name,
                why=os.strerror(number),
                next_step="units 0 and 1 are root's; `ipcs -m` shows who made it, `ipcrm -M` removes it",
            )
        self.segment = Segment.from_address(self._address)

    def close(self) -> None:
        """Let go of it; it stays for others."""
        if self._address is not None:
            self._detach(self._address)
            self._address = None


class ShmInput:
    """Reads the segment of *unit*; *bound*: how wrong a sample may be, beside what its precision says."""

    def __init__(self, unit: int, now: MonotonicTime, *, bound: TimeInterval, mode: int = 0o600) -> None:
        self._shared = SharedSegment(unit, mode)
        self.name = self._shared.name
        self.fault = ""
        self.dropped = 0
        self.wake_at: MonotonicTime | None = now
        self._bound = bound

    def fileno(self) -> int:
        """Nothing to wait on."""
        return -1

    def receive(self, now: MonotonicTime) -> list[Reading]:
        """Return the sample that waits, if there is one."""
        if self.wake_at is None or now < self.wake_at:
            return []
        self.wake_at = now + _LOOK_EVERY
        try:
            found = read_segment(self._shared.segment)
        except ValueError:
            self.dropped += 1
            return []
        if found is None:
            return []
        sample, precision = found
        bound = max(self._bound, round(SECOND * 2.0 ** min(max(precision, -30), 0)))
        true_ns = sample.system_ns + round(sample.offset_s * 1e9)
        return [Reading(system_ns=sample.system_ns, true_ns=true_ns, bound=bound, kind="SHM", leap=sample.leap)]

    def close(self) -> None:
        """Let go of it."""
        self.wake_at = None
        self._shared.close()


class ShmOutput:
    """Writes the segment of *unit*, which chronyd or ntpd reads. Raises ``HardwareError``."""

    def __init__(self, unit: int, mode: int = 0o600) -> None:
        self._shared = SharedSegment(unit, mode)
        self.name = self._shared.name

    def write(self, sample: SockSample, precision: int) -> None:
        """Put *sample* there."""
        write_segment(self._shared.segment, sample, precision)

    def close(self) -> None:
        """Leave nothing there that looks fresh."""
        self._shared.segment.valid = 0
        self._shared.close()
