"""Whether the local clock is suddenly elsewhere: a machine that stood still, or was set, as its sources see it.

A virtual machine that was paused knows it by nothing else. Several sources that agreed, and agree on something else
now, are believed at once. One that is alone may have jumped itself: it is asked several times in short order, not
followed meanwhile, and believed when all its samples say the same.

What lives here: the comparison with what was known. What does not: judging sources (``selection``), and what follows
for the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ntp.client.samples import JUMP
from ntp.combination import Combined
from ntp.selection import Selection, Verdict
from ntp.selection_reasons import Reason, seconds
from ptpstack.events import Event, Severity
from ptpstack.time import MonotonicTime, TimeInterval, interval_to_seconds

SEVERAL = 2
CONFIRMING = 4
"""So many samples of a source that is alone must say the same: as many as end a burst."""

AGREEING = frozenset({Reason.MUCH_FARTHER, Reason.OTHERS_PREFERRED})
"""Why a source is not used that agrees with those that are."""


class ClockFoundElsewhere(Event, frozen=True, kw_only=True):
    """By its sources the local clock is far from where it was: this machine stood still, or was set.

    *samples*: so many of the one source that there is say so, where it is one.
    """

    severity: ClassVar[Severity] = Severity.WARNING

    moved_s: float
    sources: int
    samples: int = 0

    def __str__(self) -> str:
        who = f"{self.sources} NTP sources agree"
        if self.sources < SEVERAL:
            who = f"the only NTP source says in {self.samples} samples in a row"
        return f"{who} that the clock jumped by {self.moved_s:+.3f} s: it is acquired anew"


@dataclass(slots=True)
class _Known:
    """What sources said together, and how many."""

    combined: Combined
    agreeing: int
    at: MonotonicTime
    frequency_ppb: float

    def moved(self, combined: Combined, now: MonotonicTime) -> TimeInterval:
        """Return how far *combined* is from where the clock must be by now; 0 if it may be there."""
        elapsed = now - self.at
        moved = combined.offset - self.combined.offset - round(elapsed * self.frequency_ppb * 1e-9)
        drifted = round(elapsed * self.combined.skew_ppb * 1e-9)
        return moved if abs(moved) > combined.bound + self.combined.bound + drifted + JUMP else 0


@dataclass(slots=True)
class Doubt:
    """*source* is alone in saying that the clock *moved*; *samples* of it say so."""

    source: str
    moved: TimeInterval
    samples: int
    known: _Known


class Jumps:
    """Compares what sources say with what they said before."""

    def __init__(self) -> None:
        self.doubt: Doubt | None = None
        self._known: _Known | None = None

    def forget(self) -> None:
        """Begin anew: nothing is known of the clock."""
        self.doubt = self._known = None

    def frequency_changed(self, change_ppb: float) -> None:
        """Take in that the local clock runs *change_ppb* faster from now on."""
        for known in (self._known, self.doubt.known if self.doubt else None):
            if known is not None:
                known.frequency_ppb += change_ppb

    def look(
        self, selection: Selection, samples: int, now: MonotonicTime, *, one_suffices: bool
    ) -> ClockFoundElsewhere | None:
        """Return what to tell of *selection*; the best source has *samples*. What is in ``doubt`` now may be new.

        *one_suffices*: nothing but these sources keeps the clock, and the best is a server.
        """
        combined = selection.combined
        if combined is None:
            return None
        agreeing = sum(verdict.used or verdict.reason in AGREEING for verdict in selection.verdicts)
        known, before, doubt = _Known(combined, agreeing, now, combined.frequency_ppb), self._known, self.doubt
        if doubt is not None:
            doubt.moved, doubt.source, doubt.samples = doubt.known.moved(combined, now), combined.best, samples
            if doubt.moved and agreeing < SEVERAL and samples < CONFIRMING and one_suffices:
                return None
            self.doubt, self._known = None, known
            is_true = doubt.moved and (one_suffices or agreeing >= SEVERAL)
            return _found(doubt.moved, agreeing, samples) if is_true else None
        self._known = known
        moved = before.moved(combined, now) if before else 0
        if before is None or not moved:
            return None
        if min(agreeing, before.agreeing) >= SEVERAL:
            return _found(moved, agreeing, 0)
        if one_suffices and before.combined.names == combined.names == (combined.best,) and _is_alone(selection):
            self.doubt = Doubt(combined.best, moved, 0, before)
        return None

    def withhold(self, selection: Selection) -> Selection:
        """Return *selection* without what is in doubt, and the verdict that says so."""
        doubt = self.doubt
        if doubt is None or (selection.combined is not None and selection.combined.names != (doubt.source,)):
            return selection
        text = Reason.DOUBTED.sentence.format(seconds(doubt.moved, "+"), doubt.samples, CONFIRMING)
        verdicts = tuple(
            Verdict(verdict.name, Reason.DOUBTED, text)
            if verdict.name == doubt.source and (verdict.used or verdict.reason is Reason.NO_SAMPLES)
            else verdict
            for verdict in selection.verdicts
        )
        return replace(selection, combined=None, verdicts=verdicts)


def _is_alone(selection: Selection) -> bool:
    """Whether no other source says that the clock is where it was."""
    return all(verdict.used or verdict.reason is not Reason.FALSETICKER for verdict in selection.verdicts)


def _found(moved: TimeInterval, agreeing: int, samples: int) -> ClockFoundElsewhere:
    return ClockFoundElsewhere(moved_s=round(interval_to_seconds(moved), 3), sources=agreeing, samples=samples)
