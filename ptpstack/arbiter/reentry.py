"""Back to measurements without a bump: where the clock was found is let go of slowly, not at once.

A servo that sees the whole offset after holdover, or with another source, would go for it as fast as it can. So it is
shown the offset less a remainder, which begins as what was found and shrinks at a bounded rate. The servo just keeps
the clock on a target that moves. How fast it moves is known, and is added to what the servo asks for: a servo that had
to find out would take it for another frequency of the clock, twice.
"""

from __future__ import annotations

from statistics import median

from ptpstack.time import SECOND, MonotonicTime, TimeInterval

SAMPLES = 5
"""So many offsets say together where the clock is; one alone may be an outlier."""
LONGEST_WAIT: TimeInterval = 5 * SECOND
"""Longer than this they are not waited for. What comes as seldom as answers of NTP is filtered, and steers slowly."""
SLEW_PPB = 100
SLEW_SECONDS = 10
"""The remainder shrinks by 100 ns in a second, or so fast that it is gone after this time."""


class Reentry:
    """Offsets in, offsets for the servo out. *step_threshold*: what is further off is the servo's to step, 0: never."""

    def __init__(self, step_threshold: TimeInterval = 0) -> None:
        self._step_threshold = step_threshold
        self._found: list[TimeInterval] | None = None
        self._remainder: TimeInterval = 0
        self._began = MonotonicTime(0)

    def begin(self) -> None:
        """Find out from the next offsets where the clock is."""
        self._found = []

    def cancel(self) -> None:
        """The servo sees everything from now on."""
        self._found, self._remainder = None, 0

    def remainder(self, now: MonotonicTime) -> TimeInterval:
        """Return what the servo is not shown now."""
        found = abs(self._remainder)
        if not found:
            return 0
        rate = max(SLEW_PPB * 1e-9, found / SECOND / SLEW_SECONDS)
        left = max(0, found - round(rate * (now - self._began)))
        return left if self._remainder > 0 else -left

    def rate_ppb(self, now: MonotonicTime, interval: TimeInterval) -> float:
        """Return how fast the target moves on average in the *interval* that begins now."""
        if not self._remainder:
            return 0.0
        return (self.remainder(now + interval) - self.remainder(now)) / interval * 1e9

    def take(self, offset: TimeInterval, now: MonotonicTime, interval: TimeInterval) -> TimeInterval | None:
        """Return what the servo is to see of *offset*; None: nothing yet, the clock goes on as it does.

        *interval*: how far apart offsets are.
        """
        if self._found is not None:
            self._found.append(offset)
            is_to_step = self._step_threshold and abs(offset) > self._step_threshold
            if is_to_step or interval > LONGEST_WAIT:
                self.cancel()
                return offset
            if len(self._found) < min(SAMPLES, LONGEST_WAIT / interval):
                return None
            self._remainder, self._began, self._found = round(median(self._found)), now, None
        remainder = self.remainder(now)
        if not remainder:
            self._remainder = 0
        return offset - remainder
