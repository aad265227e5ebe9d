"""Requests that are more than a header: with a digest, with NTS, with fields that nobody here knows; and refusals.

Each is read first; its reply is sealed last, when its transmit timestamp is known: those of the usual NTS requests many
at once (``Sealing``), others one by one (``Prepared``). Sans-I/O. What does not live here: plain requests
(``replies``), and when a reply leaves (``endpoint``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np

from ntp.keys import Key
from ntp.server.counters import Count
from ntp.server.datagrams import Datagrams, Rows
from ntp.wire.packet import HEADER, KEY_ID, Leap, Mode, Packet, decode
from ptpstack.errors import WireError

Seal = Callable[[bytes], bytes]
"""From the header of a reply, stamps and all, to its octets."""


IS_REQUEST: Final = bytes(first & 7 == Mode.CLIENT and 1 <= first >> 3 & 7 <= 4 for first in range(256))
"""Whether the first octet is that of a client's request in a version that we speak."""

ARE_REQUESTS: Final = np.frombuffer(IS_REQUEST, np.bool_)
"""The same for arrays of first octets."""


class Prepared(NamedTuple):
    """A reply to be: *seal* makes its octets, *counts* is what it is counted as."""

    seal: Seal
    counts: Count


class Sealing(Protocol):
    """Replies to *rows* that are more than a header, to be made in their place once the headers are complete."""

    @property
    def rows(self) -> Rows:
        """The rows that are answered, in their order."""

    @property
    def counts(self) -> Count:
        """What each of them is counted as."""

    def seal(self, first: int, end: int) -> None:
        """Make the replies of ``rows[first:end]``, and their lengths."""


class Nts(Protocol):
    """What answers requests with NTS fields."""

    def usual(self, datagrams: Datagrams, rows: Rows) -> tuple[Sequence[Sealing], list[int]]:
        """Return the replies to be to those of *rows* that are of the usual form and authentic, and the other rows."""

    def prepare(self, request: bytes) -> Prepared | None:
        """Return the reply to be to any request, None where it has nothing of NTS. Raises ``WireError``."""


class Special:
    """Reads requests; *keys* are the symmetric ones by number, *nts* answers NTS fields where that is served."""

    def __init__(self, keys: Mapping[int, Key], nts: Nts | None = None) -> None:
        self._keys = keys
        self._nts = nts

    def usual(self, datagrams: Datagrams, rows: Rows) -> tuple[Sequence[Sealing], list[int]]:
        """Return the replies to be to those of *rows* that many can be prepared of at once, and the other rows."""
        return self._nts.usual(datagrams, rows) if self._nts is not None else ((), rows.tolist())

    def prepare(self, request: bytes) -> Prepared | Count:
        """Return the reply to be, or as what *request* is counted, by the standard's words."""
        if len(request) < HEADER.size:
            return Count.MALFORMED
        if not IS_REQUEST[request[0]]:
            return Count.NOT_A_REQUEST
        try:
            if self._nts is not None and (prepared := self._nts.prepare(request)) is not None:
                return prepared
            packet = decode(request)
        except WireError:
            return Count.MALFORMED
        return Prepared(bytes, Count.ANSWERED) if packet.mac is None else self._with_digest(packet, request)

    def _with_digest(self, packet: Packet, request: bytes) -> Prepared | Count:
        """Prove the reply by the key that proves *request*; a digest by another key, or none, gets no answer."""
        assert packet.mac is not None
        key_id, digest = packet.mac
        key = self._keys.get(key_id)
        covered = request[: len(request) - KEY_ID.size - len(digest)]
        if key is None or not key.accepts(digest, covered):
            return Count.NOT_AUTHENTIC
        trailer = KEY_ID.pack(key_id)
        return Prepared(lambda header: header + trailer + key.digest(header), Count.AUTHENTICATED)


def kiss(header: bytes, code: bytes, poll: int = 0) -> bytes:
    """Return *header* as a kiss-o'-death with *code*, which asks for a poll of 2***poll* s at least (RFC 5905 7.4)."""
    first = header[0] & 0x3F | Leap.UNSYNCHRONIZED << 6
    asked = header[2] - 256 if header[2] > 127 else header[2]
    return bytes((first, 0, max(asked, poll) & 0xFF)) + header[3:12] + code + header[16:]
