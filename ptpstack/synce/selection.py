"""Which frequency source is used: the QL-enabled selection process of ITU-T G.781, with the operator's commands.

The best quality level wins, among equals the lowest priority number, among those the source that is used already. A
source whose signal failed keeps its level for the hold-off time, then counts as failed, and once it is back waits for
the time to restore. A source with priority 0, locked out, failed, or of a level that says not to use it, is none.

What does not live here: how a level is heard (``esmc_port.py``), and what is sent on (``clock.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

import msgspec

from ptpstack.errors import PtpstackError
from ptpstack.events import Event
from ptpstack.synce.events import FrequencySourceSelected, QualityLevelChanged, SelectionCommanded
from ptpstack.synce.quality_level import QualityLevel, QualityLevels
from ptpstack.time import MonotonicTime, TimeInterval, interval_to_seconds

FAILED = "QL-FAILED"


class CommandError(PtpstackError):
    """A command that cannot be carried out now."""


class Command(Enum):
    """What an operator may ask for (G.781 5.12)."""

    LOCKOUT = "lockout"
    CLEAR_LOCKOUT = "clear-lockout"
    FORCED_SWITCH = "forced-switch"
    MANUAL_SWITCH = "manual-switch"
    CLEAR = "clear"
    CLEAR_WAIT_TO_RESTORE = "clear-wait-to-restore"


class FrequencySource(msgspec.Struct):
    """One source, by the name of its interface or input."""

    name: str
    priority: int
    level: QualityLevel | None = None
    """What it says of itself; None: nothing is heard."""
    has_failed: bool = True
    """Its signal, or word of its level, is missing for longer than the hold-off time."""
    reason: str = "no ESMC PDU yet"
    was_lost: bool = False
    """It failed after it had been in order: it waits when it is back."""
    locked_out: bool = False
    failing_since: MonotonicTime | None = None
    restored_at: MonotonicTime | None = None
    """When the time to restore is over, while it waits."""

    @property
    def shown_level(self) -> str:
        """The level as people read it."""
        return FAILED if self.has_failed or self.level is None else str(self.level)


class Selection:
    """Chooses among *sources*, or the own oscillator, which is of level *own*."""

    def __init__(
        self,
        sources: Sequence[FrequencySource],
        levels: QualityLevels,
        own: QualityLevel,
        *,
        wait_to_restore: TimeInterval,
        hold_off: TimeInterval,
    ) -> None:
        self.sources = {source.name: source for source in sources}
        self.levels = levels
        self.own = own
        self.selected: FrequencySource | None = None
        self.rule = "no source is usable"
        self._wait_to_restore = wait_to_restore
        self._hold_off = hold_off
        self._forced: str | None = None
        self._manual: str | None = None

    def as_dict(self, now: MonotonicTime) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        return {
            "selected": self.selected.name if self.selected else None,
            "rule": self.rule,
            "forced": self._forced,
            "manual": self._manual,
            "sources": {
                source.name: {
                    "qualityLevel": source.shown_level,
                    "priority": source.priority,
                    "lockedOut": source.locked_out,
                    "waitToRestore_s": None
                    if source.restored_at is None
                    else round(interval_to_seconds(source.restored_at - now), 1),
                    "reason": source.reason,
                }
                for source in self.sources.values()
            },
        }

    # -- what sources are worth ----------------------------------------------------------------------

    def heard(self, name: str, level: QualityLevel, now: MonotonicTime) -> list[Event]:
        """Take that source *name* is there, and of *level*."""
        source = self.sources[name]
        before = source.shown_level
        source.failing_since = None
        source.level = level
        if not source.has_failed:
            source.reason = ""
        elif source.restored_at is None:
            wait = self._wait_to_restore if source.was_lost else 0
            source.restored_at = now + wait
            source.reason = f"restored, waits for {interval_to_seconds(wait):g} s"
        return self._changed(source, before, "heard") + self.handle_deadline(now)

    def failed(self, name: str, reason: str, now: MonotonicTime) -> list[Event]:
        """Take that the signal of source *name*, or word of its level, is missing."""
        source = self.sources[name]
        if source.failing_since is None:
            source.failing_since = now
            source.reason = reason
            source.restored_at = None
        return self.handle_deadline(now)

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` should be called, if ever."""
        return min(self._deadlines(), default=None)

    def _deadlines(self) -> Iterable[MonotonicTime]:
        for source in self.sources.values():
            if source.failing_since is not None and not source.has_failed:
                yield source.failing_since + self._hold_off
            if source.restored_at is not None:
                yield source.restored_at

    def handle_deadline(self, now: MonotonicTime) -> list[Event]:
        """Let hold-off and waiting times end, and choose."""
        events: list[Event] = []
        for source in self.sources.values():
            before = source.shown_level
            if source.failing_since is not None and now - source.failing_since >= self._hold_off:
                source.was_lost = source.was_lost or not source.has_failed
                source.has_failed = True
                events += self._changed(source, before, source.reason)
            elif source.restored_at is not None and now >= source.restored_at:
                source.restored_at = None
                source.has_failed = False
                source.reason = ""
                events += self._changed(source, before, "the time to restore is over")
        return events + self._choose()

    def _changed(self, source: FrequencySource, before: str, reason: str) -> list[Event]:
        if source.shown_level == before:
            return []
        return [
            QualityLevelChanged(source=source.name, quality_level=source.shown_level, previous=before, reason=reason)
        ]

    # -- the choice ------------------------------------------------------------------------------------

    def _is_candidate(self, source: FrequencySource) -> bool:
        return (
            source.priority > 0
            and not source.locked_out
            and not source.has_failed
            and source.level is not None
            and self.levels.is_usable(source.level)
        )

    def _choose(self) -> list[Event]:
        events: list[Event] = []
        candidates = [source for source in self.sources.values() if self._is_candidate(source)]
        best, rule = self._best(candidates)
        if self._manual is not None and (manual := self.sources[self._manual]) is not best:
            if why_not := self._why_not_by_hand(manual):
                self._manual = None
                events.append(_commanded(Command.MANUAL_SWITCH, manual.name, f"over: {why_not}"))
            else:
                best, rule = manual, "manual switch"
        if self._forced is not None:
            forced = self.sources[self._forced]
            best = forced if forced in candidates else None
            rule = "forced switch" if best else f"forced switch to {self._forced}, which is {forced.shown_level}"
        self.rule = rule
        if best is not self.selected:
            previous, self.selected = self.selected, best
            events.append(
                FrequencySourceSelected(
                    source=best.name if best else None,
                    previous=previous.name if previous else None,
                    quality_level=str(self.level),
                    rule=rule,
                )
            )
        return events

    @property
    def level(self) -> QualityLevel:
        """The level of the frequency in use."""
        source = self.selected
        return self.own if source is None or source.level is None else source.level

    def _rank(self, source: FrequencySource) -> int:
        assert source.level is not None
        return self.levels.rank(source.level)

    def _best(self, candidates: Sequence[FrequencySource]) -> tuple[FrequencySource | None, str]:
        usable = [source for source in candidates if self._rank(source) <= self.levels.rank(self.own)]
        if not usable:
            return None, "no source is usable" if not candidates else f"no source is as good as the own {self.own}"
        ranked = sorted(usable, key=lambda one: (self._rank(one), one.priority, one is not self.selected))
        best, *others = ranked
        if not others:
            return best, "nothing else is usable"
        second = others[0]
        if self._rank(best) != self._rank(second):
            return best, f"{best.level} is better than {second.level} of {second.name}"
        if best.priority != second.priority:
            return best, f"priority {best.priority} < {second.priority} of {second.name}"
        return best, f"as good as {second.name}, and in use or first"

    # -- commands --------------------------------------------------------------------------------------

    def command(self, command: Command, name: str, now: MonotonicTime) -> list[Event]:
        """Carry out *command* on source *name* (empty for clear). Raises :class:`CommandError`."""
        source = None
        if command is not Command.CLEAR:
            source = self.sources.get(name)
            if source is None:
                known = ", ".join(self.sources)
                raise CommandError(f'no frequency source "{name}"', why=f"there are {known}")
        outcome = self._carry_out(command, source, now)
        return [_commanded(command, name, outcome), *self.handle_deadline(now)]

    def _carry_out(self, command: Command, source: FrequencySource | None, now: MonotonicTime) -> str:
        if source is None:
            self._forced = self._manual = None
            return "no switch is commanded any more"
        match command:
            case Command.LOCKOUT:
                source.locked_out = True
                if source.name in (self._forced, self._manual):
                    self._forced = self._manual = None
                return "never used until that is cleared, nor switched to"
            case Command.CLEAR_LOCKOUT:
                source.locked_out = False
                return "may be used again"
            case Command.FORCED_SWITCH:
                if source.locked_out or not source.priority:
                    raise CommandError(f"{source.name} is locked out", next_step="clear-lockout first")
                self._forced, self._manual = source.name, None
                return "used whatever others are worth, until clear"
            case Command.MANUAL_SWITCH:
                self._check_manual(source)
                self._manual = source.name
                return "used as long as no other is of a better level, until clear"
            case _:
                if source.restored_at is not None:
                    source.restored_at = now
                return "does not wait any more"

    def _check_manual(self, source: FrequencySource) -> None:
        if self._forced is not None:
            raise CommandError(f"a forced switch to {self._forced} is in force", next_step="clear first")
        if why_not := self._why_not_by_hand(source):
            raise CommandError(f"{source.name} cannot be switched to", why=why_not)

    def _why_not_by_hand(self, source: FrequencySource) -> str:
        """Return why a manual switch cannot hold *source*, or nothing: that takes one that is as good as the best."""
        if source.locked_out or not source.priority:
            return "it is locked out"
        if not self._is_candidate(source):
            return source.reason or f"it is {source.shown_level}"
        best, _ = self._best([one for one in self.sources.values() if self._is_candidate(one)])
        if best is None:
            return f"it is {source.level}, and the own {self.own} is better"
        return f"{best.name} is better: {best.level}" if self._rank(source) > self._rank(best) else ""


def _commanded(command: Command, source: str, outcome: str) -> SelectionCommanded:
    return SelectionCommanded(command=command.value, source=source, outcome=outcome)
