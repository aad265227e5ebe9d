"""What a well-formed scenario must not say: names of nothing, changes that do not fit, values outside a profile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

from msgspec import UNSET, UnsetType

from profiles.loader import ProfileError
from ptpstack.config.fill import fill_instance
from ptpstack.config.holdover_table import Holdover
from ptpstack.config.problems import Path, Problem, key_of, nearest
from ptpstack.config.rules import contradictions as instance_contradictions
from ptpstack.config.rules import profile_problems
from ptpstack.config.source import Source
from ptpstack.sim.scenario.model import LONGEST_S, At, Conditions, Instance, Scenario, seconds_of
from ptpstack.sim.scenario.topology import End, ends_of, host_names, instances_of, ports_of, wires
from ptpstack.stability.mask import mask_names

LINK_KEYS = (*Conditions.__struct_fields__, "up")
HOST_KEYS = ("running", "temperature_change_k", "frequency_change_ppb", "clock_step_ns")


def profile_misfits(source: Source) -> Iterator[Problem]:
    """Yield each profile that does not exist and each value that an instance's profile does not allow."""
    yield from profile_problems(source)
    hosts = source.table.get("host")
    for name in hosts if isinstance(hosts, dict) else ():
        path: Path = ("host", name)
        for problem in profile_problems(_within(source, path)):
            yield replace(problem, key=f"{key_of(path)}.{problem.key}")


def _within(source: Source, path: Path) -> Source:
    """Return the table at *path* as a source of its own, with the arbiter at the top if it has none."""
    table: Any = source.table
    for part in path:
        table = table[part]
    lines = {key[len(path) :]: line for key, line in source.lines.items() if key[: len(path)] == path}
    above = {"arbiter": source.table["arbiter"]} if "arbiter" in source.table else {}
    return Source(source.name, above | table if isinstance(table, dict) else {}, lines)


def contradictions(scenario: Scenario, source: Source) -> Iterator[Problem]:
    """Yield what the well-formed *scenario* says that cannot be."""
    yield from _times(scenario, source)
    if not scenario.host:
        yield source.problem((), "no host", next_step="write [host.NAME] with a name you choose")
    else:
        yield from _links(scenario, source)
        yield from _timeline(scenario, source)
        yield from _report(scenario, source)
    yield from _instances(scenario, source)
    yield from _sensors(scenario, source)


def _sensors(scenario: Scenario, source: Source) -> Iterator[Problem]:
    tables: list[tuple[tuple[str, ...], Holdover | UnsetType]] = [(("holdover",), scenario.holdover)]
    tables += [(("host", name, "holdover"), host.holdover) for name, host in scenario.host.items()]
    for path, table in tables:
        if table is not UNSET and table.temperature:
            yield source.problem((*path, "temperature"), "has no meaning here", why="simulated hosts have no sensors")


def _times(scenario: Scenario, source: Source) -> Iterator[Problem]:
    duration_s = seconds_of(scenario.duration)
    if not 0 < duration_s <= LONGEST_S:
        why = f"allowed: above 0 to {LONGEST_S / 3600:.0f} h"
        yield source.problem(("duration",), f'"{scenario.duration}" is out of range', why=why)
    if scenario.report.after is not UNSET and seconds_of(scenario.report.after) >= duration_s:
        why = f"the duration is {scenario.duration}"
        yield source.problem(("report", "after"), "leaves nothing to report", why=why)


def _links(scenario: Scenario, source: Source) -> Iterator[Problem]:
    unknown = False
    for path, word in _words_in_links(scenario):
        if not ends_of(scenario, word):
            unknown = True
            yield _no_host(scenario, word, path, source)
    ends = [wire.ends for wire in wires(scenario)]
    if not ends and not unknown:
        yield source.problem((), "no link", next_step='write [[link]] and between = ["NAME", "OTHER"]')
    for index, link in enumerate(scenario.link):
        if 1 <= len([end for word in link.between for end in ends_of(scenario, word)]) < 2:
            yield source.problem(("link", index, "between"), "a link joins two hosts or more")
    yield from _loops(scenario, source)
    yield from _ports_used_twice(scenario, source)


