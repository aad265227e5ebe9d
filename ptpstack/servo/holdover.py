"""How an oscillator runs, learnt while its clock is kept, and how far off it may be when nothing keeps it any more.

What lives here: the maths of holdover, for one clock or, with arrays in place of floats, for many at once. What does
not: averaging of samples (``holdover_blocks``), when holdover begins and what it is worth then (``arbiter``).

Everything is about the *free phase*: the offset from the reference that the clock would have had it never been
steered. A Kalman filter keeps four things of it: phase (ns), frequency (ppb), ageing (ppb/s) and the temperature
coefficient (ppb/K). After h seconds without a measurement, over which the temperature was above the usual one by
theta (integrated, K s), with a = (1, h, h²/2, theta):

    free phase  =  a · state
    variance    =  a' P a  +  p² h  +  q² h³ / 3  +  w² h⁵ / 20

q is the random walk of the frequency and p its white noise, estimated from above: whatever else an oscillator does,
its modified Allan variance at tau is at least 11/40 q² tau and at least p² / (2 tau), so that at every tau it says how
large they are at most; the least of these counts. w is how fast the ageing itself may change.
docs/holdover-and-uncertainty.md derives the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

from ptpstack.servo.holdover_knowledge import AGEING_WALK, HoldoverKnowledge
from ptpstack.servo.second_differences import SecondDifferences, Values

BLOCK_S = 8.0
"""Between two means of the free phase."""

COVERAGE = 4.42
"""Standard deviations that a normal error exceeds, to either side, with a probability of 1e-5."""
OUTSIDE_PROBABILITY = 1e-5

AGEING_PRIOR = 10.0 / 86_400.0
"""Ageing is nil ± 10 ppb per day, unless the data say otherwise: so it counts only where it is significant."""
TEMPERATURE_PRIOR = 50.0
"""ppb/K, either way, unless the data say otherwise."""
FREQUENCY_PRIOR = 1e5
"""ppb: an oscillator of which nothing is known."""

FIRST_WALK = 10.0
"""ppb in 1 s, until there are data: worse than a cheap crystal."""
LEAST_WALK = 1e-7
NOWHERE_SQUARE = 1e18
"""ns²: the phase of a clock that may be anywhere."""
KNOWN_SECOND_DIFFERENCES = 12
"""Before so many of the shortest octave no bound is stated."""
LEAST_SECOND_DIFFERENCES = 6
"""An octave counts from then on."""
LEVELS = 14
JUMP_SQUARE = 25.0
"""An innovation beyond five standard deviations is a jump of the measurement, not of the frequency."""


class FloatMaths:
    """What is needed of numpy, for plain floats: loading that costs more than all that is computed here."""

    sqrt = staticmethod(math.sqrt)
    maximum = staticmethod(max)
    minimum = staticmethod(min)

    @staticmethod
    def where(condition: bool, then: float, otherwise: float) -> float:
        """Return *then* if *condition*."""
        return then if condition else otherwise


class Holdover:
    """Learns from :meth:`add`, predicts by :meth:`free_phase_ns` and :meth:`sigma_ns`.

    With *senses_temperature* the coefficient is learnt too. With the module numpy as *maths* all values may be arrays,
    one element for each of many clocks.
    """

    def __init__(self, *, senses_temperature: bool = False, maths: Any = FloatMaths) -> None:  # noqa: ANN401 (a module)
        self._maths = maths
        self._state: list[Values] = [0.0, 0.0, 0.0, 0.0]
        variances = (0.0, FREQUENCY_PRIOR**2, AGEING_PRIOR**2, TEMPERATURE_PRIOR**2 if senses_temperature else 0.0)
        self._covariance: list[list[Values]] = [
            [variance if row == column else 0.0 for column in range(4)] for row, variance in enumerate(variances)
        ]
        self._walk_square: Values = FIRST_WALK**2
        self._white_square: Values = 0.0
        self._noise: Values = 0.0
        self._levels = [SecondDifferences(BLOCK_S * 2.0**number) for number in range(LEVELS)]
        self._usual_temperature: Values | None = None
        self._explained: Values = 0.0
        self.blocks = 0

    # -- what was learnt -------------------------------------------------------------------------------

    @property
    def is_known(self) -> bool:
        """Whether enough was seen to say anything."""
        return bool(self._levels[0].count >= KNOWN_SECOND_DIFFERENCES)

    @property
    def frequency_ppb(self) -> Values:
        """The frequency error of the unsteered clock."""
        return self._state[1]

    @property
    def ageing_ppb_per_day(self) -> Values:
        """How fast the frequency drifts."""
        return self._state[2] * 86_400.0

    @property
    def temperature_ppb_per_k(self) -> Values:
        """How the frequency depends on the temperature."""
        return self._state[3]

    @property
    def random_walk_ppb(self) -> Values:
        """What the frequency wanders in 1 s at most (standard deviation)."""
        return self._maths.sqrt(self._walk_square)

    def knowledge(self) -> HoldoverKnowledge | None:
        """Return what is worth keeping over a restart; None before anything is known."""
        if not self.is_known:
            return None
        return HoldoverKnowledge(
            state=[float(value) for value in self._state[1:]],
            covariance=[[float(value) for value in row[1:]] for row in self._covariance[1:]],
            walk_square=float(self._walk_square),
            white_square=float(self._white_square),
            levels=[level.as_list() for level in self._levels],
            usual_temperature=self._usual_temperature,
        )

    def restore(self, kept: HoldoverKnowledge) -> None:
        """Go on from what was *kept*, as it is worth now; before the first block."""
        self._state[1:] = kept.state
        for row, values in zip(self._covariance[1:], kept.covariance, strict=True):
            row[1:] = values
        self._walk_square, self._white_square = kept.walk_square, kept.white_square
        for level, values in zip(self._levels, kept.levels, strict=False):
            level.restore(values)
        self._usual_temperature = kept.usual_temperature

    # -- learning --------------------------------------------------------------------------------------

    def add(
        self, free_phase_ns: Values, variance: Values, elapsed_s: float = BLOCK_S, temperature_c: Values | None = None
    ) -> None:
        """Take the mean free phase of a block, *elapsed_s* after the last one, and the *variance* of that mean."""
        above = self.above_usual_k(temperature_c)
        if not self.blocks:
            self._state[0] = free_phase_ns
            self._covariance[0][0] = variance
        else:
            self._predict(elapsed_s, above * elapsed_s)
            self._watch_noise(free_phase_ns, elapsed_s)
            self._noise = self._maths.maximum(variance, self._noise_between_blocks())
            self._update(free_phase_ns)
        self.blocks += 1

    def forget_phase(self) -> None:
        """Take that the next free phase has nothing to do with the last one; frequency and noises stay known."""
        for number in range(4):
            self._covariance[0][number] = self._covariance[number][0] = 0.0
        self._covariance[0][0] = NOWHERE_SQUARE
        for level in self._levels:
            level.restart()

    def _predict(self, h: float, theta: Values) -> None:
        state, covariance = self._state, self._covariance
        self._explained = self._explained + state[3] * theta
        state[0] = state[0] + h * state[1] + h * h / 2.0 * state[2] + theta * state[3]
        state[1] = state[1] + h * state[2]
        first, second, third, fourth = covariance
        covariance[0] = [
            a + h * b + h * h / 2.0 * c + theta * d for a, b, c, d in zip(first, second, third, fourth, strict=True)
        ]
        covariance[1] = [b + h * c for b, c in zip(second, third, strict=True)]
        for row in covariance:
            row[0] = row[0] + h * row[1] + h * h / 2.0 * row[2] + theta * row[3]
            row[1] = row[1] + h * row[2]
        q, w = self._walk_square, AGEING_WALK**2
        shared = q * h**2 / 2.0 + w * h**4 / 8.0
        covariance[0][0] = covariance[0][0] + self._white_square * h + q * h**3 / 3.0 + w * h**5 / 20.0
        covariance[0][1] = covariance[0][1] + shared
        covariance[1][0] = covariance[1][0] + shared
        covariance[1][1] = covariance[1][1] + q * h + w * h**3 / 3.0
        covariance[2][2] = covariance[2][2] + w * h

    def _update(self, free_phase_ns: Values) -> None:
        covariance = self._covariance
        error = free_phase_ns - self._state[0]
        jumped = error * error > JUMP_SQUARE * (covariance[0][0] + self._noise)
        covariance[0][0] = covariance[0][0] + self._maths.where(jumped, error * error, 0.0)
        seen = list(covariance[0])
        gains = [row[0] / (seen[0] + self._noise) for row in covariance]
        self._state = [value + gain * error for value, gain in zip(self._state, gains, strict=True)]
        self._covariance = [
            [value - gain * other for value, other in zip(row, seen, strict=True)]
            for row, gain in zip(covariance, gains, strict=True)
        ]

    def _watch_noise(self, free_phase_ns: Values, elapsed_s: float) -> None:
        """Collect second differences of means over all octaves of tau; what temperature explains is no noise."""
        if elapsed_s != BLOCK_S:
            for level in self._levels:
                level.restart()
        mean: Values | None = free_phase_ns - self._explained
        for level in self._levels:
            if mean is None:
                break
            mean = level.add(mean)
        if self.is_known:
            levels = [level for level in self._levels if level.count >= LEAST_SECOND_DIFFERENCES]
            self._walk_square = self._least([level.walk_square() for level in levels])
            self._white_square = self._least([level.white_square() for level in levels])

    def _least(self, values: Sequence[Values]) -> Values:
        return self._maths.maximum(reduce(self._maths.minimum, values), LEAST_WALK**2)

    def _noise_between_blocks(self) -> Values:
        """Return the variance of a block's mean by how the means differ, beyond what the random walk does."""
        level = self._levels[0]
        if level.count < KNOWN_SECOND_DIFFERENCES:
            return 0.0
        return self._maths.maximum(level.variance() / 6.0 - 0.55 / 6.0 * self._walk_square * BLOCK_S**3, 0.0)

    # -- prediction ------------------------------------------------------------------------------------

    def free_phase_ns(self, h: float, theta: Values = 0.0) -> Values:
        """Return the free phase *h* seconds after the last block's middle; *theta* as said above."""
        phase_ns, frequency_ppb, ageing, coefficient = self._state
        return phase_ns + h * frequency_ppb + h * h / 2.0 * ageing + theta * coefficient

    def free_frequency_ppb(self, h: float, above_k: Values = 0.0) -> Values:
        """Return the frequency error after *h* seconds, *above_k* warmer than usual."""
        return self._state[1] + h * self._state[2] + above_k * self._state[3]

    def sigma_ns(self, h: float, theta: Values = 0.0) -> Values:
        """Return the standard deviation of :meth:`free_phase_ns`; infinite before anything is known."""
        if not self.is_known:
            return math.inf
        ahead = (1.0, h, h * h / 2.0, theta)
        learnt = sum(
            one * other * value
            for one, row in zip(ahead, self._covariance, strict=True)
            for other, value in zip(ahead, row, strict=True)
        )
        grown = self._white_square * h + self._walk_square * h**3 / 3.0 + AGEING_WALK**2 * h**5 / 20.0
        return self._maths.sqrt(self._maths.maximum(learnt, 0.0) + grown)

    def above_usual_k(self, temperature_c: Values | None) -> Values:
        """Return how much warmer than usual it is; 0 without a sensor."""
        if temperature_c is None:
            return 0.0
        if self._usual_temperature is None:
            self._usual_temperature = temperature_c
        return temperature_c - self._usual_temperature
