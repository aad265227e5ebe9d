"""One request and its reply: what is known of them so far, and the sample that they make.

What lives here: the four instants of an exchange, and whether they can be. What does not: when to ask, and whether a
reply is ours (``association``).
"""

from __future__ import annotations

from dataclasses import dataclass

from ntp.client.packet_tests import Rejected
from ntp.client.sample import Instants, Sample, StampSource
from ntp.wire.packet import Packet
from ntp.wire.timestamp import interval_from_log2, interval_from_short, utc_from_ntp
from ptpstack.time import SECOND, MonotonicTime, TimeInterval, UtcTime

MAX_SERVER_INTERVAL: TimeInterval = 4 * SECOND
_FINEST_PRECISION = -30
NOT_BEFORE = UtcTime(1_767_225_600 * SECOND)
"""2026-01-01: it is later. A clock that starts in 1970 is farther from 2040 than half an era of NTP."""


@dataclass(slots=True)
class Exchange:
    """A request and what is known of it so far; the cookies are what went in place of its timestamps."""

    context: int
    transmit_cookie: int
    receive_cookie: int
    t1: UtcTime | None = None
    t1_stamps: StampSource | None = None
    reply: Packet | None = None
    t4: UtcTime | None = None
    t4_stamps: StampSource | None = None
    deadline: MonotonicTime | None = None

    @property
    def is_interleaved(self) -> bool:
        """Whether the reply tells when the reply before it left (RFC 9769 2)."""
        return bool(self.receive_cookie) and self.origin_timestamp == self.receive_cookie

    @property
    def origin_timestamp(self) -> int:
        """The cookie that came back."""
        assert self.reply is not None
        return self.reply.origin_timestamp

    def has_stamp_by(self, stamps: StampSource) -> bool:
        """Tell whether *stamps*, or anybody where the daemon's suffice, saw the request leave."""
        return self.t1 is not None and (self.t1_stamps is stamps or stamps is StampSource.DAEMON)

    def moved(self, delta: TimeInterval) -> None:
        """Re-express a complete exchange by a clock that is ahead by *delta* more."""
        if self.t1 is not None and self.t4 is not None:
            self.t1 += delta
            self.t4 += delta


def instants_of(measured: Exchange, reply: Packet) -> Instants | None:
    """Return T1 to T4 of *measured*, whose T3 is in *reply*; None where a stamp was lost."""
    if measured.reply is None or measured.t1 is None or measured.t4 is None:
        return None
    pivot = max(measured.t4, NOT_BEFORE)
    t2 = utc_from_ntp(measured.reply.receive_timestamp, pivot)
    t3 = utc_from_ntp(reply.transmit_timestamp, pivot)
    return Instants(t1=measured.t1, t2=t2, t3=t3, t4=measured.t4)


def sample_of(
    exchange: Exchange, measured: Exchange, instants: Instants, now: MonotonicTime, correction: TimeInterval
) -> Sample:
    """Return what *instants* of *measured* say, with what the server says of itself in the reply of *exchange*."""
    reply = exchange.reply
    assert reply is not None
    stamps = max(
        (source for source in (measured.t1_stamps, measured.t4_stamps) if source), key=lambda source: source.error
    )
    precision = interval_from_log2(max(min(reply.precision, 0), _FINEST_PRECISION))
    delay = max(instants.delay, precision)
    dispersion = precision + stamps.error + (instants.t4 - instants.t1) // 1_000_000  # 1 ppm while on the way
    return Sample(
        local=instants.middle,
        at=now,
        offset=instants.offset + correction,
        delay=delay,
        dispersion=dispersion,
        root_delay=interval_from_short(reply.root_delay) + delay,
        root_dispersion=interval_from_short(reply.root_dispersion) + dispersion,
        interleaved=exchange.is_interleaved,
        stamps=stamps,
    )


def not_possible(instants: Instants, sample: Sample, max_delay: TimeInterval) -> Rejected | None:
    """Return why *instants* cannot be those of an honest exchange, or not of one that is of use."""
    if instants.t3 < instants.t2:
        return Rejected.TURNED_BACK
    if instants.t3 - instants.t2 > MAX_SERVER_INTERVAL:
        return Rejected.KEPT_TOO_LONG
    if sample.delay - sample.dispersion > max_delay:
        return Rejected.DELAY_TOO_LONG
    return None
