"""Which hosts and links a scenario comes to: templates, stars and chains written out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from ptpstack.sim.addresses import address_of
from ptpstack.sim.scenario.model import Chain, Conditions, Instance, Link, Port, Scenario, Star


@dataclass(frozen=True, slots=True)
class End:
    """Port *number* of *host*; ``None``: its next free one."""

    host: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Wire:
    """One link: its *name*, the name of the *group* that it was written as, its ends with their port numbers."""

    name: str
    group: str
    ends: tuple[tuple[str, int], ...]
    table: Conditions


def host_names(scenario: Scenario, name: str) -> list[str]:
    """Return the hosts that *name* stands for: each of a template, or the one of that name; none: unknown."""
    if name in scenario.host:
        count = scenario.host[name].count
        return [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]
    template, _, number = name.rpartition("-")
    if template in scenario.host and number.isdecimal() and 1 <= int(number) <= scenario.host[template].count != 1:
        return [name]
    return []


def template_of(scenario: Scenario, host: str) -> str:
    """Return the NAME of ``[host.NAME]`` that *host* was made from."""
    return host if host in scenario.host else host.rpartition("-")[0]


def ends_of(scenario: Scenario, word: str) -> list[End]:
    """Return the ends that *word* in a link stands for (``NAME`` or ``NAME:PORT``); none: unknown."""
    name, colon, number = word.partition(":")
    if colon and not (number.isdecimal() and 1 <= int(number) <= 0xFFFE):
        return []
    return [End(host, int(number) if colon else None) for host in host_names(scenario, name)]


def wires(scenario: Scenario) -> list[Wire]:
    """Return every link of *scenario*: links, chains, stars; ports are numbered as they are needed."""
    given = {(end.host, end.number) for ends, _ in _written(scenario) for end in ends if end.number}
    last: Counter[str] = Counter()
    shared: dict[tuple[int, str], int] = {}
    found = []
    for ends, table in _written(scenario):
        numbered = []
        for end in ends:
            key = (id(table), end.host)
            number = end.number or shared.get(key)
            if number is None:
                number = _next_free(end.host, last, given)
            if isinstance(table, Star) and table.ports == "one" and end is ends[0]:
                shared[key] = number
            numbered.append((end.host, number))
        name = "/".join(end.host for end in ends) if len(ends) == 2 else "hub"
        group = getattr(table, "name", "")
        found.append(Wire(group if group and isinstance(table, Link) else name, group, tuple(numbered), table))
    return found


def _written(scenario: Scenario) -> Iterator[tuple[Sequence[End], Conditions]]:
    tables: tuple[Link | Chain | Star, ...] = (*scenario.link, *scenario.chain, *scenario.star)
    for table in tables:
        match table:
            case Link():
                yield [end for word in table.between for end in ends_of(scenario, word)], table
            case Star():
                for center in ends_of(scenario, table.center)[:1]:
                    for word in table.leaves:
                        yield from (([center, leaf], table) for leaf in ends_of(scenario, word))
            case Chain():
                row = [end for word in table.hosts for end in ends_of(scenario, word)]
                yield from ((pair, table) for pair in pairwise(row))


def ports_of(scenario: Scenario) -> dict[str, int]:
    """Return how many ports each host has that has a link."""
    ports: dict[str, int] = {}
    for wire in wires(scenario):
        for name, number in wire.ends:
            ports[name] = max(number, ports.get(name, 0))
    return ports


def instances_of(scenario: Scenario, template: str, ports: int) -> dict[str, Instance]:
    """Return the instances of a host of ``[host.template]`` that has so many *ports*, each listed and named."""
    instances = scenario.host[template].instance or scenario.instance or {"main": Instance()}
    addresses = _addresses(scenario)
    return {name: _with_ports(instance, ports, addresses) for name, instance in instances.items()}


def _addresses(scenario: Scenario) -> dict[str, str]:
    """Return the address of each host, in the order in which they are added to the world."""
    names = [name for template in scenario.host for name in host_names(scenario, template)]
    return {name: address_of(number) for number, name in enumerate(names, start=1)}


def _with_ports(instance: Instance, ports: int, addresses: Mapping[str, str]) -> Instance:
    given = instance.port or (Port(),)
    listed = (*given, *(given[-1],) * (ports - len(given)))
    named = (
        replace(_addressed(port, addresses), interface=port.interface or f"port {n}")
        for n, port in enumerate(listed, start=1)
    )
    return replace(instance, port=tuple(named))


def _addressed(port: Port, addresses: Mapping[str, str]) -> Port:
    """Return *port* with the addresses of the hosts that its unicast masters name, which are of IPv4."""
    if not port.unicast_master:
        return port
    masters = tuple(replace(row, address=addresses.get(row.address, row.address)) for row in port.unicast_master)
    return replace(port, transport="udpv4", unicast_master=masters)


def _next_free(host: str, last: Counter[str], given: set[tuple[str, int]]) -> int:
    last[host] += 1
    while (host, last[host]) in given:
        last[host] += 1
    return last[host]
