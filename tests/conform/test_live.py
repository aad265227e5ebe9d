"""The command against a running daemon, from the other end of its cable, and against the simulator."""

import json
import sys
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from lab.daemon import Daemon
from lab.namespaces import Network, why_unavailable
from lab.peers.ptp4l import Ptp4l
from ptpstack.cli.main import main
from ptpstack.conform.port_under_test import CHECKS

FAST = """
[instance.main]
profile = "{profile}"
enforce_profile = false
{more}
clock = "soft"
[clock.soft]
type = "soft"
[[instance.main.port]]
interface = "eth0"
log_announce_interval = -2
log_sync_interval = -2
log_min_pdelay_req_interval = -2
"""


def test_without_an_interface_nothing_of_the_wire_is_tried(tmp_path: Path) -> None:
    if why := why_unavailable():
        pytest.skip(why)
    with Network() as network:
        ours, tester = network.node("ours"), network.node("tester")
        network.cable(ours, "eth0", tester, "eth0")
        network.settle()
        daemon = Daemon(ours, tmp_path / "ours", FAST.format(profile="default-p2p", more=""))
        daemon.start()
        daemon.wait_until_ready()
        command = [sys.executable, "-m", "ptpstack", "conform", "default-p2p", "--against", str(daemon.socket)]
        with pytest.raises(CalledProcessError) as ended:
            tester.run([*command, "--json", "--only", "header"])
        assert ended.value.returncode == 2  # nothing was tried
        assert "--interface" in json.loads(ended.value.stdout)["outcomes"][0]["reason"]


OTHERS = """
[instance.main]
profile = "{profile}"
enforce_profile = false
clock = "soft"
[clock.soft]
type = "soft"
[[instance.main.port]]
interface = "eth0"
log_announce_interval = -1
{port}
"""
UNICAST = """
log_sync_interval = -3
log_min_delay_req_interval = -3
[instance.main.port.unicast_service]
[[instance.main.port.unicast_master]]
address = "10.0.0.2"
[[instance.main.port.unicast_master]]
address = "10.0.0.3"
"""
PORTS = {"g8275-2": UNICAST, "gptp": "mean_link_delay_thresh_ns = 100_000_000"}
MASTERS = ("10.0.0.2", "10.0.0.3")
ASSUMED = ("logAnnounceInterval=-1", "logSyncInterval=-3", "logMinDelayReqInterval=-3")


@pytest.mark.parametrize(
    ("profile", "tried", "unseen"),
    [
        ("g8275-2", ("grant", "cancel", "client-asks", "switch-back"), ""),
        ("g8275-2", ("cancel",), "qualification"),
        ("gptp", ("follow-up-information", "path-trace"), "path-loop"),
    ],
)
def test_negotiation_and_gptp_are_tried_on_a_clock_that_is_asked_or_not(
    profile: str, tried: tuple[str, ...], unseen: str, tmp_path: Path
) -> None:
    if why := why_unavailable():
        pytest.skip(why)
    with Network() as network:
        ours, tester = network.node("ours"), network.node("tester")
        network.cable(ours, "eth0", tester, "eth1")
        ours.add_address("eth0", "10.0.0.1/24")
        for address in MASTERS:
            tester.add_address("eth1", f"{address}/24")
        network.settle()
        daemon = Daemon(ours, tmp_path / "ours", OTHERS.format(profile=profile, port=PORTS[profile]))
        daemon.start()
        daemon.wait_until_ready()
        on = [f"--set={word}" for word in ASSUMED] if unseen else ["--against", str(daemon.socket)]
        address = ["--address", "10.0.0.1", *(f"--as={own}" for own in MASTERS)] if profile == "g8275-2" else []
        only = [word for ident in (*tried, unseen) if ident for word in ("--only", ident)]
        command = [sys.executable, "-m", "ptpstack", "conform", profile, "--interface", "eth1", "--send", "--json"]
        seen = json.loads(tester.run([*command, *on, *address, *only], timeout_s=300))
        outcomes = {each["requirement"]: each for each in seen["outcomes"]}
        assert {ident: outcomes[ident]["verdict"] for ident in tried} == dict.fromkeys(tried, "pass"), outcomes
        assert not unseen or "--against tells" in outcomes[unseen]["reason"], outcomes[unseen]


