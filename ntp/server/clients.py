"""Who asks how often, in a table of fixed size, and who is asked to ask less often.

A client is an IPv4 address or an IPv6 /64, which one customer has. Its place in the table follows from a hash; a place
is given to another when its client was silent for a while, so that no flood of addresses can do more than leave new
ones uncounted. The limit is a leaky bucket: so many requests at once, then one each interval.

What lives here: counting and limiting, one client or an array of them with the same result. What does not: what is
answered then.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

IDLE_NS = 16_000_000_000
"""A client that was silent for so long may lose its place to another."""

ENTRY_OCTETS = 40
_MIX: Final = 0x9E37_79B9_7F4A_7C15
_IPV4: Final = b"\xff\0\0\0"
"""The key of an IPv4 address begins so: as an address of IPv6 it would be multicast, from which nobody asks."""

Keys = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """*burst* requests at once, then one each *interval_ns*."""

    interval_ns: int
    burst: int


class Clients:
    """A table of 2***bits* clients in *memory*, which others may read; *limit* None: all may ask as they like."""

    def __init__(self, bits: int, limit: RateLimit | None, memory: memoryview | None = None) -> None:
        size = 1 << bits
        octets = memory if memory is not None else memoryview(bytearray(size * ENTRY_OCTETS))
        self._shift = 64 - bits
        self._limit = limit
        part = size * 8
        parts = [octets[part * number : part * (number + 1)] for number in range(5)]
        self.keys: Keys = np.frombuffer(parts[0], np.uint64)
        self.hits = np.frombuffer(parts[1], np.uint64)
        self.limited = np.frombuffer(parts[2], np.uint64)
        self._seen = np.frombuffer(parts[3], np.int64)
        self._full_at = np.frombuffer(parts[4], np.int64)
        self._keys, self._hits, self._limited = (parts[number].cast("Q") for number in range(3))
        self._seen_view, self._full_at_view = (parts[number].cast("q") for number in (3, 4))

    def take(self, key: int, now_ns: int) -> bool:
        """Count a request of *key*; tell whether it is within the limit."""
        at = (key * _MIX & 0xFFFF_FFFF_FFFF_FFFF) >> self._shift
        if self._keys[at] != key:
            if now_ns - self._seen_view[at] < IDLE_NS and self._keys[at]:
                return True
            self._keys[at], self._hits[at], self._limited[at], self._full_at_view[at] = key, 0, 0, 0
        self._seen_view[at] = now_ns
        self._hits[at] += 1
        limit = self._limit
        if limit is None:
            return True
        earliest = max(self._full_at_view[at], now_ns)
        within = earliest - now_ns <= (limit.burst - 1) * limit.interval_ns
        if within:
            self._full_at_view[at] = earliest + limit.interval_ns
        else:
            self._limited[at] += 1
        return within

    def take_all(self, keys: Keys, now_ns: int) -> Mask | None:
        """Do as :meth:`take` for each of *keys* in their order; None: all are within the limit."""
        places = (keys * np.uint64(_MIX)) >> np.uint64(self._shift)
        known = self.keys[places] == keys
        if not known.all():
            known = self._give_places(keys, places, known, now_ns)
            if not known.all():
                places = places[known]
        self._seen[places] = now_ns
        np.add.at(self.hits, places, np.uint64(1))
        if self._limit is None or not len(places):
            return None
        within = self._within(places, now_ns, self._limit)
        if within.all():
            return None
        np.add.at(self.limited, places[~within], np.uint64(1))
        mask = np.ones(len(keys), bool)
        mask[known] = within
        return mask

    def _give_places(self, keys: Keys, places: Keys, known: Mask, now_ns: int) -> Mask:
        """Give new clients the places that are free: who comes to a place first keeps it or gets it."""
        first = np.unique(places, return_index=True)[1]
        comers = first[~known[first]]
        wanted = places[comers]
        free = (now_ns - self._seen[wanted] >= IDLE_NS) | (self.keys[wanted] == 0)
        if free.any():
            there = wanted[free]
            self.keys[there] = keys[comers[free]]
            self.hits[there] = self.limited[there] = 0
            self._full_at[there] = 0
        found: Mask = self.keys[places] == keys
        return found

    def _within(self, places: Keys, now_ns: int, limit: RateLimit) -> Mask:
        """Tell which requests are within the limit: of one client the first ones are."""
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        counts = np.diff(np.r_[begins, len(ordered)])
        rank = np.arange(len(ordered)) - np.repeat(begins, counts)
        begin = np.maximum(self._full_at[ordered], now_ns)
        ahead = begin - now_ns + rank * limit.interval_ns
        within = ahead <= (limit.burst - 1) * limit.interval_ns
        there = ordered[begins]
        taken = np.add.reduceat(within, begins)
        used = taken > 0
        self._full_at[there[used]] = (begin[begins] + taken * limit.interval_ns)[used]
        result: Mask = np.empty(len(places), bool)
        result[order] = within
        return result

    def busiest(self, count: int) -> list[dict[str, Any]]:
        """Return the clients that asked most often, as plain values."""
        count = min(count, int(np.count_nonzero(self.hits)))
        best = np.argpartition(self.hits, -count)[-count:] if count else _NOBODY
        best = best[np.argsort(self.hits[best])[::-1]]
        return [
            {
                "client": client_name(int(self.keys[place])),
                "requests": int(self.hits[place]),
                "limited": int(self.limited[place]),
            }
            for place in best
        ]


def keys_of(names: npt.NDArray[np.uint8], family: int) -> Keys:
    """Return the key of the client in each row of *names*, a ``struct sockaddr`` each."""
    if family == socket.AF_INET6:
        return names.view(np.uint64)[:, 1].copy()
    keys = names.view(np.uint32)[:, 1].astype(np.uint64)
    keys <<= _IPV4_SHIFT
    keys |= _IPV4_MARK
    return keys


def key_of(address: bytes) -> int:
    """Return the key of the client with *address*, 4 or 16 octets."""
    return int.from_bytes(_IPV4 + address if len(address) == 4 else address[:8], sys.byteorder)


def client_name(key: int) -> str:
    """Return the client of *key* for people."""
    octets = key.to_bytes(8, sys.byteorder)
    if octets.startswith(_IPV4):
        return socket.inet_ntoa(octets[4:])
    return f"{ipaddress.IPv6Address(octets + bytes(8))}/64"


_NOBODY: Final = np.empty(0, np.intp)
_IPV4_SHIFT = np.uint64(32 if sys.byteorder == "little" else 0)
_IPV4_MARK = np.uint64(int.from_bytes(_IPV4 + bytes(4), sys.byteorder))
