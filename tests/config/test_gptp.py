"""gPTP in the configuration: what reaches the engine, and what is refused with a word on what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptpstack.config import from_dict, load, resolve
from ptpstack.config.fill import fill_instance
from ptpstack.config.gptp_resolve import hot_standby_settings
from ptpstack.config.problems import InvalidConfigError
from ptpstack.config.resolve import ResolvedInstance
from ptpstack.engine.port_state import PortState
from ptpstack.gptp.settings import AutosarSettings, CrcCheck
from ptpstack.time import interval_from_ns
from ptpstack.wire.tlvs.autosar import OffsetTime, Status, UserData
from ptpstack.wire.types import ClockIdentity, ClockQuality

IDENTITY = ClockIdentity(bytes(range(8)))


def resolved(instance: dict[str, Any] | None = None, **port: Any) -> ResolvedInstance:
    table = {"profile": "gptp", **(instance or {}), "port": [{"interface": "eth0", **port}]}
    (only,) = resolve(from_dict({"instance": {"main": table}}))
    return only


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "gptp.toml"
    file.write_text(text)
    with pytest.raises(InvalidConfigError) as caught:
        load(file)
    return [f"{problem.key}: {problem.what}" for problem in caught.value.problems]


class TestWhatReachesTheEngine:
    def test_the_defaults_of_the_standard(self) -> None:
        settings, port = resolved().gptp_settings(IDENTITY), resolved().ports[0].gptp
        assert settings.clock_quality == ClockQuality(248, 0xFE, 0x436A)
        assert (settings.priority1, settings.priority2, settings.domain_number) == (246, 248, 0)
        assert port is not None
        assert (port.log_sync_interval, port.log_announce_interval, port.link.log_pdelay_req_interval) == (-3, 0, 0)
        assert (port.sync_receipt_timeout, port.announce_receipt_timeout) == (3, 3)
        assert port.link.mean_link_delay_thresh == interval_from_ns(800)
        assert (port.link.allowed_lost_responses, port.link.allowed_faults) == (9, 9)

    @pytest.mark.parametrize(
        ("key", "value", "attribute", "expected"),
        [
            ("mean_link_delay_thresh_ns", 5000, "link.mean_link_delay_thresh", interval_from_ns(5000)),
            ("allowed_lost_responses", 3, "link.allowed_lost_responses", 3),
            ("allowed_faults", 2, "link.allowed_faults", 2),
            ("log_min_pdelay_req_interval", -3, "link.log_pdelay_req_interval", -3),
            ("delay_asymmetry_ns", 7, "link.delay_asymmetry", interval_from_ns(7)),
            ("ingress_latency_ns", 8, "link.ingress_latency", interval_from_ns(8)),
            ("egress_latency_ns", 9, "link.egress_latency", interval_from_ns(9)),
            ("minor_version_number", 0, "link.minor_version_number", 0),
            ("log_sync_interval", -5, "log_sync_interval", -5),
            ("sync_receipt_timeout", 9, "sync_receipt_timeout", 9),
            ("log_announce_interval", 1, "log_announce_interval", 1),
            ("announce_receipt_timeout", 4, "announce_receipt_timeout", 4),
            ("log_gptp_capable_message_interval", 0, "log_gptp_capable_message_interval", 0),
            ("gptp_capable_receipt_timeout", 3, "gptp_capable_receipt_timeout", 3),
            ("gptp_capable_state_machines_enabled", False, "gptp_capable_state_machines_enabled", False),
            ("request_log_sync_interval", -4, "requested_log_sync_interval", -4),
            ("request_log_announce_interval", 2, "requested_log_announce_interval", 2),
            ("request_log_pdelay_req_interval", 1, "requested_log_pdelay_req_interval", 1),
            ("interval_request_edition", "2011", "interval_request_edition", "2011"),
            ("two_step", False, "two_step_flag", False),
        ],
    )
    def test_each_key_of_a_port(self, key: str, value: object, attribute: str, expected: object) -> None:
        found: Any = resolved(**{key: value}).ports[0].gptp
        for name in attribute.split("."):
            found = getattr(found, name)
        assert found == expected

    def test_one_step_may_wait_for_the_neighbours_word(self) -> None:
        port = resolved(two_step=False, one_step_on_request=True).ports[0].gptp
        assert port is not None
        assert (port.one_step_on_request, port.initial_one_step_tx_oper) == (True, False)

    def test_one_that_is_slave_only_is_never_the_grandmaster(self) -> None:
        assert resolved({"slave_only": True}).gptp_settings(IDENTITY).priority1 == 255

    def test_domains_other_than_0_share_the_measurement_of_a_link(self) -> None:
        assert resolved({"domain_number": 1}).values.port[0].delay_mechanism == "common-p2p"
        assert resolved().values.port[0].delay_mechanism == "p2p"

    def test_states_may_be_set(self) -> None:
        instance = resolved({"external_port_configuration_enabled": True}, desired_state="slave")
        assert instance.gptp_settings(IDENTITY).external_port_configuration_enabled
        assert instance.ports[0].gptp is not None
        assert instance.ports[0].gptp.desired_state is PortState.SLAVE

    def test_what_becomes_of_a_path_that_is_too_long(self) -> None:
        instance = resolved({"path_trace_when_too_long": "absent"})
        assert not instance.gptp_settings(IDENTITY).empty_path_trace_when_too_long


GPTP = """
[instance.main]
profile = "gptp"
{}
[[instance.main.port]]
interface = "eth0"
{}
"""

REFUSED = [
    (GPTP.format("path_trace_enabled = true", ""), "instance.main.path_trace_enabled: has no effect"),
    (GPTP.format('instance_type = "p2p-tc"', ""), 'instance.main.instance_type: "p2p-tc" is for IEEE 1588'),
    (GPTP.format("", "master_only = true"), "instance.main.port[0].master_only: has no effect"),
    (GPTP.format("", "one_step_on_request = true"), "instance.main.port[0].one_step_on_request: has no effect"),
    (
        GPTP.format("", "two_step = false")
        + '[instance.other]\nprofile = "gptp"\ndomain_number = 1\n[[instance.other.port]]\ninterface = "eth0"\n'
        + "two_step = false\none_step_on_request = true\n",
        "instance.other.port[0].one_step_on_request: is for the only port of an interface",
    ),
    (GPTP.format("", 'desired_state = "master"'), "instance.main.port[0].desired_state: has no effect"),
    (
        GPTP.format("external_port_configuration_enabled = true", ""),
        "instance.main.port[0].desired_state: is missing",
    ),
    (
        GPTP.format("", 'two_step = false\n[[instance.main.port]]\ninterface = "eth1"\ntwo_step = false'),
        "instance.main.port[0].two_step: false is for end stations",
    ),
    (
        GPTP.format("[instance.main.autosar]\nuser_data = '01'", "two_step = false"),
        "instance.main.port[0].two_step: false leaves no Follow_Up for what AUTOSAR adds",
    ),
    (
        GPTP.format("", "desired_state = 'slave'\nannounce_receipt_timeout = 5").replace("gptp", "avnu-automotive"),
        "instance.main.port[0].announce_receipt_timeout: has no effect",
    ),
    (
        GPTP.format("", "desired_state = 'slave'\ngptp_capable_state_machines_enabled = true").replace(
            "gptp", "avnu-automotive", 1
        ),
        "instance.main.port[0].gptp_capable_state_machines_enabled: has no effect",
    ),
    (
        GPTP.format("domain_number = 3", 'delay_mechanism = "p2p"'),
        'instance.main.port[0].delay_mechanism: "p2p" is for domain 0',
    ),
    (GPTP.format("", 'transport = "udpv4"'), 'instance.main.port[0].transport: "udpv4" is not a choice'),
    (
        GPTP.format("external_port_configuration_enabled = true", 'desired_state = "slave"')
        + '[[instance.main.port]]\ninterface = "eth1"\ndesired_state = "slave"\n',
        "instance.main.port[1].desired_state: is the second slave",
    ),
    (
        GPTP.replace("gptp", "default-p2p").format("", "mean_link_delay_thresh_ns = 5000"),
        "instance.main.port[0].mean_link_delay_thresh_ns: has no effect",
    ),
    (
        GPTP.replace("gptp", "default-p2p").format("external_port_configuration_enabled = true", ""),
        "instance.main.external_port_configuration_enabled: has no effect",
    ),
]


@pytest.mark.parametrize(("text", "problem"), REFUSED, ids=[problem for _, problem in REFUSED])
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problems(tmp_path, text)


TWO_DOMAINS = """
[instance.first]
profile = "gptp"
clock = "soft"
[[instance.first.port]]
interface = "eth0"
delay_mechanism = "common-p2p"

