"""A simulated scenario as a table for people and as JSON. Errors are local - reference in ns everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from statistics import median
from typing import Any

from ptpstack.cli.report_table import ns
from ptpstack.sim.experiment import (
    METRICS,
    TAUS_S,
    HostResult,
    Metric,
    Run,
    reported_from_s,
    spread,
    violations,
)
from ptpstack.sim.scenario.model import Scenario, seconds_of
from ptpstack.sim.scenario.topology import wires
from ptpstack.stability.mask import Verdict

SHOWN = 8
"""Of a template with more hosts, so many are shown: those farthest off."""

TITLES: dict[Metric, str] = {
    "time_to_lock_s": "lock s",
    "rms_ns": "RMS",
    "p95_ns": "95 %",
    "max_abs_te_ns": "max|TE|",
    "mean_ns": "mean",
    "cte_ns": "cTE",
}


def summary(name: str, scenario: Scenario) -> Iterator[str]:
    """Yield what a checked scenario comes to."""
    hosts = sum(host.count for host in scenario.host.values())
    yield f"{name}: OK"
    if scenario.title:
        yield f"  {scenario.title}"
    yield f"  {scenario.duration}, {hosts} hosts, {len(wires(scenario))} links, {len(scenario.at)} changes"


def as_text(name: str, scenario: Scenario, runs: Sequence[Run], *, everything: bool) -> Iterator[str]:
    """Yield the lines for people."""
    report = scenario.report
    seeds = f"seed {runs[0].seed}" if len(runs) == 1 else f"seeds {runs[0].seed} to {runs[-1].seed}"
    yield f"{name}: {scenario.title or 'scenario'}"
    yield f"  {scenario.duration}, {seeds}; statistics from {reported_from_s(scenario):g} s on"
    yield f"  error        local - {report.reference or 'the truth'} in ns; negative: the clock is behind"
    yield ""
    groups = _groups(runs, everything=everything)
    yield from _table([row for label, results in groups for row in _rows(label, results)])
    if not any(each.hosts for each in runs):
        yield "  no clock followed another"
    if any(each.masters_only for each in runs):
        names = dict.fromkeys(name for each in runs for name in each.masters_only)
        yield f"  note         followed nobody, so not reported: {_some(list(names))}"
    never = [
        f"{host.host} with seed {each.seed}" for each in runs for host in each.hosts if host.time_to_lock_s is None
    ]
    if never:
        yield f"  note         never locked: {_some(never)}"
    yield from _masks(runs)
    failed = list(violations(report, runs))
    if failed:
        yield ""
    for violation in failed[:SHOWN]:
        told = "" if violation.allowed is None else f": {_value(violation.value)}, allowed {_value(violation.allowed)}"
        yield f"  NOT KEPT     {violation.limit}, {violation.host}, seed {violation.seed}{told}"
    if len(failed) > SHOWN:
        yield f"               and {len(failed) - SHOWN} more"


def _groups(runs: Sequence[Run], *, everything: bool) -> Iterator[tuple[str, list[HostResult]]]:
    """Yield the rows: every host over all runs, but of a large template its middle and its worst hosts."""
    by_host: dict[str, list[HostResult]] = {}
    for each in runs:
        for result in each.hosts:
            by_host.setdefault(result.host, []).append(result)
    for template, members in groupby(by_host.values(), key=lambda results: results[0].template):
        hosts = list(members)
        if len(hosts) > SHOWN and not everything:
            yield f"{template}, median of {len(hosts)}", [result for results in hosts for result in results]
            worst = sorted(hosts, key=lambda results: max(result.max_abs_te_ns for result in results), reverse=True)
            hosts = worst[:SHOWN]
        for results in hosts:
            yield results[0].host, results


def _rows(label: str, results: list[HostResult]) -> Iterator[list[str]]:
    """Yield the row of one result, or the middle, least and largest of several."""
    yield [label, *_cells(results, median)]
    if len(results) > 1:
        yield ["  least", *_cells(results, min)]
        yield ["  largest", *_cells(results, max)]


def _cells(results: Sequence[HostResult], choose: Callable[[Sequence[float]], float]) -> Iterator[str]:
    columns = [[getattr(result, metric) for result in results] for metric in METRICS]
    for curve in ("mtie_ns", "tdev_ns"):
        columns += [[getattr(result, curve).get(tau_s) for result in results] for tau_s in TAUS_S]
    for values in columns:
        known = [value for value in values if value is not None]
        yield ns(choose(known)) if known else "-"


def _value(value: float | None) -> str:
    return "never" if value is None else ns(value)


def _table(rows: list[list[str]]) -> Iterator[str]:
    heading = ["host", *TITLES.values(), *(f"MTIE {tau:g} s" for tau in TAUS_S), *(f"TDEV {tau:g} s" for tau in TAUS_S)]
    table = [heading, *rows]
    used = [column for column in range(len(heading)) if column == 0 or any(row[column] != "-" for row in rows)]
    widths = {column: max(len(row[column]) for row in table) for column in used}
    for row in table:
        cells = [f"{row[column]:{'<' if column == 0 else '>'}{widths[column]}}" for column in used]
        yield f"  {'  '.join(cells)}".rstrip()


def _masks(runs: Sequence[Run]) -> Iterator[str]:
    names = dict.fromkeys(name for each in runs for host in each.hosts for name in host.masks)
    for name in names:
        verdicts = [host.masks[name] for each in runs for host in each.hosts]
        counts = ", ".join(f"{verdicts.count(verdict)} {verdict.value}" for verdict in Verdict if verdict in verdicts)
        yield f"  mask         {name}: {counts}"
        for host, (_, results) in runs[0].analyses.items():
            for result in results:
                if result.mask.name == name and (why := next((each.why for each in result.results if each.why), "")):
                    yield f"               {host}: {why}"
                    break
            else:
                continue
            break


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)


def as_json(name: str, scenario: Scenario, runs: Sequence[Run]) -> dict[str, Any]:
    """Return all of it as plain data; nothing in it depends on when or where it ran."""
    failed = list(violations(scenario.report, runs))
    return {
        "scenario": name,
        "title": scenario.title,
        "duration_s": seconds_of(scenario.duration),
        "reported_from_s": reported_from_s(scenario),
        "sign": f"local - {scenario.report.reference or 'truth'}",
        "ok": not failed,
        "not_kept": [asdict(violation) for violation in failed],
        "runs": [_run(each) for each in runs],
        "spread": {label: _spreads(results) for label, results in _groups(runs, everything=True)},
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "scheduler_events": run.scheduler_events,
        "masters_only": run.masters_only,
        "hosts": [_host(result) for result in run.hosts],
    }


def _host(result: HostResult) -> dict[str, Any]:
    plain = asdict(result) | {"masks": {name: verdict.value for name, verdict in result.masks.items()}}
    for curve in ("mtie_ns", "tdev_ns"):
        plain[curve] = {f"{tau_s:g}": value for tau_s, value in plain[curve].items()}
    return plain


def _spreads(results: Sequence[HostResult]) -> dict[str, Any]:
    return {metric: asdict(spread(results, metric)) for metric in METRICS}
