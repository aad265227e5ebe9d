"""What this package reports while it runs."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.events import Event, Severity


class SystemClockJumped(Event, frozen=True, kw_only=True):
    """CLOCK_REALTIME moved against CLOCK_MONOTONIC_RAW by more than any slew: someone stepped it."""

    severity: ClassVar[Severity] = Severity.WARNING

    clock: str
    jump_ns: int

    def __str__(self) -> str:
        """Say what happened and whom it touches."""
        return f"{self.clock}: CLOCK_REALTIME was stepped by {self.jump_ns} ns, and every software stamp with it"
