"""Every value inside a range is accepted, and the ones just outside are refused with the range."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiles import Profile, load_profile, profile_names
from ptpstack.config import Config, from_command_line, from_dict, resolve
from ptpstack.config.fill import fill
from ptpstack.config.gptp_rules import without_effect_on_ports
from ptpstack.config.gptp_table import GptpPortKeys
from ptpstack.config.model import TABLES, written
from ptpstack.config.port_table import Port
from ptpstack.config.problems import InvalidConfigError
from ptpstack.config.source import Source
from ptpstack.config.structure import structure_problems
from ptpstack.wire.types import ClockIdentity

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is not a failure."""

ATTRIBUTES = [
    pytest.param(load_profile(ident), name, id=f"{ident} {name}")
    for ident in profile_names()
    for name in load_profile(ident).attributes
    if name not in without_effect_on_ports(load_profile(ident))
]
"""Of those without effect, ``test_gptp`` has that they are refused whatever they are."""


OF_SOCKETS = {"vlan_id", "vlan_priority", "dscp_event", "dscp_general", "unicast_duration_s"}
"""Attributes on which, as on grandmaster_id, no rule of the protocol depends."""
BY_ANOTHER_NAME = {"mean_link_delay_thresh_ns", "offset_scaled_log_variance", *GptpPortKeys.__struct_fields__}
"""Attributes that ``test_gptp`` follows into the settings of their engine."""


def config_with(profile: Profile, name: str, value: object) -> dict[str, Any]:
    port: dict[str, Any] = {"interface": "eth0"}
    if profile.communications == ("unicast",):
        port["unicast_master"] = [{"address": "192.0.2.1"}]
    if "static_roles" in profile.gptp_rules:
        port["desired_state"] = "slave"
    instance: dict[str, Any] = {"profile": profile.ident, "port": [port]}
    (port if name in Port.__struct_fields__ else instance)[name] = value
    return {"instance": {"main": instance}}


@pytest.mark.parametrize(("profile", "name"), ATTRIBUTES)
def test_inside_the_profile_is_accepted_and_reaches_the_settings(profile: Profile, name: str) -> None:
    attribute = profile.attributes[name]
    step = 1 + (attribute.max - attribute.min) // 256
    for value in {*range(attribute.min, attribute.max + 1, step), attribute.max}:
        [instance] = resolve(from_dict(config_with(profile, name, value)))
        told: tuple[Any, ...] = (instance.values,) * (name in {"grandmaster_id", *BY_ANOTHER_NAME})
        told += (instance.values.port[0],) * (name in OF_SOCKETS | BY_ANOTHER_NAME)
        settings = (instance.instance_settings(ClockIdentity()), instance.ports[0].settings, *told)
        assert [getattr(part, name) for part in settings if hasattr(part, name)][-1] == value


@UNHURRIED
@given(st.data())
def test_outside_the_profile_is_refused_with_its_range(data: st.DataObject) -> None:
    profile, name = data.draw(st.sampled_from(ATTRIBUTES)).values
    attribute = profile.attributes[name]
    near = st.sampled_from([attribute.min - 1, attribute.max + 1])
    far = st.integers().filter(lambda value: not attribute.min <= value <= attribute.max)
    value = data.draw(near | far)
    with pytest.raises(InvalidConfigError) as caught:
        from_dict(config_with(profile, name, value))
    [problem] = caught.value.problems
    assert problem.key.endswith(name)
    assert problem.what == f"{written(name, value)} is out of range"
    allowed = " to ".join(written(name, limit) for limit in sorted({attribute.min, attribute.max}))
    assert problem.why.startswith(f"allowed: {allowed} by profile {profile.ident}")


WHOLE = {
    **msgspec.to_builtins(fill(from_command_line(["eth0", "eth1"]))),
    "clock": {
        "car": {"type": "soft", "offset_ns": 1, "frequency_error_ppb": 1.0},
        "system": {"type": "system", "follows": "auto", "log_interval": -3, "readings": 9},
        "second": {"type": "phc", "device": "/dev/ptp1", "follows": "/dev/ptp0"},
    },
    "source": {"gnss": {"type": "pps", "clock": "/dev/ptp0", "time_of_day": "nmea", "serial_port": "/dev/ttyS0"}},
    "output": {"pps": {"clock": "second", "pin": "SDP1", "period_ns": 10**9, "width_ns": 10**8}},
}
"""Every key of the file, each with a value that is right."""

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([-11, -1, 0, 1, 2, 3, 10, 11, 63, 64, 99, 100, 255, 256, 1000]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["l2", "e2e", "p2p", "none", "system", "car", "default-p2p", "001b19.fffe.000001"]),
    st.sampled_from(["{}", "[]", "[{}]", '{"main": {}}']).map(msgspec.json.decode),
)
KEYS = sorted({name for table in TABLES.values() for name in table.__struct_fields__})


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Return every (table or array, key or index) in *value*."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in ((value, key), *places_in(item))]


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Return a file with up to four values replaced, added or taken out."""
    table: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(WHOLE))
    for _ in range(draw(st.integers(0, 4))):
        container, key = draw(st.sampled_from(places_in(table) or [(table, "log")]))
        match draw(st.sampled_from(["replace", "add", "delete"])):
            case "replace":
                container[key] = draw(VALUES)
            case "add" if isinstance(container, dict):
                container[draw(st.sampled_from(KEYS) | st.text(max_size=5))] = draw(VALUES)
            case "delete" if key in container:
                del container[key]
    return table


def test_the_unchanged_file_is_right() -> None:
    assert from_dict(WHOLE).clock["car"].type == "soft"


@UNHURRIED
@given(files())
def test_the_walk_finds_a_problem_exactly_where_the_model_refuses(table: dict[str, Any]) -> None:
    problems = list(structure_problems(Source("x", table)))
    try:
        msgspec.convert(table, Config)
    except msgspec.ValidationError:
        assert problems
    else:
        assert not problems


@UNHURRIED
@given(files())
def test_any_table_is_a_config_or_a_list_of_problems(table: dict[str, Any]) -> None:
    try:
        from_dict(table)
    except InvalidConfigError as error:
        problems, text = error.problems, str(error)
    else:
        return
    assert problems
    assert all(problem.what and str(problem) in text for problem in problems)
