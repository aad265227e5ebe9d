"""What was learnt of an oscillator, kept over a restart, and what of it is still worth something later.

What lives here: growing doubt. What does not: learning (``holdover``), files (``daemon.kept_state``).

An oscillator that went on running while nobody looked has wandered as it does: that is known. One that was without
power comes back elsewhere (retrace), and only how it ages and wanders is still of use. And the older the observations,
the fewer they count for.
"""

from __future__ import annotations

import math

import msgspec

RETRACE_PPB = 1_000.0
"""How far a frequency may be from the one before power was lost (standard deviation). Unverified: parts in 10⁹ for an
OCXO, more for the others; frequency is found again within minutes anyway."""
FORGOTTEN_S = 30 * 86_400.0
"""Observations count e times less after so long."""
ROUNDING = 1e-6
"""By so much the two halves of a covariance may differ, each computed by itself."""
AGEING_WALK = 0.1 / 86_400.0 / 86_400.0**0.5
"""Ageing changes by 0.1 ppb per day within a day."""


class HoldoverKnowledge(msgspec.Struct, frozen=True, kw_only=True):
    """Frequency (ppb), ageing (ppb/s) and temperature coefficient (ppb/K) with their covariance, and the noises."""

    state: list[float]
    covariance: list[list[float]]
    walk_square: float
    white_square: float
    levels: list[list[float]]
    usual_temperature: float | None = None

    def is_sound(self) -> bool:
        """Whether it can be what it says: of the right shape, finite, with variances that are ones."""
        shape = (len(self.state), [len(row) for row in self.covariance], {len(level) for level in self.levels})
        if shape != (3, [3, 3, 3], {3}):
            return False
        numbers = [*self.state, *(value for row in (*self.covariance, *self.levels) for value in row)]
        numbers += [self.walk_square, self.white_square, self.usual_temperature or 0.0]
        if not all(math.isfinite(number) for number in numbers):
            return False
        variances = [self.covariance[number][number] for number in range(3)]
        symmetric = all(
            math.isclose(self.covariance[i][j], self.covariance[j][i], rel_tol=ROUNDING)
            for i, j in ((0, 1), (0, 2), (1, 2))
        )
        counts = all(count >= 0 and squares >= 0 for count, _, squares in self.levels)
        return symmetric and counts and min(*variances, self.walk_square, self.white_square) >= 0

    def after(self, age_s: float, *, ran_on: bool) -> HoldoverKnowledge:
        """Return what is still known *age_s* later; *ran_on*: the oscillator was never without power."""
        frequency, ageing, coefficient = self.state
        (yy, yd, yc), (_, dd, dc), (_, _, cc) = self.covariance
        yy += 2 * age_s * yd + age_s**2 * dd + self.walk_square * age_s + AGEING_WALK**2 * age_s**3 / 3
        yd += age_s * dd
        yc += age_s * dc
        dd += AGEING_WALK**2 * age_s
        if not ran_on:
            yy, yd, yc = yy + RETRACE_PPB**2, 0.0, 0.0
        share = math.exp(-age_s / FORGOTTEN_S)
        return HoldoverKnowledge(
            state=[frequency + age_s * ageing, ageing, coefficient],
            covariance=[[yy, yd, yc], [yd, dd, dc], [yc, dc, cc]],
            walk_square=self.walk_square,
            white_square=self.white_square,
            levels=[[share * value for value in level] for level in self.levels],
            usual_temperature=self.usual_temperature,
        )

    @property
    def frequency_sigma_ppb(self) -> float:
        """How well the frequency is known."""
        return math.sqrt(self.covariance[0][0])
