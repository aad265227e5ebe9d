"""Edges on a PHC's inputs, stamped by the PHC: a PPS from a GNSS receiver, a pulse from another clock.

Sources: <linux/ptp_clock.h>, Documentation/driver-api/ptp.rst. Everything here raises ``HardwareError``.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import Self

from hw.phc import Phc, explained
from hw.phc_ioctl import (
    EXTTS_EVENT,
    EXTTS_REQUEST,
    PTP_EXTTS_REQUEST,
    PTP_EXTTS_REQUEST2,
    PTP_MASK_CLEAR_ALL,
    PTP_MASK_EN_SINGLE,
)
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, SECOND, LocalTime

_ENABLE, _STRICT = 1 << 0, 1 << 3
_EVENTS_PER_READ = 30  # what the kernel gives at once
_NEXT_STEPS = {
    errno.EBUSY: "give a pin the function EXTTS and this channel first: `ptpstack phc pins`",
    errno.EOPNOTSUPP: "the driver has no external timestamps on these edges: ask for others",
}


class Edges(IntFlag):
    """``PTP_RISING_EDGE`` and ``PTP_FALLING_EDGE``."""

    RISING = 1 << 1
    FALLING = 1 << 2
    BOTH = RISING | FALLING


@dataclass(frozen=True, slots=True)
class ExternalTimestamp:
    """An edge on input *channel* at *time* of the PHC."""

    channel: int
    time: LocalTime


class ExternalTimestamps:
    """The inputs of *phc*. Wait on ``fileno()``, then ``read()``; leaving or closing disables what was enabled.

    Before Linux 6.7 all programs that have the device open share one queue, and take each other's edges.
    """

    def __init__(self, phc: Phc) -> None:
        self._phc = phc
        self._channels: set[int] = set()
        with contextlib.suppress(OSError):  # no masks before Linux 6.7: read() filters as well
            fcntl.ioctl(phc.fileno(), PTP_MASK_CLEAR_ALL)

    def enable(self, channel: int = 0, edges: Edges = Edges.RISING) -> bool:
        """Stamp *edges* from now on; edges that wait from earlier are dropped.

        False where the driver does not promise to honour *edges*: it may stamp the other edge, or both, as well.
        """
        if not 0 <= channel < self._phc.capabilities.n_ext_ts:
            raise HardwareError(
                f"no external timestamps on channel {channel}",
                where=self._phc.name,
                why=f"it has {self._phc.capabilities.n_ext_ts} such channels, counted from 0",
            )
        exact = self._request(channel, edges)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._phc.fileno(), PTP_MASK_EN_SINGLE, struct.pack("=I", channel))
        self.read()
        self._channels.add(channel)
        return exact

    def disable(self, channel: int = 0) -> None:
        """Stamp no more edges of *channel*, for whichever program."""
        self._channels.discard(channel)
        try:
            fcntl.ioctl(self._phc.fileno(), PTP_EXTTS_REQUEST, EXTTS_REQUEST.pack(channel, 0, 0, 0))
        except OSError as error:
            raise explained(
                f"cannot disable external timestamps on channel {channel}", self._phc.name, error
            ) from error

    def fileno(self) -> int:
        """The descriptor that becomes readable when an edge has come: the clock's own."""
        return self._phc.fileno()

    def read(self) -> list[ExternalTimestamp]:
        """Return the edges that have come on enabled channels, in order; never blocks."""
        edges: list[ExternalTimestamp] = []
        while self._is_readable():  # O_NONBLOCK means nothing to this device
            try:
                data = os.read(self._phc.fileno(), _EVENTS_PER_READ * EXTTS_EVENT.size)
            except OSError as error:
                raise explained("cannot read external timestamps", self._phc.name, error) from error
            if not data:
                break
            edges += [edge for edge in edges_from(data) if edge.channel in self._channels]
        return edges

    def close(self) -> None:
        """Disable what was enabled; the clock stays open. A clock that is gone is no error."""
        for channel in sorted(self._channels):
            with contextlib.suppress(HardwareError):
                self.disable(channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _request(self, channel: int, edges: Edges) -> bool:
        """Ask for exactly *edges*; where the driver cannot promise that, for whatever it makes of them."""
        fd, failure = self._phc.fileno(), f"cannot enable external timestamps on channel {channel}"
        try:
            fcntl.ioctl(fd, PTP_EXTTS_REQUEST2, EXTTS_REQUEST.pack(channel, _ENABLE | _STRICT | edges, 0, 0))
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY):
                raise explained(failure, self._phc.name, error, _NEXT_STEPS) from error
        else:
            return True
        try:
            fcntl.ioctl(fd, PTP_EXTTS_REQUEST, EXTTS_REQUEST.pack(channel, _ENABLE | edges, 0, 0))
        except OSError as error:
            raise explained(failure, self._phc.name, error, _NEXT_STEPS) from error
        return False

    def _is_readable(self) -> bool:
        poll = select.poll()
        poll.register(self._phc.fileno(), select.POLLIN)
        return bool(poll.poll(0))


def edges_from(data: bytes) -> list[ExternalTimestamp]:
    """Decode an array of ``struct ptp_extts_event``."""
    whole = len(data) - len(data) % EXTTS_EVENT.size
    return [
        ExternalTimestamp(channel, LocalTime(seconds * SECOND + nanoseconds * NANOSECOND))
        for seconds, nanoseconds, _, channel, _ in EXTTS_EVENT.iter_unpack(data[:whole])
    ]
