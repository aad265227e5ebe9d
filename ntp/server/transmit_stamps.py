"""Stamps of replies that have left: asked of the kernel for some, told apart by their keys, and learnt from.

Which replies are stamped: those of clients in interleaved mode, who are told by the next reply, and one now and then to
learn when replies leave (``departures``). A kernel before 6.13 counts stamped sends itself; where one of them was
refused nobody knows whether it was counted, and the count begins anew.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable

from hw.sockets.keys import kernel_takes_keys
from hw.timestamping import SO_TIMESTAMPING, SocketFlags, Timestamping, key_from, stamp_from
from ntp.server.counters import Count, Counters
from ntp.server.datagrams import ROWS, Datagrams
from ntp.server.fixed_point import timestamp
from ntp.server.interleaved import Awaited, Interleaved
from ntp.server.sockets import socket_flags
from ntp.server.time_state import TimeState

LESSON_NS = 10_000_000
"""How often a reply is stamped to learn when replies leave."""

LESSON_BATCHES = 8
"""And of how many batches at most one: to be stamped delays a reply by some microseconds."""

_CONTROL_OCTETS = 512
_KEYS = 1 << 32


class TransmitStamps:
    """Of the replies of *sock*, which lie in *rows*; what clients are to be told goes to *interleaved*."""

    def __init__(
        self,
        sock: socket.socket,
        rows: Datagrams,
        interleaved: Interleaved,
        counters: Counters,
        stamping: Timestamping,
    ) -> None:
        self._socket, self._rows, self._interleaved, self._counters = sock, rows, interleaved, counters
        self._stamping = stamping
        hardware = stamping is Timestamping.HARDWARE
        self._flags = SocketFlags.TX_HARDWARE if hardware else SocketFlags.TX_SOFTWARE
        self._gives_keys = kernel_takes_keys()
        self._key = 0
        self._marked = False
        self._lesson_ns = 0
        self._batches = LESSON_BATCHES

    def lesson(self, count: int) -> int:
        """Return which of the next *count* replies is to be learnt from; -1: none, the last lesson was just now."""
        self._batches += 1
        now_ns = time.monotonic_ns()
        if now_ns - self._lesson_ns < LESSON_NS or self._batches < LESSON_BATCHES:
            return -1
        self._lesson_ns, self._batches = now_ns, 0
        return self._key % count

    def mark(self, row: int) -> int:
        """Have the reply of *row* stamped; return the key of the stamp."""
        key, self._key = self._key, (self._key + 1) % _KEYS
        self._rows.want_stamp(row, self._flags, key if self._gives_keys else None)
        self._marked = True
        return key

    def sent(self, awaited: Iterable[tuple[int, Awaited]], refused: int) -> None:
        """Take in that the marked replies were sent, what is expected of their stamps, and how many were refused."""
        for key, expected in awaited:
            self._interleaved.await_stamp(key, expected)
        if not self._marked:
            return
        self.unmark()
        if refused and not self._gives_keys:
            self._number_anew()

    def unmark(self) -> None:
        """Let the rows that were marked be ordinary again."""
        self._rows.unmark()
        self._marked = False

    def take(self, state: TimeState) -> None:
        """Take in the stamps that came, and whatever else the socket reports as an error."""
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # else it would be reported again and again
        line = state.hardware if self._stamping is Timestamping.HARDWARE else state.realtime
        for _ in range(ROWS):
            try:
                _, control, _, _ = self._socket.recvmsg(0, _CONTROL_OCTETS, socket.MSG_ERRQUEUE)
            except OSError:
                return
            key, stamp_ns = key_from(control), stamp_from(control, self._stamping)
            if key is None or stamp_ns is None or (found := self._interleaved.stamped(key)) is None:
                continue
            left_ns = line.at(stamp_ns)
            found.departures.learn(found.place, found.replies, left_ns - found.expected_ns, found.returned_ns - left_ns)
            self._counters.add(Count.STAMPS)
            self._counters.numbers[Count.DEPARTURE_ERROR_NS] = int(found.departures.error_ns)
            if found.receive_timestamp:
                self._interleaved.keep(found.receive_timestamp, timestamp(left_ns))

    def _number_anew(self) -> None:
        self._interleaved.forget_awaited()
        self._key = 0
        flags = socket_flags(self._stamping)
        for value in (flags & ~SocketFlags.OPT_ID, flags):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, value)
