"""``auto``, which nobody has to tune: filters from quick to slow, and those that predict best steer the clock.

A filter's memory is right where the wander of the oscillator over it equals the noise of the measurements
averaged over it: where their Allan deviations cross. There, and only there, it errs least in predicting the next
sample. So errors of prediction decide, sample by sample, and neither oscillator nor network need be known.
Filters of a second kind also estimate the drift, for an oscillator that warms up or ages.
"""

from __future__ import annotations

import math

from ptpstack.servo.clock_filter import ClockFilter
from ptpstack.servo.filter_bank import JUDGED_SAMPLES, FilterBankServo, FilterBankSettings
from ptpstack.time import TimeInterval

MEMORIES = (0.4, 1.0, 2.0, 3.5, 6.0, 10.0, 16.0, 25.0, 45.0, 100.0, 250.0, 700.0)
MEMORIES_WITH_DRIFT = (2.5, 6.0, 15.0, 40.0)
"""What the filters remember, in Sync intervals."""
UNTRIED_NATS = 2.0
"""By so much likelihood a filter is behind the quickest one that was tried, for each e-fold that it is
quicker yet; after few samples by less."""
MEMORIES_TO_REST, SAMPLES_TO_REST = 8.0, 8.0
"""After so many memories a filter's covariances differ from where they rest by less than a thousandth."""


class AutoServo(FilterBankServo):
    """A servo without constants to tune."""

    def __init__(self, settings: FilterBankSettings | None = None, initial_frequency_ppb: float = 0.0) -> None:
        super().__init__(settings or FilterBankSettings(), initial_frequency_ppb)

    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Adapt to samples *interval* apart; each memory goes on from the nearest one in seconds."""
        super().set_sync_interval(interval)
        if not self._filters:
            return
        old, new = self._filters, self._make_filters(self._filters[0])
        quickest_s = old[0].memory_s
        loss_of_a_nat = 2.0 * self._best().loss / JUDGED_SAMPLES
        for one in new:
            alike = (other for other in old if bool(other.drift_wander) == bool(one.drift_wander))
            nearest = min(alike, key=lambda other: abs(math.log(other.memory_s / one.memory_s)))
            quicker = max(math.log(quickest_s / one.memory_s), 0.0)
            one.start_over_from(nearest)
            one.loss = nearest.loss + UNTRIED_NATS * quicker * loss_of_a_nat
        self._filters = new

    def _make_filters(self, first: ClockFilter) -> list[ClockFilter]:
        filters = []
        for memories, drifts in ((MEMORIES, False), (MEMORIES_WITH_DRIFT, True)):
            for memory in memories:
                one = first.copy()
                one.memory_s = memory * self._interval_s
                one.rests_after = MEMORIES_TO_REST * memory + SAMPLES_TO_REST
                # The natural frequency of the filter's own loop is then 1/memory.
                one.wander = 0.0 if drifts else self._interval_s / one.memory_s**4
                one.drift_wander = self._interval_s / one.memory_s**6 if drifts else 0.0
                one.var_drift = one.drift_wander * one.memory_s
                filters.append(one)
        return sorted(filters, key=lambda one: one.memory_s)
