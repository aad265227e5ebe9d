"""The replies to a whole batch of plain requests, written by array operations; and to a few, one after the other.

Both write the same octets, which a property of the tests holds. What lives here: from the rows of requests to the rows
of replies, but for the time of departure (``departures``). What does not: who is answered at all (``policy``), and what
follows the header (``special``).
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ntp.server.counters import Count
from ntp.server.datagrams import CONTROL_ROW, FLAGS, LENGTH, ROW_OCTETS, STAMP_AT, WORDS, Datagrams, Words
from ntp.server.fixed_point import timestamp, timestamps
from ntp.server.special import ARE_REQUESTS, IS_REQUEST, Prepared, Seal, Special
from ntp.server.time_state import Heading, Line

HEADER_OCTETS: Final = 48
_REQUEST = struct.Struct(">BxB21xQQQ")
_ORIGIN_AND_RECEIVE = struct.Struct(">QQ")
_STAMPS = struct.Struct("@qqqqqq")
_TRANSMIT = struct.Struct(">Q")
_ORIGIN_AT, _RECEIVE_AT, _TRANSMIT_AT = 24, 32, 40

_CUT = int(socket.MSG_TRUNC)
_KEPT = int.from_bytes(b"\x38\0\xff\0\0\0\0\0", sys.byteorder)
"""What a reply repeats of a request's first 8 octets: version and poll."""

Mask = npt.NDArray[np.bool_]


