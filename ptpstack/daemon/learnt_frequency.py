"""The frequency at which a clock would hold by itself: what it was set to on average while it was locked."""

from __future__ import annotations

AVERAGED_S = 32.0
"""One command alone has the noise of one sample in it; a mean over much longer would miss how the oscillator ages."""


class LearntFrequency:
    """A moving mean of commands; *ppb* is what is known before the first one."""

    def __init__(self, ppb: float | None = None) -> None:
        self.ppb = ppb
        self._known_s = 0.0 if ppb is None else AVERAGED_S

    def add(self, ppb: float, interval_s: float) -> None:
        """Take a command that is in force for *interval_s*. While little is known, the newer ones count more."""
        self._known_s = min(self._known_s + interval_s / 2, AVERAGED_S)
        share = min(1.0, interval_s / self._known_s)
        self.ppb = ppb if self.ppb is None else self.ppb + (ppb - self.ppb) * share
