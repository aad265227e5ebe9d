"""What ports that are paired must not say: two ports of one instance on the two networks of a redundant one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from profiles.loader import load_profile
from ptpstack.config.instance_table import Instance
from ptpstack.config.port_table import Port
from ptpstack.config.problems import Path, Problem
from ptpstack.config.source import Source


def paired_port_numbers(ports: Sequence[Port]) -> Mapping[int, int]:
    """Return the number of each paired port's twin by its own; it is enough that one of both names the other."""
    number_of = {port.interface: number for number, port in enumerate(ports, start=1)}
    pairs = [
        (number, number_of[port.paired_with])
        for number, port in enumerate(ports, start=1)
        if port.paired_with in number_of
    ]
    return dict(pairs) | {twin: number for number, twin in pairs}


def paired_problems(instance: Instance, path: Path, source: Source) -> Iterator[Problem]:
    """Yield what the ports of *instance* say of pairs that cannot be true, or has no effect."""
    twins = paired_port_numbers(instance.port)
    for index, port in enumerate(instance.port):
        if not port.paired_with:
            continue
        place: Path = (*path, "port", index, "paired_with")
        others = [other.interface for other in instance.port if other is not port]
        if port.paired_with not in others:
            there_are = f"the others are {', '.join(others)}" if others else "it has no other port"
            yield source.problem(place, f'"{port.paired_with}" is no other port of the instance', why=there_are)
        elif twins.get(twins[index + 1]) != index + 1:
            yield source.problem(place, f'"{port.paired_with}" is paired with another port', why="pairs are of two")
        elif instance.instance_type != "auto" or load_profile(instance.profile).bmca == "gptp":
            why = "ports are paired of an ordinary or boundary clock of IEEE 1588"
            yield source.problem(place, "has no effect", why=why)
        elif {port.delay_mechanism, instance.port[twins[index + 1] - 1].delay_mechanism} != {"p2p"}:
            why = "the port that stands by measures its path by peer delay"
            yield source.problem(place, "has no effect", why=why, next_step='set delay_mechanism = "p2p" on both ports')
