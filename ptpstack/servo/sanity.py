"""Is the clock what we think it is? A check against the host's raw monotonic clock, which nobody steers.

Semantics of linuxptp's clock check. What does not live here: reading clocks, and what to do on failure
(reset the servo, tell the user), which is the daemon's.
"""

from __future__ import annotations

from ptpstack.servo.events import FrequencyChangedElsewhere, SanityFailed
from ptpstack.time import SECOND, LocalTime, MonotonicTime, TimeInterval, interval_to_seconds

MIN_INTERVAL: TimeInterval = SECOND
MAX_CHECKED_FREQUENCY_PPB = 900_000_000.0
READ_BACK_TOLERANCE_PPB = 1.0


class ClockCheck:
    """Compares a steered clock's progress with CLOCK_MONOTONIC_RAW's, and its frequency with the one last set.

    A limit of 0 switches the comparison of progress off.
    """

    def __init__(self, frequency_limit_ppb: float = 200_000_000.0) -> None:
        self.frequency_limit_ppb = frequency_limit_ppb
        self.reset()

    def reset(self) -> None:
        """Forget everything: the clock is another one now, or runs free."""
        self._frequency_ppb: float | None = None
        self._min_ppb = self._max_ppb = 0.0
        self._last: tuple[LocalTime, MonotonicTime, TimeInterval] | None = None

    def set_frequency(self, frequency_ppb: float) -> None:
        """Say that the clock was just set to run at *frequency_ppb*."""
        if self._frequency_ppb is None:
            self._min_ppb = self._max_ppb = frequency_ppb
        self._min_ppb = min(self._min_ppb, frequency_ppb)
        self._max_ppb = max(self._max_ppb, frequency_ppb)
        self._frequency_ppb = frequency_ppb

    def stepped(self, step: TimeInterval) -> None:
        """Say that the clock was just moved by *step* on purpose."""
        if self._last is not None:
            local, raw, bracket = self._last
            self._last = local + step, raw, bracket

    def frequency_read(self, frequency_ppb: float) -> FrequencyChangedElsewhere | None:
        """Judge what the clock says its frequency is; ``None`` is good."""
        expected_ppb = self._frequency_ppb
        if expected_ppb is None or abs(frequency_ppb - expected_ppb) <= READ_BACK_TOLERANCE_PPB:
            return None
        return FrequencyChangedElsewhere(expected_ppb=expected_ppb, found_ppb=frequency_ppb)

    def sample(self, local: LocalTime, raw: MonotonicTime, bracket: TimeInterval = 0) -> SanityFailed | None:
        """Judge the clock's reading *local*, taken when CLOCK_MONOTONIC_RAW read *raw* to *raw* + *bracket*.

        ``None`` is good: there is an instant in the bracket by which it runs right.
        Nothing is judged before a frequency was set, nor until both clocks advanced by a second.
        """
        if self._frequency_ppb is None or not self.frequency_limit_ppb:
            return None
        if self._last is None:
            self._restart(local, raw, bracket)
            return None
        interval, raw_interval = local - self._last[0], raw - self._last[1]
        shortest, longest = raw_interval - self._last[2], raw_interval + bracket
        if 0 <= interval < MIN_INTERVAL or shortest < MIN_INTERVAL:
            return None
        least_ratio, most_ratio = sorted((interval / shortest, interval / longest))
        # The clock ran somewhere between the lowest and the highest frequency set since the last look.
        least_error_ppb = 1e9 * (least_ratio / (1.0 + self._max_ppb / 1e9) - 1.0)
        most_error_ppb = 1e9 * (most_ratio / (1.0 + self._min_ppb / 1e9) - 1.0)
        checked = self._max_ppb <= MAX_CHECKED_FREQUENCY_PPB
        self._restart(local, raw, bracket)
        if checked and least_error_ppb > self.frequency_limit_ppb:
            error_ppb = least_error_ppb
        elif checked and most_error_ppb < -self.frequency_limit_ppb:
            error_ppb = most_error_ppb
        else:
            return None
        return SanityFailed(
            interval_s=interval_to_seconds(interval),
            raw_interval_s=interval_to_seconds(raw_interval),
            error_ppb=error_ppb,
            limit_ppb=self.frequency_limit_ppb,
        )

    def _restart(self, local: LocalTime, raw: MonotonicTime, bracket: TimeInterval) -> None:
        assert self._frequency_ppb is not None
        self._last = local, raw, bracket
        self._min_ppb = self._max_ppb = self._frequency_ppb
