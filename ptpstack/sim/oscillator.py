"""Oscillators with noise and the clocks that count them, exact in integers and known at every true instant.

What lives here: the error of a free oscillator, a clock that can be steered and stepped, and the truth
about both as arrays. What does not: the noise of taking a stamp (``stamping``).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptpstack.time import NANOSECOND, SECOND, LocalTime, TimeInterval, interval_from_ns, interval_to_seconds

EPOCH = LocalTime(1_700_000_000 * SECOND)
"""What a clock without error reads when the world begins (TAI)."""

CELL: TimeInterval = SECOND // 32
"""Noise is drawn for whole cells, so that it does not depend on when someone looks. Within one, frequency holds."""
CELLS_DRAWN_AT_ONCE = 1024
SECONDS_PER_DAY = 86_400.0

_RATE_ONE = 1 << 64

LARGEST_EXPONENT = 300.0
SMALLEST_DECAY = 1e-12


def _rate(ppb: float) -> int:
    return round(ppb * 1e-9 * _RATE_ONE)


FLICKER_TIME_CONSTANTS_S = 0.25 * 4.0 ** np.arange(12)
"""Flicker is the sum of first-order noises a factor of 4 apart: then the deviation of each is the flicker floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OscillatorModel:
    """The faults of an oscillator, besides its constant error.

    *white_fm_ppb* is its Allan deviation at 1 s, falling with the root of tau; *flicker_fm_ppb* is an Allan deviation
    at every tau; *random_walk_fm_ppb* is the standard deviation of what the frequency wanders in 1 s (Allan
    deviation: that times sqrt(tau / 3)). The crystal follows the temperature around it with *thermal_time_constant_s*.
    """

    white_fm_ppb: float = 0.0
    flicker_fm_ppb: float = 0.0
    random_walk_fm_ppb: float = 0.0
    ageing_ppb_per_day: float = 0.0
    temperature_ppb_per_k: float = 0.0
    thermal_time_constant_s: float = 60.0


MODELS = {
    "crystal": OscillatorModel(
        white_fm_ppb=1.0,
        flicker_fm_ppb=1.0,
        random_walk_fm_ppb=2.0,
        ageing_ppb_per_day=10.0,
        temperature_ppb_per_k=200.0,
        thermal_time_constant_s=30.0,
    ),
    "tcxo": OscillatorModel(
        white_fm_ppb=0.2,
        flicker_fm_ppb=0.1,
        random_walk_fm_ppb=0.05,
        ageing_ppb_per_day=3.0,
        temperature_ppb_per_k=40.0,
        thermal_time_constant_s=60.0,
    ),
    "ocxo": OscillatorModel(
        white_fm_ppb=0.005,
        flicker_fm_ppb=0.005,
        random_walk_fm_ppb=2e-4,
        ageing_ppb_per_day=0.5,
        temperature_ppb_per_k=0.2,
        thermal_time_constant_s=600.0,
    ),
    "rubidium": OscillatorModel(
        white_fm_ppb=0.03,
        flicker_fm_ppb=1e-3,
        random_walk_fm_ppb=1e-6,
        ageing_ppb_per_day=2e-3,
        temperature_ppb_per_k=0.01,
        thermal_time_constant_s=600.0,
    ),
}
"""Typical parts of each class by their Allan deviations, ageing and temperature coefficients."""


