"""What the file leaves open is decided here: by the profile, or else by the standard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from profiles.loader import AttributeName, DelayMechanismName, Profile, load_profile
from ptpstack.config.instance_table import Instance
from ptpstack.config.model import Config
from ptpstack.config.port_table import Port

_Table = TypeVar("_Table", Instance, Port)

STANDARD: dict[AttributeName, int] = {
    "domain_number": 0,
    "priority1": 128,
    "priority2": 128,
    "grandmaster_id": 0,
    "max_steps_removed": 255,
    "offset_scaled_log_variance": 0xFFFF,
    "log_announce_interval": 1,
    "announce_receipt_timeout": 3,
    "log_sync_interval": 0,
    "log_min_delay_req_interval": 0,
    "log_min_pdelay_req_interval": 0,
    "vlan_id": 0,
    "vlan_priority": 4,
    "dscp_event": 0,
    "dscp_general": 0,
    "unicast_duration_s": 300,
}
"""Initial values for attributes that a profile does not mention (IEEE 1588-2019 8.2, Annex I.3; PCP: IEEE C37.238)."""

DEFAULT_CLOCK_CLASS, SLAVE_ONLY_CLOCK_CLASS = 248, 255
"""IEEE 1588-2019 Table 4."""

ONLY_WITH_MECHANISM = {
    "log_min_delay_req_interval": ("e2e",),
    "log_min_pdelay_req_interval": ("p2p", "common-p2p"),
    "delay_request": ("e2e",),
}
"""Port attributes that mean something with some delay mechanisms only."""


def fill(config: Config) -> Config:
    """Return *config* with every open value decided, save what only the interface can tell (clock_identity)."""
    instances = {name: fill_instance(instance) for name, instance in config.instance.items()}
    return msgspec.structs.replace(config, instance=instances)


def fill_instance(instance: Instance) -> Instance:
    """Return *instance* with its open values decided; raises ``ProfileError`` where the profile is unknown."""
    profile = load_profile(instance.profile)
    decided: dict[str, Any] = {
        "sdo_id": profile.sdo_id,
        "clock_class": SLAVE_ONLY_CLOCK_CLASS if instance.slave_only else DEFAULT_CLOCK_CLASS,
        **_attributes_of(Instance, profile),
    }
    filled = _replace_unset(instance, decided)
    if filled.signal_fail.enabled is UNSET:
        has_others = any(port.unicast_master or port.paired_with for port in instance.port)
        signal_fail = msgspec.structs.replace(filled.signal_fail, enabled=profile.signal_fail or has_others)
        filled = msgspec.structs.replace(filled, signal_fail=signal_fail)
    return msgspec.structs.replace(filled, port=tuple(_fill_port(port, profile, filled) for port in instance.port))


def _fill_port(port: Port, profile: Profile, instance: Instance) -> Port:
    decided: dict[str, Any] = {
        "transport": profile.transports[0],
        "delay_mechanism": _delay_mechanism(profile, instance),
        "destination_mac": profile.destination_mac,
        "vlan": profile.vlan[0],
        "delay_request": profile.delay_requests[0],
        "communication": profile.communications[0],
        **_attributes_of(Port, profile),
    }
    mechanism = decided["delay_mechanism"] if port.delay_mechanism is UNSET else port.delay_mechanism
    for name, needed in ONLY_WITH_MECHANISM.items():
        if mechanism not in needed:
            del decided[name]
    transport = decided["transport"] if port.transport is UNSET else port.transport
    if transport != "l2":
        decided["vlan"] = "untagged"
    if (decided["vlan"] if port.vlan is UNSET else port.vlan) == "untagged":
        del decided["vlan_id"], decided["vlan_priority"]
    return _replace_unset(port, decided)


def _delay_mechanism(profile: Profile, instance: Instance) -> DelayMechanismName:
    """Return the first that the profile names; gPTP domains other than 0 share the measurement of each link."""
    if profile.bmca == "gptp" and instance.domain_number:
        return "common-p2p"
    return profile.delay_mechanisms[0]


def _attributes_of(table: type[Instance | Port], profile: Profile) -> dict[str, int]:
    return {
        name: value
        for name, value in (
            STANDARD | {name: attribute.default for name, attribute in profile.attributes.items()}
        ).items()
        if name in table.__struct_fields__
    }


def _replace_unset(table: _Table, decided: Mapping[str, Any]) -> _Table:
    still_open = {name: value for name, value in decided.items() if getattr(table, name) is UNSET}
    return msgspec.structs.replace(table, **still_open)
