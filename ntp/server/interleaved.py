"""When replies really left, for the clients that ask in interleaved mode (RFC 9769).

A client of that mode names in its request the receive timestamp of the reply before; the reply then tells when that
earlier one left, by the kernel's or the NIC's stamp. Kept is what a stamp was got for: a bounded number of pairs, the
oldest of which go first; a step of the clock makes all of them worthless.
"""

from __future__ import annotations

from typing import NamedTuple

from ntp.server.departures import Departures

MOST_KEPT = 8192


class Awaited(NamedTuple):
    """A reply whose stamp is to come: its receive timestamp (0: only to learn from), and what is known of it."""

    receive_timestamp: int
    departures: Departures
    place: int
    replies: int
    """In the chunk that it was sent with, where it has this place."""
    expected_ns: int
    returned_ns: int
    """When the call that sent it returned."""


class Interleaved:
    """Receive timestamps and the transmit timestamps of their replies, and which stamps are still to come."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._left: dict[int, int] = {}
        self._awaited: dict[int, Awaited] = {}

    def __len__(self) -> int:
        return len(self._left)

    def take(self, receive_timestamp: int) -> int | None:
        """Return when the reply with *receive_timestamp* left, once."""
        return self._left.pop(receive_timestamp, None)

    def await_stamp(self, key: int, awaited: Awaited) -> None:
        """Take that the stamp *key* is to come."""
        while len(self._awaited) >= self._most:
            del self._awaited[next(iter(self._awaited))]
        self._awaited[key] = awaited

    def stamped(self, key: int) -> Awaited | None:
        """Return what the stamp *key* is of, once."""
        return self._awaited.pop(key, None)

    def forget_awaited(self) -> None:
        """The keys are numbered anew."""
        self._awaited.clear()

    def keep(self, receive_timestamp: int, transmit_timestamp: int) -> None:
        """Keep that the reply with *receive_timestamp* left at *transmit_timestamp*."""
        while len(self._left) >= self._most:
            del self._left[next(iter(self._left))]
        self._left[receive_timestamp] = transmit_timestamp

    def forget(self) -> None:
        """The clock was stepped."""
        self._left.clear()
        self._awaited.clear()