def _words_in_links(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    for index, link in enumerate(scenario.link):
        yield from ((("link", index, "between"), word) for word in link.between)
    for index, star in enumerate(scenario.star):
        yield ("star", index, "center"), star.center
        yield from ((("star", index, "leaves"), word) for word in star.leaves)
    for index, chain in enumerate(scenario.chain):
        yield from ((("chain", index, "hosts"), word) for word in chain.hosts)


def _loops(scenario: Scenario, source: Source) -> Iterator[Problem]:
    for index, star in enumerate(scenario.star):
        middle = ends_of(scenario, star.center)
        if len(middle) > 1:
            why = f"{star.center} is {len(middle)} hosts"
            yield source.problem(("star", index, "center"), "a star has one host in the middle", why=why)
        if any(end.host == other.host for word in star.leaves for end in ends_of(scenario, word) for other in middle):
            yield source.problem(("star", index, "leaves"), f"{star.center} is its own leaf")
    for index, chain in enumerate(scenario.chain):
        row = [end.host for word in chain.hosts for end in ends_of(scenario, word)]
        if row and len(row) < 2:
            yield source.problem(("chain", index, "hosts"), "a chain has two hosts or more")
        elif len(set(row)) < len(row):
            yield source.problem(("chain", index, "hosts"), "a host is in the chain twice")
    for index, link in enumerate(scenario.link):
        joined = [end.host for word in link.between for end in ends_of(scenario, word)]
        if len(set(joined)) < len(joined):
            yield source.problem(("link", index, "between"), "joins a host with itself")


def _ports_used_twice(scenario: Scenario, source: Source) -> Iterator[Problem]:
    used: set[End] = set()
    for path, word in _words_in_links(scenario):
        for end in ends_of(scenario, word):
            if end.number and end in used:
                yield source.problem(path, f'"{word}" is on another link already', why="a port has one cable")
            used.add(end)


def _no_host(scenario: Scenario, word: str, path: Path, source: Source) -> Problem:
    why = f"there are {', '.join(scenario.host)}"
    return source.problem(path, f'no host "{word}"', why=why, next_step=nearest(word, scenario.host))


def _timeline(scenario: Scenario, source: Source) -> Iterator[Problem]:
    links = link_names(scenario)
    for index, at in enumerate(scenario.at):
        path: Path = ("at", index)
        if seconds_of(at.time) >= seconds_of(scenario.duration):
            yield source.problem((*path, "time"), "comes after the end", why=f"the duration is {scenario.duration}")
        if bool(at.link) == bool(at.host):
            yield source.problem(path, "needs a link or a host", why="both are given" * bool(at.link))
        elif at.link and at.link not in links:
            shown = ", ".join(list(links)[:6]) + ", …" * (len(links) > 6)
            yield source.problem(
                (*path, "link"), f'no link "{at.link}"', why=f"there are {shown}", next_step=nearest(at.link, links)
            )
        elif at.host and not host_names(scenario, at.host):
            yield _no_host(scenario, at.host, (*path, "host"), source)
        else:
            yield from _changes(at, path, source)


def _changes(at: At, path: Path, source: Source) -> Iterator[Problem]:
    of_link, of_host = ([key for key in keys if getattr(at, key) is not UNSET] for keys in (LINK_KEYS, HOST_KEYS))
    for key in of_host if at.link else of_link:
        whose = "a host" if at.link else "a link"
        yield source.problem((*path, key), f"is a change of {whose}", why=f"{at.link or at.host} is none")
    if not of_link and not of_host:
        keys = LINK_KEYS if at.link else HOST_KEYS
        yield source.problem(path, "changes nothing", next_step=f"give one of {', '.join(keys)}")


def link_names(scenario: Scenario) -> dict[str, None]:
    """Return every name that ``[[at]]`` may give in ``link``."""
    return dict.fromkeys(name for wire in wires(scenario) for name in (wire.name, wire.group) if name)


def _report(scenario: Scenario, source: Source) -> Iterator[Problem]:
    report = scenario.report
    for word in report.hosts:
        if not host_names(scenario, word):
            yield _no_host(scenario, word, ("report", "hosts"), source)
    if report.reference and len(host_names(scenario, report.reference)) != 1:
        if host_names(scenario, report.reference):
            yield source.problem(("report", "reference"), f"{report.reference} is several hosts")
        else:
            yield _no_host(scenario, report.reference, ("report", "reference"), source)
    for name in report.masks:
        if name not in mask_names():
            why = f"there are {', '.join(mask_names())}"
            yield source.problem(
                ("report", "masks"), f'no mask "{name}"', why=why, next_step=nearest(name, mask_names())
            )


def _instances(scenario: Scenario, source: Source) -> Iterator[Problem]:
    """Hold the instances of each host against the daemon's rules; those at the top once, as of the first such host."""
    ports, shared = ports_of(scenario), False
    for template, host in scenario.host.items():
        if not host.instance and (shared or not scenario.instance):
            continue
        shared = shared or not host.instance
        path: Path = ("host", template) if host.instance else ()
        instances = instances_of(scenario, template, ports.get(host_names(scenario, template)[0], 1))
        for problem in instance_contradictions(instances, _within(source, path)):
            yield replace(problem, key=".".join(filter(None, (key_of(path), problem.key))))
        for name, instance in instances.items():
            if instance.clock_identity and host.count > 1:
                yield source.problem((*path, "instance", name, "clock_identity"), "is one for several hosts")
            yield from _one_step(instance, (*path, "instance", name), source)
        yield from _domains(instances, (*path, "instance"), source)


def _domains(instances: Mapping[str, Instance], path: Path, source: Source) -> Iterator[Problem]:
    domains: dict[str, int | UnsetType] = {}
    for name, instance in instances.items():
        with contextlib.suppress(ProfileError):  # told by profile_misfits
            domains[name] = fill_instance(instance).domain_number
    for (first, domain), (second, other) in combinations(domains.items(), 2):
        if domain == other:
            yield source.problem((*path, second), f"is in the same domain as {first}", why=f"domain {domain}")


def _one_step(instance: Instance, path: Path, source: Source) -> Iterator[Problem]:
    for index, port in enumerate(instance.port):
        if not port.two_step:
            why = "no simulated NIC writes the time into a Sync"
            yield source.problem((*path, "port", index, "two_step"), "false cannot be simulated", why=why)
