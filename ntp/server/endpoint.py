"""One socket of the server: receives a batch, has it judged and answered, and sends it.

What lives here: the order of things. What does not: the octets (``replies``, ``special``), the judging (``policy``),
and when replies really left (``transmit_stamps``).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from hw.timestamping import Timestamping
from ntp.server.counters import Count, Counters
from ntp.server.datagrams import ROWS, Datagrams
from ntp.server.departures import CHUNK, Departures
from ntp.server.fixed_point import MASK, timestamp, units
from ntp.server.interleaved import Awaited, Interleaved
from ntp.server.policy import Policy, Verdict, Verdicts
from ntp.server.replies import HEADER_OCTETS, Replies
from ntp.server.special import Prepared, Special, kiss
from ntp.server.time_state import Heading, TimeReader
from ntp.server.transmit_stamps import TransmitStamps

FEW = 5
"""Up to so many requests are answered one after the other: arrays would cost more."""

SEALED_AT_ONCE = 16
INTERLEAVED_AT_ONCE = 32
"""Of a batch, so many are answered in interleaved mode at most, the others in basic mode: each one takes its time."""

STEP_NS = 1_000_000
"""CLOCK_REALTIME that is further from where the timing process says it is was stepped since."""

_TRIES = 4
_COUNTED: Final = {Verdict.DENIED: Count.DENIED, Verdict.LIMITED: Count.LIMITED}
_MAY_INTERLEAVE: Final = (Count.NTS, Count.AUTHENTICATED, Count.ANSWERED)
_SPACING_NS = 3_000
"""From one sealed reply to the next in the kernel."""

Rows = npt.NDArray[np.intp]
Asked: TypeAlias = dict[int, tuple[int, int]]
"""Origin and receive timestamp of the requests that may be of clients in interleaved mode, by row."""

_EVERY: Rows = np.arange(ROWS)


class Endpoint:
    """Serves *sock*, whose datagrams lie in *datagrams*, by the time of *reader*."""

    def __init__(
        self,
        sock: socket.socket,
        datagrams: Datagrams,
        *,
        policy: Policy,
        special: Special,
        reader: TimeReader,
        counters: Counters,
        stamping: Timestamping = Timestamping.SOFTWARE,
        kiss_poll: int = 0,
    ) -> None:
        self._fd = sock.fileno()
        self._rows = datagrams
        self._policy, self._special, self._reader, self._counters = policy, special, reader, counters
        self._replies = Replies(datagrams, time.time_ns, hardware=stamping is Timestamping.HARDWARE)
        self._transmit: npt.NDArray[np.uint64] = datagrams.replies.view(np.uint64)[:, 5]
        self._first, self._later = Departures(), Departures()
        """Of the first chunk of a batch, for which the processor has to warm up, and of the others."""

        self._sealed = Departures(15_000.0, 8_000.0)
        """Of what is sealed, by how many are to be sealed after it before all are sent."""

        self._interleaved = Interleaved()
        self._stamps = TransmitStamps(sock, datagrams, self._interleaved, counters, stamping)
        self._kiss_poll = kiss_poll
        self._heading = reader.heading(0)

    def serve(self) -> int:
        """Answer what waits; return how much that was. Raises ``OSError``."""
        count = self._rows.receive(self._fd)
        if not count:
            return 0
        now_ns = time.monotonic_ns()
        self._counters.add(Count.RECEIVED, count)
        self._counters.add(Count.BATCHES)
        self._heading = self._reader.heading(now_ns)
        self._replies.use(self._heading)
        if not self._clock_is_where_it_was_said(self._heading):
            self._interleaved.forget()
            self._counters.add(Count.STEPPED, count)
        elif count <= FEW:
            self._serve_few(count, now_ns)
        else:
            self._serve_many(count, now_ns)
        self._rows.recycle(count)
        return count

    def recover(self) -> None:
        """Be ready for the next batch after one was given up half-way."""
        self._stamps.unmark()
        self._rows.recycle(ROWS)
        self._rows.reply_lengths[:] = HEADER_OCTETS

    def take_stamps(self) -> None:
        """Take in the stamps of replies that have left, and whatever else the socket reports as an error."""
        self._stamps.take(self._heading.state)

    def _clock_is_where_it_was_said(self, heading: Heading) -> bool:
        """Tell whether CLOCK_REALTIME was stepped since the timing process looked; slewing moves both clocks alike."""
        for _ in range(_TRIES):
            ahead_ns = time.time_ns() - time.monotonic_ns()
            if abs(ahead_ns - heading.state.realtime_ahead_ns) < STEP_NS:
                return True
        return False

    # -- a few -------------------------------------------------------------------------------------------------

    def _serve_few(self, count: int, now_ns: int) -> None:
        plain, special, kissed = [], [], []
        asked: Asked = {}
        names = self._rows.names
        for row in range(count):
            verdict = self._policy.judge_one(names[row].tobytes(), now_ns)
            if counted := _COUNTED.get(verdict):
                self._counters.add(counted)
                continue
            if verdict is Verdict.KISS:
                kissed.append(row)
            elif self._replies.is_plain(row):
                plain.append(row)
            else:
                special.append(row)
            if stamps := self._replies.write_one(row):
                asked[row] = stamps
        self._rows.forget_interfaces(count)
        if plain:
            whole = plain[-1] - plain[0] + 1 == len(plain)
            self._send_plain(np.array(plain, np.intp), plain[0] if whole else None, asked)
        self._serve_special(special, kissed, asked)

    # -- many --------------------------------------------------------------------------------------------------

    def _serve_many(self, count: int, now_ns: int) -> None:
        plain = self._replies.plain(count)
        verdicts = self._policy.judge(self._rows.names[:count], now_ns)
        special: Sequence[int] = ()
        kissed: Sequence[int] = ()
        whole = bool(plain.all())
        if verdicts is not None:
            kissed = self._count_verdicts(verdicts)
            answer = verdicts == Verdict.ANSWER
            special = np.flatnonzero(answer & ~plain).tolist()
            plain &= answer
            whole = False
        elif not whole:
            special = np.flatnonzero(~plain).tolist()
        self._rows.forget_interfaces(count)
        self._replies.write(count)
        asked: Asked = {}
        for row in self._replies.candidates(count)[:INTERLEAVED_AT_ONCE].tolist():
            origin, receive, _ = self._replies.timestamps_of(row)
            asked[row] = origin, receive
        rows = _EVERY[:count] if whole else np.flatnonzero(plain)
        if len(rows):
            self._send_plain(rows, 0 if whole else None, asked)
        self._serve_special(special, kissed, asked)

    def _count_verdicts(self, verdicts: Verdicts) -> Sequence[int]:
        """Count who gets no answer; return the rows that are told to ask less often."""
        for verdict, count in _COUNTED.items():
            self._counters.add(count, int(np.count_nonzero(verdicts == verdict)))
        kissed: list[int] = np.flatnonzero(verdicts == Verdict.KISS).tolist()
        return kissed

    # -- sending plain replies ---------------------------------------------------------------------------------

    def _send_plain(self, rows: Rows, first_row: int | None, asked: Asked) -> None:
        """Send the replies of *rows*, which are those from *first_row* on without a gap if that is given."""
        line, count = self._heading.state.realtime, len(rows)
        refused = 0
        lesson = self._stamps.lesson(count)
        for first in range(0, count, CHUNK):
            end = min(first + CHUNK, count)
            departures = self._later if first else self._first
            marked = self._mark(rows[first:end], asked, lesson - first) if asked or lesson >= 0 else ()
            now_ns = time.time_ns()  # from here on every step is part of the delay that is learnt
            leaves = timestamp(line.at(now_ns + departures.after_ns(0)))
            if end - first == 1:
                self._replies.set_transmit(int(rows[first]), leaves)
            elif first_row is not None:
                departures.write(leaves, self._transmit[first_row + first : first_row + end])
            else:
                times = np.empty(end - first, np.uint64)
                departures.write(leaves, times)
                self._transmit[rows[first:end]] = times
            if asked:
                self._answer_interleaved(rows[first:end].tolist(), asked)
            if first_row is not None:
                refused_now = self._rows.send(self._fd, first_row + first, first_row + end)
            else:
                refused_now = self._rows.send_rows(self._fd, rows[first:end])
            awaited = [
                (key, Awaited(stamp, departures, place, line.at(now_ns + departures.after_ns(place))))
                for key, place, stamp in marked
            ]
            self._stamps.sent(awaited, refused_now)
            refused += refused_now
        self._counters.add(Count.ANSWERED, count - refused)
        self._counters.add(Count.NOT_SENT, refused)

    def _mark(self, rows: Rows, asked: Asked, lesson: int) -> list[tuple[int, int, int]]:
        """Have the departure of the replies to *asked* stamped, and of the one at place *lesson* to learn from.

        Returns the key of each stamp, the place of its reply, and the receive timestamp to keep it by (0: none).
        """
        return [
            (self._stamps.mark(row), place, self._replies.receive_timestamp(row) if row in asked else 0)
            for place, row in enumerate(rows.tolist())
            if row in asked or place == lesson
        ]

    def _answer_interleaved(self, rows: Sequence[int], asked: Asked) -> None:
        """Tell those who ask in interleaved mode when the reply before left, instead of when this one does."""
        for row in rows:
            if row in asked and (left := self._left_before(row, asked)) is not None:
                self._replies.set_transmit(row, left)

    def _left_before(self, row: int, asked: Asked) -> int | None:
        """Return when the reply before that of *row* left, and make this one say so; None: nobody knows."""
        origin, receive = asked[row]
        left = self._interleaved.take(origin)
        if left is not None:
            self._replies.set_origin(row, receive)
            self._counters.add(Count.INTERLEAVED)
        return left

    # -- sending sealed replies --------------------------------------------------------------------------------

    def _serve_special(self, special: Sequence[int], kissed: Sequence[int], asked: Asked) -> None:
        """Answer what is more than a header, and tell those of *kissed* to ask less often.

        The headers of the replies are there already.
        """
        ready: list[tuple[int, Prepared]] = []
        for row in kissed:
            if refusal := self._replies.refusal(row):
                self._counters.add(refusal)
            else:
                ready.append((row, Prepared(self._kiss, Count.KISSES)))
        for row in special:
            prepared = self._replies.prepared(row, self._special)
            if isinstance(prepared, Count):
                self._counters.add(prepared)
            else:
                ready.append((row, prepared))
            if len(ready) >= SEALED_AT_ONCE:
                self._seal(ready[:SEALED_AT_ONCE], asked)
                del ready[:SEALED_AT_ONCE]
        for first in range(0, len(ready), SEALED_AT_ONCE):
            self._seal(ready[first : first + SEALED_AT_ONCE], asked)

    def _kiss(self, header: bytes) -> bytes:
        return kiss(header, b"RATE", self._kiss_poll)

    def _seal(self, ready: Sequence[tuple[int, Prepared]], asked: Asked) -> None:
        """Seal and send replies; those sealed first wait for the others, which their timestamps allow for."""
        replies, departures, last = self._replies, self._sealed, len(ready) - 1
        lesson = self._stamps.lesson(len(ready))
        awaited: list[tuple[int, Awaited]] = []
        begun_ns = time.time_ns()
        served_ns = self._heading.state.realtime.at(begun_ns)
        begun = timestamp(served_ns)
        for place, (row, (seal, counts)) in enumerate(ready):
            later_ns = time.time_ns() - begun_ns + departures.after_ns(last - place) + place * _SPACING_NS
            transmit = begun + units(later_ns) & MASK
            interleaves = row in asked and counts in _MAY_INTERLEAVE
            if interleaves or place == lesson:
                stamp = replies.receive_timestamp(row) if interleaves else 0
                expected = Awaited(stamp, departures, last - place, served_ns + later_ns)
                awaited.append((self._stamps.mark(row), expected))
            if interleaves and (left := self._left_before(row, asked)) is not None:
                transmit = left
            replies.put(row, seal(replies.header(row, transmit)))
            if counts is not Count.ANSWERED:
                self._counters.add(counts)
        rows = np.array([row for row, _ in ready], np.intp)
        refused = self._rows.send_rows(self._fd, rows)
        self._stamps.sent(awaited, refused)
        self._rows.reply_lengths[rows] = HEADER_OCTETS
        self._counters.add(Count.ANSWERED, len(ready) - refused)
        self._counters.add(Count.NOT_SENT, refused)
