"""What a configuration looks like when it is right."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from ptpstack.config import Config, from_command_line, from_dict, load, resolve
from ptpstack.config.clock_rules import real_clock
from ptpstack.config.fill import fill
from ptpstack.config.problems import InvalidConfigError
from ptpstack.errors import ConfigError

TEN_LINES = """\
[instance.main]
profile = "default-e2e"
domain_number = 0
priority1 = 128

[[instance.main.port]]
interface = "eth0"
transport = "udpv4"
log_announce_interval = 1
log_min_delay_req_interval = 0
"""


def test_ten_lines_make_an_ordinary_clock(tmp_path: Path) -> None:
    path = tmp_path / "ptp.toml"
    path.write_text(TEN_LINES, encoding="utf-8")
    [instance] = resolve(load(path))
    [port] = instance.ports
    assert (instance.name, instance.profile.ident, instance.clock) == ("main", "default-e2e", "auto")
    assert (port.interface, port.transport, port.timestamping) == ("eth0", "udpv4", "auto")


def test_the_profile_alias_is_the_profile() -> None:
    config = from_dict({"instance": {"main": {"profile": "default", "port": [{"interface": "eth0"}]}}})
    assert resolve(config)[0].profile.ident == "default-e2e"


@pytest.mark.parametrize("spelling", ["slave_only", "time_receiver_only"])
def test_both_spellings_make_a_slave_only_clock(spelling: str) -> None:
    config = from_dict({"instance": {"main": {spelling: True, "port": [{"interface": "eth0"}]}}})
    assert config.instance["main"].slave_only is True


@pytest.mark.parametrize("spelling", ["master_only", "time_transmitter_only"])
def test_both_spellings_make_a_master_only_port(spelling: str) -> None:
    config = from_dict({"instance": {"main": {"port": [{"interface": "eth0", spelling: True}]}}})
    assert config.instance["main"].port[0].master_only is True


def test_an_alias_is_free_as_the_name_of_an_instance() -> None:
    config = from_dict({"instance": {"time_receiver_only": {"port": [{"interface": "eth0"}]}}})
    assert list(config.instance) == ["time_receiver_only"]


RIGHT = {
    "one instance on two interfaces": {"main": {"port": [{"interface": "eth0"}, {"interface": "eth1"}]}},
    "one interface by two transports": {
        "main": {"port": [{"interface": "eth0"}, {"interface": "eth0", "transport": "udpv4"}]}
    },
    "two domains on one interface, one of them measuring only": {
        "a": {"port": [{"interface": "eth0"}]},
        "b": {"domain_number": 1, "free_running": True, "port": [{"interface": "eth0"}]},
    },
    "two domains on one interface, one of them a master": {
        "a": {"port": [{"interface": "eth0"}]},
        "b": {"domain_number": 1, "port": [{"interface": "eth0", "master_only": True}]},
    },
    "two instances with a clock each": {
        "a": {"clock": "/dev/ptp0", "port": [{"interface": "eth0"}]},
        "b": {"clock": "/dev/ptp1", "port": [{"interface": "eth1"}]},
    },
    "faster than the profile, knowingly": {
        "main": {"enforce_profile": False, "port": [{"interface": "eth0", "log_sync_interval": -4}]}
    },
    "another delay mechanism than the profile's, knowingly": {
        "main": {
            "enforce_profile": False,
            "port": [{"interface": "eth0", "delay_mechanism": "p2p", "log_min_pdelay_req_interval": -3}],
        }
    },
    "slave-only with its class spelt out": {
        "main": {"slave_only": True, "clock_class": 255, "port": [{"interface": "eth0"}]}
    },
    "an identity with colons": {"main": {"clock_identity": "00:1b:19:ff:fe:00:00:01", "port": [{"interface": "eth0"}]}},
}


@pytest.mark.parametrize("instances", RIGHT.values(), ids=RIGHT.keys())
def test_these_are_right(instances: dict[str, Any]) -> None:
    config = from_dict({"instance": instances})
    assert [instance.name for instance in resolve(config)] == list(instances)


def test_a_soft_clock_is_found_by_its_name() -> None:
    config = from_dict(
        {
            "instance": {"main": {"clock": "car", "port": [{"interface": "eth0", "timestamping": "software"}]}},
            "clock": {"car": {"type": "soft", "offset_ns": 500_000_000, "frequency_error_ppb": 50_000}},
        }
    )
    assert config.clock[resolve(config)[0].clock].frequency_error_ppb == 50_000


def test_the_other_tables_have_the_documented_defaults() -> None:
    config = Config()
    assert (config.log.format, config.log.level, config.log.event_file) == ("text", "info", "")
    assert (config.servo.first_step_threshold_ns, config.servo.step_threshold_ns) == (20_000, UNSET)
    assert (config.servo.type, config.servo.delay_filter, config.servo.delay_filter_length) == ("auto", "auto", 10)
    assert config.control.socket == "/run/ptpstack/control.sock"
    assert (config.realtime.priority, config.realtime.lock_memory) == (0, False)


@pytest.mark.parametrize("profile", ["default-e2e", "default-p2p"])
def test_the_filled_defaults_round_trip(profile: str) -> None:
    filled = fill(from_command_line(["eth0", "eth1"], profile))
    assert from_dict(msgspec.to_builtins(filled)) == filled
    assert fill(filled) == filled


def test_the_command_line_makes_a_port_on_each_interface() -> None:
    config = from_command_line(["eth0", "eth1"], "default-p2p", slave_only=True, transport="udpv6", priority1=None)
    [instance] = resolve(config)
    assert instance.profile.ident == "default-p2p"
    assert instance.values.slave_only
    assert [(port.interface, port.transport) for port in instance.ports] == [("eth0", "udpv6"), ("eth1", "udpv6")]


def test_the_command_line_is_checked_as_a_file_is() -> None:
    with pytest.raises(InvalidConfigError) as caught:
        from_command_line(["eth0"], "default-p2", log_sync_interval=-20, time_sourc="gnss")
    message = str(caught.value)
    assert 'command line: instance.main.profile: no profile "default-p2"' in message
    assert "command line: instance.main.port[0].log_sync_interval: -20 is out of range (allowed: -10 to 10)" in message
    assert "command line: instance.main.time_sourc: unknown key\n  next: did you mean time_source?" in message


def test_an_invalid_config_is_a_config_error_that_counts_its_problems() -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict({"logg": {}, "servos": {}})
    assert caught.value.what == "3 problems"


@pytest.mark.parametrize("module", ["numpy", "pyroute2", "asyncio", "ptpstack.config.structure"])
def test_loading_a_right_file_does_not_cost_the_import_of(module: str, tmp_path: Path) -> None:
    path = tmp_path / "ptp.toml"
    path.write_text(TEN_LINES, encoding="utf-8")
    program = "import sys; from ptpstack.config import load, resolve; resolve(load(sys.argv[1])); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert "ptpstack.config.load" in done.stdout.split()
    assert module not in done.stdout.split()


def test_clocks_may_follow_each_other_in_a_chain_beside_a_source_and_without_any_instance() -> None:
    config = from_dict(
        {
            "clock": {
                "system": {"type": "system", "follows": "second"},
                "second": {"type": "phc", "device": "/dev/ptp1", "follows": "/dev/ptp0"},
            },
            "source": {"gnss": {"type": "pps", "clock": "/dev/ptp0", "time_of_day": "gpsd"}},
        }
    )
    assert real_clock("second", config.clock) == "/dev/ptp1"
    assert real_clock("system", config.clock) == "system"
    assert config.instance == {}
