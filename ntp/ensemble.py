"""All associations of one clock together: asked in time, judged after each sample, combined when that is due.

Sans-I/O like its associations. What lives here: holding them together. What does not: the judging (``selection``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ntp.client.association import Association
from ntp.client.outputs import Output
from ntp.client.sample import Sample
from ntp.selection import Candidate, Combined, Policy, Selection, Verdict, select
from ntp.selection_reasons import Reason
from ptpstack.events import Event, Severity
from ptpstack.time import MonotonicTime, TimeInterval, UtcTime


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


class Ensemble:
    """The associations by name, and what they say together."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.associations: dict[str, Association] = {}
        self._options: dict[str, SourceOptions] = {}
        self._judged: dict[str, str] = {}
        self._sampled: dict[str, tuple[Sample | None, TimeInterval]] = {}
        self._best: str | None = None
        self._combined_at: MonotonicTime | None = None

    def add(self, name: str, association: Association, options: SourceOptions) -> None:
        """Take *association* in, under a *name* that no other has."""
        self.associations[name] = association
        self._options[name] = options

    def remove(self, name: str) -> None:
        """Let *name* go."""
        self.associations.pop(name).stop()
        self._options.pop(name)
        self._judged.pop(name, None)
        self._sampled.pop(name, None)

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called, if ever."""
        deadlines = (association.next_deadline() for association in self.associations.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def handle_deadline(self, now: MonotonicTime) -> Iterator[tuple[str, list[Output]]]:
        """Yield the outputs of each association whose time has come."""
        for name, association in list(self.associations.items()):
            deadline = association.next_deadline()
            if deadline is not None and deadline <= now:
                yield name, association.handle_deadline(now)

    def select(self, local: UtcTime, now: MonotonicTime) -> Selection:
        """Judge all sources as of now."""
        candidates = [self._candidate(name, local, now) for name in self.associations]
        return select(candidates, self.policy, self._best)

    def judge(self, local: UtcTime, now: MonotonicTime) -> tuple[Selection, list[Event]]:
        """Judge all sources, and tell whose verdict is another one than before."""
        selection = self.select(local, now)
        self._best = selection.combined.best if selection.combined else None
        return selection, [event for verdict in selection.verdicts if (event := self._news(verdict))]

    def is_due(self, combined: Combined, source: str, now: MonotonicTime) -> bool:
        """Tell whether what is *combined* after a sample of *source* should be followed: once an interval of the best.

        Without the best source's samples any other's will do after a while.
        """
        poll = self.associations[combined.best].poll
        interval = poll.spacing or poll.interval
        passed = None if self._combined_at is None else now - self._combined_at
        due = passed is None or (2 * passed > interval if source == combined.best else 2 * passed > 3 * interval)
        if due:
            self._combined_at = now
        return due

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Take in that the local clock was moved by *delta*."""
        for association in self.associations.values():
            association.clock_stepped(delta)

    def frequency_changed(self, change_ppb: float, local: UtcTime) -> None:
        """Take in that the local clock runs *change_ppb* faster from *local* on."""
        for association in self.associations.values():
            association.frequency_changed(change_ppb, local)

    def _news(self, verdict: Verdict) -> SourceJudged | None:
        """Return what to tell; that one which agrees is near enough now and then is not worth it."""
        judged = "" if verdict.used or verdict.reason is Reason.MUCH_FARTHER else verdict.reason.name
        if self._judged.get(verdict.name) == judged:
            return None
        self._judged[verdict.name] = judged
        return SourceJudged(source=verdict.name, used=verdict.used, reason=verdict.reason.name, text=verdict.text)

    def _interval_of(self, name: str) -> TimeInterval:
        """Return how often *name* was asked when its newest sample came: silence makes that seldom, and age counts."""
        association = self.associations[name]
        newest, interval = self._sampled.get(name, (None, association.poll.interval))
        if newest is not association.samples.newest:
            interval = association.poll.interval
            self._sampled[name] = association.samples.newest, interval
        return interval

    def _candidate(self, name: str, local: UtcTime, now: MonotonicTime) -> Candidate:
        association, options = self.associations[name], self._options[name]
        estimate = association.estimate(local)
        return Candidate(
            name=name,
            offset=None if estimate is None else estimate.offset,
            root_distance=0 if estimate is None else estimate.root_distance,
            deviation=0 if estimate is None else estimate.deviation,
            frequency_ppb=0.0 if estimate is None else estimate.frequency_ppb,
            skew_ppb=0.0 if estimate is None else estimate.skew_ppb,
            age=association.age(now) or 0,
            interval=self._interval_of(name),
            stratum=association.stratum,
            leap=association.leap,
            reachable=association.reachable,
            stopped_by=association.stopped_by,
            trouble=association.trouble,
            authenticated=association.authenticated,
            prefer=options.prefer,
            trust=options.trust,
            require=options.require,
            noselect=options.noselect,
        )
