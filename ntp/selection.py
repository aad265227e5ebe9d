"""Which sources are believed and what they say together: intersection, then a weighted mean; one reason a source.

Every source states an interval that its error stays within: offset ± root distance. As long as more than half of
the sources keep that promise, the truth lies where more than half of the intervals overlap, whatever the others
say. Sources outside of it are falsetickers; the ends of it bound the error of the result.

What lives here: judging at one instant. What does not: what is judged (``candidate``), the arithmetic
(``combination``), the sentences (``selection_reasons``), measuring (``ntp.client``), and what is done with the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ntp.candidate import Absent, Authentication, Candidate, Policy, SourceClass
from ntp.combination import Combined, majority_hull, weighted_mean
from ntp.orphans import Orphans
from ntp.selection_reasons import Reason, seconds, where
from ntp.wire.packet import Leap
from ptpstack.time import TimeInterval
from ptpstack.words import counted

HIGHEST_STRATUM = 15
_COMBINE_LIMIT = 3
"""A source takes part in the mean while its distance is at most so many times that of the best."""

_KEEP_BEST_WITHIN = 1.5
"""The best source stays the best while its distance is at most so many times the least."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one source, and why in one line."""

    name: str
    reason: Reason
    text: str

    @property
    def used(self) -> bool:
        """Whether it has a part in the result."""
        return self.reason.used

    def __str__(self) -> str:
        return f"{self.reason.symbol} {self.name}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The result, None where no source may be believed, and each source's verdict in the order given."""

    combined: Combined | None
    verdicts: tuple[Verdict, ...]
    follows_orphan: bool = False
    """What is combined is the time of a server that has no source itself."""


def select(
    candidates: Sequence[Candidate],
    policy: Policy,
    previous_best: str | None = None,
    orphans: Orphans | None = None,
    absent: Sequence[Absent] = (),
) -> Selection:
    """Judge *candidates* and combine those that are believed. Their names differ from each other.

    *orphans*: this machine serves time, and is one of them when it has no source. *absent*: what is configured beside.
    """
    network: list[Candidate | Absent] = [c for c in candidates if c.source_class is SourceClass.NETWORK]
    kinds = {source.authenticated for source in [*network, *absent] if not source.noselect}
    if policy.authentication is Authentication.MIX and len(kinds) > 1:
        candidates, absent = _the_proven_decide(candidates, absent)
    return _Judgement(candidates, policy, previous_best, orphans, absent=absent, any_proven=True in kinds).selection()


def _the_proven_decide(
    candidates: Sequence[Candidate], absent: Sequence[Absent]
) -> tuple[list[Candidate], list[Absent]]:
    """Let those who prove who they are vote alone: both kinds are configured, and the policy is to mix them."""
    own = SourceClass.REFERENCE  # nobody on the network forges those
    return (
        [replace(c, trust=True, require=True) if c.authenticated or c.source_class is own else c for c in candidates],
        [replace(a, require=True) if a.authenticated else a for a in absent],
    )


