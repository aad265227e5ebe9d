"""Which sources are believed and what they say together: intersection, then a weighted mean; one reason a source.

Every source states an interval that its error stays within: offset ± root distance. As long as more than half of
the sources keep that promise, the truth lies where more than half of the intervals overlap, whatever the others
say. Sources outside of it are falsetickers; the ends of it bound the error of the result.

What lives here: judging and combining at one instant. What does not: measuring (``ntp.client``), and what is done
with the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ntp.orphans import Orphans
from ntp.selection_reasons import Reason
from ntp.wire.packet import Leap
from ptpstack.time import SECOND, TimeInterval, interval_to_seconds

HIGHEST_STRATUM = 15
_COMBINE_LIMIT = 3
"""A source takes part in the mean while its distance is at most so many times that of the best."""

_KEEP_BEST_WITHIN = 1.5
"""The best source stays the best while its distance is at most so many times the least."""


class SourceClass(Enum):
    """What kind of source it is, and after how many of its intervals without a sample it counts no more.

    Never before *least_age*: a source that measures eight times a second may skip a beat.
    """

    NETWORK = ("NTP", 8, 16 * SECOND)
    PTP = ("PTP", 8, 2 * SECOND)
    REFERENCE = ("reference clock", 4, 4 * SECOND)

    def __init__(self, label: str, intervals: int, least_age: TimeInterval) -> None:
        self.label = label
        self.intervals = intervals
        self.least_age = least_age

    def age_limit(self, interval: TimeInterval) -> TimeInterval:
        """Return how old the newest sample may be when samples are due each *interval*."""
        return max(self.least_age, self.intervals * interval)


class Authentication(Enum):
    """Whether sources without proof of who they are count: by what is *configured*, never by who answers."""

    REQUIRE = "require"
    PREFER = "prefer"
    MIX = "mix"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One source at one instant. *offset* (local − source) is None as long as nothing was measured."""

    name: str
    source_class: SourceClass = SourceClass.NETWORK
    offset: TimeInterval | None
    root_distance: TimeInterval = 0
    deviation: TimeInterval = 0
    frequency_ppb: float = 0.0
    skew_ppb: float = 0.0
    age: TimeInterval = 0
    interval: TimeInterval = SECOND
    stratum: int = 1
    leap: Leap = Leap.NONE
    reachable: bool = True
    stopped_by: str = ""
    trouble: str = "no reply"
    authenticated: bool = False
    prefer: bool = False
    trust: bool = False
    require: bool = False
    noselect: bool = False
    reference_id: bytes = b""
    """By which its followers name it, where it is an NTP server."""
    own_reference_id: bytes = b""
    """By which it would name this machine."""

    def interval_ends(self) -> tuple[TimeInterval, TimeInterval]:
        """Return the least and the largest offset that the source holds possible."""
        assert self.offset is not None
        return self.offset - self.root_distance, self.offset + self.root_distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an operator asks of the sources together."""

    min_sources: int = 1
    max_distance: TimeInterval = 3 * SECOND
    max_deviation: TimeInterval = SECOND
    authentication: Authentication = Authentication.PREFER


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
class Combined:
    """What the believed sources say together; *bound* holds as long as a majority of the sources is right."""

    offset: TimeInterval
    bound: TimeInterval
    deviation: TimeInterval
    frequency_ppb: float
    skew_ppb: float
    stratum: int
    leap: Leap
    best: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The result, None where no source may be believed, and each source's verdict in the order given."""

    combined: Combined | None
    verdicts: tuple[Verdict, ...]
    follows_orphan: bool = False
    """What is combined is the time of a server that has no source itself."""


def select(
    candidates: Sequence[Candidate], policy: Policy, previous_best: str | None = None, orphans: Orphans | None = None
) -> Selection:
    """Judge *candidates* and combine those that are believed. Their names differ from each other.

    *orphans*: this machine serves time, and is one of them when it has no source.
    """
    return _Judgement(_with_authentication(candidates, policy), policy, previous_best, orphans).selection()


def _with_authentication(candidates: Sequence[Candidate], policy: Policy) -> list[Candidate]:
    """Let those who prove who they are vote alone where both kinds are configured and the policy is to mix them."""
    both = len({c.authenticated for c in candidates if c.source_class is SourceClass.NETWORK}) > 1
    if policy.authentication is not Authentication.MIX or not both:
        return list(candidates)
    own = SourceClass.REFERENCE  # nobody on the network forges those
    return [replace(c, trust=True, require=True) if c.authenticated or c.source_class is own else c for c in candidates]


