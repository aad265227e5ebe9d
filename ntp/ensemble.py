"""All sources of one clock together: asked in time, judged after each sample, combined when that is due.

Sans-I/O like its members. What lives here: holding them together. What does not: the judging (``selection``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from ntp.candidate import Absent, Candidate, Policy, SourceClass
from ntp.client.outputs import Output
from ntp.client.poll import Poll
from ntp.client.sample import Sample
from ntp.client.samples import Estimate, Samples
from ntp.combination import Combined
from ntp.jumps import ClockFoundElsewhere, Jumps
from ntp.orphans import Orphans
from ntp.selection import Selection, Verdict, select
from ntp.selection_reasons import USELESS, Reason
from ntp.wire.packet import Leap
from ptpstack.events import Event, Severity
from ptpstack.time import MonotonicTime, TimeInterval, UtcTime


class Member(Protocol):
    """What an ensemble asks of a source: an association, a reference clock."""

    samples: Samples
    poll: Poll
    reach: int
    stratum: int
    leap: Leap
    reference_id: bytes
    own_reference_id: bytes
    """By which the source would name this machine, if it followed; empty: it never will."""
    stopped_by: str
    trouble: str

    @property
    def reachable(self) -> bool:
        """Whether anything of the last eight times came."""

    @property
    def authenticated(self) -> bool:
        """Whether it proves who it is."""

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called, if ever."""

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        """Do what is due."""

    def stop(self) -> None:
        """Measure no more."""

    def estimate(self, local: UtcTime) -> Estimate | None:
        """Return what is known of the offset when the local clock reads *local*."""

    def age(self, now: MonotonicTime) -> TimeInterval | None:
        """Return how long ago the newest sample came."""

    def begin_anew(self, now: MonotonicTime) -> None:
        """Forget what was measured, and measure again soon."""

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Take in that the local clock was moved by *delta*."""

    def frequency_changed(self, change_ppb: float, local: UtcTime) -> None:
        """Take in that the local clock runs *change_ppb* faster from *local* on."""


class SourceJudged(Event, frozen=True, kw_only=True):
    """A source is used from now on, or not any more, or for another reason."""

    severity: ClassVar[Severity] = Severity.NOTICE

    source: str
    used: bool
    reason: str
    text: str

    def __str__(self) -> str:
        return f"NTP source {self.source}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What an operator wants of one source beside its samples."""

    prefer: bool = False
    trust: bool = False
    require: bool = False
    noselect: bool = False
    source_class: SourceClass = SourceClass.NETWORK
    reference_id: bytes = b""
    """By which those who follow it name it, if it is an NTP server."""


