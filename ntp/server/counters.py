"""What a worker counts, in memory that the master reads."""

from __future__ import annotations

from enum import IntEnum

OCTETS = 256


class Count(IntEnum):
    """Which number of a worker's memory counts what."""

    RECEIVED = 0
    ANSWERED = 1
    INTERLEAVED = 2
    """Of the answers, those that tell when the one before left."""
    AUTHENTICATED = 3
    """Of the answers, those with a digest by a symmetric key."""
    NTS = 4
    """Of the answers, those proven by NTS."""
    NTS_NAKS = 5
    KISSES = 6
    DENIED = 7
    LIMITED = 8
    NOT_A_REQUEST = 9
    """Of another mode than a client's (control and private mode among them), or of no version that we speak."""
    MALFORMED = 10
    NOT_AUTHENTIC = 11
    NOT_SENT = 12
    STEPPED = 13
    """Not answered as the clock had been stepped, and the timing process had not said where it is now."""
    BATCHES = 14
    STAMPS = 15
    """Transmit stamps of our own replies."""
    LOST = 16
    """Dropped by the kernel: the socket was full."""
    DEPARTURE_ERROR_NS = 17
    """How far the transmit timestamps are from when replies leave, by those stamps: mean of the last."""
    DEFECTS = 18
    """Batches that were given up for a defect of this program."""
    IS_READY = 19
    """1 while the worker listens."""


class Counters:
    """The numbers of one worker in *memory* (``OCTETS``)."""

    def __init__(self, memory: memoryview) -> None:
        self.numbers = memory.cast("Q")

    def add(self, what: Count, count: int = 1) -> None:
        """Count."""
        self.numbers[what] += count

    def as_dict(self) -> dict[str, int]:
        """Return all numbers by their names."""
        return {count.name.lower(): self.numbers[count] for count in Count}
