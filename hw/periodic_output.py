"""Pulses that a PHC sends out: a PPS for another clock's input, a counter or an oscilloscope.

Sources: <linux/ptp_clock.h>, Documentation/driver-api/ptp.rst. Everything here raises ``HardwareError``.
"""

from __future__ import annotations

import errno
import fcntl
from dataclasses import dataclass

from hw.phc import Phc, explained
from hw.phc_ioctl import PEROUT_REQUEST, PTP_PEROUT_REQUEST2
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, SECOND, LocalTime, TimeInterval

_DUTY_CYCLE, _PHASE = 1 << 1, 1 << 2
_LEAD = SECOND  # for drivers that program the first edge while the clock runs on
_NO_ABSOLUTE_START = (errno.EINVAL, errno.EOPNOTSUPP, errno.ERANGE)
_NEXT_STEPS = {
    errno.EBUSY: "give a pin the function PEROUT and this channel first: `ptpstack phc pins`",
    errno.EOPNOTSUPP: "the driver cannot do that: leave out the width and the phase",
    errno.EINVAL: "the hardware cannot do that: try a period of 1 s, without width and phase",
    errno.ERANGE: "the hardware cannot do that: try a period of 1 s",
}


@dataclass(frozen=True, slots=True)
class PeriodicOutput:
    """Pulses on output *channel*, their rising edges *phase* after each multiple of *period*.

    *start* is the first of them, None where the hardware chose it; *width* None leaves it to the driver, too.
    """

    channel: int
    period: TimeInterval
    phase: TimeInterval
    width: TimeInterval | None
    start: LocalTime | None


def start_periodic_output(
    phc: Phc,
    channel: int = 0,
    *,
    period: TimeInterval = SECOND,
    phase: TimeInterval = 0,
    width: TimeInterval | None = None,
) -> PeriodicOutput:
    """Send a pulse every *period*, beginning within 1 to 2 s (or to the next multiple of a longer *period*).

    The first is on a full second of the clock plus *phase*. Start it again after stepping the clock: few drivers
    keep the phase then.
    """
    _check(phc, channel, period, width)
    start = first_pulse(phc.time(), period, phase)
    by_start = _request(channel, int(start), period, width, flags=0)
    by_phase = _request(channel, phase % period, period, width, flags=_PHASE)
    failure = f"cannot send pulses on channel {channel}"
    try:
        fcntl.ioctl(phc.fileno(), PTP_PEROUT_REQUEST2, by_start)
    except OSError as error:
        if error.errno not in _NO_ABSOLUTE_START:
            raise explained(failure, phc.name, error, _NEXT_STEPS) from error
        try:
            fcntl.ioctl(phc.fileno(), PTP_PEROUT_REQUEST2, by_phase)
        except OSError:  # then what it said first tells more
            raise explained(failure, phc.name, error, _NEXT_STEPS) from error
        return PeriodicOutput(channel, period, phase, width, None)
    return PeriodicOutput(channel, period, phase, width, start)


def stop_periodic_output(phc: Phc, channel: int = 0) -> None:
    """Send no more pulses on *channel*."""
    try:
        fcntl.ioctl(phc.fileno(), PTP_PEROUT_REQUEST2, _request(channel, 0, 0, None, flags=0))
    except OSError as error:
        raise explained(f"cannot stop the pulses on channel {channel}", phc.name, error) from error


def first_pulse(now: LocalTime, period: TimeInterval, phase: TimeInterval) -> LocalTime:
    """Return the first full second plus *phase* at least 1 s ahead; for whole seconds a multiple of *period*."""
    grid = period if period % SECOND == 0 else SECOND
    ahead = int(now) + _LEAD - phase
    return LocalTime(-(-ahead // grid) * grid + phase)


def _check(phc: Phc, channel: int, period: TimeInterval, width: TimeInterval | None) -> None:
    if not 0 <= channel < phc.capabilities.n_per_out:
        raise HardwareError(
            f"no periodic output on channel {channel}",
            where=phc.name,
            why=f"it has {phc.capabilities.n_per_out} such channels, counted from 0",
        )
    if period < NANOSECOND:
        raise HardwareError("a period must be 1 ns at least", where=phc.name)
    if width is not None and not NANOSECOND <= width < period:
        raise HardwareError("a pulse must be 1 ns wide at least, and shorter than its period", where=phc.name)


def _request(channel: int, at: int, period: TimeInterval, width: TimeInterval | None, *, flags: int) -> bytes:
    if width is not None:
        flags |= _DUTY_CYCLE
    return PEROUT_REQUEST.pack(*_clock_time(at), *_clock_time(period), channel, flags, *_clock_time(width or 0))


def _clock_time(interval: int) -> tuple[int, int, int]:
    seconds, rest = divmod(interval, SECOND)
    return seconds, rest // NANOSECOND, 0
