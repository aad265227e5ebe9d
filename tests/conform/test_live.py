"""The command against a running daemon, from the other end of its cable, and against the simulator."""

import json
import sys
from pathlib import Path

import pytest

from lab.daemon import Daemon
from lab.namespaces import Network, why_unavailable
from ptpstack.cli.main import main

DAEMON = """
[instance.main]
profile = "default-p2p"
enforce_profile = false
clock = "soft"
[clock.soft]
type = "soft"
[[instance.main.port]]
interface = "eth0"
log_announce_interval = -2
log_sync_interval = -2
log_min_pdelay_req_interval = -2
"""
TRIED = ("pdelay-resp", "header", "qualification", "own-identity")


def test_a_running_daemon_passes_what_can_be_tried_from_outside(tmp_path: Path) -> None:
    if why := why_unavailable():
        pytest.skip(why)
    with Network() as network:
        ours, tester = network.node("ours"), network.node("tester")
        network.cable(ours, "eth0", tester, "eth0")
        network.settle()
        daemon = Daemon(ours, tmp_path / "ours", DAEMON)
        daemon.start()
        daemon.wait_until_ready()
        command = [sys.executable, "-m", "ptpstack", "conform", "default-p2p", "--against", str(daemon.socket)]
        only = [word for ident in TRIED for word in ("--only", ident)]
        seen = tester.run([*command, "--interface", "eth0", "--send", "--json", *only])
        outcomes = {each["requirement"]: each for each in json.loads(seen)["outcomes"]}
        assert {ident: outcomes[ident]["verdict"] for ident in TRIED} == dict.fromkeys(TRIED, "pass"), outcomes
        unseen = tester.run([*command, "--json", "--only", "header"])
        assert "--interface" in json.loads(unseen)["outcomes"][0]["reason"]


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
"""
PORTS = {"g8275-2": UNICAST, "gptp": "mean_link_delay_thresh_ns = 100_000_000"}
ASSUMED = ("logAnnounceInterval=-1", "logSyncInterval=-3", "logMinDelayReqInterval=-3")


@pytest.mark.parametrize(
    ("profile", "tried", "unseen"),
    [
        ("g8275-2", ("grant", "cancel", "client-asks"), ""),
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
        tester.add_address("eth1", "10.0.0.2/24")
        network.settle()
        daemon = Daemon(ours, tmp_path / "ours", OTHERS.format(profile=profile, port=PORTS[profile]))
        daemon.start()
        daemon.wait_until_ready()
        on = [f"--set={word}" for word in ASSUMED] if unseen else ["--against", str(daemon.socket)]
        address = ["--address", "10.0.0.1"] if profile == "g8275-2" else []
        only = [word for ident in (*tried, unseen) if ident for word in ("--only", ident)]
        command = [sys.executable, "-m", "ptpstack", "conform", profile, "--interface", "eth1", "--send", "--json"]
        seen = json.loads(tester.run([*command, *on, *address, *only], timeout_s=300))
        outcomes = {each["requirement"]: each for each in seen["outcomes"]}
        assert {ident: outcomes[ident]["verdict"] for ident in tried} == dict.fromkeys(tried, "pass"), outcomes
        assert not unseen or "--against tells" in outcomes[unseen]["reason"], outcomes[unseen]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["c37-238-2017", "--simulate", "--only", "tlv-order"], 0, "1 pass, 0 fail, 0 not testable"),
        (["ocp-dc", "--simulate", "--only", "frequency"], 0, "python3 -m lab bench hardware"),
        (["ocp-dc", "--simulate", "--only", "tlv-order"], 2, 'has no requirement "tlv-order"'),
        (["ocp-dc", "--simulate", "--send"], 2, "--interface and --send have no effect"),
        (["no-profile", "--simulate"], 2, 'no profile "no-profile"'),
        (["g8275-2", "--interface", "eth9", "--send"], 2, "--send needs --address"),
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
