"""One socket of the server: receives a batch, has it judged and answered, and sends it.

What lives here: the order of things. What does not: the octets (``replies``, ``special``), the judging (``policy``),
and when replies really left (``transmit_stamps``).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hw.timestamping import Timestamping
from ntp.server.counters import Count, Counters
from ntp.server.datagrams import ROWS, Datagrams, Rows, span
from ntp.server.departures import CHUNK, Departures
from ntp.server.fixed_point import timestamp
from ntp.server.interleaved import Awaited, Interleaved
from ntp.server.policy import Policy, Verdict, Verdicts
from ntp.server.replies import HEADER_OCTETS, OneByOne, Replies
from ntp.server.special import Prepared, Sealing, Special, kiss
from ntp.server.time_state import Heading, TimeReader
from ntp.server.transmit_stamps import TransmitStamps

FEW = 5
"""Up to so many requests are answered one after the other: arrays would cost more."""

SLOWLY_SEALED_AT_ONCE = 4
INTERLEAVED_AT_ONCE = 32
"""Of a batch, so many are answered in interleaved mode at most, the others in basic mode: each one takes its time."""

STEP_NS = 1_000_000
"""CLOCK_REALTIME that is further from where the timing process says it is was stepped since."""

_TRIES = 4
_COUNTED: Final = {Verdict.DENIED: Count.DENIED, Verdict.LIMITED: Count.LIMITED}
_MAY_INTERLEAVE: Final = (Count.NTS, Count.AUTHENTICATED, Count.ANSWERED)

Asked: TypeAlias = dict[int, tuple[int, int]]
"""Origin and receive timestamp of the requests that may be of clients in interleaved mode, by row."""

_EVERY: Rows = np.arange(ROWS)


class _Way(NamedTuple):
    """How replies of one kind are sent: so many at once, and when those leave."""

    at_once: int
    alone: Departures
    """Of a single reply."""
    first: Departures
    """Of the first chunk of a batch, for which the processor has to warm up."""
    later: Departures

    def departures(self, first: int, count: int) -> Departures:
        """Return those of a chunk of so many that begins with the reply *first* of its batch."""
        return self.later if first else self.first if count > 1 else self.alone


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
        self._plain = _Way(CHUNK, *(Departures() for _ in range(3)))
        self._sealed = _Way(CHUNK, *(Departures(sealing_ns=2_000.0) for _ in range(3)))
        self._slowly_sealed = _Way(SLOWLY_SEALED_AT_ONCE, *[Departures(sealing_ns=10_000.0)] * 3)
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
            self._send(self._plain, np.array(plain, np.intp), asked)
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
            self._send(self._plain, rows, asked)
        self._serve_special(special, kissed, asked)

    def _count_verdicts(self, verdicts: Verdicts) -> Sequence[int]:
        """Count who gets no answer; return the rows that are told to ask less often."""
        for verdict, count in _COUNTED.items():
            self._counters.add(count, int(np.count_nonzero(verdicts == verdict)))
        kissed: list[int] = np.flatnonzero(verdicts == Verdict.KISS).tolist()
        return kissed

    # -- what is more than a header ----------------------------------------------------------------------------

    def _serve_special(self, special: Sequence[int], kissed: Sequence[int], asked: Asked) -> None:
        """Answer what is more than a header, and tell those of *kissed* to ask less often.

        The headers of the replies are there already.
        """
        if special:
            sealings, special = self._special.usual(self._rows, np.array(special, np.intp))
            for sealing in sealings:
                self._send_sealed(self._sealed, sealing, asked)
        prepared: dict[Count, list[tuple[int, Prepared]]] = {}
        for row in kissed:
            reply = self._replies.refusal(row) or Prepared(self._kiss, Count.KISSES)
            self._sort(row, reply, prepared)
        for row in special:
            self._sort(row, self._replies.prepared(row, self._special), prepared)
        for counts, ready in prepared.items():
            self._send_sealed(self._slowly_sealed, OneByOne(self._replies, ready, counts), asked)

    def _sort(self, row: int, reply: Prepared | Count, prepared: dict[Count, list[tuple[int, Prepared]]]) -> None:
        """Put the reply to *row* to those that are counted as the same; count a request that gets none."""
        if isinstance(reply, Count):
            self._counters.add(reply)
        else:
            prepared.setdefault(reply.counts, []).append((row, reply))

    def _kiss(self, header: bytes) -> bytes:
        return kiss(header, b"RATE", self._kiss_poll)

    def _send_sealed(self, way: _Way, sealing: Sealing, asked: Asked) -> None:
        rows = sealing.rows
        if not len(rows):
            return
        self._send(way, rows, asked if sealing.counts in _MAY_INTERLEAVE else {}, sealing=sealing)
        self._rows.reply_lengths[rows] = HEADER_OCTETS
        if sealing.counts is not Count.ANSWERED:
            self._counters.add(sealing.counts, len(rows))

    # -- sending -----------------------------------------------------------------------------------------------

    def _send(self, way: _Way, rows: Rows, asked: Asked, sealing: Sealing | None = None) -> None:
        """Send the replies of *rows*; with *sealing* they are sealed before, when their headers are complete."""
        line, count = self._heading.state.realtime, len(rows)
        refused = 0
        lesson = self._stamps.lesson(count)
        for first in range(0, count, way.at_once):
            chunk = rows[first : first + way.at_once]
            replies = len(chunk)
            departures = way.departures(first, replies)
            marked = self._mark(chunk, asked, lesson - first) if asked or lesson >= 0 else ()
            now_ns = time.time_ns()  # from here on every step is part of the delay that is learnt
            begun_ns = now_ns + (departures.sealing_ns(replies) if sealing else 0)
            expected_ns = [begun_ns + departures.after_ns(place, replies) for _, place, _ in marked]
            if replies == 1:
                leaves = timestamp(line.at(begun_ns + departures.after_ns(0, 1)))
                self._replies.set_transmit(int(chunk[0]), leaves)
            else:
                self._transmit[span(chunk)] = departures.times(timestamp(line.at(begun_ns)), replies)
            if asked:
                self._answer_interleaved(chunk.tolist(), asked)
            if sealing:
                sealing.seal(first, first + replies)
                sealed_ns = time.time_ns()
                departures.sealed(replies, sealed_ns - now_ns)
                now_ns = sealed_ns
            refused_now = self._rows.send(self._fd, chunk)
            returned_ns = time.time_ns()
            if not refused_now:
                departures.sent(replies, returned_ns - now_ns)
            awaited = [
                (key, Awaited(stamp, departures, place, replies, line.at(expected), line.at(returned_ns)))
                for (key, place, stamp), expected in zip(marked, expected_ns, strict=True)
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