class Ensemble:
    """The sources by name, and what they say together."""

    def __init__(self, policy: Policy, orphans: Orphans | None = None) -> None:
        self.policy = policy
        self.orphans = orphans
        """This machine among those that serve without a source, where it is to be one."""

        self.follows_orphan = False
        """Whether what was combined last is the time of such a one."""

        self.members: dict[str, Member] = {}
        self.absent: Callable[[], Sequence[Absent]] = tuple
        """What is configured and is no member now."""

        self._options: dict[str, SourceOptions] = {}
        self._judged: dict[str, str] = {}
        self._unused: dict[str, tuple[MonotonicTime, Verdict]] = {}
        self._sampled: dict[str, tuple[Sample | None, TimeInterval]] = {}
        self._best: str | None = None
        self._combined_at: MonotonicTime | None = None
        self._jumps = Jumps()

    def add(self, name: str, member: Member, options: SourceOptions) -> None:
        """Take *member* in, under a *name* that no other has."""
        self.members[name] = member
        self._options[name] = options

    def remove(self, name: str) -> None:
        """Let *name* go."""
        self.members.pop(name).stop()
        self._options.pop(name)
        self._judged.pop(name, None)
        self._unused.pop(name, None)
        self._sampled.pop(name, None)

    @property
    def best(self) -> str | None:
        """The source that counted most when all were judged last."""
        return self._best if self._best in self.members else None

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called, if ever."""
        deadlines = (member.next_deadline() for member in self.members.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def handle_deadline(self, now: MonotonicTime) -> Iterator[tuple[str, list[Output]]]:
        """Yield the outputs of each source whose time has come."""
        for name, member in list(self.members.items()):
            deadline = member.next_deadline()
            if deadline is not None and deadline <= now:
                yield name, member.handle_deadline(now)

    def select(self, local: UtcTime, now: MonotonicTime, without: str | None = None) -> Selection:
        """Judge all sources, or all but one, as of now."""
        return self._jumps.withhold(self._select(local, now, without))

    def judge(self, local: UtcTime, now: MonotonicTime, *, keeps_clock: bool = True) -> tuple[Selection, list[Event]]:
        """Judge all sources, and tell whose verdict is another one than before.

        *keeps_clock*: nothing but these sources keeps the clock, so that even one of them may tell that it jumped.
        """
        found = self._look_for_jump(local, now, keeps_clock=keeps_clock)
        selection = self.select(local, now)
        self._best = selection.combined.best if selection.combined else None
        if selection.combined is not None:
            self.follows_orphan = selection.follows_orphan
        for verdict in selection.verdicts:
            if verdict.reason in USELESS or verdict.reason is Reason.NO_MAJORITY:
                since, _ = self._unused.get(verdict.name, (now, verdict))
                self._unused[verdict.name] = since, verdict
            else:
                self._unused.pop(verdict.name, None)
        return selection, [*found, *(event for verdict in selection.verdicts if (event := self._news(verdict)))]

    def unused_for_long(self, now: MonotonicTime) -> dict[str, Verdict]:
        """Return what is said of the sources that answer, and in all samples that may count were of no use."""
        return {
            name: verdict
            for name, (since, verdict) in self._unused.items()
            if now - since > self._options[name].source_class.age_limit(self._interval_of(name))
        }

    def is_due(self, combined: Combined, source: str, now: MonotonicTime) -> bool:
        """Tell whether what is *combined* after a sample of *source* should be followed: once an interval of the best.

        Without the best source's samples any other's will do after a while.
        """
        poll = self.members[combined.best].poll
        interval = poll.spacing or poll.interval
        passed = None if self._combined_at is None else now - self._combined_at
        due = passed is None or (2 * passed > interval if source == combined.best else 2 * passed > 3 * interval)
        if due:
            self._combined_at = now
        return due

    def begin_anew(self, now: MonotonicTime) -> None:
        """Forget what was measured, and measure again soon: nobody knows where the local clock is."""
        self._combined_at = None
        self._unused.clear()
        self._jumps.forget()
        for member in self.members.values():
            member.begin_anew(now)

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Take in that the local clock was moved by *delta*."""
        self._jumps.forget()
        for member in self.members.values():
            member.clock_stepped(delta)

    def frequency_changed(self, change_ppb: float, local: UtcTime) -> None:
        """Take in that the local clock runs *change_ppb* faster from *local* on."""
        self._jumps.frequency_changed(change_ppb)
        for member in self.members.values():
            member.frequency_changed(change_ppb, local)

    def _look_for_jump(self, local: UtcTime, now: MonotonicTime, *, keeps_clock: bool) -> list[ClockFoundElsewhere]:
        """Tell that the clock jumped, by what the sources say; one that is alone in saying so is asked again soon."""
        selection = self._select(local, now)
        if selection.combined is None:
            return []
        doubt, best = self._jumps.doubt, selection.combined.best
        is_server = self._options[best].source_class is SourceClass.NETWORK
        samples = len(self.members[best].samples)
        found = self._jumps.look(selection, samples, now, one_suffices=keeps_clock and is_server)
        if doubt is None and self._jumps.doubt is not None:
            self.members[best].begin_anew(now)
        return [found] if found else []

    def _select(self, local: UtcTime, now: MonotonicTime, without: str | None = None) -> Selection:
        candidates = [self._candidate(name, local, now) for name in self.members if name != without]
        return select(candidates, self.policy, self._best, self.orphans, self.absent())

    def _news(self, verdict: Verdict) -> SourceJudged | None:
        """Return what to tell; that one which agrees is near enough now and then is not worth it."""
        judged = "" if verdict.used or verdict.reason is Reason.MUCH_FARTHER else verdict.reason.name
        if self._judged.get(verdict.name) == judged:
            return None
        self._judged[verdict.name] = judged
        return SourceJudged(source=verdict.name, used=verdict.used, reason=verdict.reason.name, text=verdict.text)

    def _interval_of(self, name: str) -> TimeInterval:
        """Return how often *name* was asked when its newest sample came: silence makes that seldom, and age counts."""
        member = self.members[name]
        newest, interval = self._sampled.get(name, (None, member.poll.interval))
        if newest is not member.samples.newest:
            interval = member.poll.interval
            self._sampled[name] = member.samples.newest, interval
        return interval

    def _candidate(self, name: str, local: UtcTime, now: MonotonicTime) -> Candidate:
        member, options = self.members[name], self._options[name]
        estimate = member.estimate(local)
        return Candidate(
            name=name,
            source_class=options.source_class,
            offset=None if estimate is None else estimate.offset,
            root_distance=0 if estimate is None else estimate.root_distance,
            deviation=0 if estimate is None else estimate.deviation,
            frequency_ppb=0.0 if estimate is None else estimate.frequency_ppb,
            skew_ppb=0.0 if estimate is None else estimate.skew_ppb,
            age=member.age(now) or 0,
            interval=self._interval_of(name),
            stratum=member.stratum,
            leap=member.leap,
            reachable=member.reachable,
            stopped_by=member.stopped_by,
            trouble=member.trouble,
            authenticated=member.authenticated,
            prefer=options.prefer,
            trust=options.trust,
            require=options.require,
            noselect=options.noselect,
            reference_id=options.reference_id,
            own_reference_id=member.own_reference_id,
        )