class _Judgement:
    """One run of the selection; each method leaves fewer sources."""

    def __init__(
        self, candidates: list[Candidate], policy: Policy, previous_best: str | None, orphans: Orphans | None
    ) -> None:
        self._orphans = orphans
        self._candidates = candidates
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
        self._say(leader, Reason.ORPHAN_LEADER, _where(leader))
        return _weighted_mean([leader], leader, leader.interval_ends())

    def _unauthenticated_is_out(self, candidate: Candidate) -> bool:
        mode = self._policy.authentication
        if candidate.authenticated or candidate.source_class is not SourceClass.NETWORK:
            return False
        any_configured = any(other.authenticated for other in self._candidates)
        return mode is Authentication.REQUIRE or (mode is Authentication.PREFER and any_configured)

    def _majority(self, usable: list[Candidate]) -> tuple[TimeInterval, TimeInterval] | None:
        """Return the ends of where more than half of the voters overlap; the trusted alone vote where there are any."""
        voters = [candidate for candidate in usable if candidate.trust] or usable
        hull = majority_hull([candidate.interval_ends() for candidate in voters])
        if hull is None:
            for candidate in usable:
                self._say(candidate, Reason.NO_MAJORITY, len(voters), _where(candidate))
        return hull

    def _agreeing(self, usable: list[Candidate], hull: tuple[TimeInterval, TimeInterval]) -> list[Candidate]:
        low, high = hull
        agreeing = []
        for candidate in usable:
            least, most = candidate.interval_ends()
            if least > high or most < low:
                self._say(
                    candidate, Reason.FALSETICKER, _where(candidate), f"{seconds(low, '+')} to {seconds(high, '+')}"
                )
            else:
                agreeing.append(candidate)
        return agreeing

    def _suffices(self, agreeing: list[Candidate]) -> bool:
        """Whether they are enough, and one that must be among them is."""
        required = [candidate.name for candidate in self._candidates if candidate.require]
        if len(agreeing) < self._policy.min_sources:
            for candidate in agreeing:
                self._say(candidate, Reason.TOO_FEW, len(agreeing), self._policy.min_sources)
            return False
        if required and not any(candidate.require for candidate in agreeing):
            for candidate in agreeing:
                self._say(candidate, Reason.REQUIRED_MISSING, ", ".join(required))
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
                self._say(candidate, Reason.BEST if candidate is best else Reason.COMBINED, _where(candidate))
                used.append(candidate)
        return _weighted_mean(used, best, hull)

    def _best(self, candidates: list[Candidate]) -> Candidate:
        nearest = min(candidates, key=lambda candidate: (candidate.root_distance, candidate.stratum))
        for candidate in candidates:
            if candidate.name == self._previous_best:
                return candidate if candidate.root_distance <= _KEEP_BEST_WITHIN * nearest.root_distance else nearest
        return nearest


def majority_hull(intervals: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the least and the largest point that more than half of the *intervals* contain, None without one.

    The truth lies between them if more than half of the intervals contain it (Marzullo; RFC 5905 11.2.1).
    """
    majority = len(intervals) // 2 + 1
    lower_ends = sorted(least for least, _ in intervals)
    upper_ends = sorted(most for _, most in intervals)
    # At a lower end, as many intervals hold as have begun and not ended: those that begin at it count, so do those
    # that end at it.
    found = [
        least
        for number, least in enumerate(lower_ends, 1)
        if number - sum(most < least for most in upper_ends) >= majority
    ]
    if not found:
        return None
    last = max(
        most
        for number, most in enumerate(reversed(upper_ends), 1)
        if number - sum(least > most for least in lower_ends) >= majority
    )
    return found[0], last


def _weighted_mean(used: list[Candidate], best: Candidate, hull: tuple[TimeInterval, TimeInterval]) -> Combined:
    """Combine offsets by the inverse square of distances, frequencies by that of their skews."""
    assert best.offset is not None
    low, high = hull
    weights = [1 / max(candidate.root_distance, 1) ** 2 for candidate in used]
    total = math.fsum(weights)
    away = [(candidate.offset or 0) - best.offset for candidate in used]
    mean = math.fsum(w * d for w, d in zip(weights, away, strict=True)) / total
    variance = (
        math.fsum(w * (c.deviation**2 + (d - mean) ** 2) for w, c, d in zip(weights, used, away, strict=True)) / total
    )
    skew_weights = [1 / max(candidate.skew_ppb, 1e-3) ** 2 for candidate in used]
    frequency = math.fsum(w * c.frequency_ppb for w, c in zip(skew_weights, used, strict=True)) / math.fsum(
        skew_weights
    )
    offset = best.offset + round(mean)
    return Combined(
        offset=offset,
        bound=max(high - offset, offset - low),
        deviation=round(math.sqrt(variance)),
        frequency_ppb=frequency,
        skew_ppb=1 / math.sqrt(math.fsum(skew_weights)),
        stratum=best.stratum,
        leap=_leap(used),
        best=best.name,
        names=tuple(candidate.name for candidate in used),
    )


def _leap(used: list[Candidate]) -> Leap:
    """Return the leap second that more than half of the sources announce."""
    for leap in (Leap.INSERT, Leap.DELETE):
        if 2 * sum(candidate.leap is leap for candidate in used) > len(used):
            return leap
    return Leap.NONE


def _where(candidate: Candidate) -> str:
    assert candidate.offset is not None
    return f"{seconds(candidate.offset, '+')} ± {seconds(candidate.root_distance)}"


def seconds(interval: TimeInterval, sign: str = "") -> str:
    """Return *interval* for people: three digits and the unit that suits them."""
    value = interval_to_seconds(interval)
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(value) >= size:
            return f"{value / size:{sign}.3g} {unit}"
    return f"{value / 1e-9:{sign}.3g} ns"
