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
    """Compares a clock's progress between two looks with CLOCK_MONOTONIC_RAW's.

    An instant that is known to be within *bracket* from *raw* on only is one of a host that was slow: what is not
    known is held against nobody.
    """

    def __init__(self) -> None:
        self.frequency_ppb = 0.0
        """What the clock was set to last, by whomever."""
        self._frequency_since = MonotonicTime(0)
        self.reset()

    def reset(self) -> None:
        """Begin anew with the next look."""
        self._last: tuple[LocalTime, MonotonicTime, TimeInterval] | None = None
        self._gained = self._gain_unknown = self._to_slew = 0

    def set_frequency(self, frequency_ppb: float, raw: MonotonicTime, bracket: TimeInterval) -> None:
        """Take that the clock runs *frequency_ppb* faster since some instant within *bracket* from *raw* on."""
        self._gained += self._gain(raw)
        self._gain_unknown += round(bracket * abs(frequency_ppb - self.frequency_ppb) * 1e-9)
        self.frequency_ppb, self._frequency_since = frequency_ppb, raw

    def stepped(self, step: TimeInterval) -> None:
        """Take that the clock was just moved by *step* on purpose."""
        if self._last is not None:
            local, raw, doubt = self._last
            self._last = local + step, raw, doubt

    def slews(self, phase: TimeInterval) -> None:
        """Take that the clock's hardware moves it by *phase* in its own time, instead of what it was told before."""
        self._to_slew = phase

    def look(self, local: LocalTime, raw: MonotonicTime, bracket: TimeInterval) -> TimeInterval:
        """Return by how much others moved the clock since the last look, 0 for not at all.

        It reads *local* at some instant within *bracket* from *raw* on.
        """
        doubt = round(bracket * (1 + abs(self.frequency_ppb) * 1e-9))
        last, self._last = self._last, (local, raw, doubt)
        gained, self._gained = self._gained + self._gain(raw), 0
        gain_unknown, self._gain_unknown = self._gain_unknown, 0
        self._frequency_since = raw
        if last is None:
            return 0
        elapsed = raw - last[1]
        moved = local - last[0] - elapsed - gained
        least, most = min(0, self._to_slew), max(0, self._to_slew)
        self._to_slew -= min(max(moved, least), most)
        tolerance = LEAST_MOVE + last[2] + doubt + gain_unknown + elapsed // PLAUSIBLE_RATE
        return 0 if least - tolerance <= moved <= most + tolerance else moved

    def _gain(self, raw: MonotonicTime) -> TimeInterval:
        return round((raw - self._frequency_since) * self.frequency_ppb * 1e-9)
