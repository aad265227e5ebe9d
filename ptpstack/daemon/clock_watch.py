"""Whether a clock went on as it was set to, or another hand moved it, by the host's raw monotonic clock.

What lives here: the judgement. What does not: reading the clocks, and what to do about it (``clock_driver``).
"""

from __future__ import annotations

from ptpstack.time import MICROSECOND, LocalTime, MonotonicTime, TimeInterval

LEAST_MOVE: TimeInterval = 100 * MICROSECOND
"""What is smaller is left to the servo."""

PLAUSIBLE_RATE = 1000
"""One part in this many is more than the two oscillators can differ by."""


class ClockWatch:
    """Compares a clock's progress between two looks with CLOCK_MONOTONIC_RAW's."""

    def __init__(self) -> None:
        self._last: tuple[LocalTime, MonotonicTime, TimeInterval] | None = None

    def reset(self) -> None:
        """Begin anew with the next look."""
        self._last = None

    def stepped(self, step: TimeInterval) -> None:
        """Take that the clock was just moved by *step* on purpose."""
        if self._last is not None:
            local, raw, bracket = self._last
            self._last = local + step, raw, bracket

    def look(self, local: LocalTime, raw: MonotonicTime, bracket: TimeInterval, frequency_ppb: float) -> TimeInterval:
        """Return by how much the clock was moved since the last look, 0 for not at all.

        It reads *local* somewhere within *bracket* from *raw* on, and ran at *frequency_ppb* since the last look.
        """
        last, self._last = self._last, (local, raw, bracket)
        if last is None:
            return 0
        elapsed = raw - last[1]
        moved = local - last[0] - elapsed - round(elapsed * frequency_ppb * 1e-9)
        tolerance = LEAST_MOVE + bracket + last[2] + elapsed // PLAUSIBLE_RATE
        return moved if abs(moved) > tolerance else 0
