"""A scenario run with one seed or several, and what the true errors of its clocks come to.

Every error is local - reference, looked at on a regular grid of true time: what no host of the scenario can know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from msgspec import UNSET, UnsetType

from ptpstack.sim.host import Host, SampleListener
from ptpstack.sim.scenario.build import Site
from ptpstack.sim.scenario.model import Report, Scenario, seconds_of
from ptpstack.sim.scenario.topology import host_names
from ptpstack.sim.world import Recorded
from ptpstack.stability.analysis import Analysis
from ptpstack.stability.deviations import factors_of, tdev
from ptpstack.stability.mask import MaskResult, Verdict, judge, load_mask
from ptpstack.stability.mtie import mtie
from ptpstack.stability.series import Series

TAUS_S = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
STEPS = 200

Progress = Callable[[float], None]
"""Takes the share of the work that is done."""

Metric = Literal["time_to_lock_s", "rms_ns", "p95_ns", "max_abs_te_ns", "mean_ns", "cte_ns"]
METRICS: tuple[Metric, ...] = ("time_to_lock_s", "rms_ns", "p95_ns", "max_abs_te_ns", "mean_ns", "cte_ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostResult:
    """What one clock came to in one run; ``None``: never, or not known of so short a record."""

    host: str
    template: str
    time_to_lock_s: float | None
    rms_ns: float
    p95_ns: float
    max_abs_te_ns: float
    mean_ns: float
    cte_ns: float | None
    mtie_ns: dict[float, float]
    tdev_ns: dict[float, float]
    masks: dict[str, Verdict]
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run; *analyses* and mask results are kept of the first one only."""

    seed: int
    hosts: tuple[HostResult, ...]
    masters_only: tuple[str, ...]
    """Hosts whose clock a servo would have steered, had they ever followed anybody."""
    scheduler_events: int
    analyses: dict[str, tuple[Analysis, tuple[MaskResult, ...]]]


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit of ``[report]`` that a host did not keep. *value*: ``None`` where there is none; of masks too."""

    seed: int
    host: str
    limit: str
    value: float | None
    allowed: float | None


def run(
    scenario: Scenario,
    seed: int,
    *,
    keep_analyses: bool = True,
    on_event: Callable[[Recorded], None] | None = None,
    on_sample: SampleListener | None = None,
    progress: Progress = lambda _share: None,
) -> Run:
    """Run *scenario* with *seed*."""
    site = Site(scenario, seed, on_event=on_event, on_sample=on_sample)
    duration_s = seconds_of(scenario.duration)
    for step in range(1, STEPS + 1):
        site.world.run(duration_s * step / STEPS - site.world.now_s)
        progress(step / STEPS)
    reported, masters_only = _reported(site)
    hosts, analyses = [], {}
    for host in reported:
        analysis = Analysis(_true_error(site, host))
        masks = tuple(judge(load_mask(name), analysis) for name in scenario.report.masks)
        hosts.append(_result(site, host, analysis, masks))
        if keep_analyses:
            analyses[host.name] = analysis, masks
    return Run(
        seed=seed,
        hosts=tuple(hosts),
        masters_only=tuple(host.name for host in masters_only),
        scheduler_events=site.world.scheduler.events,
        analyses=analyses,
    )


def _reported(site: Site) -> tuple[list[Host], list[Host]]:
    report = site.scenario.report
    if report.hosts:
        names = [name for word in report.hosts for name in host_names(site.scenario, word)]
        return [site.world.hosts[name] for name in dict.fromkeys(names)], []
    masters_only = [
        host
        for host in site.steered
        if host.name in site.masters and host.discipline is not None and not host.discipline.samples
    ]
    return [host for host in site.steered if host not in masters_only], masters_only


def _true_error(site: Site, host: Host) -> Series:
    report, world = site.scenario.report, site.world
    tau0_s = 1 / report.samples_per_second
    reference = world.hosts[report.reference] if report.reference else None
    offsets_ns = world.offsets_ns(
        host, last_s=world.now_s - reported_from_s(site.scenario), reference=reference, tau0_s=tau0_s
    )[1]
    return Series(tau0_s, offsets_ns, samples=offsets_ns.size)


def reported_from_s(scenario: Scenario) -> float:
    """Return the true time from which errors count."""
    after = scenario.report.after
    return seconds_of(scenario.duration) / 2 if after is UNSET else seconds_of(after)


def _result(site: Site, host: Host, analysis: Analysis, masks: Sequence[MaskResult]) -> HostResult:
    values_ns, tau0_s = analysis.series.values_ns, analysis.series.tau0_s
    mties = mtie(values_ns, tau0_s, factors_of(TAUS_S, tau0_s, values_ns.size - 1))
    tdevs = tdev(values_ns, tau0_s, factors_of(TAUS_S, tau0_s, values_ns.size // 3))
    return HostResult(
        host=host.name,
        template=site.templates[host.name],
        time_to_lock_s=site.locked_at_s.get(host.name),
        rms_ns=analysis.rms_ns,
        p95_ns=analysis.percentile_abs_te_ns(95),
        max_abs_te_ns=analysis.max_abs_te_ns,
        mean_ns=analysis.mean_ns,
        cte_ns=analysis.cte_ns,
        mtie_ns=dict(zip(mties.taus_s.tolist(), mties.values.tolist(), strict=True)),
        tdev_ns=dict(zip(tdevs.taus_s.tolist(), tdevs.values.tolist(), strict=True)),
        masks={result.mask.name: result.verdict for result in masks},
        steps=site.steps[host.name],
    )


def violations(report: Report, runs: Sequence[Run]) -> Iterator[Violation]:
    """Yield every limit of *report* that a host did not keep in a run, masks that it failed included."""
    limits: tuple[tuple[Metric, float | UnsetType], ...] = (
        ("rms_ns", report.limit_rms_ns),
        ("max_abs_te_ns", report.limit_max_abs_te_ns),
        ("time_to_lock_s", report.limit_time_to_lock_s),
    )
    for each in runs:
        for host in each.hosts:
            for metric, limit in limits:
                value: float | None = getattr(host, metric)
                if limit is not UNSET and (value is None or not value <= limit):
                    yield Violation(each.seed, host.host, f"limit_{metric}", value, limit)
            for name, verdict in host.masks.items():
                if verdict is Verdict.FAIL:
                    yield Violation(each.seed, host.host, f"mask {name}", None, None)


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the largest of some values, and how many are none."""

    least: float | None
    middle: float | None
    largest: float | None
    missing: int


def spread(results: Sequence[HostResult], metric: Metric) -> Spread:
    """Return how *metric* spreads over *results*: the seeds of one host, or hosts of one kind."""
    values: list[float] = [value for result in results if (value := getattr(result, metric)) is not None]
    missing = len(results) - len(values)
    return Spread(min(values), median(values), max(values), missing) if values else Spread(None, None, None, missing)
