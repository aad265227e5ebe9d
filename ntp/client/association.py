"""The client's association with one server: what is asked when, and what is made of the replies.

The driver calls the input methods and carries out what each returns (``outputs``). ``now`` is always the host's
monotonic time; stamps are what the local clock reads, taken as UTC. Nothing here blocks or waits.

Nothing in a request tells of its sender: the timestamps in it are random cookies, of which the server returns one
(RFC 5905 with the data minimization of RFC 9769 and 9109). In interleaved mode a reply tells when *the reply
before it* left, as precisely as the server could stamp that (RFC 9769 2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from enum import Enum

from ntp.client import packet_tests
from ntp.client.authentication import SymmetricKey
from ntp.client.events import (
    AuthenticationFailed,
    KissOfDeath,
    PollChanged,
    ReplyRejected,
    SourceReachable,
    SourceUnreachable,
    reference_name,
)
from ntp.client.exchange import Exchange, instants_of, not_possible, sample_of
from ntp.client.outputs import Output, Send
from ntp.client.packet_tests import Rejected
from ntp.client.poll import Poll
from ntp.client.sample import Sample, StampSource
from ntp.client.samples import Estimate, Samples
from ntp.client.settings import AssociationSettings
from ntp.wire.packet import Leap, Packet, decode, encode
from ptpstack.errors import WireError
from ptpstack.time import MILLISECOND, MonotonicTime, TimeInterval, UtcTime, interval_to_seconds

BURST_LENGTH = 6
"""Requests of a burst, at most: as many good samples end it."""

BURST_ENOUGH = 4
STAMP_WAIT: TimeInterval = 20 * MILLISECOND
"""How long a reply waits for the stamp of its request, which may come after it."""

MOST_DELAYED = 4
"""So many late replies in a row are a path that has become longer."""

NO_REPLY = "no reply"

_REQUEST_PRECISION = 32
"""No real precision, so that it tells nothing (2**32 s)."""


class AssociationState(Enum):
    """Whether the server is asked at all."""

    IDLE = "not started"
    ACTIVE = "asked"
    STOPPED = "the server sent us away"


class Association:
    """One server. *random_bits* returns an integer of that many bits that nobody can guess, *random* is in [0, 1)."""

    def __init__(
        self,
        settings: AssociationSettings,
        *,
        random_bits: Callable[[int], int],
        random: Callable[[], float],
    ) -> None:
        self.settings = settings
        self._authenticator = settings.authenticator or (SymmetricKey(settings.key) if settings.key else None)
        self.state = AssociationState.IDLE
        self.stopped_by = ""
        self.samples = Samples(most=settings.max_samples, fewest=settings.min_samples)
        self.poll = Poll(settings.min_poll, settings.max_poll, target=settings.poll_target, random=random)
        self.reach = 0
        """The last eight requests, the newest lowest: 1 for an answer (RFC 5905 13)."""
        self.stratum = 16
        self.leap = Leap.UNSYNCHRONIZED
        self.reference_id = bytes(4)
        self.requests = 0
        self.rejected: Counter[Rejected] = Counter()
        self.own_reference_id = b""
        """By which the server would name this machine, if it followed; empty: it never will."""
        self._random_bits = random_bits
        self._open: Exchange | None = None
        self._previous: Exchange | None = None
        self._burst_left = 0
        self._burst_good = 0
        self._next_request: MonotonicTime | None = None
        self.trouble = NO_REPLY
        """Why the last request gave no sample, should it have given none."""
        self._strays = 0
        """Replies to no open request, since the last sample."""
        self._kissed = ""
        """The last kiss, as long as no sample came."""
        self._delayed_in_a_row = 0

    # ---- state for others

    @property
    def reachable(self) -> bool:
        """Whether any of the last eight requests was answered."""
        return self.reach != 0

    @property
    def authenticated(self) -> bool:
        """Whether replies prove where they come from."""
        return self._authenticator is not None

    @property
    def awaits_something(self) -> bool:
        """Whether anything may come to the port of the last request still: its reply, or the stamp of its departure."""
        left_unseen = self._previous is not None and not self._previous.has_stamp_by(self.settings.stamps)
        return self._open is not None or left_unseen

    @property
    def proof(self) -> str:
        """By what replies prove where they come from: a key by its number, NTS, or nothing."""
        if self.settings.authenticator is not None:
            return "nts"
        return f"key {self.settings.key.key_id}" if self.settings.key else ""

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called, if ever."""
        deadlines = [self._next_request, self._open.deadline if self._open else None]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def estimate(self, local: UtcTime) -> Estimate | None:
        """Return what is known of the offset when the local clock reads *local*."""
        return self.samples.estimate(local)

    def age(self, now: MonotonicTime) -> TimeInterval | None:
        """Return how long ago the newest sample came."""
        return None if self.samples.newest is None else now - self.samples.newest.at

    # ---- inputs

    def start(self, now: MonotonicTime) -> list[Output]:
        """Begin to ask, with a burst if that is set and nothing is known yet."""
        self.state = AssociationState.ACTIVE
        self._next_request = now
        if self.settings.iburst and not len(self.samples):
            self._begin_burst()
        return []

    def stop(self) -> None:
        """Ask no more; what was learnt stays."""
        self.state = AssociationState.IDLE
        self._next_request = self._open = self._previous = None

    def burst(self, now: MonotonicTime) -> None:
        """Ask several times in short order, from now on."""
        if self.state is AssociationState.ACTIVE:
            self._begin_burst()
            self._next_request = now

    def restore(self, samples: Iterable[Sample], exponent: int) -> None:
        """Begin with *samples* that were kept, asked at the interval of *exponent*; call it before :meth:`start`."""
        self.samples.restore(samples)
        self.poll.exponent = min(max(exponent, self.poll.least), self.poll.most)

    def begin_anew(self, now: MonotonicTime) -> None:
        """Forget what was measured, and ask several times at once."""
        self.samples.clear()
        self._open = self._previous = None
        self.poll.restart()
        self.burst(now)

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        """Send the request that is due; use the reply whose stamp did not come."""
        outputs: list[Output] = []
        if self._open is not None and self._open.deadline is not None and self._open.deadline <= now:
            outputs += self._finish(self._open, now)
        if self._next_request is not None and self._next_request <= now:
            outputs += self._request(now)
        return outputs

    def transmitted(self, context: int, instant: UtcTime, stamps: StampSource, now: MonotonicTime) -> list[Output]:
        """Take in when request *context* left, by whom that was seen; a later call by a better stamp replaces it."""
        exchange = self._open
        if exchange is None or exchange.context != context:
            if self._previous is not None and self._previous.context == context:
                self._previous.t1, self._previous.t1_stamps = instant, stamps
            return []
        exchange.t1, exchange.t1_stamps = instant, stamps
        is_complete = exchange.reply is not None and exchange.has_stamp_by(self.settings.stamps)
        return self._finish(exchange, now) if is_complete else []

    def receive(self, octets: bytes, instant: UtcTime, stamps: StampSource, now: MonotonicTime) -> list[Output]:
        """Take in what came to the port of the open request at *instant*."""
        try:
            reply = decode(octets)
        except WireError as error:
            return self._reject(Rejected.MALFORMED, str(error))
        if reason := self._not_ours(reply, octets):
            return self._reject(reason)
        exchange = self._open
        assert exchange is not None
        if reply.kiss_code is not None:
            self._open = None
            return self._obey(reply.kiss_code, reply.poll)
        if reason := packet_tests.not_usable(reply, self.own_reference_id):
            self._open = None
            self.poll.bad_reply()
            return self._reject(reason)
        exchange.reply, exchange.t4, exchange.t4_stamps = reply, instant, stamps
        outputs = self._answered(reply)
        if exchange.is_interleaved or exchange.has_stamp_by(self.settings.stamps):
            return outputs + self._finish(exchange, now)
        exchange.deadline = now + STAMP_WAIT
        return outputs

    def refused(self, reason: str) -> None:
        """Take in that the network says the server is not there (no port, no route)."""
        self.trouble = reason

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Take in that the local clock was moved by *delta*: everything known moves along, the open request is void."""
        self.samples.clock_stepped(delta)
        if self._previous is not None:
            self._previous.moved(delta)
        if self._open is not None:
            self.rejected[Rejected.CLOCK_MOVED] += 1
            self._open = None

    def frequency_changed(self, change_ppb: float, local: UtcTime) -> None:
        """Take in that the local clock runs *change_ppb* faster from *local* on."""
        self.samples.frequency_changed(change_ppb, local)
        previous = self._previous
        if previous is not None and previous.t4 is not None:
            previous.moved(-round((local - previous.t4) * change_ppb * 1e-9))

    # ---- requests

    def _begin_burst(self) -> None:
        self._burst_left, self._burst_good = BURST_LENGTH, 0

    def _request(self, now: MonotonicTime) -> list[Output]:
        outputs: list[Output] = []
        before = self.poll.exponent
        if self._open is not None:
            self._open = None
            self.poll.no_reply()
            self._previous = None
        was_reachable = self.reachable
        self.reach = self.reach << 1 & 0xFF
        if was_reachable and not self.reachable:
            outputs.append(SourceUnreachable(source=self.settings.name, reason=self.trouble))
            self.trouble = NO_REPLY
        self._burst_left = max(self._burst_left - 1, 0)
        self._next_request = now + self.poll.next_interval(burst=self._burst_left > 0)
        self.requests += 1
        exchange = Exchange(self.requests, self._cookie(), 0)
        request = Packet(version=self.settings.version, precision=_REQUEST_PRECISION)
        request.transmit_timestamp = exchange.transmit_cookie
        if self.settings.interleaved and self._previous is not None and self._previous.reply is not None:
            exchange.receive_cookie = self._cookie()
            request.origin_timestamp = self._previous.reply.receive_timestamp
            request.receive_timestamp = exchange.receive_cookie
        octets = encode(request) if self._authenticator is None else self._authenticator.protect(request)
        if octets is None:
            assert self._authenticator is not None
            self.trouble = self._authenticator.lacks
        else:
            self._open = exchange
            outputs.append(Send(octets, exchange.context))
        return outputs + self._poll_event(before)

    def _cookie(self) -> int:
        return self._random_bits(64) or 1

    # ---- replies

    def _not_ours(self, reply: Packet, octets: bytes) -> Rejected | None:
        """Return why *reply* does not prove that it answers the open request."""
        exchange = self._open
        if exchange is None or exchange.reply is not None:
            return Rejected.NOT_OURS
        cookies = (exchange.transmit_cookie, exchange.receive_cookie or exchange.transmit_cookie)
        return (
            packet_tests.not_a_reply(reply, self.settings.version)
            or (None if reply.origin_timestamp in cookies else Rejected.NOT_OURS)
            or (self._authenticator.check(reply, octets) if self._authenticator else None)
        )

    def _answered(self, reply: Packet) -> list[Output]:
        was_reachable = self.reachable
        self.reach |= 1
        self.stratum, self.leap, self.reference_id = reply.stratum, reply.leap, reply.reference_id
        if was_reachable:
            return []
        name = reference_name(reply.reference_id, reply.stratum)
        return [SourceReachable(source=self.settings.name, stratum=reply.stratum, reference_id=name)]

    def _finish(self, exchange: Exchange, now: MonotonicTime) -> list[Output]:
        """Make a sample of a complete exchange: of this one, or of the one before it when interleaved."""
        self._open, previous, self._previous = None, self._previous, exchange
        assert exchange.reply is not None
        measured = previous if exchange.is_interleaved else exchange
        instants = instants_of(measured, exchange.reply) if measured else None
        if measured is None or instants is None:
            return self._reject(Rejected.NO_STAMP)
        sample = sample_of(exchange, measured, instants, now, self.settings.offset_correction)
        reason = not_possible(instants, sample, self.settings.max_delay) or self._is_delayed(sample)
        if reason:
            self.poll.bad_reply()
            return self._reject(reason)
        return self._accept(sample)

    def _is_delayed(self, sample: Sample) -> Rejected | None:
        if self.samples.is_delayed(sample) and self._delayed_in_a_row < MOST_DELAYED:
            self._delayed_in_a_row += 1
            return Rejected.DELAYED
        self._delayed_in_a_row = 0
        return None

    def _accept(self, sample: Sample) -> list[Output]:
        before = self.poll.exponent
        error = self.samples.prediction_error(sample)
        self.samples.add(sample)
        self.trouble, self._strays, self._kissed = NO_REPLY, 0, ""
        if self._burst_left:
            self._burst_good += 1
            if self._burst_good >= BURST_ENOUGH:
                self._burst_left = 0
        else:
            self.poll.good_sample(self.samples.used, error, sample.distance)
        return [sample, *self._poll_event(before)]

    def _obey(self, code: str, poll: int) -> list[Output]:
        """Do what a kiss-o'-death asks (RFC 5905 7.4); one from which nothing follows is told once."""
        before, self._kissed = self._kissed, code
        self.trouble = f"the server sent {code}"
        effect = "nothing follows from it"
        if code == "RATE":
            self._burst_left = 0
            self.poll.slow_down(poll)
            assert self._next_request is not None
            self._next_request += self.poll.interval
            effect = f"it is asked every {interval_to_seconds(self.poll.interval):g} s from now on"
        elif code in ("DENY", "RSTR"):
            self.state, self.stopped_by = AssociationState.STOPPED, code
            self._next_request = None
            self.reach = 0
            effect = "it is not asked any more"
        elif code == before:
            return []
        return [KissOfDeath(source=self.settings.name, code=code, effect=effect)]

    def _reject(self, reason: Rejected, detail: str = "") -> list[Output]:
        self.rejected[reason] += 1
        if reason is not Rejected.NOT_OURS:
            self.trouble = f"the last reply was not used: {reason.value}"
        elif self.trouble.startswith(NO_REPLY):  # anybody can send those: they hide no other trouble
            self._strays += 1
            self.trouble = f"{NO_REPLY} in time, but {self._strays} that answer no open request"
        if reason in packet_tests.AUTHENTICATION_FAILURES:
            return [AuthenticationFailed(source=self.settings.name, reason=reason.value)]
        return [ReplyRejected(source=self.settings.name, reason=detail or reason.value)]

    def _poll_event(self, before: int) -> list[Output]:
        if self.poll.exponent == before:
            return []
        return [PollChanged(source=self.settings.name, interval_s=interval_to_seconds(self.poll.interval))]
