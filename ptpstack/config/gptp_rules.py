"""What a configuration of gPTP must not say, and what belongs to gPTP alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import UnsetType

from profiles.loader import Profile, load_profile
from ptpstack.config.fill import fill_instance
from ptpstack.config.gptp_resolve import has_static_roles
from ptpstack.config.gptp_table import GptpInstanceKeys, GptpPortKeys
from ptpstack.config.hot_standby_table import HotStandby
from ptpstack.config.instance_table import Instance
from ptpstack.config.model import Config
from ptpstack.config.port_table import Port
from ptpstack.config.problems import Path, Problem, nearest
from ptpstack.config.source import Source

WITHOUT_EFFECT = {
    "path_trace_enabled": "the path is always traced",
    "sync_while_uncalibrated": "a relay hands the time on without its own clock's",
    "max_steps_removed": "it is 255 always",
    "acceptable_master": "every neighbour that is asCapable is listened to",
    "grandmaster_id": "it belongs to the power profiles",
    "local_time": "Announces carry no local time",
}

OF_ANNOUNCES = "log_announce_interval", "announce_receipt_timeout", "request_log_announce_interval"
OF_BEING_CAPABLE = (
    "log_gptp_capable_message_interval",
    "gptp_capable_receipt_timeout",
    "gptp_capable_state_machines_enabled",
)

SAME_ON_A_LINK = (
    "log_min_pdelay_req_interval",
    "log_pdelay_retry_interval",
    "mean_link_delay_thresh_ns",
    "allowed_lost_responses",
    "allowed_faults",
    "delay_asymmetry_ns",
    "ingress_latency_ns",
    "egress_latency_ns",
)


def is_gptp(instance: Instance) -> bool:
    """Whether *instance* speaks IEEE 802.1AS."""
    return load_profile(instance.profile).bmca == "gptp"


def without_effect_on_ports(profile: Profile) -> dict[str, str]:
    """Return what keys of a port *profile* leaves without effect, and why."""
    rules = profile.gptp_rules
    announces = dict.fromkeys(OF_ANNOUNCES, "nobody announces") if "static_roles" in rules else {}
    link_is_enough = "as_capable_on_link_up" in rules
    return announces | (dict.fromkeys(OF_BEING_CAPABLE, "a link that is up is capable") if link_is_enough else {})


def gptp_problems(instances: Mapping[str, Instance], source: Source) -> Iterator[Problem]:
    """Yield what filled *instances* say of gPTP that cannot be so."""
    for name, instance in instances.items():
        path: Path = ("instance", name)
        if is_gptp(instance):
            yield from _within(instance, path, source)
        else:
            yield from _belongs_to_gptp(instance, path, source)
    yield from _shared_links(instances, source)


def _belongs_to_gptp(instance: Instance, path: Path, source: Source) -> Iterator[Problem]:
    why = f"it belongs to gPTP, and the profile is {instance.profile}"
    for key in GptpInstanceKeys.__struct_fields__:
        if getattr(instance, key) != getattr(GptpInstanceKeys(), key):
            yield source.problem((*path, key), "has no effect", why=why)
    for index, port in enumerate(instance.port):
        where: Path = (*path, "port", index)
        if port.delay_mechanism == "common-p2p":
            yield source.problem((*where, "delay_mechanism"), '"common-p2p" is for gPTP', next_step='choose "p2p"')
        for key in GptpPortKeys.__struct_fields__:
            if getattr(port, key) != getattr(GptpPortKeys(), key):
                yield source.problem((*where, key), "has no effect", why=why)


def _within(instance: Instance, path: Path, source: Source) -> Iterator[Problem]:
    usual = fill_instance(Instance(profile=instance.profile))
    for key, why in WITHOUT_EFFECT.items():
        if getattr(instance, key) != getattr(usual, key):
            yield source.problem((*path, key), "has no effect", why=f"profile {instance.profile}: {why}")
    if instance.instance_type != "auto":
        what = f'"{instance.instance_type}" is for IEEE 1588'
        yield source.problem((*path, "instance_type"), what, why="with several ports a gPTP instance is a relay")
    for index, port in enumerate(instance.port):
        yield from _within_port(instance, port, (*path, "port", index), source)
        for key, why in without_effect_on_ports(load_profile(instance.profile)).items():
            if source.gives(given := (*path, "port", index, key)):
                yield source.problem(given, "has no effect", why=f"profile {instance.profile}: {why}")
    if has_static_roles(instance):
        slaves = [index for index, port in enumerate(instance.port) if port.desired_state == "slave"]
        for index in slaves[1:]:
            where: Path = (*path, "port", index, "desired_state")
            yield source.problem(where, "is the second slave", why="a system follows one grandmaster by one port")


def _within_port(instance: Instance, port: Port, path: Path, source: Source) -> Iterator[Problem]:
    if port.master_only:
        step = "set external_port_configuration_enabled in the instance, and desired_state here"
        yield source.problem((*path, "master_only"), "has no effect", why="gPTP has no such port", next_step=step)
    if not port.two_step and len(instance.port) > 1:
        why = "how long a Sync stays in a relay is known only once it left, and goes into its Follow_Up"
        yield source.problem((*path, "two_step"), "false is for end stations", why=why)
    if not port.two_step and not isinstance(instance.autosar, UnsetType):
        why = "CRCs cover when a Sync left, which only the NIC knows that writes it"
        what, step = "false leaves no Follow_Up for what AUTOSAR adds", "write two_step = true"
        yield source.problem((*path, "two_step"), what, why=why, next_step=step)
    if port.one_step_on_request and port.two_step:
        yield source.problem((*path, "one_step_on_request"), "has no effect", why="two_step is true")
    external, given = has_static_roles(instance), source.gives((*path, "desired_state"))
    if given and not external:
        step = "set external_port_configuration_enabled = true in the instance"
        yield source.problem((*path, "desired_state"), "has no effect", next_step=step)
    if external and not given:
        why = "external_port_configuration_enabled is set"
        if not instance.external_port_configuration_enabled:
            why = f"roles are set and not chosen by profile {instance.profile}"
        step = 'write desired_state = "master", "slave", "passive" or "disabled"'
        yield source.problem((*path, "desired_state"), "is missing", why=why, next_step=step)
    if instance.domain_number and port.delay_mechanism == "p2p" and instance.enforce_profile:
        why = "IEEE 802.1AS-2020: domains other than 0 share the measurement of each link"
        step = 'write delay_mechanism = "common-p2p"'
        yield source.problem((*path, "delay_mechanism"), '"p2p" is for domain 0', why=why, next_step=step)


def _shared_links(instances: Mapping[str, Instance], source: Source) -> Iterator[Problem]:
    """The common service measures a link once: who shares it agrees on how, and stamps with one clock."""
    first: dict[str, tuple[str, Instance, Port]] = {}
    for name, instance in instances.items():
        for index, port in enumerate(instance.port):
            if port.delay_mechanism != "common-p2p" or not is_gptp(instance):
                continue
            where: Path = ("instance", name, "port", index)
            other_name, other, other_port = first.setdefault(port.interface, (name, instance, port))
            why = f"instance {other_name} measures the same link with it"
            if instance.clock != other.clock:
                yield source.problem(("instance", name, "clock"), "is not the one of the link", why=why)
            for key in SAME_ON_A_LINK:
                if getattr(port, key) != getattr(other_port, key):
                    what = f"is not {getattr(other_port, key)}"
                    yield source.problem((*where, key), what, why=why, next_step="write the same in both")


def hot_standby_problems(config: Config, source: Source) -> Iterator[Problem]:
    """Yield what `[hot_standby]` says that cannot be so."""
    table = config.hot_standby
    if table == HotStandby():
        return
    for key in ("primary", "secondary"):
        name = getattr(table, key)
        if not name:
            yield source.problem(("hot_standby", key), "is missing", next_step="write the NAME of an [instance.NAME]")
        elif name not in config.instance:
            hint = nearest(name, config.instance)
            yield source.problem(("hot_standby", key), f'there is no instance "{name}"', next_step=hint)
        elif not is_gptp(config.instance[name]):
            why = f"its profile is {config.instance[name].profile}"
            yield source.problem(("hot_standby", key), f"instance {name} does not speak gPTP", why=why)
    pair = [config.instance.get(name) for name in (table.primary, table.secondary)]
    if (first := pair[0]) is None or (second := pair[1]) is None:
        return
    if table.primary == table.secondary:
        yield source.problem(
            ("hot_standby", "secondary"), "is the primary", why="one instance cannot stand in for itself"
        )
    elif first.clock != second.clock:
        why = f"instance {table.primary} has clock {first.clock}, instance {table.secondary} {second.clock}"
        yield source.problem(("hot_standby",), "names instances on two clocks", why=why)