class _Judgement:
    """One run of the selection; each method leaves fewer sources."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        policy: Policy,
        previous_best: str | None,
        orphans: Orphans | None,
        *,
        absent: Sequence[Absent],
        any_proven: bool,
    ) -> None:
        self._orphans = orphans
        self._candidates = candidates
        configured: list[Candidate | Absent] = [*candidates, *absent]
        self._required = [source.name for source in configured if source.require]
        self._any_proven = any_proven
        self._policy = policy
        self._previous_best = previous_best
        self._verdicts: dict[str, Verdict] = {}

    def selection(self) -> Selection:
        able = [candidate for candidate in self._candidates if not self._unusable(candidate)]
        orphans = [candidate for candidate in able if self._is_orphan(candidate)]
        usable = [candidate for candidate in able if not self._is_orphan(candidate)]
        leader = self._leader(orphans, others=bool(usable))
        combined = self._follow(leader) if leader else self._of_many(usable)
        return Selection(
            combined=combined,
            verdicts=tuple(self._verdicts[candidate.name] for candidate in self._candidates),
            follows_orphan=leader is not None,
        )

    def _of_many(self, usable: list[Candidate]) -> Combined | None:
        hull = self._majority(usable)
        if hull is None:
            return None
        agreeing = self._agreeing(usable, hull)
        return self._combine(agreeing, hull) if self._suffices(agreeing) else None

    def _say(self, candidate: Candidate, reason: Reason, *values: object) -> bool:
        self._verdicts[candidate.name] = Verdict(candidate.name, reason, reason.sentence.format(*values))
        return True

    def _unusable(self, c: Candidate) -> bool:
        """Say what is wrong with a source by itself, if anything is; the first row that applies."""
        limit = c.source_class.age_limit(c.interval)
        policy = self._policy
        rows: tuple[tuple[bool, Reason, tuple[object, ...]], ...] = (
            (c.noselect, Reason.NOT_TO_BE_SELECTED, ()),
            (bool(c.stopped_by), Reason.SENT_AWAY, (c.stopped_by,)),
            (self._unauthenticated_is_out(c), Reason.NOT_AUTHENTICATED, (policy.authentication.value,)),
            (c.offset is None and not c.reachable, Reason.NEVER_ANSWERED, (c.trouble,)),
            (c.offset is None, Reason.NO_SAMPLES, (c.trouble,)),
            (c.age > limit, Reason.TOO_OLD, (seconds(c.age), seconds(limit), c.trouble)),
            (c.leap is Leap.UNSYNCHRONIZED or c.stratum > HIGHEST_STRATUM, Reason.UNSYNCHRONIZED, ()),
            (
                c.root_distance > policy.max_distance,
                Reason.TOO_DISTANT,
                (seconds(c.root_distance), seconds(policy.max_distance)),
            ),
            (
                c.deviation > policy.max_deviation,
                Reason.TOO_NOISY,
                (seconds(c.deviation), seconds(policy.max_deviation)),
            ),
        )
        return any(applies and self._say(c, reason, *values) for applies, reason, values in rows)

    def _is_orphan(self, c: Candidate) -> bool:
        return self._orphans is not None and c.source_class is SourceClass.NETWORK and self._orphans.includes(c)

    def _leader(self, candidates: list[Candidate], *, others: bool) -> Candidate | None:
        """Return which of the orphans *candidates* is followed, if any; *others*: there are sources that do count."""
        orphans = self._orphans
        if orphans is None:
            return None
        leader = orphans.leader(candidates)
        followed = None if others or orphans.has_source else leader
        for c in candidates:
            if others or orphans.has_source:
                self._say(c, Reason.ORPHAN, c.stratum, seconds(orphans.wait))
            elif c.stratum > orphans.stratum:
                self._say(c, Reason.ORPHAN_FOLLOWER, c.stratum)
            elif c is not followed:
                self._say(c, Reason.ORPHAN_OUTRANKED, followed.name if followed else "this server")
        return followed

    def _follow(self, leader: Candidate) -> Combined:
        """Return what the *leader* of the orphans says: no majority stands behind it."""
        self._say(leader, Reason.ORPHAN_LEADER, where(leader))
        return weighted_mean([leader], leader, leader.interval_ends())

    def _unauthenticated_is_out(self, candidate: Candidate) -> bool:
        mode = self._policy.authentication
        if candidate.authenticated or candidate.source_class is not SourceClass.NETWORK:
            return False
        return mode is Authentication.REQUIRE or (mode is Authentication.PREFER and self._any_proven)

    def _majority(self, usable: list[Candidate]) -> tuple[TimeInterval, TimeInterval] | None:
        """Return the ends of where more than half of the voters overlap; the trusted alone vote where there are any."""
        voters = [candidate for candidate in usable if candidate.trust] or usable
        hull = majority_hull([candidate.interval_ends() for candidate in voters])
        if hull is None:
            for candidate in usable:
                self._say(candidate, Reason.NO_MAJORITY, len(voters), where(candidate))
        return hull

    def _agreeing(self, usable: list[Candidate], hull: tuple[TimeInterval, TimeInterval]) -> list[Candidate]:
        low, high = hull
        agreeing = []
        for candidate in usable:
            least, most = candidate.interval_ends()
            if least > high or most < low:
                self._say(
                    candidate, Reason.FALSETICKER, where(candidate), f"{seconds(low, '+')} to {seconds(high, '+')}"
                )
            else:
                agreeing.append(candidate)
        return agreeing

    def _suffices(self, agreeing: list[Candidate]) -> bool:
        """Whether they are enough, and one that must be among them is."""
        if len(agreeing) < self._policy.min_sources:
            for candidate in agreeing:
                self._say(
                    candidate,
                    Reason.TOO_FEW,
                    counted(len(agreeing), "source agrees", "sources agree"),
                    self._policy.min_sources,
                )
            return False
        if self._required and not any(candidate.require for candidate in agreeing):
            for candidate in agreeing:
                self._say(candidate, Reason.REQUIRED_MISSING, ", ".join(self._required))
            return False
        return True

    def _combine(self, agreeing: list[Candidate], hull: tuple[TimeInterval, TimeInterval]) -> Combined:
        preferred = [candidate for candidate in agreeing if candidate.prefer]
        for candidate in agreeing if preferred else ():
            if not candidate.prefer:
                self._say(candidate, Reason.OTHERS_PREFERRED, preferred[0].name)
        best = self._best(preferred or agreeing)
        used = []
        for candidate in preferred or agreeing:
            limit = _COMBINE_LIMIT * best.root_distance
            if candidate.root_distance > limit:
                self._say(
                    candidate,
                    Reason.MUCH_FARTHER,
                    seconds(candidate.root_distance),
                    best.name,
                    seconds(best.root_distance),
                )
            else:
                self._say(candidate, Reason.BEST if candidate is best else Reason.COMBINED, where(candidate))
                used.append(candidate)
        return weighted_mean(used, best, hull)

    def _best(self, candidates: list[Candidate]) -> Candidate:
        nearest = min(candidates, key=lambda candidate: (candidate.root_distance, candidate.stratum))
        for candidate in candidates:
            if candidate.name == self._previous_best:
                return candidate if candidate.root_distance <= _KEEP_BEST_WITHIN * nearest.root_distance else nearest
        return nearest
