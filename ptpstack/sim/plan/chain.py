"""A chain of clocks in virtual time: one loop over Syncs, arrays over clocks and seeds within.

At its Sync n, with x the error of a clock, p those of the path to it, f the frequency that its servo asks for, w what
its oscillator drifts until the next Sync, g what a device adds at its output, and x', g' those of the clock before:

    told = x'[n-1] + phase (x'[n] - x'[n-1]) + g' + p        f = servo(x - told)        x[n+1] = x + T f + w

A clock sends its Syncs a *phase* of the interval after those it gets, drawn once for each. So the Syncs of a clock are
numbered one later than those of the clock before: then all clocks advance at once. Assumed besides: no Sync is lost,
and every clock is acquired at the start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ptpstack.sim.oscillator import MODELS, FrequencyNoise, first_order
from ptpstack.sim.plan import devices
from ptpstack.sim.plan.model import Hop, PlanFile
from ptpstack.sim.plan.noise import Floats, SlowNoise, uniform
from ptpstack.sim.plan.paths import Paths
from ptpstack.sim.plan.servos import (
    ArrayKalman,
    ArrayPi,
    ArrayServo,
    SideBySide,
    auto_gains,
    bandwidth_gains,
    kalman_gains,
    pi_gains,
)

VALUES_AT_ONCE = 400_000
SYNCS_AT_ONCE = 4096

Progress = Callable[[float], None]
"""Takes the share of the run that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time errors over a stretch of Syncs, by Sync, node and seed; those of *nodes* are of the time that each tells."""

    grandmaster_ns: Floats
    nodes_ns: Floats


class Chain:
    """The chains of a plan, one a seed."""

    def __init__(self, file: PlanFile) -> None:
        self.plan = plan = file.plan
        self.nodes = [hop for hop in file.hop for _ in range(hop.count)]
        self.interval_s = 2.0**plan.log_sync_interval
        self._random = np.random.default_rng(plan.seed)
        self.paths = Paths(plan, file.grandmaster, self.nodes, self._random)
        self._source = _Generated([devices.of_grandmaster(file.grandmaster)], plan.seeds, self.interval_s, self._random)
        self._clocks = [number for number, hop in enumerate(self.nodes) if hop.is_clock]
        self._starts = [0, *(number + 1 for number in self._clocks[:-1])]
        clocks = [self.nodes[number] for number in self._clocks]
        noises = [devices.of_hop(hop) for hop in clocks]
        self._generated = _Generated(noises, plan.seeds, self.interval_s, self._random)
        self._wander = _Wander(clocks, plan.seeds, self.interval_s, self._random)
        servos = list(self._make_servos(clocks))
        self._servo = servos[0][1] if len(servos) == 1 else SideBySide(servos)
        places = np.concatenate((self._source.constant_ns, self.paths.constant_ns))
        places[[number + 1 for number in self._clocks]] += self._generated.constant_ns
        self.constant_ns: Floats = np.cumsum(places, axis=0)
        """Where constant errors alone would hold the time told, by place (0: the grandmaster) and seed."""
        self._x = self.constant_ns[[number + 1 for number in self._clocks]] - self._generated.constant_ns
        self._x_before = self._x
        self._phases = self._random.random((len(clocks) - 1, plan.seeds))

    def run(self, progress: Progress | None = None) -> Iterator[Stretch]:
        """Yield the whole run, what settles included, stretch by stretch."""
        every = self.paths.syncs_a_delay
        at_once = min(SYNCS_AT_ONCE, VALUES_AT_ONCE // (len(self.nodes) * self.plan.seeds))
        at_once = max(1, at_once // every) * every
        total, done = self.syncs_to_settle + self.syncs_judged, 0
        while done < total:
            stretch = self._advance(at_once)
            rest = total - done
            yield stretch if rest >= at_once else Stretch(stretch.grandmaster_ns[:rest], stretch.nodes_ns[:rest])
            done += at_once
            if progress is not None:
                progress(min(1.0, done / total))

    @property
    def syncs_to_settle(self) -> int:
        """How many Syncs the beginning has that is not judged."""
        return round(self.plan.settle_s / self.interval_s)

    @property
    def syncs_judged(self) -> int:
        """How many Syncs there are after that."""
        return round(self.plan.seconds / self.interval_s)

    def _advance(self, count: int) -> Stretch:
        errors = self.paths.draw(count)
        paths = errors if len(self._clocks) == len(self.nodes) else np.add.reduceat(errors, self._starts, axis=1)
        source, generated = self._source.draw(count), self._generated.draw(count)
        added = paths + np.concatenate((source, generated[:, :-1]), axis=1)
        states = np.empty((count + 2, *self._x.shape))
        states[0], states[1] = self._x_before, self._x
        self._follow(states, added, self._wander.draw(count))
        self._x_before, self._x = states[-2], states[-1]
        told = states[1:-1] + generated
        return Stretch(source[:, 0], told if paths is errors else self._at_nodes(source, told, errors))

    def _follow(self, states: Floats, added: Floats, wander: Floats) -> None:
        """Fill *states* from its third row on; *added* is what each clock is told besides the state before it."""
        offset, moved, sent = np.empty_like(self._x), np.empty_like(self._x), np.empty_like(self._phases)
        for number in range(added.shape[0]):
            before, now, after = states[number : number + 3]
            np.subtract(now[:-1], before[:-1], out=sent)
            sent *= self._phases
            sent += before[:-1]
            np.subtract(now, added[number], out=offset)
            offset[1:] -= sent
            np.multiply(self._servo.sample(offset), self.interval_s, out=moved)
            moved += wander[number]
            np.add(now, moved, out=after)

    def _at_nodes(self, source: Floats, told: Floats, errors: Floats) -> Floats:
        """Return the error of the time that passes at every node, transparent ones included."""
        outputs = np.concatenate((source, told), axis=1)
        passed = np.empty_like(errors)
        for number, (start, clock) in enumerate(zip(self._starts, self._clocks, strict=True)):
            inner = slice(start, clock)
            passed[:, inner] = outputs[:, number : number + 1] + np.cumsum(errors[:, inner], axis=1)
            passed[:, clock] = outputs[:, number + 1]
        return passed

    def _make_servos(self, clocks: list[Hop]) -> Iterator[tuple[slice, ArrayServo]]:
        for own, hop in _alike(clocks):
            yield own, self._make_servo(hop, own.start, (own.stop - own.start, self.plan.seeds))

    def _make_servo(self, hop: Hop, number: int, shape: tuple[int, ...]) -> ArrayServo:
        name = servo_of(hop)
        if name == "pi":
            return ArrayPi(*pi_gains(self.interval_s), shape)
        if name == "bandwidth":
            return ArrayPi(*bandwidth_gains(hop.bandwidth_hz, self.interval_s), shape)
        variance = float(self.paths.sync_variance[self._starts[number] : self._clocks[number] + 1].sum())
        if number:
            variance += float(self._generated.fast_ns[number - 1, 0]) ** 2 / 6.0
        oscillator = hop.oscillator or "tcxo"
        if name == "kalman":
            return ArrayKalman(kalman_gains(oscillator, variance, self.interval_s), self.interval_s, shape)
        return ArrayKalman(
            auto_gains(MODELS[oscillator], variance, self.interval_s, self._random), self.interval_s, shape
        )


def _alike(clocks: list[Hop]) -> Iterator[tuple[slice, Hop]]:
    """Yield each run of clocks of the same hop."""
    start = 0
    for _, run in groupby(clocks, key=id):
        members = list(run)
        yield slice(start, start + len(members)), members[0]
        start += len(members)


def servo_of(hop: Hop) -> str:
    """Return the servo of a clock, where it is left open that which suits the device."""
    return hop.servo or ("bandwidth" if hop.device.startswith("g8273.2") else "pi")


class _Generated:
    """What devices at the limits of their standards add at their outputs, by device and seed.

    Their quick noise is a difference of random numbers: nearly nothing of it is slow, where another limit holds.
    """

    def __init__(
        self, noises: list[devices.NoiseGeneration], seeds: int, interval_s: float, random: np.random.Generator
    ) -> None:
        shape = (len(noises), seeds)
        self._random = random
        self.fast_ns = np.array([[noise.fast_ns] for noise in noises])
        self.constant_ns = uniform(random, np.array([[noise.constant_ns] for noise in noises]), shape)
        deviation = np.broadcast_to(np.array([[noise.slow_ns] for noise in noises]), shape)
        limit = np.array([[noise.slow_most_ns] for noise in noises])
        self._slow = SlowNoise(random, deviation, noises[0].correlation_s, interval_s, limit)
        self._wanders = bool(deviation.any())
        self._drawn_last = np.zeros((1, *shape))

    def draw(self, count: int) -> Floats:
        values = np.empty((count, *self.constant_ns.shape))
        values[:] = self.constant_ns
        if self._wanders:
            values += self._slow.draw(count)
        if self.fast_ns.any():
            drawn = uniform(self._random, self.fast_ns / 2.0, (count, *values.shape[1:]))
            values += np.diff(drawn, axis=0, prepend=self._drawn_last)
            self._drawn_last = drawn[-1:]
        return values


class _Wander:
    """How far the oscillators of *clocks* move them from Sync to Sync.

    Where SyncE holds the frequency, the clock's own oscillator counts only for what is quicker than
    *synce_bandwidth_hz*; below it follows the node before, and the first one a frequency without error.
    """

    def __init__(self, clocks: list[Hop], seeds: int, interval_s: float, random: np.random.Generator) -> None:
        self._interval_s = interval_s
        self._shape = (len(clocks), seeds)
        self._noises: list[tuple[slice, FrequencyNoise, Floats]] = []
        self._decays: dict[int, float] = {}
        self._phase = np.zeros(self._shape)
        for own, hop in _alike(clocks):
            name = hop.oscillator or ("tcxo" if hop.device == "parts" else None)
            if name is not None:
                noise = FrequencyNoise(MODELS[name], interval_s, random, (own.stop - own.start, seeds))
                self._noises.append((own, noise, noise.slow_ppb))
            if hop.synce:
                decay = math.exp(-2 * math.pi * hop.synce_bandwidth_hz * interval_s)
                self._decays |= dict.fromkeys(range(own.start, own.stop), decay)

    def draw(self, count: int) -> Floats:
        moved = np.zeros((count, *self._shape))
        for own, noise, learnt_ppb in self._noises:
            moved[:, own] = self._interval_s * (noise.draw(count) - learnt_ppb)
        phase_before: Floats | float = 0.0
        for number, decay in self._decays.items():
            if number - 1 not in self._decays:
                phase_before = 0.0
            followed = moved[:, number] + (1.0 - decay) * phase_before
            phase = first_order(followed, decay, self._phase[number])
            moved[:, number] = np.diff(phase, axis=0, prepend=self._phase[None, number])
            self._phase[number] = phase[-1]
            phase_before = phase
        return moved