class FrequencyNoise:
    """The noises of *model* for oscillators of any *shape* at once; within a step of *step_s* a frequency holds."""

    def __init__(
        self, model: OscillatorModel, step_s: float, random: np.random.Generator, shape: tuple[int, ...] = ()
    ) -> None:
        self._random = random
        self._shape = shape
        self._white_ppb = model.white_fm_ppb / step_s**0.5
        self._walk_ppb = model.random_walk_fm_ppb * step_s**0.5
        self._flicker_ppb = model.flicker_fm_ppb
        self._wander: NDArray[np.float64] = np.zeros(shape)
        self._decays = np.exp(-step_s / FLICKER_TIME_CONSTANTS_S)
        self._flicker: NDArray[np.float64] = np.zeros((self._decays.size, *shape))
        if model.flicker_fm_ppb:
            self._flicker += random.normal(0.0, model.flicker_fm_ppb, self._flicker.shape)

    @property
    def slow_ppb(self) -> NDArray[np.float64]:
        """The frequency errors now, without white noise."""
        slow: NDArray[np.float64] = self._wander + self._flicker.sum(axis=0)
        return slow

    def draw(self, count: int) -> NDArray[np.float64]:
        """Return the frequency errors of the next *count* steps in ppb, time along the first axis."""
        shape = (count, *self._shape)
        walk = self._wander + np.cumsum(self._random.normal(0.0, self._walk_ppb, shape), axis=0)
        self._wander = np.asarray(walk[-1])
        frequency: NDArray[np.float64] = walk + self._random.normal(0.0, self._white_ppb, shape)
        if self._flicker_ppb:
            for number, decay in enumerate(self._decays.tolist()):
                drawn = self._random.normal(0.0, self._flicker_ppb * math.sqrt(1 - decay**2), shape)
                each = first_order(drawn, decay, self._flicker[number])
                self._flicker[number] = each[-1]
                frequency += each
        return frequency


