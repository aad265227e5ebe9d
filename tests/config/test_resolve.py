"""Profile, file and standard, joined into what the engine and the sockets take."""

from typing import Any

import pytest

from ptpstack.config import ResolvedInstance, from_dict, resolve
from ptpstack.config.effective import effective
from ptpstack.config.load import command_line, from_source
from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import NANOSECOND
from ptpstack.wire.types import ClockIdentity, ClockQuality, TimeSource

IDENTITY = ClockIdentity.from_text("001b19.fffe.000001")


def resolved(instance: dict[str, Any] | None = None, port: dict[str, Any] | None = None) -> ResolvedInstance:
    table = {**(instance or {}), "port": [{"interface": "eth0", **(port or {})}]}
    [result] = resolve(from_dict({"instance": {"main": table}}))
    return result


def test_what_nobody_sets_is_the_standards_default() -> None:
    instance = resolved()
    assert instance.instance_settings(IDENTITY) == InstanceSettings(clock_identity=IDENTITY)
    assert [port.settings for port in instance.ports] == [PortSettings(port_number=1)]


def test_what_the_file_sets_reaches_the_instance() -> None:
    instance = resolved(
        {
            "domain_number": 3,
            "priority1": 1,
            "priority2": 2,
            "clock_class": 6,
            "clock_accuracy": 0x21,
            "offset_scaled_log_variance": 0x4E5D,
            "path_trace_enabled": True,
            "max_steps_removed": 9,
            "current_utc_offset": 38,
            "current_utc_offset_valid": True,
            "ptp_timescale": False,
            "time_traceable": True,
            "frequency_traceable": True,
            "time_source": "gnss",
            "clock_identity": "02-00-00-FF-FE-00-00-09",
        }
    )
    assert instance.instance_settings(IDENTITY) == InstanceSettings(
        clock_identity=ClockIdentity.from_text("020000.fffe.000009"),
        domain_number=3,
        priority1=1,
        priority2=2,
        clock_quality=ClockQuality(6, 0x21, 0x4E5D),
        path_trace_enabled=True,
        max_steps_removed=9,
        time_properties=TimeProperties(
            current_utc_offset=38,
            current_utc_offset_valid=True,
            ptp_timescale=False,
            time_traceable=True,
            frequency_traceable=True,
            time_source=TimeSource.GNSS,
        ),
    )


def test_what_the_file_sets_reaches_the_port() -> None:
    instance = resolved(
        {"profile": "default-p2p"},
        {
            "transport": "udpv6",
            "timestamping": "software",
            "master_only": True,
            "two_step": False,
            "log_announce_interval": 2,
            "announce_receipt_timeout": 4,
            "log_sync_interval": -1,
            "log_min_pdelay_req_interval": 3,
            "delay_asymmetry_ns": -5,
            "ingress_latency_ns": 6,
            "egress_latency_ns": 7,
            "minor_version_number": 0,
            "udp_ttl": 8,
            "dscp_event": 46,
            "dscp_general": 34,
        },
    )
    [port] = instance.ports
    assert port.settings == PortSettings(
        port_number=1,
        delay_mechanism=DelayMechanism.P2P,
        master_only=True,
        two_step_flag=False,
        minor_version_number=0,
        log_announce_interval=2,
        announce_receipt_timeout=4,
        log_sync_interval=-1,
        log_min_pdelay_req_interval=3,
        delay_asymmetry=-5 * NANOSECOND,
        ingress_latency=6 * NANOSECOND,
        egress_latency=7 * NANOSECOND,
    )
    assert (port.interface, port.transport, port.timestamping) == ("eth0", "udpv6", "software")
    assert (port.udp_ttl, port.dscp_event, port.dscp_general) == (8, 46, 34)


def test_a_tagged_port_has_its_tag_control_information() -> None:
    def tag(profile: str, **port: object) -> int | None:
        return resolved({"profile": profile}, {"transport": "l2"} | port).ports[0].vlan_tag

    assert tag("default-e2e") is None
    assert tag("default-e2e", vlan="tagged", vlan_id=5, vlan_priority=7) == 7 << 13 | 5
    assert tag("c37-238-2011") == 4 << 13
    assert tag("c37-238-2011", vlan="untagged") is None


def test_acceptable_masters_reach_the_engine() -> None:
    named = [{"identity": "0000bb.fffe.000001-3", "alternate_priority1": 9}, {"identity": "00:00:bb:ff:fe:00:00:02"}]
    entries = resolved({"acceptable_master": named}).instance_settings(IDENTITY).acceptable_masters
    assert [(str(entry.port_identity), entry.alternate_priority1) for entry in entries] == [
        ("0000bb.fffe.000001-3", 9),
        ("0000bb.fffe.000002-0", 0),
    ]


def test_the_enterprise_profile_asks_by_unicast() -> None:
    assert resolved({"profile": "rfc9760"}).ports[0].settings.asks_by_unicast
    assert not resolved({"profile": "default-e2e"}).ports[0].settings.asks_by_unicast


def test_every_time_source_of_the_standard_has_its_name_in_the_model() -> None:
    for source in TimeSource:
        settings = resolved({"time_source": source.name.lower()}).instance_settings(IDENTITY)
        assert settings.time_properties.time_source is source


def test_a_slave_only_clock_has_class_255() -> None:
    assert resolved({"slave_only": True}).instance_settings(IDENTITY).clock_quality.clock_class == 255


def test_ports_count_from_one() -> None:
    config = from_dict({"instance": {"main": {"port": [{"interface": "eth0"}, {"interface": "eth1"}]}}})
    assert [port.settings.port_number for port in resolve(config)[0].ports] == [1, 2]


def test_an_identity_is_needed_from_somewhere() -> None:
    with pytest.raises(ValueError, match="no clock identity"):
        resolved().instance_settings()


def test_every_value_has_an_origin() -> None:
    source = command_line(["eth0"], "default-p2p", domain_number=5)
    origins = {value.key: value for value in effective(from_source(source), source)}
    assert origins["instance.main.domain_number"].value == 5
    assert origins["instance.main.domain_number"].origin == "command line"
    assert origins["instance.main.domain_number"].unverified == "range 0 to 127"
    assert origins["instance.main.priority1"].origin == "profile default-p2p"
    assert origins["instance.main.port[0].delay_mechanism"].origin == "profile default-p2p"
    assert origins["instance.main.port[0].interface"].origin == "command line"
    assert origins["instance.main.max_steps_removed"].origin == "default"
    assert origins["servo.first_step_threshold_ns"].origin == "default"
