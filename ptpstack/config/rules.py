"""What a well-formed configuration must not say: values outside the profile, and keys that contradict each other."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, get_args

from msgspec import UNSET

from profiles.loader import (
    CommunicationName,
    DelayMechanismName,
    DelayRequestName,
    Profile,
    ProfileError,
    TransportName,
    VlanName,
    load_profile,
    profile_names,
)
from ptpstack.config.fill import ONLY_WITH_MECHANISM, fill_instance
from ptpstack.config.gptp_resolve import has_static_roles
from ptpstack.config.gptp_rules import gptp_problems
from ptpstack.config.instance_table import Instance
from ptpstack.config.model import written
from ptpstack.config.paired_rules import paired_problems
from ptpstack.config.port_table import Port
from ptpstack.config.problems import Path, Problem, key_of, nearest
from ptpstack.config.source import Source
from ptpstack.config.unicast_rules import unicast_problems

LAST_CLOCK_CLASS_OF_MASTERS = 127
"""A clock of class 1 to 127 never follows another (IEEE 1588-2019 Table 4, 9.3.3)."""


def profile_problems(source: Source, misfits: Container[str] = ()) -> Iterator[Problem]:
    """Yield each profile that does not exist and each value that the instance's profile does not allow.

    Reads the plain tables, so that these problems come together with those of structure, whose keys are *misfits*.
    """
    for name, table in _tables(source.table.get("instance")):
        path: Path = ("instance", name)
        ident = table.get("profile", Instance(port=()).profile)
        if not isinstance(ident, str):
            continue
        try:
            profile = load_profile(ident)
        except ProfileError as error:
            hint = nearest(ident, profile_names())
            yield source.problem((*path, "profile"), error.what, why=error.why, next_step=hint)
            continue
        if table.get("enforce_profile", True) is True:
            yield from _outside_profile(table, path, profile, source, misfits)
            for index, port in _tables(table.get("port")):
                yield from _outside_profile(port, (*path, "port", index), profile, source, misfits)


def _tables(value: object) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the tables in a table or array of tables, by name or index."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, dict):
            yield key, item


def _outside_profile(
    table: Mapping[str, Any], path: Path, profile: Profile, source: Source, misfits: Container[str]
) -> Iterator[Problem]:
    ranges: dict[str, tuple[int, int]] = {
        name: (attribute.min, attribute.max) for name, attribute in profile.attributes.items()
    }
    ranges |= {"sdo_id": (profile.sdo_id, profile.sdo_id)}
    choices: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "delay_mechanism": (get_args(DelayMechanismName), profile.delay_mechanisms),
        "transport": (get_args(TransportName), profile.transports),
        "vlan": (get_args(VlanName), profile.vlan),
        "delay_request": (get_args(DelayRequestName), profile.delay_requests),
        "communication": (get_args(CommunicationName), profile.communications),
    }
    by_profile = f"by profile {profile.ident}, {profile.reference}"
    for key, value in table.items():
        leave = "" if key_of((*path, key)) in misfits else "enforce_profile = false in the instance lets it pass"
        if key in ranges and type(value) is int:
            low, high = ranges[key]
            if not low <= value <= high:
                allowed = " to ".join(written(key, limit) for limit in sorted({low, high}))
                why = f"allowed: {allowed} {by_profile}"
                yield source.problem((*path, key), f"{written(key, value)} is out of range", why=why, next_step=leave)
        elif key in choices and value in choices[key][0] and value not in choices[key][1]:
            why = f"allowed: {', '.join(choices[key][1])} {by_profile}"
            yield source.problem((*path, key), f'"{value}" is not a choice', why=why, next_step=leave)


def contradictions(instances: Mapping[str, Instance], source: Source) -> Iterator[Problem]:
    """Yield what well-formed *instances* say that cannot all be true."""
    if not source.table.get("instance") and not _works_without_instance(source):
        yield source.problem((), "no instance", next_step="write [instance.main] and [[instance.main.port]]")
    filled: dict[str, Instance] = {}
    for name, instance in instances.items():
        with contextlib.suppress(ProfileError):  # told by profile_problems
            filled[name] = fill_instance(instance)
    for name, instance in filled.items():
        path: Path = ("instance", name)
        yield from _within_instance(instance, path, source)
        yield from _clock_name(instance, path, source)
        for index, port in enumerate(instance.port):
            yield from _within_port(instance, port, (*path, "port", index), source)
    for (name, first), (other, second) in combinations(filled.items(), 2):
        yield from _between(first, second, name, ("instance", other), source)
    yield from gptp_problems(filled, source)
    yield from _same_port_twice(filled, source)
    yield from _mixed_steps(filled, source)


def _works_without_instance(source: Source) -> bool:
    """Whether clocks follow clocks, pulses or NTP, or send some: phc2sys, ts2phc and chrony need no ptp4l either."""
    follows = any(table.get("follows") for _, table in _tables(source.table.get("clock")))
    return follows or any(source.table.get(name) for name in ("source", "output", "sink", "ntp", "synce"))


def _within_instance(instance: Instance, path: Path, source: Source) -> Iterator[Problem]:
    if not instance.port:
        header = f"[[{'.'.join(map(str, path))}.port]]"
        yield source.problem(path, "has no port", next_step=f'write {header} and interface = "NAME" below it')
    if instance.local_time and not is_time_zone(instance.local_time):
        why = "tzdata has no such zone on this machine"
        yield source.problem((*path, "local_time"), f'no time zone "{instance.local_time}"', why=why)
    yield from _local_priorities(instance, path, source)
    yield from paired_problems(instance, path, source)
    if is_transparent(instance):
        yield from _within_transparent_clock(instance, path, source)
    clock_class = instance.clock_class or 0
    if instance.slave_only and clock_class <= LAST_CLOCK_CLASS_OF_MASTERS:
        yield source.problem(
            (*path, "clock_class"),
            f"{clock_class} contradicts slave_only",
            why=f"a clock of class {LAST_CLOCK_CLASS_OF_MASTERS} or less is never a slave, IEEE 1588-2019 Table 4",
            next_step="leave clock_class out: it is 255 then",
        )


def _local_priorities(instance: Instance, path: Path, source: Source) -> Iterator[Problem]:
    """They belong to the alternate algorithm, whose profiles have them as an attribute."""
    if "local_priority" in load_profile(instance.profile).attributes:
        return
    given = [path, *((*path, "port", index) for index in range(len(instance.port)))]
    for table in given:
        if source.gives((*table, "local_priority")):
            why = f"profile {instance.profile} chooses the master by IEEE 1588-2019 9.3.4"
            yield source.problem((*table, "local_priority"), "has no effect", why=why)


def _within_transparent_clock(instance: Instance, path: Path, source: Source) -> Iterator[Problem]:
    kind = f'instance_type = "{instance.instance_type}"'
    mechanism = instance.instance_type[:3]
    if len(instance.port) == 1:
        yield source.problem(path, "has one port", why=f"{kind} hands messages on from one port to another")
    for key in ("slave_only", "free_running", "acceptable_master", "smp_synch_file"):
        if source.gives((*path, key)):
            yield source.problem((*path, key), "has no effect", why=f"{kind} follows nobody")
    others = [index for index, port in enumerate(instance.port) if port.delay_mechanism != mechanism]
    if others:
        what = f'"{instance.port[others[0]].delay_mechanism}" contradicts {kind}'
        step = f'choose profile default-{mechanism}, or delay_mechanism = "{mechanism}" for every port'
        yield source.problem((*path, "port", others[0], "delay_mechanism"), what, next_step=step)
    for index, port in enumerate(instance.port):
        if port.master_only:
            where: Path = (*path, "port", index, "master_only")
            yield source.problem(where, "has no effect", why=f"{kind} follows nobody")
        if not port.two_step:
            why = "under Linux a NIC can write its time into a Sync that leaves, but not how long that stayed"
            yield source.problem((*path, "port", index, "two_step"), f"contradicts {kind}", why=why)


def _clock_name(instance: Instance, path: Path, source: Source) -> Iterator[Problem]:
    clocks = dict(_tables(source.table.get("clock")))
    if clocks.get(instance.clock, {}).get("type") == "soft":
        for index, port in enumerate(instance.port):
            if port.timestamping == "hardware":
                yield source.problem(
                    (*path, "port", index, "timestamping"),
                    f'"hardware" contradicts clock = "{instance.clock}"',
                    why="a soft clock reads the kernel's stamps",
                )
    yield from unknown_clock(instance.clock, clocks, (*path, "clock"), source)


def unknown_clock(word: str, names: Iterable[str], path: Path, source: Source) -> Iterator[Problem]:
    """Yield the problem with *word* at *path* if it is no clock."""
    known = list(dict.fromkeys(["auto", "system", *names]))
    if word not in known and not word.startswith("/dev/"):
        why = f"there are {', '.join(known)} and /dev/ptpN"
        yield source.problem(path, f'no clock "{word}"', why=why, next_step=nearest(word, known))


def _within_port(instance: Instance, port: Port, path: Path, source: Source) -> Iterator[Problem]:
    if instance.slave_only and port.master_only:
        yield source.problem((*path, "master_only"), "contradicts slave_only of the instance")
    for name, mechanisms in ONLY_WITH_MECHANISM.items():
        if getattr(port, name) is not UNSET and port.delay_mechanism not in mechanisms:
            why = f'it belongs to {mechanisms[0]}, and delay_mechanism is "{port.delay_mechanism}"'
            yield source.problem((*path, name), "has no effect", why=why)
    yield from _unused_tag(port, path, source)
    yield from unicast_problems(instance, port, path, source)


def _unused_tag(port: Port, path: Path, source: Source) -> Iterator[Problem]:
    if port.vlan == "tagged" and port.transport != "l2":
        why = f'the kernel makes the frames of transport "{port.transport}"'
        step = "name a VLAN interface such as eth0.100"
        yield source.problem((*path, "vlan"), '"tagged" has no effect', why=why, next_step=step)
    for key in ("vlan_id", "vlan_priority"):
        if port.vlan != "tagged" and source.gives((*path, key)):
            yield source.problem((*path, key), "has no effect", next_step='write vlan = "tagged"')


def _between(first: Instance, second: Instance, first_name: str, path: Path, source: Source) -> Iterator[Problem]:
    """Two instances may share a clock only when at most one steers it."""
    if not (steers(first) and steers(second)) or _stand_in_for_each_other(first_name, str(path[-1]), source):
        return
    shared = sorted(clocks_of(first) & clocks_of(second))
    if not shared:
        return
    if not _is_ordered(source):
        yield source.problem(
            (*path, "clock"),
            f"instance {first_name} steers the same clock",
            why=shared[0],
            next_step="set free_running = true in one, give each its own clock, or write [arbiter] order",
        )
    elif max(len(first.port), len(second.port)) > 1:
        yield source.problem(
            (*path, "clock"),
            f"instance {first_name} steers the same clock, and one of the two has several ports",
            why="it would announce its own grandmaster while the clock follows the other's",
            next_step="give each one port, or set free_running = true in one",
        )


def _is_ordered(source: Source) -> bool:
    """Whether `[arbiter]` says who of several instances steers a clock."""
    table = source.table.get("arbiter")
    return isinstance(table, dict) and "order" in table


def _stand_in_for_each_other(first_name: str, second_name: str, source: Source) -> bool:
    """Whether the two are the instances of `[hot_standby]`, one of which steers at a time."""
    table = source.table.get("hot_standby")
    pair = [table.get(key) for key in ("primary", "secondary")] if isinstance(table, dict) else []
    return {first_name, second_name} == set(pair)


def is_time_zone(name: str) -> bool:
    """Whether tzdata knows *name*."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 (few configurations name a zone)

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def has_profile(instance: Instance) -> bool:
    """Whether the profile of *instance* is one that there is."""
    try:
        load_profile(instance.profile)
    except ProfileError:
        return False
    return True


