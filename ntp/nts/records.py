"""NTS-KE records on the wire: a bit that says critical, a type, a body (RFC 8915 4).

What lives here: octets to records and back, one message at a time. What does not: what a message says (``messages``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from ptpstack.errors import WireError
from ptpstack.words import counted

FRAME = Struct(">HH")
LONGEST_MESSAGE = 16_384
"""Octets of a message that is read at all: eight of the longest cookies fit twice."""

_CRITICAL = 0x8000


class RecordType(IntEnum):
    """Record types by name (RFC 8915 7.6); 1024 is chrony's, from the range for private use."""

    END_OF_MESSAGE = 0
    NEXT_PROTOCOL = 1
    ERROR = 2
    WARNING = 3
    AEAD_ALGORITHM = 4
    NEW_COOKIE = 5
    NTPV4_SERVER = 6
    NTPV4_PORT = 7
    COMPLIANT_128GCMSIV_EXPORT = 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One record. A receiver that does not know a *critical* one must give up; others it passes over."""

    record_type: int
    body: bytes = b""
    critical: bool = False


END = Record(RecordType.END_OF_MESSAGE, critical=True)


def encode(records: Sequence[Record]) -> bytes:
    """Return the octets of a message: *records*, then End of Message. Raises ``ValueError`` on what does not fit."""
    octets = bytearray()
    for record in (*records, END):
        if not 0 <= record.record_type < _CRITICAL or len(record.body) > 0xFFFF:
            raise ValueError(f"record {record.record_type} with {counted(len(record.body), 'octet')} cannot be written")
        octets += FRAME.pack(record.record_type | (_CRITICAL if record.critical else 0), len(record.body))
        octets += record.body
    return bytes(octets)


def decode(octets: bytes) -> tuple[Record, ...]:
    """Return the records of the one message that fills *octets*; ``encode`` gives them again.

    Raises ``WireError`` and nothing else.
    """
    reader = MessageReader(limit=len(octets))
    records = reader.feed(octets)
    if records is None:
        raise WireError(
            f"the message has not ended after {counted(len(octets), 'octet')}", why="End of Message is missing"
        )
    return records


class MessageReader:
    """Puts a message together from the pieces in which it comes, up to *limit* octets."""

    def __init__(self, limit: int = LONGEST_MESSAGE) -> None:
        self._limit = limit
        self._octets = bytearray()
        self._parsed = 0
        self._records: list[Record] = []

    def feed(self, octets: bytes) -> tuple[Record, ...] | None:
        """Take in *octets*; return the records without End of Message when it is complete, None before.

        Raises ``WireError`` on a message that is too long, or has octets behind its end. Nothing is fed after that.
        """
        if len(self._octets) + len(octets) > self._limit:
            raise WireError(f"the message is longer than {self._limit} octets", why="that is the longest that is read")
        self._octets += octets
        while (record := self._next()) is not None:
            if record.record_type != RecordType.END_OF_MESSAGE:
                self._records.append(record)
                continue
            if record != END:
                raise WireError("End of Message is malformed", why="it is critical and has no body (RFC 8915 4.1.1)")
            if left := len(self._octets) - self._parsed:
                raise WireError(
                    f"{counted(left, 'octet follows', 'octets follow')} End of Message",
                    why="nothing may follow it (RFC 8915 4.1.1)",
                )
            return tuple(self._records)
        return None

    def _next(self) -> Record | None:
        left = len(self._octets) - self._parsed
        if left < FRAME.size:
            return None
        first, length = FRAME.unpack_from(self._octets, self._parsed)
        if left < FRAME.size + length:
            return None
        begin = self._parsed + FRAME.size
        self._parsed = begin + length
        return Record(first & ~_CRITICAL, bytes(self._octets[begin : self._parsed]), bool(first & _CRITICAL))