TLVS = 'time_inaccuracy_ns = 100\ngrandmaster_id = 7\nlocal_time = "Europe/Berlin"'
FASTER = ("logAnnounceInterval=-2", "logSyncInterval=-2", "logMinPdelayReqInterval=-2")
PTP4L_POWER: dict[str, float | str] = {
    "network_transport": "L2",
    "delay_mechanism": "P2P",
    "logAnnounceInterval": -2,
    "logSyncInterval": -2,
    "logMinPdelayReqInterval": -2,
    "tx_timestamp_timeout": 200,
}
CLOCKS: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "ordinary": ("default-p2p", "", ("pdelay-resp", "header", "qualification", "own-identity"), ()),
    "2011": ("c37-238-2011", TLVS, ("tlv-order", "grandmaster-id", "tlv-required", "comparison-identity"), ()),
    "2017": ("c37-238-2017", TLVS, ("tlv-order", "tlv-not-required", "switch-back"), ("decision-p1",)),
    "grandmaster": (
        "iec-61850-9-3",
        "clock_class = 6",
        ("decision-p1", "decision-m1"),
        ("slave-only", "qualification"),
    ),
    "ptp4l": ("iec-61850-9-3", "", ("header", "follow-up", "p2p-only", "pdelay-fields"), ("switch-over",)),
}
"""By name: the profile, what else is set, what it passes, and what cannot be tried on it."""


def test_ours_and_ptp4l_pass_what_can_be_tried_from_outside(tmp_path: Path) -> None:
    if why := why_unavailable():
        pytest.skip(why)
    with Network() as network:
        running = {}
        for name, (profile, more, passes, untried) in CLOCKS.items():
            clock, tester = network.node(name), network.node(f"tester of {name}")
            network.cable(clock, "eth0", tester, "eth1")
            network.settle()
            if name == "ptp4l":
                Ptp4l(clock, tmp_path / name, "eth0", **PTP4L_POWER).start()
                on = [f"--set={word}" for word in FASTER]
            else:
                daemon = Daemon(clock, tmp_path / name, FAST.format(profile=profile, more=more))
                daemon.start()
                daemon.wait_until_ready()
                on = ["--against", str(daemon.socket)]
            only = [word for ident in (*passes, *untried) for word in ("--only", ident)]
            command = [sys.executable, "-m", "ptpstack", "conform", profile, "--interface", "eth1", "--send", "--json"]
            running[name] = tester.start([*command, *on, *only], tmp_path / f"{name}.json")
        for process in running.values():
            process.wait(timeout=240)
        for name, (_, _, passes, untried) in CLOCKS.items():
            found = json.loads((tmp_path / f"{name}.json").read_text())["outcomes"]
            verdicts = {each["requirement"]: each["verdict"] for each in found}
            assert verdicts == dict.fromkeys(passes, "pass") | dict.fromkeys(untried, "not testable"), (name, found)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["c37-238-2017", "--simulate", "--only", "tlv-order"], 0, "1 pass, 0 fail, 0 not testable"),
        (["ocp-dc", "--simulate", "--only", "frequency"], 2, "python3 -m lab bench hardware"),
        (["ocp-dc", "--simulate", "--only", "tlv-order"], 2, 'has no requirement "tlv-order"'),
        (["ocp-dc", "--simulate", "--send"], 2, "--send: no effect"),
        (["ocp-dc", "--simulate", "--set", "domainNumber=3", "--port", "2"], 2, "--port and --set: no effect"),
        (["gptp", "--against", "/nowhere", "--transport", "l2"], 2, "--transport: no effect"),
        (["gptp", "--interface", "eth9", "--instance", "main"], 2, "--instance: no effect"),
        (["no-profile", "--simulate"], 2, 'no profile "no-profile"'),
        (["g8275-2", "--interface", "eth9", "--send"], 2, "--send needs --address"),
        (["gptp", "--interface", "eth9", "--send", "--as", "10.0.0.2"], 2, "--as has no effect"),
        (["gptp"], 2, "add --simulate, --against SOCKET or --interface NAME"),
        (["gptp", "--interface", "eth9", "--set", "priority1=4"], 2, "no member priority1 is assumed"),
        (["gptp", "--interface", "eth9", "--set", "logSyncInterval=fast"], 2, "'fast' is no number"),
        (["gptp", "--interface", "eth9", "--transport", "udpv4"], 2, "gptp knows no transport udpv4"),
    ],
)
def test_the_command_says_what_it_found(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    assert main(["conform", *arguments]) == code
    printed = capsys.readouterr()
    assert says in printed.out + printed.err


@pytest.mark.parametrize("as_json", [False, True])
def test_what_came_out_before_an_interrupt_is_not_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    def interrupted(_port: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(CHECKS, "the_grandmaster_id_is_within_its_range", interrupted)
    only = [word for ident in ("tlv-order", "grandmaster-id") for word in ("--only", ident)]
    assert main(["conform", "c37-238-2017", "--simulate", *only, *["--json"] * as_json]) == 130
    printed = capsys.readouterr().out
    if as_json:
        assert [outcome["requirement"] for outcome in json.loads(printed)["outcomes"]] == ["tlv-order"]
    else:
        assert "1 pass, 0 fail, 0 not testable" in printed