class Replies:
    """Writes replies into the rows of *datagrams*. *hardware*: stamps of the NIC count where they come.

    *now_ns* reads CLOCK_REALTIME, for a request that came without any stamp.
    """

    def __init__(self, datagrams: Datagrams, now_ns: Callable[[], int], *, hardware: bool = False) -> None:
        self._rows = datagrams
        self._now_ns = now_ns
        self._hardware = hardware
        self._heading: Heading | None = None
        self._requests: Words = datagrams.requests.view(np.uint64)
        self._replies: Words = datagrams.replies.view(np.uint64)
        self._request_octets = memoryview(datagrams.requests.data).cast("B")
        self._reply_octets = memoryview(datagrams.replies.data).cast("B")
        self._control_octets = memoryview(datagrams.control.data).cast("B")
        self._first = np.uint64(0)
        self._rest: Words = np.zeros(2, np.uint64)

    def use(self, heading: Heading) -> None:
        """Write by *heading* from now on."""
        if heading is self._heading:
            return
        self._heading = heading
        words = np.frombuffer(heading.octets, np.uint64)
        self._first = words[0]
        self._rest = words[1:].copy()

    # -- many ------------------------------------------------------------------------------------------------

    def plain(self, count: int) -> Mask:
        """Tell which of the first *count* rows are requests of a header and no more."""
        mask: Mask = self._rows.headers[:count, LENGTH] == HEADER_OCTETS
        mask &= ARE_REQUESTS[self._rows.requests[:count, 0]]
        return mask

    def write(self, count: int) -> None:
        """Write the replies to the first *count* rows as if all were plain, but for the transmit timestamp."""
        requests, replies = self._requests, self._replies
        first = requests[:count, 0] & np.uint64(_KEPT)
        first |= self._first
        replies[:count, 0] = first
        replies[:count, 1:3] = self._rest
        replies[:count, 3] = requests[:count, 5]
        self._write_receive_timestamps(count)
        for row in self._rows.unstamped:
            self.write_one(row)

    def _write_receive_timestamps(self, count: int) -> None:
        assert self._heading is not None
        stamps, state = self._rows.stamp_words, self._heading.state
        seconds, ns = stamps[:count, 0], stamps[:count, 1]
        if self._hardware and state.has_hardware:
            seconds, ns = self._by_line(stamps[:count, 4], stamps[:count, 5], state.hardware, seconds, ns)
        elif not state.realtime.is_identity:
            seconds, ns = _served(seconds, ns, state.realtime)
        timestamps(seconds.view(np.uint64), ns.view(np.uint64), self._replies[:count, 4])

    def _by_line(
        self,
        seconds: npt.NDArray[np.int64],
        ns: npt.NDArray[np.int64],
        line: Line,
        kernel_s: npt.NDArray[np.int64],
        kernel_ns: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return served time by the NIC's stamps, or by the kernel's where there is none."""
        assert self._heading is not None
        by_nic, by_kernel = _served(seconds, ns, line), _served(kernel_s, kernel_ns, self._heading.state.realtime)
        has = seconds != 0
        return np.where(has, by_nic[0], by_kernel[0]), np.where(has, by_nic[1], by_kernel[1])

    # -- one -------------------------------------------------------------------------------------------------

    def is_plain(self, row: int) -> bool:
        """Tell for one row what :meth:`plain` tells for all."""
        words, at = self._rows.header_words, row * WORDS
        return words[at + LENGTH] == HEADER_OCTETS and bool(IS_REQUEST[self._request_octets[row * ROW_OCTETS]])

    def write_one(self, row: int) -> tuple[int, int] | None:
        """Write the reply to one row, as :meth:`write` does.

        Returns its origin and receive timestamps where the client may be in interleaved mode, see :meth:`candidates`.
        """
        assert self._heading is not None
        at = row * ROW_OCTETS
        first, poll, origin, receive, transmit = _REQUEST.unpack_from(self._request_octets, at)
        replies = self._reply_octets
        replies[at : at + _ORIGIN_AT] = self._heading.octets
        replies[at] |= first & 0x38
        replies[at + 2] = poll
        _ORIGIN_AND_RECEIVE.pack_into(replies, at + _ORIGIN_AT, transmit, timestamp(self.received_ns(row)))
        return (origin, receive) if origin and receive and receive != transmit else None

    def received_ns(self, row: int) -> int:
        """Return when the request of *row* came, in served time, by the kernel's or the NIC's stamp."""
        assert self._heading is not None
        state = self._heading.state
        if row in self._rows.unstamped:
            return state.realtime.at(self._now_ns())
        stamps = _STAMPS.unpack_from(self._control_octets, row * CONTROL_ROW + STAMP_AT)
        if self._hardware and state.has_hardware and stamps[4]:
            return state.hardware.at(stamps[4] * 1_000_000_000 + stamps[5])
        return state.realtime.at(stamps[0] * 1_000_000_000 + stamps[1])

    def timestamps_of(self, row: int) -> tuple[int, int, int]:
        """Return origin, receive and transmit timestamp of the request in *row*."""
        _, _, origin, receive, transmit = _REQUEST.unpack_from(self._request_octets, row * ROW_OCTETS)
        return origin, receive, transmit

    def candidates(self, count: int) -> npt.NDArray[np.intp]:
        """Return which of the first *count* rows may be of clients in interleaved mode (RFC 9769 2).

        Their origin and receive timestamps say something, and receive is another one than transmit.
        """
        requests = self._requests
        if not requests[:count, 3].any():
            return _NONE
        mask = (requests[:count, 3] != 0) & (requests[:count, 4] != 0) & (requests[:count, 4] != requests[:count, 5])
        return np.flatnonzero(mask)

    # -- the row of one reply --------------------------------------------------------------------------------

    def set_transmit(self, row: int, transmit: int) -> None:
        """Write the transmit timestamp of *row*."""
        _TRANSMIT.pack_into(self._reply_octets, row * ROW_OCTETS + _TRANSMIT_AT, transmit)

    def set_origin(self, row: int, origin: int) -> None:
        """Write the origin timestamp of *row*."""
        _TRANSMIT.pack_into(self._reply_octets, row * ROW_OCTETS + _ORIGIN_AT, origin)

    def receive_timestamp(self, row: int) -> int:
        """Return the receive timestamp that stands in the reply of *row*."""
        found: int = _TRANSMIT.unpack_from(self._reply_octets, row * ROW_OCTETS + _RECEIVE_AT)[0]
        return found

    def prepared(self, row: int, special: Special) -> Prepared | Count:
        """Return what *special* makes of the request in *row*, of which nothing may have been cut off."""
        words, at = self._rows.header_words, row * WORDS
        if words[at + FLAGS] & _CUT:
            return Count.MALFORMED
        begin = row * ROW_OCTETS
        return special.prepare(bytes(self._request_octets[begin : begin + words[at + LENGTH]]))

    def refusal(self, row: int) -> Count | None:
        """Return as what *row* is counted if it is no request, so that not even a kiss-o'-death is due; None: it is."""
        if self._rows.header_words[row * WORDS + LENGTH] < HEADER_OCTETS:
            return Count.MALFORMED
        return None if IS_REQUEST[self._request_octets[row * ROW_OCTETS]] else Count.NOT_A_REQUEST

    def seal(self, row: int, seal: Seal) -> None:
        """Make of the header in *row*, which is complete, the reply by *seal*."""
        at = row * ROW_OCTETS
        octets = seal(bytes(self._reply_octets[at : at + HEADER_OCTETS]))
        length = len(octets)
        assert length <= self._rows.header_words[row * WORDS + LENGTH], "a reply is never longer than its request"
        self._reply_octets[at : at + length] = octets
        self._rows.reply_lengths[row] = length


class OneByOne:
    """Replies that were prepared one by one, each with its row, to be sealed in their place by *replies*."""

    def __init__(self, replies: Replies, prepared: Sequence[tuple[int, Prepared]], counts: Count) -> None:
        self.rows = np.array([row for row, _ in prepared], np.intp)
        self.counts = counts
        self._replies, self._prepared = replies, prepared

    def seal(self, first: int, end: int) -> None:
        """Make the replies from the place *first* to before *end*."""
        for row, (seal, _) in self._prepared[first:end]:
            self._replies.seal(row, seal)


def _served(
    seconds: npt.NDArray[np.int64], ns: npt.NDArray[np.int64], line: Line
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the served time of stamps, as :meth:`Line.at` does."""
    stamps = seconds * 1_000_000_000 + ns
    served = stamps + (line.to_ns - line.from_ns)
    if line.rate:
        served += np.rint((stamps - line.from_ns) * line.rate).astype(np.int64)
    return np.divmod(served, 1_000_000_000)


_NONE = np.empty(0, np.intp)
