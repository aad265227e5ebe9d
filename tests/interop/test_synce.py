"""ESMC on real sockets: three clocks in a row, read by Wireshark's packet-ossp; commands; a cut cable; rubbish."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import Daemon
from lab.namespaces import Network
from lab.peers.tshark import Capture, field_values, marks
from tests.interop.scenes import need

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

ABOVE = """
[synce]
frequency = "locked"
quality_level = "eEEC1"

[[synce.port]]
interface = "eth0"

[[synce.input]]
name = "gnss"
quality_level = "PRTC"
priority = 1
"""
MIDDLE = """
[synce]
frequency = "locked"
quality_level = "eEEC1"
wait_to_restore_s = 1

[[synce.port]]
interface = "eth0"
priority = 1

[[synce.port]]
interface = "eth1"
priority = 2
"""
BELOW = """
[synce]

[[synce.port]]
interface = "eth0"
priority = 1
"""
FIELDS = (
    "eth.src",
    "ossp.esmc.event_flag",
    "ossp.esmc.tlv_ql_ssm",
    "ossp.esmc.tlv_ext_ql_essm",
    "ossp.esmc.tlv_ext_ql_eeec",
)


class Row:
    """above — middle — below."""

    def __init__(self, network: Network, directory: Path) -> None:
        self.network, self.directory = network, directory
        self.nodes = {name: network.node(name) for name in ("above", "middle", "below")}
        network.cable(self.nodes["above"], "eth0", self.nodes["middle"], "eth0")
        network.cable(self.nodes["middle"], "eth1", self.nodes["below"], "eth0")
        network.settle()
        self.daemons = {
            name: Daemon(self.nodes[name], directory / name, text)
            for name, text in (("above", ABOVE), ("middle", MIDDLE), ("below", BELOW))
        }
        self.capture = Capture(self.nodes["middle"], "eth0", directory / "above.pcap")
        for daemon in self.daemons.values():
            daemon.start()
        for daemon in self.daemons.values():
            daemon.wait_until_ready()

    def status(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.daemons[name].status()["synce"]
        return status

    def wait(self, name: str, selected: str | None, timeout_s: float = 60) -> dict[str, Any]:
        self.daemons[name].wait_until(lambda: self.status(name)["selected"] == selected, timeout_s, str(selected))
        return self.status(name)

    def command(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ptpstack", "synce", *arguments, "--socket", str(self.daemons[name].socket)]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    need(("tshark", "dumpcap"))
    with Network() as network:
        yield Row(network, tmp_path_factory.mktemp("synce"))


def test_the_level_of_the_receiver_reaches_the_end_of_the_row(row: Row) -> None:
    assert row.wait("middle", "eth0")["qualityLevel"] == "QL-PRTC"
    below = row.wait("below", "eth0")
    assert below["sources"]["eth0"]["qualityLevel"] == "QL-PRTC"
    assert row.status("above")["sources"]["eth0"]["sends"] == "QL-PRTC"


def test_a_machine_without_a_dpll_says_so_and_claims_nothing(row: Row) -> None:
    below = row.wait("below", "eth0")
    assert below["lock"] == "unknown"
    assert below["qualityLevel"] == "QL-EEC1"
    assert below["frequencyAssistance"].startswith("none: this kernel has no DPLL subsystem")


def test_a_lockout_is_carried_out_and_shown(row: Row) -> None:
    assert row.command("middle", "lockout", "eth0").returncode == 0
    assert row.wait("middle", None)["qualityLevel"] == "QL-eEEC1"
    shown = row.command("middle").stdout
    assert "locked out" in shown
    refused = row.command("middle", "forced-switch", "eth0")
    assert (refused.returncode, "locked out" in refused.stderr) == (1, True)
    assert row.command("middle", "clear-lockout", "eth0").returncode == 0
    row.wait("middle", "eth0")


def test_rubbish_is_counted_and_changes_nothing(row: Row) -> None:
    script = (
        "import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0));"
        "head = bytes.fromhex('0180c2000002020000000001' '8809');"
        "[s.send(head + bytes.fromhex('0a0019a70001') + bytes([n]) * 40) for n in range(200)]"
    )
    row.nodes["above"].run([sys.executable, "-c", script])

    def malformed() -> int:
        return int(row.status("middle")["sources"]["eth0"]["counters"]["malformed"])

    row.daemons["middle"].wait_until(lambda: malformed() > 100, 30, "counted rubbish")
    middle = row.status("middle")
    assert middle["selected"] == "eth0"


def test_a_source_whose_frames_stop_fails_and_the_level_below_follows(row: Row) -> None:
    row.daemons["above"].stop()
    row.wait("middle", None)
    assert row.status("middle")["sources"]["eth0"]["qualityLevel"] == "QL-FAILED"
    assert row.status("below")["sources"]["eth0"]["qualityLevel"] == "QL-eEEC1"
    reasons = [event for event in row.daemons["middle"].events() if event["event"] == "QualityLevelChanged"]
    assert reasons[-1]["reason"] == "no ESMC PDU for 5 s"


def test_wireshark_reads_what_was_told_and_finds_nothing_wrong(row: Row) -> None:
    capture = row.capture.stop()
    ours = f"ossp && eth.src == {_mac(row, 'above')}"
    down = field_values(capture, *FIELDS, display_filter=ours + " && ossp.esmc.tlv_ext_ql_eeec")
    assert {fields[2:] for fields in down if fields[2] == "0x02"} == {("0x02", "0x20", "1")}
    up = field_values(capture, *FIELDS, display_filter=f"ossp && eth.src == {_mac(row, 'middle')}")
    levels = [fields[2] for fields in up]
    assert {"0x0f", "0x0b"} <= set(levels)
    changes = [after[1] for before, after in pairwise(up) if before[2] != after[2]]
    assert set(changes) == {"1"}
    assert marks(capture, f"ossp && (eth.src == {_mac(row, 'above')} || eth.src == {_mac(row, 'middle')})") == []


def _mac(row: Row, name: str) -> str:
    mac: str = json.loads(row.nodes[name].run(["ip", "-json", "link", "show", "eth0"]))[0]["address"]
    return mac
