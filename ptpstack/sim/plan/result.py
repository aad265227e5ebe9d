"""What a plan comes to: time errors by hop and seed, and the last clock held against masks.

Time errors are those of the time that a node tells, in ns, at the instants of the Syncs, after what settles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ptpstack.sim.plan import devices
from ptpstack.sim.plan.chain import Chain, Progress, Stretch
from ptpstack.sim.plan.model import Hop, PlanFile
from ptpstack.sim.plan.noise import Floats
from ptpstack.stability.analysis import Analysis
from ptpstack.stability.mask import Limit, LimitResult, Mask, Point, Verdict, judge, load_mask
from ptpstack.stability.series import Series


@dataclass(frozen=True)
class LimitSummary:
    """How all seeds kept one limit: *verdicts* counted, the *tightest* point of all, *why* where some is not judged."""

    limit: Limit
    verdicts: Counter[Verdict]
    tightest: Point | None
    why: str


@dataclass(frozen=True)
class MaskSummary:
    """How all seeds kept a mask."""

    mask: Mask
    limits: tuple[LimitSummary, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all seeds and limits."""
        found = {verdict for summary in self.limits for verdict in summary.verdicts}
        return next((verdict for verdict in (Verdict.FAIL, Verdict.NOT_TESTABLE) if verdict in found), Verdict.PASS)


@dataclass(frozen=True)
class Outcome:
    """The figures of a plan. Arrays are by place and seed; place 0 is the grandmaster, the others are *nodes*."""

    file: PlanFile
    nodes: Sequence[Hop]
    max_abs_te_ns: Floats
    mean_ns: Floats
    rms_ns: Floats
    deviation_ns: Floats
    """The largest difference from where its constant errors alone would hold it."""
    constant_most_ns: Floats
    """By place: all constant errors up to there at their most and of one sign."""
    last_ns: Floats
    """Time errors of the last clock by Sync and seed."""
    interval_s: float
    masks: tuple[MaskSummary, ...]
    unverified: tuple[str, ...]

    @property
    def worst_case_ns(self) -> Floats:
        """By place: every constant error against us at once, and the largest deviation that a seed showed."""
        worst: Floats = self.constant_most_ns + self.deviation_ns.max(axis=1)
        return worst

    def analysis(self, seed: int) -> Analysis:
        """Return the statistics of the last clock in one seed."""
        return _analysis(self.last_ns[:, seed], self.interval_s)

    def seed_at(self, percent: float) -> int:
        """Return the seed whose max|TE| at the end is at this percentile (100: the worst)."""
        order = np.argsort(self.max_abs_te_ns[-1])
        return int(order[round((order.size - 1) * percent / 100)])


def simulate(file: PlanFile, progress: Progress | None = None) -> Outcome:
    """Run *file* and judge the end of the chain. Raises MaskError where a mask cannot be used."""
    masks = [load_mask(name) for name in file.plan.masks]
    chain = Chain(file)
    sums = _Sums(len(chain.nodes) + 1, file.plan.seeds)
    to_settle = chain.syncs_to_settle
    for stretch in chain.run(progress):
        skipped = min(to_settle, stretch.nodes_ns.shape[0])
        to_settle -= skipped
        sums.add(Stretch(stretch.grandmaster_ns[skipped:], stretch.nodes_ns[skipped:]))
    last_ns = np.concatenate(sums.last)
    return Outcome(
        file=file,
        nodes=chain.nodes,
        max_abs_te_ns=np.maximum(sums.highest, -sums.lowest),
        mean_ns=sums.total / last_ns.shape[0],
        rms_ns=np.sqrt(sums.squares / last_ns.shape[0]),
        deviation_ns=np.maximum(sums.highest - chain.constant_ns, chain.constant_ns - sums.lowest),
        constant_most_ns=_constant_most(file, chain),
        last_ns=last_ns,
        interval_s=chain.interval_s,
        masks=tuple(_summary(mask, last_ns, chain.interval_s) for mask in masks),
        unverified=_unverified(file, masks),
    )


class _Sums:
    """What is kept of every stretch."""

    def __init__(self, places: int, seeds: int) -> None:
        shape = (places, seeds)
        self.highest, self.lowest = np.full(shape, -np.inf), np.full(shape, np.inf)
        self.total, self.squares = np.zeros(shape), np.zeros(shape)
        self.last: list[Floats] = []

    def add(self, stretch: Stretch) -> None:
        if not stretch.nodes_ns.size:
            return
        self._add(slice(0, 1), stretch.grandmaster_ns[:, None])
        self._add(slice(1, None), stretch.nodes_ns)
        self.last.append(stretch.nodes_ns[:, -1].copy())

    def _add(self, places: slice, values: Floats) -> None:
        self.highest[places] = np.maximum(self.highest[places], values.max(axis=0))
        self.lowest[places] = np.minimum(self.lowest[places], values.min(axis=0))
        self.total[places] += values.sum(axis=0)
        self.squares[places] += np.einsum("tns,tns->ns", values, values)


def _constant_most(file: PlanFile, chain: Chain) -> Floats:
    generated = [devices.of_hop(hop).constant_ns if hop.is_clock else 0.0 for hop in chain.nodes]
    each = chain.paths.constant_most_ns + np.array(generated)
    sums: Floats = np.cumsum(np.concatenate(([devices.of_grandmaster(file.grandmaster).constant_ns], each)))
    return sums


def _analysis(values_ns: Floats, interval_s: float) -> Analysis:
    return Analysis(Series(interval_s, np.ascontiguousarray(values_ns), samples=values_ns.size))


def _summary(mask: Mask, last_ns: Floats, interval_s: float) -> MaskSummary:
    by_seed = [judge(mask, _analysis(values, interval_s)).results for values in last_ns.T]
    return MaskSummary(mask, tuple(_limit_summary(results) for results in zip(*by_seed, strict=True)))


def _limit_summary(results: Sequence[LimitResult]) -> LimitSummary:
    points = [result.tightest for result in results if result.tightest is not None]
    tightest = min(points, key=lambda point: point.margin_ns / point.limit_ns, default=None)
    why = next((result.why for result in results if result.why), "")
    return LimitSummary(results[0].limit, Counter(result.verdict for result in results), tightest, why)


def _unverified(file: PlanFile, masks: Sequence[Mask]) -> tuple[str, ...]:
    """Return every number that was used and must be checked against its standard, each once."""
    found = dict.fromkeys(devices.of_grandmaster(file.grandmaster).unverified)
    for hop in file.hop:
        found |= dict.fromkeys(devices.of_hop(hop).unverified)
    for mask in masks:
        for limit in mask.limits:
            if limit.unverified:
                doubt = limit.note or "check it against the standard"
                found[
                    f"mask {mask.name}, {limit.title} ({limit.reference}, {limit.confidence} confidence): {doubt}"
                ] = None
    return tuple(found)
