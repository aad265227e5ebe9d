"""The frequency at which a clock holds by itself: what it was set to on average while it was kept.

One command alone has the noise of one sample in it. In their mean that cancels: over T seconds in which the clock
stayed within x ns of the truth, it is wrong by x/T ppb at most, whatever the servo did. What the servo had to do
because somebody disturbed the clock stands out, and is left out.
"""

from __future__ import annotations

from collections import deque
from statistics import fmean, median

AVERAGED_S = 32.0
"""Much more would miss how the oscillator changes with its temperature."""

LEAST_S = 4.0
ORDINARY_DEVIATIONS = 5.0
"""What is this many times as far from the median as usual is no noise."""


class LearntFrequency:
    """The newest commands; *kept_ppb* is what is known before they say more."""

    def __init__(self, kept_ppb: float | None = None) -> None:
        self._kept_ppb = kept_ppb
        self._commands: deque[tuple[float, float]] = deque()
        self._span_s = 0.0

    def add(self, ppb: float, interval_s: float) -> None:
        """Take a command that is in force for *interval_s*."""
        self._commands.append((ppb, interval_s))
        self._span_s += interval_s
        while self._span_s - self._commands[0][1] >= AVERAGED_S:
            self._span_s -= self._commands.popleft()[1]

    @property
    def ppb(self) -> float | None:
        """The frequency, in ppb; None while nothing is known."""
        if not self._commands or (self._kept_ppb is not None and self._span_s < LEAST_S):
            return self._kept_ppb
        commands = [ppb for ppb, _ in self._commands]
        middle = median(commands)
        usual = median(abs(ppb - middle) for ppb in commands)
        return fmean(ppb for ppb in commands if abs(ppb - middle) <= ORDINARY_DEVIATIONS * usual)
