"""Requests that are more than a header: with a digest, with NTS, with fields that nobody here knows; and refusals.

Each is read first; its reply is sealed last, when its transmit timestamp is known. Sans-I/O. What does not live here:
plain requests (``replies``), and when a reply leaves (``endpoint``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ntp.keys import Key
from ntp.server.counters import Count
from ntp.wire.packet import HEADER, KEY_ID, Leap, Mode, Packet, decode
from ptpstack.errors import WireError

Seal = Callable[[bytes], bytes]
"""From the header of a reply, stamps and all, to its octets."""


class Prepared(NamedTuple):
    """A reply to be: *seal* makes its octets, *counts* is what it is counted as."""

    seal: Seal
    counts: Count


class Special:
    """Reads requests; *keys* are the symmetric ones by number, *nts* answers NTS fields where that is served."""

    def __init__(self, keys: Mapping[int, Key], nts: Callable[[bytes], Prepared | None] | None = None) -> None:
        self._keys = keys
        self._nts = nts

    def prepare(self, request: bytes) -> Prepared | Count:
        """Return the reply to be, or as what *request* is counted, which gets none."""
        if len(request) < HEADER.size:
            return Count.MALFORMED
        if request[0] & 7 != Mode.CLIENT or not 1 <= request[0] >> 3 & 7 <= 4:
            return Count.NOT_A_REQUEST
        try:
            if self._nts is not None and (prepared := self._nts(request)) is not None:
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