def is_transparent(instance: Instance) -> bool:
    """Whether *instance* is a transparent clock."""
    return instance.instance_type != "auto"


def steers(instance: Instance) -> bool:
    """Whether *instance* may ever steer its clock."""
    follows = not is_transparent(instance) and not all(port.master_only for port in instance.port)
    if has_static_roles(instance):
        follows = any(port.desired_state == "slave" for port in instance.port)
    return follows and not instance.free_running


def clocks_of(instance: Instance) -> set[str]:
    """Return the clock by name; ``auto`` is the PHC of an interface, or the system clock under software stamps."""
    if instance.clock != "auto":
        return {instance.clock}
    return {"system" if port.timestamping == "software" else f"the clock of {port.interface}" for port in instance.port}


def _mixed_steps(instances: Mapping[str, Instance], source: Source) -> Iterator[Problem]:
    """A NIC stamps all its Syncs one way."""
    first: dict[str, tuple[bool, str]] = {}
    for name, instance in instances.items():
        for index, port in enumerate(instance.port):
            path: Path = ("instance", name, "port", index)
            here = f"instance.{name}.port[{index}]"
            two_step, place = first.setdefault(port.interface, (port.two_step, here))
            if port.one_step_on_request and place != here:
                why = f"{place} sends on {port.interface} too, and a NIC stamps Syncs one way for all"
                yield source.problem((*path, "one_step_on_request"), "is for the only port of an interface", why=why)
            if port.two_step != two_step:
                why = (
                    f"{port.interface} stamps Syncs one way for all, and two_step is {written('', two_step)} in {place}"
                )
                yield source.problem((*path, "two_step"), "contradicts another port", why=why)


def _same_port_twice(instances: Mapping[str, Instance], source: Source) -> Iterator[Problem]:
    seen: dict[tuple[object, ...], str] = {}
    for name, instance in instances.items():
        for index, port in enumerate(instance.port):
            path: Path = ("instance", name, "port", index)
            vlan_id = port.vlan_id if port.vlan == "tagged" else None
            identity = (port.interface, port.transport, vlan_id, instance.domain_number, instance.sdo_id)
            if identity in seen:
                why = f"{port.interface}, {port.transport}, domain {instance.domain_number}: as {seen[identity]}"
                yield source.problem(path, "is the same port again", why=why)
            else:
                seen[identity] = f"instance.{name}.port[{index}]"
