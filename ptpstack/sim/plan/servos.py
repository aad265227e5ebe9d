"""The servos as recurrences over arrays: one call takes an offset of every clock and seed, and returns frequencies.

The formulas are those of ``ptpstack.servo``, from an acquired clock on: no steps, no states, no refused samples. What
adapts itself there is in its steady state here: the Kalman filter has the gains that its variances come to, and
``auto`` the one memory whose filter predicts best, where the servo blends several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ptpstack.servo.auto import MEMORIES, MEMORIES_WITH_DRIFT
from ptpstack.servo.bandwidth import MAX_GAIN_PER_SAMPLE, loop_gains
from ptpstack.servo.clock_filter import ClockFilter
from ptpstack.servo.filter_bank import STEERED_SHARE_OF_MEMORY
from ptpstack.servo.kalman import OSCILLATOR_CLASSES
from ptpstack.servo.pi import PiSettings, gains
from ptpstack.sim.oscillator import FrequencyNoise, OscillatorModel
from ptpstack.sim.plan.noise import Floats

PILOT_SAMPLES = 4000
LEAST_VARIANCE = 1e-6
"""In ns², of measurements without noise."""


class ArrayServo(Protocol):
    """A servo of many clocks."""

    def sample(self, offset_ns: Floats) -> Floats:
        """Take an offset of each clock (local - master) and return the frequencies that follow, in ppb."""


class SideBySide:
    """Several servos, each for a range of the clocks."""

    def __init__(self, servos: Sequence[tuple[slice, ArrayServo]]) -> None:
        self._servos = servos

    def sample(self, offset_ns: Floats) -> Floats:
        """Take an offset of each clock."""
        return np.concatenate([servo.sample(offset_ns[own]) for own, servo in self._servos])


class ArrayPi:
    """A PI loop: linuxptp's (``ptpstack.servo.pi``), or that of a bandwidth past its quicker beginning.

    *kp* and *ki* in ppb for 1 ns of offset.
    """

    def __init__(self, kp: float, ki: float, shape: tuple[int, ...]) -> None:
        self._kp, self._ki = kp, ki
        self._drift_ppb = np.zeros(shape)

    def sample(self, offset_ns: Floats) -> Floats:
        """Take an offset of each clock."""
        self._drift_ppb -= self._ki * offset_ns
        return self._drift_ppb - self._kp * offset_ns


def pi_gains(interval_s: float) -> tuple[float, float]:
    """Return the gains of linuxptp's PI servo with hardware stamps."""
    return gains(PiSettings(), interval_s)


def bandwidth_gains(bandwidth_hz: float, interval_s: float) -> tuple[float, float]:
    """Return the gains of ``ptpstack.servo.bandwidth``."""
    kp, ki = loop_gains(bandwidth_hz)
    return min(kp, MAX_GAIN_PER_SAMPLE / interval_s), ki * interval_s


class SteadyGains(NamedTuple):
    """What a Kalman filter adds to phase, frequency (1/s) and drift (1/s²) for 1 ns of prediction error."""

    phase: float
    frequency: float
    drift: float
    memory_s: float


class ArrayKalman:
    """A Kalman filter in its steady state, and the steering of ``ptpstack.servo.filter_bank``."""

    def __init__(self, steady: SteadyGains, interval_s: float, shape: tuple[int, ...]) -> None:
        self._gains = steady
        self._interval_s = interval_s
        self._time_constant_s = max(interval_s, steady.memory_s * STEERED_SHARE_OF_MEMORY)
        self._phase_ns, self._frequency_ppb = np.zeros(shape), np.zeros(shape)
        self._drift, self._command_ppb = np.zeros(shape), np.zeros(shape)

    def sample(self, offset_ns: Floats) -> Floats:
        """Take an offset of each clock."""
        dt = self._interval_s
        self._phase_ns += dt * (self._frequency_ppb + self._command_ppb)
        if self._gains.drift:
            self._phase_ns += (dt * dt / 2.0) * self._drift
            self._frequency_ppb += dt * self._drift
        error_ns = offset_ns - self._phase_ns
        self._phase_ns += self._gains.phase * error_ns
        self._frequency_ppb += self._gains.frequency * error_ns
        if self._gains.drift:
            self._drift += self._gains.drift * error_ns
        self._command_ppb = self._phase_ns / -self._time_constant_s - self._frequency_ppb
        return self._command_ppb


def kalman_gains(oscillator: str, variance_ns2: float, interval_s: float) -> SteadyGains:
    """Return the steady gains of the Kalman servo for an oscillator class and the noise of its measurements."""
    noises, noise = OSCILLATOR_CLASSES[oscillator], max(variance_ns2, LEAST_VARIANCE)
    one = ClockFilter(0.0, 0.0)
    one.white_fm = noises.white_fm_ppb**2 / noise
    one.wander = noises.random_walk_fm_ppb**2 / noise
    one.drift_wander = noises.drift_walk_ppb**2 / noise
    one.memory_s = (interval_s / one.wander) ** 0.25
    return _steady(one, interval_s)


def auto_gains(
    model: OscillatorModel, variance_ns2: float, interval_s: float, random: np.random.Generator
) -> SteadyGains:
    """Return the steady gains of that filter of ``auto`` which predicts a clock on *model* best, by trying all."""
    deviation_ns = max(variance_ns2, LEAST_VARIANCE) ** 0.5
    free_ns = np.cumsum(FrequencyNoise(model, interval_s, random).draw(PILOT_SAMPLES)) * interval_s
    measured_ns = free_ns + random.normal(0.0, deviation_ns, PILOT_SAMPLES)
    candidates = [_candidate(memory * interval_s, interval_s, drifts=False) for memory in MEMORIES]
    candidates += [_candidate(memory * interval_s, interval_s, drifts=True) for memory in MEMORIES_WITH_DRIFT]
    return candidates[int(np.argmin(_prediction_errors(candidates, measured_ns, interval_s)))]


def _candidate(memory_s: float, interval_s: float, *, drifts: bool) -> SteadyGains:
    one = ClockFilter(0.0, 0.0)
    one.memory_s = memory_s
    if drifts:
        one.drift_wander = interval_s / memory_s**6
    else:
        one.wander = interval_s / memory_s**4
    return _steady(one, interval_s)


def _steady(one: ClockFilter, interval_s: float) -> SteadyGains:
    """Let the variances of *one* come to rest, and return its gains then."""
    one.var_frequency = 2.0 / interval_s**2
    for _ in range(200 + round(10 * one.memory_s / interval_s)):
        one.predict(interval_s, 0.0)
        share = 1.0 / (1.0 + one.var_phase)
        steady = SteadyGains(
            one.var_phase * share, one.cov_phase_frequency * share, one.cov_phase_drift * share, one.memory_s
        )
        one.update(0.0)
    return steady


def _prediction_errors(candidates: Sequence[SteadyGains], measured_ns: Floats, dt: float) -> Floats:
    """Return the mean square error of prediction of each over the later half of *measured_ns*."""
    phase_gain, frequency_gain, drift_gain, _ = (np.array(column) for column in zip(*candidates, strict=True))
    phase, frequency, drift, squares = np.zeros((4, len(candidates)))
    for number, measured in enumerate(measured_ns.tolist()):
        phase += dt * frequency + (dt * dt / 2.0) * drift
        frequency += dt * drift
        error = measured - phase
        phase += phase_gain * error
        frequency += frequency_gain * error
        drift += drift_gain * error
        if 2 * number >= measured_ns.size:
            squares += error**2
    return squares
