"""One exchange with a server and what it says: four instants in, offset and delay out (RFC 5905 8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ptpstack.time import MICROSECOND, NANOSECOND, MonotonicTime, TimeInterval, UtcTime


class StampSource(Enum):
    """Who took the stamps of requests and replies, with the error that they may have."""

    HARDWARE = ("hardware", 100 * NANOSECOND)
    KERNEL = ("kernel", 5 * MICROSECOND)
    DAEMON = ("daemon", 100 * MICROSECOND)

    def __init__(self, label: str, error: TimeInterval) -> None:
        self.label = label
        self.error = error


@dataclass(slots=True, kw_only=True)
class Sample:
    """What one exchange measured. *local* is its middle by the local clock, *at* when it became known.

    *offset* is local − server. *root_delay* and *root_dispersion* reach up to the server's own reference.
    """

    local: UtcTime
    at: MonotonicTime
    offset: TimeInterval
    delay: TimeInterval
    dispersion: TimeInterval
    root_delay: TimeInterval
    root_dispersion: TimeInterval
    interleaved: bool = False
    stamps: StampSource = StampSource.DAEMON

    @property
    def distance(self) -> TimeInterval:
        """How wrong the offset may be by this exchange alone: delay may be all on one way."""
        return self.delay // 2 + self.dispersion

    @property
    def root_distance(self) -> TimeInterval:
        """How wrong it may be when the server is as wrong as it says (RFC 5905 11.1)."""
        return self.root_delay // 2 + self.root_dispersion


@dataclass(slots=True, kw_only=True)
class Instants:
    """T1 to T4 of one exchange: request left, request came, reply left, reply came."""

    t1: UtcTime
    t2: UtcTime
    t3: UtcTime
    t4: UtcTime

    @property
    def offset(self) -> TimeInterval:
        """Local − server."""
        return ((self.t1 - self.t2) + (self.t4 - self.t3)) // 2

    @property
    def delay(self) -> TimeInterval:
        """The time on the way, both ways together; below zero only by errors of stamps and rates."""
        return (self.t4 - self.t1) - (self.t3 - self.t2)

    @property
    def middle(self) -> UtcTime:
        """The local instant to which the offset belongs."""
        return self.t1 + (self.t4 - self.t1) // 2
