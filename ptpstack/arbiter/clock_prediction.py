"""How far off one clock is now, and at most: by what was learnt of its oscillator, while it is kept and after.

What lives here: bringing samples, commands and steps of a clock, and the host's time, to the maths of
``servo.holdover``. What does not: the maths; errors that no sample shows, such as a path's asymmetry (``time_bound``).
"""

from __future__ import annotations

from ptpstack.servo.holdover import BLOCK_S, COVERAGE, Holdover
from ptpstack.servo.holdover_blocks import HoldoverBlocks
from ptpstack.servo.holdover_knowledge import HoldoverKnowledge
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval, interval_to_ns, interval_to_seconds

PULL_S = 100.0
PULL_MOST_PPB = 1.0
"""What a command could not do exactly is made good over this time, and not faster."""
UNREST_KEPT = 0.98
"""From one command to the next."""


class ClockPrediction:
    """Learns from every sample of a kept clock; *senses_temperature*: :attr:`temperature_c` will be set."""

    def __init__(self, *, senses_temperature: bool = False) -> None:
        self.temperature_c: float | None = None
        self._senses_temperature = senses_temperature
        self._holdover = Holdover(senses_temperature=senses_temperature)
        self._blocks = HoldoverBlocks()
        self._frequency_ppb = 0.0
        self._origin: LocalTime | None = None
        self._seen_s, self._seen_at = 0.0, MonotonicTime(0)
        self._last_block: int | None = None
        self._theta, self._theta_until_s = 0.0, 0.0
        self._kept_offset_ns = 0.0
        self._kept: tuple[HoldoverKnowledge, MonotonicTime] | None = None
        """What was known before a restart, not yet gone on from."""
        self.unrest_ppb = 0.0
        """How far commands went from the frequency that would just hold the clock, lately."""

    @property
    def is_known(self) -> bool:
        """Whether enough was seen to say anything."""
        return self._last_block is not None and self._holdover.is_known

    # -- what happened to the clock --------------------------------------------------------------------

    def sampled(self, offset: TimeInterval, at: LocalTime, local_now: LocalTime, now: MonotonicTime) -> None:
        """Take an *offset* measured *at* an instant of the kept clock, which reads *local_now*."""
        if self._origin is None:
            self._origin = at
        at_s = interval_to_seconds(at - self._origin)
        self._seen_s, self._seen_at = interval_to_seconds(local_now - self._origin), now
        self._blocks.steered_until(at_s, self._frequency_ppb)
        known_ppb = float(self._holdover.frequency_ppb) if self.is_known else None
        block = self._blocks.sample(at_s, interval_to_ns(offset), known_ppb)
        if block is None:
            return
        elapsed_s = BLOCK_S * (block.number - self._last_block) if self._last_block is not None else BLOCK_S
        if elapsed_s > 0:
            if self._kept is not None:
                kept, since = self._kept
                self._holdover.restore(kept.after(interval_to_seconds(now - since), ran_on=True))
                self._kept = None
            self._holdover.add(block.free_phase_ns, block.variance, elapsed_s, self.temperature_c)
            self._last_block = block.number
            self._theta, self._theta_until_s = 0.0, (block.number + 0.5) * BLOCK_S

    def commanded(self, frequency_ppb: float, now: MonotonicTime) -> None:
        """Take that the clock is set to *frequency_ppb* from now on."""
        if self._origin is not None:
            self._blocks.steered_until(self._at_s(now), self._frequency_ppb)
        if self.is_known:
            unrest_ppb = abs(frequency_ppb + float(self._holdover.frequency_ppb))
            self.unrest_ppb = max(unrest_ppb, UNREST_KEPT * self.unrest_ppb)
        self._frequency_ppb = frequency_ppb

    def stepped(self, step: TimeInterval) -> None:
        """Take that the clock was moved on purpose."""
        if self._origin is not None:
            self._origin += step
        self._blocks.stepped(interval_to_ns(step))

    def forget_phase(self) -> None:
        """Take that the clock is somewhere else now, or another one; its oscillator is still the best guess."""
        self._blocks.forget()
        self._origin = self._last_block = None
        self._blocks = HoldoverBlocks()
        self._holdover.forget_phase()

    def forget_oscillator(self) -> None:
        """Take that something else makes its frequency now: nothing that was learnt holds."""
        self.forget_phase()
        self._holdover = Holdover(senses_temperature=self._senses_temperature)
        self.unrest_ppb = 0.0
        self._kept = None

    # -- over a restart ----------------------------------------------------------------------------------

    def knowledge(self, now: MonotonicTime) -> HoldoverKnowledge | None:
        """Return what is worth keeping of the oscillator, as it is *now*; None while nothing is known."""
        if self._kept is not None:
            kept, since = self._kept
            return kept.after(interval_to_seconds(now - since), ran_on=True)
        learnt = self._holdover.knowledge()
        if learnt is None or self._last_block is None:
            return learnt
        return learnt.after(max(0.0, self._h(self._at_s(now))), ran_on=True)

    def restore(self, kept: HoldoverKnowledge, now: MonotonicTime) -> None:
        """Go on, with the first samples, from what was *kept* and is known *now*."""
        self._kept = kept, now

    # -- what follows from it ----------------------------------------------------------------------------

    def offset_ns(self, now: MonotonicTime) -> float:
        """Return how far ahead of its reference the clock most likely is now."""
        at_s = self._at_s(now)
        steered_ns = self._blocks.steered_ns_at(at_s, self._frequency_ppb)
        return float(self._holdover.free_phase_ns(self._h(at_s), self._theta)) + steered_ns

    def bound_ns(self, now: MonotonicTime) -> float | None:
        """Return by how much it is off at most, but for a probability of 1e-5; None: nobody knows."""
        if not self.is_known:
            return None
        sigma_ns = float(self._holdover.sigma_ns(self._h(self._at_s(now)), self._theta))
        return abs(self.offset_ns(now)) + COVERAGE * sigma_ns

    def begin_to_hold(self, now: MonotonicTime) -> None:
        """Take that from now on only predictions steer the clock, which stay on the offset that it has."""
        self._kept_offset_ns = self.offset_ns(now)
        self.unrest_ppb = 0.0

    def holding_ppb(self, now: MonotonicTime) -> float:
        """Return what to set the clock to now, so that it stays where it is: the next few seconds count."""
        at_s = self._at_s(now)
        above_k = float(self._holdover.above_usual_k(self.temperature_c))
        self._theta += above_k * (at_s - self._theta_until_s)
        self._theta_until_s = at_s
        drifted_ns = self.offset_ns(now) - self._kept_offset_ns
        pull_ppb = max(-PULL_MOST_PPB, min(PULL_MOST_PPB, -drifted_ns / PULL_S))
        return pull_ppb - float(self._holdover.free_frequency_ppb(self._h(at_s), above_k))

    def as_dict(self) -> dict[str, float | None]:
        """Return what was learnt, for people."""
        holdover = self._holdover
        return {
            "ageing_ppb_per_day": float(holdover.ageing_ppb_per_day) if self.is_known else None,
            "random_walk_ppb": float(holdover.random_walk_ppb) if self.is_known else None,
            "temperature_ppb_per_k": (
                float(holdover.temperature_ppb_per_k) if self.is_known and self.temperature_c is not None else None
            ),
            "temperature_c": self.temperature_c,
        }

    def _at_s(self, now: MonotonicTime) -> float:
        return self._seen_s + interval_to_seconds(now - self._seen_at)

    def _h(self, at_s: float) -> float:
        """Return how long ago the middle of the last block was."""
        return at_s - ((self._last_block or 0) + 0.5) * BLOCK_S
