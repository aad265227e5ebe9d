"""What the way from one clock to the next adds to the time that is told: by links, delays and transparent clocks.

With the stamps' errors e (egress), i (ingress) of the nodes a and b at the ends of a link, a Sync brings time that is
ahead by e_a - i_b + d, where d is the error of the filtered delay. One measurement of it errs by

    peer to peer   (i_b - e_b + i_a - e_a) / 2 + (y_b - y_a) turnaround / 2
    end to end     (s + i_a - e_b) / 2,  s between the errors i_b - e_a of two Syncs, as the engine interpolates

A servo that joins both ways, end to end, gets (n (e_a - i_b) + i_a - e_b) / (n + 1) of n Syncs beside one Delay_Req. A
transparent clock with a frequency error y adds y times the residence. Its stamps are those of the links.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ptpstack.servo.registry import SERVOS
from ptpstack.sim.oscillator import MODELS
from ptpstack.sim.plan import devices
from ptpstack.sim.plan.model import Grandmaster, Hop, Plan
from ptpstack.sim.plan.noise import DelayFilter, Floats, Stamps, uniform

JOINING_SERVOS = frozenset(name for name, kind in SERVOS.items() if kind.servo.joins_both_ways)


class Paths:
    """The errors that each of *nodes* (after the *grandmaster*) adds to the time on its way to the next clock."""

    def __init__(self, plan: Plan, grandmaster: Grandmaster, nodes: Sequence[Hop], random: np.random.Generator) -> None:
        self._random = random
        self._shape = (len(nodes), plan.seeds)
        self._peer_to_peer = plan.delay_mechanism == "p2p"
        self.syncs_a_delay = 1 << (plan.log_delay_interval - plan.log_sync_interval)
        ends: list[Grandmaster | Hop] = [grandmaster, *nodes]
        self._stamps = Stamps(
            random,
            np.array([end.jitter_ns for end in ends]),
            np.array([end.resolution_ns for end in ends]),
            plan.seeds,
        )
        self._joins = _joining(plan, nodes)
        share = np.where(self._joins, self.syncs_a_delay / (self.syncs_a_delay + 1.0), 1.0)
        self.sync_variance = (self._stamps.variance[:-1] + self._stamps.variance[1:]) * share
        """Of a Sync's two stamps, a node each, in ns²; less where a Delay_Req tells the offset as well."""
        self._filter = DelayFilter(plan.delay_filter, plan.delay_filter_length)
        self._set_constants(nodes)
        if self._noisy:
            self._filter.fill(self._delay_errors(self._sync_errors(self._filter.values_before), 1))

    def _set_constants(self, nodes: Sequence[Hop]) -> None:
        random, shape = self._random, self._shape
        transparent = np.array([not hop.is_clock for hop in nodes])
        generated = [devices.of_hop(hop) if not hop.is_clock else devices.NoiseGeneration() for hop in nodes]
        made_of_parts = transparent & np.array([hop.device == "parts" for hop in nodes])
        self._fast = np.array([noise.fast_ns for noise in generated])[:, None]
        residence_s = np.where(made_of_parts, [hop.residence_ms * 1e-3 for hop in nodes], 0.0)
        self._residence_s = residence_s[:, None]
        self._white_fm_ppb = np.array([MODELS[hop.oscillator or "tcxo"].white_fm_ppb for hop in nodes])[:, None]
        free = made_of_parts & np.array([not hop.syntonized for hop in nodes])
        most_ppb = np.where(free, [hop.frequency_error_ppm * 1e3 for hop in nodes], 0.0)
        self._frequency_ppb = uniform(random, most_ppb[:, None], shape)
        turnaround_s = np.array([hop.turnaround_ms * 1e-3 for hop in nodes]) * self._peer_to_peer
        own = np.array(
            [[hop.asymmetry_ns, hop.constant_error_ns, n.constant_ns] for hop, n in zip(nodes, generated, strict=True)]
        )
        before_ppb = np.concatenate((np.zeros((1, shape[1])), self._frequency_ppb[:-1]))
        self.constant_ns = (self._frequency_ppb - before_ppb) * turnaround_s[:, None] / 2.0
        self.constant_ns += self._frequency_ppb * self._residence_s
        """What does not change, by node and seed."""
        for column in own.T:
            self.constant_ns += uniform(random, column[:, None], shape)
        neighbours_ppb = most_ppb + np.concatenate(([0.0], most_ppb[:-1]))
        self.constant_most_ns = own.sum(axis=1) + neighbours_ppb * turnaround_s / 2.0 + most_ppb * residence_s
        """The most that can be, by node."""

    @property
    def _noisy(self) -> bool:
        return bool(self._stamps.variance.any())

    def draw(self, count: int) -> Floats:
        """Return the errors of the next *count* Syncs, a multiple of ``syncs_a_delay``."""
        errors = np.empty((count, *self._shape))
        errors[:] = self.constant_ns
        if self._noisy:
            sync = self._sync_errors(count)
            errors += sync
            delays = self._filter.update(self._delay_errors(sync, self.syncs_a_delay))
            errors += np.repeat(delays, self.syncs_a_delay, axis=0)
            if self._joins.any():
                joined = self.constant_ns + self._joined_errors(sync, self.syncs_a_delay)
                errors[:, self._joins] = joined[:, self._joins]
        if self._fast.any():
            errors += uniform(self._random, self._fast, errors.shape)
        if self._residence_s.any():
            differs_s = uniform(self._random, self._residence_s / 2.0, errors.shape)
            white_ns = self._white_fm_ppb * np.sqrt(self._residence_s)
            errors += self._frequency_ppb * differs_s + white_ns * self._random.normal(size=errors.shape)
        return errors

    def _sync_errors(self, count: int) -> Floats:
        egress, ingress = self._stamps.draw(count), self._stamps.draw(count)
        errors: Floats = egress[:, :-1] - ingress[:, 1:]
        return errors

    def _joined_errors(self, sync: Floats, every: int) -> Floats:
        """Return the errors of what both ways tell together; one Delay_Req counts beside each of its Syncs."""
        count = sync.shape[0] // every
        egress, ingress = self._stamps.draw(count), self._stamps.draw(count)
        back = np.repeat(ingress[:, :-1] - egress[:, 1:], every, axis=0)
        joined: Floats = (every * sync + back) / (every + 1.0)
        return joined

    def _delay_errors(self, sync: Floats, every: int) -> Floats:
        """Return the error of one measurement of delay to every so many of *sync*."""
        count = sync.shape[0] // every
        egress, ingress = self._stamps.draw(count), self._stamps.draw(count)
        back: Floats = ingress[:, :-1] - egress[:, 1:]
        if self._peer_to_peer:
            forth = self._sync_errors(count)
        else:
            share = self._random.random(back.shape)
            forth = share * sync[::every] + (1.0 - share) * np.roll(sync, 1, axis=0)[::every]
        back -= forth
        back /= 2.0
        return back


def _joining(plan: Plan, nodes: Sequence[Hop]) -> NDArray[np.bool_]:
    """Return for each node whether the clock at the end of its path joins both ways of it."""
    joins = np.zeros(len(nodes), dtype=bool)
    if plan.delay_mechanism == "e2e":
        for number in range(len(nodes) - 1, -1, -1):
            hop = nodes[number]
            after = joins[number + 1 : number + 2]
            joins[number] = hop.servo in JOINING_SERVOS if hop.is_clock else after.any()
    return joins
