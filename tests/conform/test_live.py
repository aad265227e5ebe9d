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


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["c37-238-2017", "--simulate", "--only", "tlv-order"], 0, "1 pass, 0 fail, 0 not testable"),
        (["ocp-dc", "--simulate", "--only", "frequency"], 0, "python3 -m lab bench hardware"),
        (["ocp-dc", "--simulate", "--only", "tlv-order"], 1, 'has no requirement "tlv-order"'),
        (["ocp-dc", "--simulate", "--send"], 1, "--interface and --send have no effect"),
        (["no-profile", "--simulate"], 1, 'no profile "no-profile"'),
    ],
)
def test_the_command_says_what_it_found(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    assert main(["conform", *arguments]) == code
    printed = capsys.readouterr()
    assert says in printed.out + printed.err
