"""A PTP hardware clock: /dev/ptpN as a :class:`~hw.clock.Clock`.

Sources: <linux/ptp_clock.h>, Documentation/driver-api/ptp.rst, clock_getres(2) on dynamic clocks.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from hw.cross_timestamp import DEFAULT_READINGS, CrossTimestamp, CrossTimestamper, retry_busy
from hw.phc_ioctl import CAPS, PTP_CLOCK_GETCAPS
from hw.timestamping import Timestamping
from hw.timex import SCALED_PPM_PER_PPB, AdjTime, Modes, Timex, clock_adjtime, frequency_timex, step_timex
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, LocalTime, TimeInterval

_NEXT_STEPS = {
    errno.ENOENT: "`ptpstack nics` lists the clocks; load the NIC's driver, or use software timestamping",
    errno.EACCES: "run as root, or let a udev rule give your group read and write access to the device",
    errno.EPERM: "run as root or grant CAP_SYS_TIME",
    errno.ENODEV: "the clock is gone with its driver: find it again by `ptpstack nics` and open it anew",
    errno.ENXIO: "the clock is gone with its driver: find it again by `ptpstack nics` and open it anew",
    errno.ERANGE: "stay within the clock's limit",
    errno.ENOTTY: "this is not a PTP clock: name a /dev/ptpN",
    errno.EOPNOTSUPP: "this clock's driver cannot do that",
    errno.EBUSY: "another program or a virtual clock holds it: stop that (`fuser -v` on the device)",
}


class ClockGone(HardwareError):  # noqa: N818 (a state of the clock that callers react to)
    """The clock went away with its driver or its card: open it anew when it is back, perhaps under another name."""


@dataclass(frozen=True, slots=True)
class PhcCapabilities:
    """``struct ptp_clock_caps``. ``max_phase_adj_ns`` is 0 where the driver does not say."""

    max_adj_ppb: int
    n_alarm: int
    n_ext_ts: int
    n_per_out: int
    pps: bool
    n_pins: int
    cross_timestamping: bool
    adjust_phase: bool
    max_phase_adj_ns: int


class Phc:
    """The PTP hardware clock behind *path*. Every method raises ``HardwareError``; ``ClockGone`` when it went away."""

    stamping = Timestamping.HARDWARE

    def __init__(self, path: str, *, adjtime: AdjTime = clock_adjtime) -> None:
        self.name = path
        self._adjtime = adjtime
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise explained("cannot open the clock", path, error) from error
        try:
            self.capabilities = read_capabilities(self._fd)
        except OSError as error:
            os.close(self._fd)
            raise explained("cannot read what the clock can do", path, error) from error
        self._clock_id = clock_id_of(self._fd)
        self._cross = CrossTimestamper(self._fd, self._clock_id)

    def fileno(self) -> int:
        """Return the device's descriptor: for ioctls, and readable when an external timestamp has come."""
        return self._fd

    @property
    def max_frequency_ppb(self) -> float:
        """The largest absolute value that ``set_frequency`` takes."""
        return float(self.capabilities.max_adj_ppb)

    def time(self) -> LocalTime:
        """Read the clock."""
        try:
            return LocalTime(time.clock_gettime_ns(self._clock_id) * NANOSECOND)
        except OSError as error:
            raise explained("cannot read the clock", self.name, error) from error

    def set_time(self, instant: LocalTime) -> None:
        """Set the clock. To move it by a known amount, ``step`` is more exact."""
        try:
            time.clock_settime_ns(self._clock_id, int(instant) // NANOSECOND)
        except OSError as error:
            raise explained("cannot set the clock", self.name, error) from error

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Return the instant of a hardware stamp, which is this clock's reading."""
        return LocalTime(stamp_ns * NANOSECOND)

    def frequency_ppb(self) -> float:
        """Return the frequency last set, by whomever."""
        timex = Timex(modes=Modes.READ)
        self._adjust(timex, "cannot read the frequency")
        return float(timex.freq) / SCALED_PPM_PER_PPB

    def set_frequency(self, ppb: float) -> None:
        """Run *ppb* faster than the oscillator would."""
        limit = f"the limit is ±{self.max_frequency_ppb:.0f} ppb"
        self._adjust(frequency_timex(ppb), f"cannot set a frequency of {ppb:.3f} ppb, {limit}")

    def step(self, delta: TimeInterval) -> None:
        """Add *delta*, rounded to 1 ns, at once."""
        self._adjust(step_timex(delta), "cannot step the clock")

    def adjust_phase(self, delta: TimeInterval) -> None:
        """Let the hardware slew by *delta*, rounded to 1 ns, where ``capabilities.adjust_phase``."""
        timex = Timex(modes=Modes.OFFSET | Modes.NANO, offset=round(delta / NANOSECOND))
        self._adjust(timex, "cannot adjust the phase")

    def cross_timestamp(self, readings: int = DEFAULT_READINGS) -> CrossTimestamp:
        """Read this clock and CLOCK_REALTIME together, by the best method that works here, *readings* times."""
        try:
            return self._cross.read(readings)
        except OSError as error:
            raise explained("cannot compare with CLOCK_REALTIME", self.name, error) from error

    def close(self) -> None:
        """Close the device; the clock runs on."""
        os.close(self._fd)

    def _adjust(self, timex: Timex, failure: str) -> None:
        try:
            retry_busy(lambda: self._adjtime(self._clock_id, timex))
        except OSError as error:
            raise explained(failure, self.name, error) from error


def clock_id_of(fd: int) -> int:
    """Return the dynamic clock id of an open PHC (FD_TO_CLOCKID)."""
    return (~fd << 3) | 3


def read_capabilities(fd: int) -> PhcCapabilities:
    """Ask an open PHC what it can do (PTP_CLOCK_GETCAPS). Raises ``OSError``."""
    data = bytearray(CAPS.size)
    fcntl.ioctl(fd, PTP_CLOCK_GETCAPS, data)
    return capabilities_from(data)


def capabilities_from(data: bytes | bytearray) -> PhcCapabilities:
    """Decode ``struct ptp_clock_caps``."""
    max_adj, n_alarm, n_ext_ts, n_per_out, pps, n_pins, cross, phase, max_phase, *_ = CAPS.unpack(data)
    return PhcCapabilities(
        max_adj, n_alarm, n_ext_ts, n_per_out, bool(pps), n_pins, bool(cross), bool(phase), max_phase
    )


def explained(what: str, path: str, error: OSError, next_steps: Mapping[int, str] | None = None) -> HardwareError:
    """Return the error that a user understands; *next_steps* by errno go before what is said of every clock."""
    steps = {**_NEXT_STEPS, **(next_steps or {})}
    kind = ClockGone if error.errno in (errno.ENODEV, errno.ENXIO) else HardwareError
    return kind(
        what,
        where=path,
        why=str(error.strerror),
        next_step=steps.get(error.errno or 0, "see the kernel log for the driver's complaint"),
    )
