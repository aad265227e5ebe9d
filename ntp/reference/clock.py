"""A reference clock as a source among others: readings in, a sample each interval out.

Within an interval the reading of the median offset counts: one that was put off or is rubbish moves nothing. What
lives here: that, and which second a pulse began. What does not: where readings come from (the inputs beside this).
"""

from __future__ import annotations

from typing import NamedTuple

from ntp.client.events import SourceReachable, SourceUnreachable
from ntp.client.outputs import Output
from ntp.client.poll import Poll
from ntp.client.sample import Sample, StampSource
from ntp.client.samples import Estimate, Samples
from ntp.reference.reading import Reading
from ntp.wire.packet import Leap
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime, TimeInterval, UtcTime, interval_from_ns

SECOND_KNOWN_WITHIN: TimeInterval = 2 * SECOND // 5
"""A pulse is numbered only by what may be wrong by less: half a second would mean either of two."""

READINGS_KEPT = 256
RANK_LASTS: TimeInterval = 4 * SECOND
"""So long the better kind of readings is waited for before the worse counts again."""

CHANGES_KEPT_FOR: TimeInterval = 8 * SECOND
"""Longer than any reading takes from its stamp to here."""


class Expected(NamedTuple):
    """What other sources say of the local clock: it is ahead by *offset*, give or take *bound*."""

    offset: TimeInterval
    bound: TimeInterval


class _Noted(NamedTuple):
    offset: TimeInterval
    local: UtcTime
    bound: TimeInterval


class _RateChange(NamedTuple):
    """From *local* on the local clock ran *change_ppb* faster."""

    local: UtcTime
    change_ppb: float

    def of(self, offset: TimeInterval, local: UtcTime) -> TimeInterval:
        """Return *offset*, taken when the clock read *local*, as if it had always run as fast as since the change."""
        return offset - round(max(self.local - local, 0) * self.change_ppb * 1e-9)


class ReferenceClock:
    """The source *name*: a sample each interval (log2 seconds), to which *offset_correction* is added."""

    authenticated = False
    stopped_by = ""

    def __init__(
        self, name: str, *, log_interval: int = 2, offset_correction: TimeInterval = 0, reference_id: bytes = b"REF\0"
    ) -> None:
        self.name = name
        self.samples = Samples()
        self.poll = Poll(log_interval, log_interval, target=8, random=lambda: 0.5)
        self.reach = 0
        """The last eight intervals, the newest lowest: 1 for one with a sample."""
        self.stratum = 0
        self.leap = Leap.UNSYNCHRONIZED
        self.reference_id = reference_id
        self.own_reference_id = b""
        self.trouble = "nothing has come yet"
        """Why the last interval gave no sample, should it have given none."""
        self.kind = ""
        """What the last readings that counted were."""
        self.readings = 0
        self._offset_correction = offset_correction
        self._noted: list[_Noted] = []
        self._changes: list[_RateChange] = []
        self._next: MonotonicTime | None = None
        self._rank = 0
        self._ranked_at: MonotonicTime | None = None

    @property
    def reachable(self) -> bool:
        """Whether any of the last eight intervals gave a sample."""
        return self.reach != 0

    def estimate(self, local: UtcTime) -> Estimate | None:
        """Return what is known of the offset when the local clock reads *local*."""
        return self.samples.estimate(local)

    def age(self, now: MonotonicTime) -> TimeInterval | None:
        """Return how long ago the newest sample came."""
        return None if self.samples.newest is None else now - self.samples.newest.at

    # ---- inputs

    def start(self, now: MonotonicTime) -> None:
        """Begin the first interval."""
        self._next = now + self.poll.interval

    def stop(self) -> None:
        """Make no more samples."""
        self._next = None

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called, if ever."""
        return self._next

    def take(self, reading: Reading, local: UtcTime, now: MonotonicTime, expected: Expected | None = None) -> None:
        """Note *reading*, at which the local clock read *local*; *expected* tells which second a pulse began."""
        if reading.rank < self._rank and self._ranked_at is not None and now - self._ranked_at < RANK_LASTS:
            return
        if reading.rank != self._rank:
            self._forget()
        self._rank, self._ranked_at = reading.rank, now
        offset: TimeInterval | None = int(local) - reading.true_ns * NANOSECOND
        if reading.is_pulse:
            offset = self._numbered(int(local) - reading.true_ns * NANOSECOND, local, expected)
        if offset is None:
            self.trouble = "pulses come, but nothing tells which seconds they begin: no other source knows it to 0.4 s"
            return
        self.readings += 1
        self.leap, self.kind = reading.leap, reading.kind
        for change in self._changes:
            offset = change.of(offset, local)
        self._noted.append(_Noted(offset + self._offset_correction, local, reading.bound))
        del self._noted[:-READINGS_KEPT]

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        """End an interval: make a sample of what was noted in it."""
        assert self._next is not None
        self._next = max(self._next + self.poll.interval, now)
        was_reachable = self.reachable
        self.reach = (self.reach << 1 | bool(self._noted)) & 0xFF
        if not self._noted:
            return [SourceUnreachable(source=self.name, reason=self.trouble)] if was_reachable > self.reachable else []
        chosen = sorted(self._noted)[len(self._noted) // 2]
        self._noted.clear()
        self.trouble = "nothing came any more"
        dispersion = chosen.bound + interval_from_ns(1)
        sample = Sample(
            local=chosen.local,
            at=now,
            offset=chosen.offset,
            delay=0,
            dispersion=dispersion,
            root_delay=0,
            root_dispersion=dispersion,
            stamps=StampSource.KERNEL,
        )
        self.samples.add(sample)
        reference = self.reference_id.decode("ascii", "replace").rstrip("\0")
        first = [SourceReachable(source=self.name, stratum=self.stratum, reference_id=reference)]
        return [*([] if was_reachable else first), sample]

    def begin_anew(self, _now: MonotonicTime) -> None:
        """Forget what was measured: nobody knows where the local clock is."""
        self._forget()

    def failed(self, trouble: str) -> None:
        """Take that nothing can come now, and why."""
        self.trouble = trouble

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Take in that the local clock was moved by *delta*; what was noted of this interval is void."""
        self.samples.clock_stepped(delta)
        self._noted.clear()
        self._changes.clear()

    def frequency_changed(self, change_ppb: float, local: UtcTime) -> None:
        """Take in that the local clock runs *change_ppb* faster from *local* on."""
        self.samples.frequency_changed(change_ppb, local)
        change = _RateChange(local, change_ppb)
        self._noted = [noted._replace(offset=change.of(noted.offset, noted.local)) for noted in self._noted]
        self._changes = [*(kept for kept in self._changes if local - kept.local < CHANGES_KEPT_FOR), change]

    # ---- pulses

    def _numbered(self, since_second: TimeInterval, local: UtcTime, expected: Expected | None) -> TimeInterval | None:
        """Return the offset nearest to what is expected, by others or else by the pulses so far; None: nobody knows."""
        if expected is None and (own := self.samples.estimate(local)) is not None:
            expected = Expected(own.offset, own.root_distance)
        if expected is None or expected.bound > SECOND_KNOWN_WITHIN:
            return None
        return since_second - (since_second - expected.offset + SECOND // 2) // SECOND * SECOND

    def _forget(self) -> None:
        """Begin anew: another kind of readings is late by another time."""
        self.samples.clear()
        self._noted.clear()