[instance.second]
profile = "gptp"
domain_number = 1
free_running = true
clock = "{clock}"
[[instance.second.port]]
interface = "eth0"
{port}

[clock.soft]
type = "soft"
[clock.other]
type = "soft"
"""


def test_two_domains_may_share_a_link(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(TWO_DOMAINS.format(clock="soft", port=""))
    first, second = resolve(load(file))
    assert {first.values.port[0].delay_mechanism, second.values.port[0].delay_mechanism} == {"common-p2p"}


def test_who_shares_a_link_agrees_on_how_it_is_measured(tmp_path: Path) -> None:
    text = TWO_DOMAINS.format(clock="other", port="mean_link_delay_thresh_ns = 900")
    assert problems(tmp_path, text) == [
        "instance.second.clock: is not the one of the link",
        "instance.second.port[0].mean_link_delay_thresh_ns: is not 800",
    ]


def automotive(keys: str = "", port: str = 'desired_state = "slave"') -> str:
    return f'[instance.main]\nprofile = "automotive"\n{keys}\n[[instance.main.port]]\ninterface = "eth0"\n{port}\n'


class TestAutomotive:
    def test_the_profile_gives_its_rules(self) -> None:
        car = resolved({"profile": "avnu-automotive"}, desired_state="slave")
        settings, port = car.gptp_settings(IDENTITY), car.ports[0].gptp
        assert settings.external_port_configuration_enabled
        assert not settings.announces
        assert port is not None
        assert port.link.as_capable_on_link_up
        assert (port.obeys_only_sync_interval, port.sends_without_sync) == (True, True)
        assert (port.verifies_source_port_identity, port.gptp_capable_state_machines_enabled) == (False, False)
        assert (port.oper_log_sync_interval, port.link.oper_log_pdelay_req_interval) == (0, 2)

    def test_plain_gptp_has_none_of_them(self) -> None:
        settings, port = resolved().gptp_settings(IDENTITY), resolved().ports[0].gptp
        assert settings.announces
        assert port is not None
        assert not port.link.as_capable_on_link_up
        assert port.oper_log_sync_interval is None

    def test_a_role_is_needed(self, tmp_path: Path) -> None:
        assert problems(tmp_path, automotive(port="")) == ["instance.main.port[0].desired_state: is missing"]

    def test_autosar_reaches_the_engine(self) -> None:
        table = {
            "secured_fields": ["sequence_id", "domain_number"],
            "crc_check": "validated",
            "data_ids": list(range(16)),
            "user_data": "CAFE",
            "sync_to_gateway": True,
            "secure_content": False,
            "offset": [{"domain": 16, "offset_ns": 5_000_000_007}],
        }
        autosar = resolved({"autosar": table}).gptp_settings(IDENTITY).autosar
        assert autosar == AutosarSettings(
            crc_time_flags=0x12,
            data_ids=tuple(range(16)),
            crc_check=CrcCheck.VALIDATED,
            sub_tlvs=(Status(1), UserData(2, b"\xca\xfe\x00"), OffsetTime(16, 5, 7)),
        )

    def test_without_the_table_there_is_no_autosar(self) -> None:
        assert resolved().gptp_settings(IDENTITY).autosar is None


class TestHotStandby:
    INSTANCES = (
        '[instance.a]\nprofile = "gptp"\n[[instance.a.port]]\ninterface = "eth0"\ndelay_mechanism = "common-p2p"\n'
        '[instance.b]\nprofile = "gptp"\ndomain_number = 1\n[[instance.b.port]]\ninterface = "eth0"\n'
    )

    def test_two_instances_may_steer_one_clock_where_one_stands_in_for_the_other(self, tmp_path: Path) -> None:
        file = tmp_path / "hot.toml"
        text = self.INSTANCES.replace('"common-p2p"\n', '"common-p2p"\nsync_receipt_timeout = 5\n')
        file.write_text(text + '[hot_standby]\nprimary = "a"\nsecondary = "b"\n')
        config = load(file)
        instances = {name: fill_instance(instance) for name, instance in config.instance.items()}
        settings = hot_standby_settings(config.hot_standby, instances)
        assert settings is not None
        assert (settings.primary, settings.secondary) == ("a", "b")
        assert settings.primary_secondary_offset_thresh == interval_from_ns(1000)
        assert settings.sync_receipt_timeout == 5

    @pytest.mark.parametrize(
        ("table", "expected"),
        [
            ("", "instance.b.clock: instance a steers the same clock"),
            ('[hot_standby]\nprimary = "a"', "hot_standby.secondary: is missing"),
            ('[hot_standby]\nprimary = "a"\nsecondary = "c"', 'hot_standby.secondary: there is no instance "c"'),
            ('[hot_standby]\nprimary = "a"\nsecondary = "a"', "hot_standby.secondary: is the primary"),
        ],
    )
    def test_what_cannot_be_is_refused(self, tmp_path: Path, table: str, expected: str) -> None:
        assert expected in problems(tmp_path, self.INSTANCES + table + "\n")

    def test_both_speak_gptp(self, tmp_path: Path) -> None:
        text = self.INSTANCES.replace('[instance.b]\nprofile = "gptp"\ndomain_number = 1', "[instance.b]")
        found = problems(tmp_path, text + '[hot_standby]\nprimary = "a"\nsecondary = "b"\n')
        assert "hot_standby.secondary: instance b does not speak gPTP" in found
