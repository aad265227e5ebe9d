"""One socket of the server: receives a batch, has it judged and answered, sends it, and learns when that left.

What lives here: the order of things. What does not: the octets (``replies``, ``special``), the judging (``policy``).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from hw.sockets.keys import kernel_takes_keys
from hw.timestamping import SO_TIMESTAMPING, SocketFlags, Timestamping, key_from, stamp_from
from ntp.server.counters import Count, Counters
from ntp.server.datagrams import ROWS, Datagrams
from ntp.server.departures import CHUNK, Departures
from ntp.server.fixed_point import timestamp
from ntp.server.interleaved import Awaited, Interleaved
from ntp.server.policy import Policy, Verdict, Verdicts
from ntp.server.replies import HEADER_OCTETS, Replies
from ntp.server.sockets import socket_flags
from ntp.server.special import Prepared, Special, kiss
from ntp.server.time_state import Heading, TimeReader

FEW = 5
"""Up to so many requests are answered one after the other: arrays would cost more."""

SEALED_AT_ONCE = 16
INTERLEAVED_AT_ONCE = 32
"""Of a batch, so many are answered in interleaved mode at most, the others in basic mode: each one takes its time."""

CALIBRATION_NS = 10_000_000
"""How often a reply is stamped to learn when replies leave."""

STEP_NS = 1_000_000
"""CLOCK_REALTIME that is further from where the timing process says it is was stepped since."""

_TRIES = 4
_COUNTED: Final = {Verdict.DENIED: Count.DENIED, Verdict.LIMITED: Count.LIMITED}

Rows = npt.NDArray[np.intp]


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
        hardware = stamping is Timestamping.HARDWARE
        self._socket, self._fd = sock, sock.fileno()
        self._rows = datagrams
        self._policy, self._special, self._reader, self._counters = policy, special, reader, counters
        self._replies = Replies(datagrams, time.time_ns, hardware=hardware)
        self._transmit: npt.NDArray[np.uint64] = datagrams.replies.view(np.uint64)[:, 5]
        self._first, self._later = Departures(), Departures()
        """Of the first chunk of a batch, for which the processor has to warm up, and of the others."""

        self._sealed = Departures(15_000.0, 8_000.0)
        """Of what is sealed, by how many are to be sealed after it before all are sent."""

        self._interleaved = Interleaved()
        self._stamping = stamping
        self._stamp_flags = SocketFlags.TX_HARDWARE if hardware else SocketFlags.TX_SOFTWARE
        self._gives_keys = kernel_takes_keys()
        self._key = 0
        self._calibrated_ns = 0
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
        self._rows.unmark()
        self._rows.recycle(ROWS)
        self._rows.reply_lengths[:] = HEADER_OCTETS

    def take_stamps(self) -> None:
        """Take in the stamps of replies that have left, and whatever else the socket reports as an error."""
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # else it would be reported again and again
        for _ in range(ROWS):
            try:
                _, control, _, _ = self._socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            key, stamp_ns = key_from(control), stamp_from(control, self._stamping)
            if key is None or stamp_ns is None or (found := self._interleaved.stamped(key)) is None:
                continue
            state = self._heading.state
            line = state.hardware if self._stamping is Timestamping.HARDWARE else state.realtime
            left_ns = line.at(stamp_ns)
            found.departures.learn(found.place, left_ns - found.expected_ns)
            self._counters.add(Count.STAMPS)
            self._counters.numbers[Count.DEPARTURE_ERROR_NS] = int(found.departures.error_ns)
            if found.receive_timestamp:
                self._interleaved.keep(found.receive_timestamp, timestamp(left_ns))

    def _clock_is_where_it_was_said(self, heading: Heading) -> bool:
        """Tell whether CLOCK_REALTIME was stepped since the timing process looked; slewing moves both clocks alike."""
        for _ in range(_TRIES):
            ahead_ns = time.time_ns() - time.monotonic_ns()
            if abs(ahead_ns - heading.state.realtime_ahead_ns) < STEP_NS:
                return True
        return False

    # -- a few -------------------------------------------------------------------------------------------------

    def _serve_few(self, count: int, now_ns: int) -> None:
        rows, special, kissed = [], [], []
        marks: dict[int, tuple[int, int]] = {}
        names = self._rows.names
        for row in range(count):
            verdict = self._policy.judge_one(names[row].tobytes(), now_ns)
            if verdict is Verdict.KISS:
                kissed.append(row)
            elif verdict:
                self._counters.add(_COUNTED[verdict])
            elif self._replies.is_plain(row):
                if asked := self._replies.write_one(row):
                    marks[row] = asked
                rows.append(row)
            else:
                special.append(row)
        self._rows.forget_interfaces(count)
        if rows:
            whole = rows[-1] - rows[0] + 1 == len(rows)
            self._send_plain(np.array(rows, np.intp), rows[0] if whole else None, marks)
        if special or kissed:
            self._serve_special(special, kissed)

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
        stamped = self._replies.all_stamped(count)
        marks = {}
        for row in self._replies.candidates(count)[:INTERLEAVED_AT_ONCE]:
            if plain[row]:
                origin, receive, _ = self._replies.timestamps_of(row)
                marks[int(row)] = origin, receive
        rows = _EVERY[:count] if whole else np.flatnonzero(plain)
        if len(rows):
            self._send_plain(rows, 0 if whole else None, marks)
        if special or kissed:
            self._serve_special(special, kissed, written=stamped)

    def _count_verdicts(self, verdicts: Verdicts) -> Sequence[int]:
        """Count who gets no answer; return the rows that are told to ask less often."""
        for verdict, count in _COUNTED.items():
            self._counters.add(count, int(np.count_nonzero(verdicts == verdict)))
        kissed: list[int] = np.flatnonzero(verdicts == Verdict.KISS).tolist()
        return kissed

    # -- sending -----------------------------------------------------------------------------------------------

    def _send_plain(self, rows: Rows, first_row: int | None, marks: dict[int, tuple[int, int]]) -> None:
        """Send the replies of *rows*, which are those from *first_row* on without a gap if that is given.

        *marks*: origin and receive timestamps of those that may be of clients in interleaved mode, by row.
        """
        line, count = self._heading.state.realtime, len(rows)
        refused = 0
        lesson = self._next_lesson(count)
        for first in range(0, count, CHUNK):
            end = min(first + CHUNK, count)
            departures = self._later if first else self._first
            stamped = self._want_stamps(rows[first:end], marks, first == lesson) if marks or first == lesson else ()
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
            if marks:
                self._answer_interleaved(rows[first:end], marks)
            if first_row is not None:
                refused += self._rows.send(self._fd, first_row + first, first_row + end)
            else:
                refused += self._rows.send_rows(self._fd, rows[first:end])
            for key, place, receive_timestamp in stamped:
                expected_ns = line.at(now_ns + departures.after_ns(place))
                self._interleaved.await_stamp(key, Awaited(receive_timestamp, departures, place, expected_ns))
        self._rows.unmark()
        self._counters.add(Count.ANSWERED, count - refused)
        if refused:
            self._counters.add(Count.NOT_SENT, refused)
            if marks and not self._gives_keys:
                self._number_anew()

    def _number_anew(self) -> None:
        """Let a kernel that counts stamped sends itself begin again: nobody knows whether it counted a refused one."""
        self._interleaved.forget_awaited()
        self._key = 0
        flags = socket_flags(self._stamping)
        for value in (flags & ~SocketFlags.OPT_ID, flags):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, value)

    def _next_lesson(self, count: int) -> int:
        """Return with which of *count* replies the chunk begins of which one is stamped to learn from; -1: none."""
        now_ns = time.monotonic_ns()
        if now_ns - self._calibrated_ns < CALIBRATION_NS:
            return -1
        self._calibrated_ns = now_ns
        return self._key % count // CHUNK * CHUNK

    def _want_stamps(
        self, rows: Rows, marks: dict[int, tuple[int, int]], calibrates: bool
    ) -> list[tuple[int, int, int]]:
        """Have the departure of the replies that are in *marks* stamped, and of one more to learn from.

        Returns the key of each stamp, the place of its reply, and the receive timestamp to keep it by (0: none).
        """
        wanted = [place for place, row in enumerate(rows.tolist()) if row in marks] if marks else []
        if calibrates and not wanted:
            wanted = [self._key % len(rows)]
        stamped = []
        for place in wanted:
            row = int(rows[place])
            self._rows.want_stamp(row, self._stamp_flags, self._key if self._gives_keys else None)
            stamped.append((self._key, place, self._replies.receive_timestamp(row) if row in marks else 0))
            self._key = (self._key + 1) & 0xFFFF_FFFF
        return stamped

    def _answer_interleaved(self, rows: Rows, marks: dict[int, tuple[int, int]]) -> None:
        """Tell those who ask in interleaved mode when the reply before left, instead of when this one does."""
        for row in rows.tolist():
            if row in marks and (left := self._interleaved.take(marks[row][0])) is not None:
                self._replies.set_origin(row, marks[row][1])
                self._replies.set_transmit(row, left)
                self._counters.add(Count.INTERLEAVED)

    def _serve_special(self, special: Sequence[int], kissed: Sequence[int], *, written: bool = False) -> None:
        """Answer what is more than a header, and tell those of *kissed* to ask less often.

        *written*: the headers of the replies are there already.
        """
        for row in kissed:
            self._replies.write_one(row)
            self._finish([(row, Prepared(lambda header: kiss(header, b"RATE", self._kiss_poll), Count.KISSES))])
        replies, prepare, last = self._replies, self._special.prepare, len(special) - 1
        ready: list[tuple[int, Prepared]] = []
        for number, row in enumerate(special):
            prepared = Count.MALFORMED if replies.is_cut(row) else prepare(replies.request(row))
            if isinstance(prepared, Count):
                self._counters.add(prepared)
            else:
                if not written:
                    replies.write_one(row)
                ready.append((row, prepared))
            if ready and (number == last or len(ready) == SEALED_AT_ONCE):
                self._finish(ready)
                ready = []

    def _finish(self, ready: Sequence[tuple[int, Prepared]]) -> None:
        """Seal and send replies; those sealed first wait for the others, which their timestamps allow for."""
        line, replies, count = self._heading.state.realtime, self._replies, len(ready)
        taught = self._key % count if not self._next_lesson(1) else -1
        stamped: list[tuple[int, Awaited]] = []
        for place, (row, (seal, counts)) in enumerate(ready):
            asked = replies.interleaved(row) if counts in _MAY_INTERLEAVE else None
            wants_stamp = asked is not None or place == taught
            if wants_stamp:
                self._rows.want_stamp(row, self._stamp_flags, self._key if self._gives_keys else None)
            waits_ns = self._sealed.after_ns(count - 1 - place) + place * _SPACING_NS
            leaves_ns = line.at(time.time_ns() + waits_ns)
            transmit = timestamp(leaves_ns)
            if wants_stamp:
                receive_timestamp = replies.receive_timestamp(row) if asked else 0
                stamped.append((self._key, Awaited(receive_timestamp, self._sealed, count - 1 - place, leaves_ns)))
                self._key = (self._key + 1) & 0xFFFF_FFFF
            if asked and (left := self._interleaved.take(asked[0])) is not None:
                replies.set_origin(row, asked[1])
                transmit = left
                self._counters.add(Count.INTERLEAVED)
            replies.put(row, seal(replies.header(row, transmit)))
            if counts is not Count.ANSWERED:
                self._counters.add(counts)
        refused = self._rows.send_rows(self._fd, np.array([row for row, _ in ready], np.intp))
        for key, awaited in stamped:
            self._interleaved.await_stamp(key, awaited)
        self._rows.unmark()
        for row, _ in ready:
            self._rows.reply_lengths[row] = HEADER_OCTETS
        self._counters.add(Count.ANSWERED, count - refused)
        self._counters.add(Count.NOT_SENT, refused)
        if refused and not self._gives_keys:
            self._number_anew()


_MAY_INTERLEAVE: Final = (Count.NTS, Count.AUTHENTICATED, Count.ANSWERED)
_SPACING_NS = 3_000
"""From one reply to the next in the kernel."""

_EVERY: Rows = np.arange(ROWS)
