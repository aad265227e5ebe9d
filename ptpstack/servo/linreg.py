"""Linear regression of the master's time on the clock's own, over windows of 4 to 64 samples (linuxptp's linreg).

Each window predicts the next sample; the longest one whose errors are hardly larger than the least is used.
What does not live here: steps and states (``discipline``).

linuxptp's begins with four samples; this one begins as every servo here, with two.
"""

from __future__ import annotations

from collections import deque

import msgspec

from ptpstack.events import Event
from ptpstack.servo.discipline import Discipline, ServoSettings
from ptpstack.time import NANOSECOND, SECOND, LocalTime, TimeInterval, interval_to_ns, interval_to_seconds

MIN_SIZE, MAX_SIZE = 2, 6
"""Windows, as powers of two."""
ERROR_SHARE = 0.02
ERROR_MEAN_SAMPLES = 10
ERROR_TOLERANCE = 1.05
CORRECTED_AT_ONCE_SIZE = 4


class Window(msgspec.Struct):
    """The line through the newest 2**size samples, and how well such lines predicted."""

    size: int
    slope_ppb: float = 0.0
    """The free clock's frequency error."""
    intercept_ns: float = 0.0
    """The line's value at the newest sample."""
    error_ns: float = 0.0
    predictions: int = 0

    def judge(self, error_ns: float) -> None:
        """Take the error of one prediction: a plain mean at first, then a moving one."""
        self.predictions += 1
        share = max(ERROR_SHARE, 1.0 / self.predictions) if self.predictions <= ERROR_MEAN_SAMPLES else ERROR_SHARE
        self.error_ns += (error_ns - self.error_ns) * share


class LinregServo(Discipline):
    """linuxptp's ``linreg``: the offset of the unsteered clock as a line over the unsteered clock's time."""

    def __init__(self, settings: ServoSettings | None = None, initial_frequency_ppb: float = 0.0) -> None:
        self._points: deque[tuple[float, float, float]] = deque(maxlen=2**MAX_SIZE)
        self._windows: list[Window] = []
        self._interval_s = 1.0
        self._free_s = 0.0
        self._steered_ns = 0.0
        super().__init__(settings or ServoSettings(), initial_frequency_ppb)

    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Adapt to samples *interval* apart."""
        self._interval_s = interval_to_seconds(interval)

    def _begin(self, offset: TimeInterval, elapsed_s: float, local: LocalTime) -> None:
        super()._begin(offset, elapsed_s, local)
        self._free_s = self._steered_ns = 0.0
        free_ppb = -self.drift_ppb / (1.0 + self.drift_ppb * 1e-9)
        offset_ns = interval_to_ns(offset)
        self._points.clear()
        self._points.append((-elapsed_s, offset_ns - free_ppb * elapsed_s, 1.0))
        self._points.append((0.0, offset_ns, 1.0))
        self._windows = [Window(size, free_ppb) for size in range(MIN_SIZE, MAX_SIZE + 1)]

    def _stepped(self, step: TimeInterval) -> None:
        super()._stepped(step)
        self._steered_ns += interval_to_ns(step)

    def _steer(self, offset: TimeInterval, local: LocalTime, weight: float, events: list[Event]) -> None:
        elapsed_s = (local - self._local) / SECOND
        self._local = local
        if elapsed_s <= 0.0:
            return
        free_s = elapsed_s / (1.0 + self.frequency_ppb * 1e-9)
        self._free_s += free_s
        self._steered_ns += free_s * self.frequency_ppb
        # What the offset would be had the clock never been touched: the difference of two lines.
        free_offset_ns = offset / NANOSECOND - self._steered_ns
        for window in self._windows:
            if len(self._points) >= 2**window.size:
                window.judge(abs(window.intercept_ns + window.slope_ppb * free_s - free_offset_ns))
        self._points.append((self._free_s, free_offset_ns, weight))
        self._regress()
        window = self._choose()
        phase_ns = window.intercept_ns + self._steered_ns
        correction = 1.0 if window.size <= CORRECTED_AT_ONCE_SIZE else window.size / 2.0
        self.drift_ppb = -window.slope_ppb / (1.0 + window.slope_ppb * 1e-9)
        self.frequency_ppb = self._clamp(self.drift_ppb - phase_ns / self._interval_s / correction, offset, events)

    def _regress(self) -> None:
        """Draw each window's line: weighted least squares about the newest sample, from it into the past."""
        newest_s, newest_ns, _ = self._points[-1]
        sum_w = sum_x = sum_y = sum_xx = sum_xy = 0.0
        windows = iter(self._windows)
        window = next(windows)
        for number, (at_s, value_ns, w) in enumerate(reversed(self._points), 1):
            x, y = at_s - newest_s, value_ns - newest_ns
            sum_w += w
            sum_x += w * x
            sum_y += w * y
            sum_xx += w * x * x
            sum_xy += w * x * y
            if number < min(2**window.size, len(self._points)):
                continue
            spread = sum_w * sum_xx - sum_x * sum_x
            if spread > 0.0:
                window.slope_ppb = (sum_w * sum_xy - sum_x * sum_y) / spread
                window.intercept_ns = newest_ns + (sum_y - window.slope_ppb * sum_x) / sum_w
            if (following := next(windows, None)) is None:
                return
            window = following

    def _choose(self) -> Window:
        chosen = self._windows[0]
        least_ns = chosen.error_ns
        for window in self._windows[1:]:
            if window.predictions >= ERROR_MEAN_SAMPLES and window.error_ns < least_ns * ERROR_TOLERANCE:
                chosen, least_ns = window, min(least_ns, window.error_ns)
        return chosen
