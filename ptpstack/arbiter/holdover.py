"""A clock without measurements: how it is steered along what was learnt, until when, and what it is worth meanwhile.

What does not live here: the limits that it is judged by (``holdover_worth``), the prediction (``clock_prediction``).
"""

from __future__ import annotations

from profiles.loader import DegradationName
from ptpstack.arbiter.clock_prediction import ClockPrediction
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.holdover_worth import HoldoverSettings
from ptpstack.arbiter.outputs import Purpose, Steer
from ptpstack.time import SECOND, MonotonicTime, TimeInterval, interval_to_seconds

HOLD_INTERVAL: TimeInterval = 10 * SECOND
"""How often a clock in holdover is steered anew, and its bound looked at."""
LEAST_CHANGE_PPB = 1e-4


class Holdover:
    """The holdover of one clock within *settings*, steered by *prediction*."""

    def __init__(self, settings: HoldoverSettings, prediction: ClockPrediction) -> None:
        self.settings = settings
        self.sampled_at: MonotonicTime | None = None
        """When a measurement steered the clock last."""
        self.deadline: MonotonicTime | None = None
        """When it is steered anew; None: it is not in holdover."""
        self._prediction = prediction

    def sampled_seconds_ago(self, now: MonotonicTime) -> float | None:
        """Return how long ago a measurement steered the clock; None: never."""
        return None if self.sampled_at is None else interval_to_seconds(now - self.sampled_at)

    def steer(self, learnt_ppb: float | None, commanded_ppb: float, now: MonotonicTime) -> list[Steer]:
        """Begin to hold, or hold on; *learnt_ppb* is what a clock holds at that is not known well enough to predict.

        Its last command would have the noise of the last sample in it.
        """
        begins, prediction = self.deadline is None, self._prediction
        self.deadline = now + HOLD_INTERVAL
        if begins and prediction.is_known:
            prediction.begin_to_hold(now)
        frequency_ppb = prediction.holding_ppb(now) if prediction.is_known else learnt_ppb
        if frequency_ppb is None:
            return []
        if begins:
            return [Steer(Purpose.BEGIN_TO_HOLD, frequency_ppb)]
        if abs(frequency_ppb - commanded_ppb) < LEAST_CHANGE_PPB:
            return []
        return [Steer(Purpose.HOLD, frequency_ppb)]

    def worth(self, now: MonotonicTime) -> tuple[ClockState, str]:
        """Return what the clock is worth now, if nothing measures it, and why."""
        return self.settings.worth(self._prediction.bound_ns(now), self.sampled_seconds_ago(now) or 0.0)

    def degradation(self, now: MonotonicTime) -> DegradationName:
        """Return by which alternative the clock is degraded, should it be out of spec."""
        return self.settings.degradation(self._prediction.bound_ns(now), self.sampled_seconds_ago(now) or 0.0)