def first_order(inputs: NDArray[np.float64], decay: float, before: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return y[n] = decay y[n-1] + inputs[n] along the first axis, with y[-1] = *before*; 0 <= decay <= 1.

    In blocks short enough that no power of *decay* is out of a float's range, as sums weighted by these powers.
    """
    if decay < SMALLEST_DECAY:
        return inputs
    block = inputs.shape[0] if decay == 1.0 else max(1, int(LARGEST_EXPONENT / -math.log(decay)))
    outputs = np.empty_like(inputs)
    for start in range(0, inputs.shape[0], block):
        part = inputs[start : start + block]
        powers = (decay ** np.arange(1, part.shape[0] + 1)).reshape(-1, *(1,) * (inputs.ndim - 1))
        outputs[start : start + block] = powers * (before + np.cumsum(part / powers, axis=0))
        before = outputs[start + part.shape[0] - 1]
    return outputs


class Oscillator:
    """A frequency source with a constant error and the faults of *model*, repeatable by *seed*.

    *temperature_steps* are instants (true s) and changes (K) of the temperature around it, *frequency_steps* those of
    its own frequency (ppb); they count from the edge of a cell. The two noises may be given without a model.
    """

    def __init__(
        self,
        frequency_error_ppb: float = 0.0,
        *,
        white_fm_ppb: float = 0.0,
        random_walk_fm_ppb: float = 0.0,
        model: OscillatorModel | None = None,
        temperature_steps: Sequence[tuple[float, float]] = (),
        frequency_steps: Sequence[tuple[float, float]] = (),
        seed: int = 0,
    ) -> None:
        self.frequency_error_ppb = frequency_error_ppb
        if model is None:
            model = OscillatorModel(white_fm_ppb=white_fm_ppb, random_walk_fm_ppb=random_walk_fm_ppb)
        self.model = model
        self._temperature_steps = tuple(temperature_steps)
        self._frequency_steps = tuple(frequency_steps)
        self._error_rate = _rate(frequency_error_ppb)
        noisy = bool(model.white_fm_ppb or model.flicker_fm_ppb or model.random_walk_fm_ppb)
        trend = bool(model.ageing_ppb_per_day or temperature_steps or frequency_steps)
        self._constant = not (noisy or trend)
        self._noise = FrequencyNoise(model, interval_to_seconds(CELL), np.random.default_rng(seed))
        self._phase_ns = array("d", [0.0])  # at the edges of cells
        self._read_at: TimeInterval = -1
        self._counted: TimeInterval = 0

    def read(self, true: TimeInterval) -> TimeInterval:
        """Return how much time the oscillator has counted at *true* time."""
        if true == self._read_at:
            return self._counted
        counted = true + (true * self._error_rate >> 64)
        if self._constant:
            return counted
        cell, rest = divmod(true, CELL)
        self._draw_up_to(cell + 1)
        phase_ns = self._phase_ns[cell]
        counted += round((phase_ns + (self._phase_ns[cell + 1] - phase_ns) * rest / CELL) * NANOSECOND)
        self._read_at, self._counted = true, counted  # several readings at one instant are usual
        return counted

    def error_ns(self, true: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return counted - true time in ns at each of the *true* instants."""
        error = true / NANOSECOND * (self.frequency_error_ppb * 1e-9)
        if not self._constant and true.size:
            self._draw_up_to(int(true.max()) // CELL + 1)
            error += np.interp(true / CELL, np.arange(len(self._phase_ns)), np.frombuffer(self._phase_ns))
        return error

    def _draw_up_to(self, cell: int) -> None:
        while len(self._phase_ns) <= cell:
            frequency = self._noise.draw(CELLS_DRAWN_AT_ONCE)
            edges_s = np.arange(CELLS_DRAWN_AT_ONCE + 1, dtype=np.float64) + (len(self._phase_ns) - 1)
            edges_s *= interval_to_seconds(CELL)
            change_ns = frequency * interval_to_seconds(CELL)  # ppb * s = ns
            change_ns += np.diff(self._trend_ns(edges_s))
            self._phase_ns.frombytes((self._phase_ns[-1] + np.cumsum(change_ns)).tobytes())

    def _trend_ns(self, true_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the phase that ageing and steps of temperature and frequency have made, in ns."""
        model = self.model
        phase_ns = model.ageing_ppb_per_day / SECONDS_PER_DAY * true_s**2 / 2
        for at_s, ppb in self._frequency_steps:
            phase_ns += ppb * np.maximum(0.0, true_s - at_s)
        for at_s, kelvin in self._temperature_steps:
            since_s = np.maximum(0.0, true_s - at_s)
            lag_s = model.thermal_time_constant_s * -np.expm1(-since_s / model.thermal_time_constant_s)
            phase_ns += model.temperature_ppb_per_k * kelvin * (since_s - lag_s)
        return phase_ns


class VirtualClock:
    """A clock on an *oscillator*, as a PHC is: read it, set its frequency, step it. *offset_ns*: its first error.

    Changes and readings come in the order of true time; what was true before is kept for :meth:`offsets_ns`.
    """

    def __init__(self, oscillator: Oscillator | None = None, offset_ns: float = 0.0) -> None:
        self.oscillator = oscillator or Oscillator()
        self.frequency_ppb = 0.0
        self._rate = 0
        self._true: TimeInterval = 0
        self._counted: TimeInterval = 0
        self._local = EPOCH + interval_from_ns(offset_ns)
        self._history: list[tuple[TimeInterval, TimeInterval, float]] = []  # true, offset then, frequency since
        self._remember()

    def read(self, true: TimeInterval) -> LocalTime:
        """Return what the clock shows at *true* time."""
        assert true >= self._true, "a clock cannot be read before its last change"
        counted = self.oscillator.read(true) - self._counted
        return self._local + (counted + (counted * self._rate >> 64))

    def set_frequency(self, frequency_ppb: float, true: TimeInterval) -> None:
        """From *true* time on, count *frequency_ppb* faster than the oscillator does."""
        self._advance(true)
        self.frequency_ppb, self._rate = frequency_ppb, _rate(frequency_ppb)
        self._remember()

    def step(self, delta: TimeInterval, true: TimeInterval) -> None:
        """Move the clock by *delta* at *true* time."""
        self._advance(true)
        self._local += delta
        self._remember()

    def offset_ns(self, true: TimeInterval) -> float:
        """Return clock - truth in ns at *true* time, which is not before the last change."""
        return (self.read(true) - (EPOCH + true)) / NANOSECOND

    def offsets_ns(self, true: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return clock - truth in ns at each of the *true* instants, any in the past."""
        starts = np.array([change[0] for change in self._history], dtype=np.int64)
        offsets = np.array([change[1] / NANOSECOND for change in self._history])
        rates = np.array([change[2] * 1e-9 for change in self._history])
        change = np.searchsorted(starts, true, side="right") - 1
        elapsed_ns = (true - starts[change]) / NANOSECOND
        oscillator_ns = self.oscillator.error_ns(true) - self.oscillator.error_ns(starts)[change]
        error_ns: NDArray[np.float64] = offsets[change] + oscillator_ns + (elapsed_ns + oscillator_ns) * rates[change]
        return error_ns

    def _advance(self, true: TimeInterval) -> None:
        self._local, self._counted, self._true = self.read(true), self.oscillator.read(true), true

    def _remember(self) -> None:
        self._history.append((self._true, self._local - (EPOCH + self._true), self.frequency_ppb))
