"""What was decided about frequencies: quality levels that come and go, and the source that is selected."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.events import Event, Severity


class QualityLevelChanged(Event, frozen=True, kw_only=True):
    """A source has another quality level, or fails."""

    severity: ClassVar[Severity] = Severity.NOTICE

    source: str
    quality_level: str
    previous: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.previous} to {self.quality_level}: {self.reason}"


class FrequencySourceSelected(Event, frozen=True, kw_only=True):
    """The frequency is taken from another source, or from the own oscillator."""

    severity: ClassVar[Severity] = Severity.NOTICE

    source: str | None
    previous: str | None
    quality_level: str
    rule: str

    def __str__(self) -> str:
        what = f"from {self.source}" if self.source else "from the own oscillator"
        return f"SyncE: frequency {what}, {self.quality_level}: {self.rule}"


class SelectionCommanded(Event, frozen=True, kw_only=True):
    """An operator's command to the selection of the frequency source."""

    severity: ClassVar[Severity] = Severity.NOTICE

    command: str
    source: str
    outcome: str

    def __str__(self) -> str:
        return f"SyncE: {self.command} {self.source}".rstrip() + f": {self.outcome}"
