"""What the Kalman servos share: a bank of filters over the same samples, and the clock that follows them.

What lives here: which filters to believe, which samples to refuse, what to do when many in a row are refused, and
steering. What does not: one filter's algebra (``clock_filter``), which filters there are (``kalman``, ``auto``).

Filters are judged by the one thing that can be seen without the truth: how far off they predict the next sample.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from operator import attrgetter

from ptpstack.events import Event
from ptpstack.servo.clock_filter import ClockFilter
from ptpstack.servo.discipline import Discipline, ServoSettings
from ptpstack.servo.events import ChangeFollowed, SurpriseHalfFollowed
from ptpstack.servo.outliers import GATE, NOISE_WINDOW, Change, RefusedRun, SourceNoises
from ptpstack.time import NANOSECOND, SECOND, LocalTime, TimeInterval, interval_to_ns, interval_to_seconds

JUDGED_SAMPLES = 400
NO_LOSS = 1e-12
TAIL = 6.0
"""Degrees of freedom of the Student distribution that errors are judged by: an outlier counts, but not for all."""
LOST_NATS, LOST_NATS_PER_PLACE = 4.5, 0.4
"""A filter this far behind in log likelihood is out, and can never have more than this to make up. The further it is
from the best one, the more: two outliers look like a trend to the quickest filters."""
BLENDED_NATS = 4.0
"""Filters this far behind have no say."""

USUAL_INTERVALS = 16
"""The usual interval is averaged over so many."""
STEERED_SHARE_OF_MEMORY = 1 / 16
COMMAND_LATENESS_S = 1e-3
STEP_ERROR_NS = 1_000.0
FIRST_NOISE_NS = 50.0
SURPRISE_INTERVALS_S = 0.5, 2.0
SURPRISE_SHARE = 0.6
"""Where Syncs are so far apart, what may be a step or an outlier is followed by this much until the next one tells.
PI errs more than this does, whichever it was. Polls of NTP are further apart, and waiting is right."""


class FilterBankSettings(ServoSettings, frozen=True, kw_only=True):
    """*max_slew_ppb* bounds how fast an offset is steered away, on top of the frequency error; 0 does not."""

    max_slew_ppb: float = 0.0


class FilterBankServo(Discipline):
    """Steers the clock by the filters of :meth:`_make_filters`, each weighted by how it predicted lately."""

    joins_both_ways = True

    def __init__(self, settings: FilterBankSettings, initial_frequency_ppb: float = 0.0) -> None:
        self._noises = SourceNoises(FIRST_NOISE_NS**2)
        self.noise = self._noises.of("")
        self._max_slew_ppb = settings.max_slew_ppb or math.inf
        self._filters: list[ClockFilter] = []
        self._kept: ClockFilter | None = None
        self._refusing: list[ClockFilter] = []
        """Which did not take the newest sample."""
        self._interval_s = self._usual_s = 1.0
        self._judged = 0
        self._refused, self._surprises = RefusedRun(), RefusedRun()
        """What every filter refuses, and what the best one does."""
        super().__init__(settings, initial_frequency_ppb)

    @abstractmethod
    def _make_filters(self, first: ClockFilter) -> list[ClockFilter]:
        """Return the filters, quickest first, that begin with the estimate of *first*."""

    def _set_noises(self) -> None:
        """Adapt what the filters believe of the noises, before a prediction."""

    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Adapt to samples *interval* apart."""
        self._interval_s = interval_to_seconds(interval)

    def room_ppb(self, wanted_ppb: float) -> float:
        """Return how much of *wanted_ppb* may be added to its last command, by the limits of clock and slew."""
        slew_ppb, most_ppb = self.slew_ppb, self._max_slew_ppb
        return super().room_ppb(max(-most_ppb, min(most_ppb, slew_ppb + wanted_ppb)) - slew_ppb)

    def set_source(self, source: str) -> None:
        """Judge samples by the noise of *source*; what is known of the clock stays as sure as it was in nanoseconds."""
        before, self.noise = self.noise, self._noises.of(source)
        if before is self.noise or not (before.samples and self.noise.samples):
            return
        for one in self._filters:
            one.scale_variances(before.variance / self.noise.variance)
        self._refused.clear()
        self._surprises.clear()

    def sample_beside(self, source: str, offset: TimeInterval) -> None:
        """Learn the noise of a *source* before it steers the clock."""
        self._noises.beside(source, interval_to_ns(offset))

    def reset(self, *, clock_moved: bool = False) -> None:
        """Start again, from the frequency learnt so far unless the first two samples contradict it."""
        super().reset(clock_moved=clock_moved)
        if self._judged > NOISE_WINDOW:
            self._kept = self._best()

    # -- beginning -------------------------------------------------------------------------------------

    def _begin(self, offset: TimeInterval, elapsed_s: float, local: LocalTime) -> None:
        frequency_ppb = -self.drift_ppb / (1.0 + self.drift_ppb * 1e-9)
        first = ClockFilter(interval_to_ns(offset), frequency_ppb)
        first.restart(first.phase_ns, frequency_ppb, elapsed_s)
        kept = self._kept
        tolerance_ppb = GATE * math.sqrt(2.0 * self.noise.variance) / elapsed_s
        if kept is not None and abs(kept.frequency_ppb - frequency_ppb) < tolerance_ppb:
            first.restart(first.phase_ns, kept.frequency_ppb)
            first.var_frequency = kept.var_frequency
            self.drift_ppb = self.frequency_ppb = _holding(kept.frequency_ppb)
        self._filters = self._make_filters(first)
        super()._begin(offset, elapsed_s, local)
        self._judged = 0
        self._refused.clear()
        self._surprises.clear()

    def _stepped(self, step: TimeInterval) -> None:
        for one in self._filters:
            one.phase_ns += interval_to_ns(step)
            one.shake(STEP_ERROR_NS**2 / self.noise.variance)
        super()._stepped(step)

    # -- samples ---------------------------------------------------------------------------------------

    def _steer(self, offset: TimeInterval, local: LocalTime, weight: float, events: list[Event]) -> None:
        elapsed_s = (local - self._local) / SECOND
        if weight <= 0.0:
            return
        self._local = local
        if elapsed_s <= 0.0:
            return
        self._take(offset / NANOSECOND, elapsed_s, 1.0 / weight, events)
        phase_ns, frequency_ppb, memory_s = self._blend()
        # A long memory is steered slowly, which costs 1 % and leaves little of it in the clock when Syncs end; what is
        # beyond noise is not noise.
        time_constant_s = self._interval_s
        if phase_ns * phase_ns < 9.0 * self.noise.variance:
            known_s = self._judged * self._interval_s
            time_constant_s = max(time_constant_s, min(memory_s, known_s) * STEERED_SHARE_OF_MEMORY)
        wanted_ppb = -phase_ns / time_constant_s - self._surprise_ppb(events)
        slew_ppb = max(-self._max_slew_ppb, min(self._max_slew_ppb, wanted_ppb))
        self.drift_ppb = _holding(frequency_ppb)
        commanded_ppb = self._clamp(self.drift_ppb + slew_ppb / (1.0 + frequency_ppb * 1e-9), offset, events)
        self._doubt_the_command(commanded_ppb - self.frequency_ppb)
        self.frequency_ppb = commanded_ppb

    def _surprise_ppb(self, events: list[Event]) -> float:
        """Return how much faster the clock is taken to be, for one interval, as the newest sample may be a step."""
        shortest_s, longest_s = SURPRISE_INTERVALS_S
        surprise_ns = self._surprises.surprise(self.noise.variance)
        if not surprise_ns or not shortest_s <= self._interval_s <= longest_s:
            return 0.0
        events.append(SurpriseHalfFollowed(phase_ns=surprise_ns, share=SURPRISE_SHARE))
        return SURPRISE_SHARE * surprise_ns / self._interval_s

    def _doubt_the_command(self, change_ppb: float) -> None:
        """The clock takes a new frequency a little after the sample, nobody knows how much."""
        doubt = (change_ppb * COMMAND_LATENESS_S) ** 2 / self.noise.variance
        if doubt > 0.01:
            for one in self._filters:
                one.shake(doubt)

    def _take(self, measured_ns: float, elapsed_s: float, variance: float, events: list[Event]) -> None:
        self._set_noises()
        filters, noise = self._filters, self.noise.variance
        best = self._best()
        late_s = elapsed_s - self._usual_s
        self._usual_s += late_s / USUAL_INTERVALS
        irregular_s = abs(late_s)
        for one in filters:
            one.predict(elapsed_s, self.frequency_ppb, irregular_s)
        self._judged += 1
        over = min(self._judged, JUDGED_SAMPLES)
        gate = self.noise.gate(min(self._judged, self.noise.samples))
        best_error_ns = measured_ns - best.phase_ns
        expected = TAIL * noise * (variance + best.predicted_var_phase)
        self.noise.add(best_error_ns**2 / (variance + best.predicted_var_phase))
        self._refusing = refusing = []
        log1p = math.log1p
        for one in filters:
            error_ns = measured_ns - one.phase_ns
            square = error_ns * error_ns
            one.loss += (TAIL * log1p(square / expected) - one.loss) / over
            if square <= gate * (variance + one.predicted_var_phase):
                one.update(error_ns, variance)
            else:
                one.pass_over(elapsed_s)
                refusing.append(one)
        now_s, change = int(self._local) / SECOND, None
        if len(refusing) < len(filters):
            self._refused.taken()
        else:
            change = self._refused.refused(now_s, best_error_ns, noise)
        if best not in refusing:
            self._surprises.taken()
        elif (step := self._surprises.refused(now_s, best_error_ns, expected / TAIL)) is not None and step.is_step:
            # A quick filter, if it took the samples, takes a step for another frequency, and overshoots.
            change = change or step
        if change is not None:
            events.append(self._follow_change(change, measured_ns, best_error_ns, best))

    # -- belief ----------------------------------------------------------------------------------------

    def _best(self) -> ClockFilter:
        return min(self._filters, key=attrgetter("loss"))

    def _blend(self) -> tuple[float, float, float]:
        """Return phase, frequency and memory, of every filter by its likelihood.

        A filter that is out starts over from the best one; a quick one that takes samples forgets its errors by itself.
        """
        losses = [one.loss for one in self._filters]
        least = min(losses)
        place = losses.index(least)
        nats_per_loss = 0.5 * min(self._judged, JUDGED_SAMPLES) / (least + NO_LOSS)
        total = phase_ns = frequency_ppb = memory_s = 0.0
        for number, one in enumerate(self._filters):
            behind_nats = nats_per_loss * (losses[number] - least)
            if behind_nats <= BLENDED_NATS:
                weight = math.exp(-behind_nats)
                total += weight
                phase_ns += weight * one.phase_ns
                frequency_ppb += weight * one.frequency_ppb
                memory_s += weight * one.memory_s
            elif behind_nats > (lost_nats := LOST_NATS + LOST_NATS_PER_PLACE * abs(number - place)):
                one.loss = least + lost_nats / nats_per_loss
                if number > place or one in self._refusing:
                    one.start_over_from(self._filters[place])
        return phase_ns / total, frequency_ppb / total, memory_s / total

    def _follow_change(self, change: Change, measured_ns: float, error_ns: float, best: ClockFilter) -> ChangeFollowed:
        """Start over where the refused samples lie, with the frequency they show if it is another one."""
        change_ppb = 0.0 if change.rise is None else change.rise / change.elapsed_s
        measured_over_s = None if change.rise is None else change.elapsed_s
        self._refused.clear()
        self._surprises.clear()
        frequency_ppb = best.frequency_ppb + change_ppb
        for one in self._filters:
            one.restart(measured_ns, frequency_ppb, measured_over_s)
        return ChangeFollowed(samples=change.samples, phase_ns=error_ns, frequency_change_ppb=change_ppb)


def _holding(frequency_ppb: float) -> float:
    """Return the steering that makes a clock with this frequency error run at the master's rate."""
    return -frequency_ppb / (1.0 + frequency_ppb * 1e-9)
