"""What the Kalman servos share: a bank of filters over the same samples, and the clock that follows them.

What lives here: which filters to believe, which samples to refuse, what to do when many in a row are refused, and
steering. What does not: one filter's algebra (``clock_filter``), which filters there are (``kalman``, ``auto``).

Filters are judged by the one thing that can be seen without the truth: how far off they predict the next sample.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

from ptpstack.events import Event
from ptpstack.servo.clock_filter import ClockFilter
from ptpstack.servo.discipline import Discipline, ServoSettings
from ptpstack.servo.events import ChangeFollowed
from ptpstack.time import NANOSECOND, SECOND, LocalTime, TimeInterval, interval_to_ns, interval_to_seconds

NOISE_WINDOW = 63
CHI_SQUARE_MEDIAN = 0.455

JUDGED_SAMPLES = 400
TAIL = 6.0
"""Degrees of freedom of the Student distribution that errors are judged by: an outlier counts, but not for all."""
LOST_NATS = 8.0
"""A filter this far behind in log likelihood is out; more than this it can never have to make up."""

GATE = 4.0
"""A sample further than this many standard deviations off is refused."""
FIRST_GATE_SAMPLES = 50.0
SHARE_WINDOW = 300
FIRST_REFUSED_SHARE = 0.01
CLEAN_SHARE = 0.003
CHANCE = 1e-6
"""A run of refused samples that is less probable than this by chance is a change to follow."""

STEERED_SHARE_OF_MEMORY = 1 / 8
COMMAND_LATENESS_S = 1e-3
STEP_ERROR_NS = 1_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterBankSettings(ServoSettings):
    """*max_slew_ppb* bounds how fast an offset is steered away, on top of the frequency error; 0 does not."""

    max_slew_ppb: float = 0.0


class NoiseLevel:
    """The variance of the measurement from squared errors of prediction, by their median: outliers do not count."""

    def __init__(self) -> None:
        self.variance = 2500.0
        self._values: deque[float] = deque(maxlen=NOISE_WINDOW)
        self._ordered: list[float] = []

    def add(self, square: float) -> None:
        """Take the square of an error, in ns², of variance 1 if the noise's is."""
        values, ordered = self._values, self._ordered
        if len(values) == values.maxlen:
            del ordered[bisect_left(ordered, values[0])]
        values.append(square)
        insort(ordered, square)
        self.variance = max(ordered[len(ordered) // 2] / CHI_SQUARE_MEDIAN, 1e-6)


class FilterBankServo(Discipline):
    """Steers the clock by the filters of :meth:`_make_filters`, each weighted by how it predicted lately."""

    def __init__(self, settings: FilterBankSettings, initial_frequency_ppb: float = 0.0) -> None:
        self.noise = NoiseLevel()
        self._max_slew_ppb = settings.max_slew_ppb or math.inf
        self._filters: list[ClockFilter] = []
        self._kept: ClockFilter | None = None
        self._interval_s = 1.0
        self._judged = 0
        self._refused_share = FIRST_REFUSED_SHARE
        self._run: list[tuple[float, float]] = []
        super().__init__(settings, initial_frequency_ppb)

    @abstractmethod
    def _make_filters(self, first: ClockFilter) -> list[ClockFilter]:
        """Return the filters, quickest first, that begin with the estimate of *first*."""

    def _set_noises(self) -> None:
        """Adapt what the filters believe of the noises, before a prediction."""

    def set_sync_interval(self, interval: TimeInterval) -> None:
        """Adapt to samples *interval* apart."""
        self._interval_s = interval_to_seconds(interval)

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
        self._run.clear()

    def _stepped(self, step: TimeInterval) -> None:
        for one in self._filters:
            one.phase_ns += interval_to_ns(step)
            one.var_phase += STEP_ERROR_NS**2 / self.noise.variance
        super()._stepped(step)

    # -- samples ---------------------------------------------------------------------------------------

    def _steer(self, offset: TimeInterval, local: LocalTime, weight: float, events: list[Event]) -> None:
        elapsed_s = (local - self._local) / SECOND
        if elapsed_s <= 0.0 or weight <= 0.0:
            return
        self._local = local
        self._take(offset / NANOSECOND, elapsed_s, 1.0 / weight, events)
        phase_ns, frequency_ppb, memory_s = self._blend()
        # A long memory is steered slowly, which costs nothing and spares the clock; what is beyond noise is not noise.
        time_constant_s = self._interval_s
        if phase_ns * phase_ns < 9.0 * self.noise.variance:
            known_s = self._judged * self._interval_s
            time_constant_s = max(time_constant_s, min(memory_s, known_s) * STEERED_SHARE_OF_MEMORY)
        slew_ppb = max(-self._max_slew_ppb, min(self._max_slew_ppb, -phase_ns / time_constant_s))
        self.drift_ppb = _holding(frequency_ppb)
        commanded_ppb = self._clamp(self.drift_ppb + slew_ppb / (1.0 + frequency_ppb * 1e-9), offset, events)
        self._doubt_the_command(commanded_ppb - self.frequency_ppb)
        self.frequency_ppb = commanded_ppb

    def _doubt_the_command(self, change_ppb: float) -> None:
        """The clock takes a new frequency a little after the sample, nobody knows how much."""
        doubt = (change_ppb * COMMAND_LATENESS_S) ** 2 / self.noise.variance
        if doubt > 0.01:
            for one in self._filters:
                one.var_phase += doubt

    def _take(self, measured_ns: float, elapsed_s: float, variance: float, events: list[Event]) -> None:
        self._set_noises()
        filters, noise = self._filters, self.noise.variance
        best = self._best()
        for one in filters:
            one.predict(elapsed_s, self.frequency_ppb)
        self._judged += 1
        over = min(self._judged, JUDGED_SAMPLES)
        gate = GATE * GATE * noise * (1.0 + FIRST_GATE_SAMPLES / self._judged) if self._judged > 3 else math.inf
        best_error_ns = measured_ns - best.phase_ns
        expected = TAIL * noise * (variance + best.var_phase)
        self.noise.add(best_error_ns**2 / (variance + best.var_phase))
        taken = False
        for one in filters:
            error_ns = measured_ns - one.phase_ns
            square = error_ns * error_ns
            one.loss += (TAIL * math.log1p(square / expected) - one.loss) / over
            if square <= gate * (variance + one.var_phase):
                one.update(error_ns, variance)
                taken = True
        if taken:
            self._count_refused(len(self._run))
            self._run.clear()
        else:
            self._refuse(measured_ns, best_error_ns, best, events)
        self._restart_the_lost(over)

    # -- belief ----------------------------------------------------------------------------------------

    def _best(self) -> ClockFilter:
        return min(self._filters, key=_loss)

    def _blend(self) -> tuple[float, float, float]:
        """Return phase, frequency and memory, of every filter by its likelihood."""
        least = self._best().loss or 1.0
        over = min(self._judged, JUDGED_SAMPLES)
        total = phase_ns = frequency_ppb = memory_s = 0.0
        for one in self._filters:
            weight = math.exp(-0.5 * over * (one.loss / least - 1.0))
            total += weight
            phase_ns += weight * one.phase_ns
            frequency_ppb += weight * one.frequency_ppb
            memory_s += weight * one.memory_s
        return phase_ns / total, frequency_ppb / total, memory_s / total

    def _restart_the_lost(self, over: int) -> None:
        """A slow filter that is out starts over from the best one; a quick one forgets its errors by itself."""
        best = self._best()
        most = best.loss * (1.0 + 2.0 * LOST_NATS / over)
        slower = False
        for one in self._filters:
            if one.loss > most:
                one.loss = most
                if slower:
                    one.start_over_from(best)
            slower = slower or one is best

    # -- refusal and the way out of it -------------------------------------------------------------------

    def _count_refused(self, refused: int) -> None:
        self._refused_share += (refused - self._refused_share) / SHARE_WINDOW

    def _refuse(self, measured_ns: float, error_ns: float, best: ClockFilter, events: list[Event]) -> None:
        """Refuse a sample; follow the change if too many in a row were refused and lie on one line."""
        run, now_s = self._run, int(self._local) / SECOND
        tolerance_ns = GATE * math.sqrt(2.0 * self.noise.variance)
        if len(run) > 1:
            (before_s, before_ns), (last_s, last_ns) = run[-2:]
            extrapolated_ns = last_ns + (last_ns - before_ns) * (now_s - last_s) / (last_s - before_s)
            if abs(error_ns - extrapolated_ns) > 2.0 * tolerance_ns:
                self._count_refused(len(run) - 1)
                del run[:-1]
        run.append((now_s, error_ns))
        share = min(self._refused_share, 0.5)
        if len(run) < (2 if share < CLEAN_SHARE else math.ceil(math.log(CHANCE) / math.log(share))):
            return
        first_s, first_ns = run[0]
        elapsed_s, change_ns = now_s - first_s, error_ns - first_ns
        frequency_ppb, measured_over_s = best.frequency_ppb, None
        if abs(change_ns) > tolerance_ns:
            frequency_ppb += change_ns / elapsed_s
            measured_over_s = elapsed_s
        for one in self._filters:
            one.restart(measured_ns, frequency_ppb, measured_over_s)
        events.append(
            ChangeFollowed(samples=len(run), phase_ns=error_ns, frequency_change_ppb=frequency_ppb - best.frequency_ppb)
        )
        run.clear()


def _holding(frequency_ppb: float) -> float:
    """Return the steering that makes a clock with this frequency error run at the master's rate."""
    return -frequency_ppb / (1.0 + frequency_ppb * 1e-9)


def _loss(one: ClockFilter) -> float:
    return one.loss
