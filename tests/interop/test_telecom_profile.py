"""ITU-T G.8275.1 with ptp4l: two active grandmasters, our clock between them, and a ptp4l that follows it."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lab.daemon import Daemon, verdict
from lab.namespaces import Network
from lab.peers.ptp4l import Ptp4l
from lab.peers.tshark import Capture, Mark, marks
from tests.interop.scenes import need

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

LOCK_TIMEOUT_S = 60.0
TELECOM = {
    "network_transport": "L2",
    "dataset_comparison": "G.8275.x",
    "G.8275.defaultDS.localPriority": 128,
    "domainNumber": 24,
    "logAnnounceInterval": -3,
    "logSyncInterval": -4,
    "logMinDelayReqInterval": -4,
    "maxStepsRemoved": 255,
}
PRIMARY = {"clockClass": 6, "clockAccuracy": 0x21, "offsetScaledLogVariance": 0x4E5D}

CONFIGURATION = """
[instance.main]
profile = "g8275-1"
clock = "soft"

[clock.soft]
type = "soft"
offset_ns = 300_000_000
frequency_error_ppb = 10_000

[servo]
step_threshold_ns = 100_000

[[instance.main.port]]
interface = "eth0"
local_priority = {first}

[[instance.main.port]]
interface = "eth1"
local_priority = {second}

[[instance.main.port]]
interface = "eth2"
master_only = true
"""


class Outcome(NamedTuple):
    """Whom we follow, in which states our ports are, and what the ptp4l below learns."""

    grandmasters: list[str]
    ours: dict[str, Any]
    states: list[str]
    below: dict[str, str]
    marks: list[Mark]


def observe(directory: Path, network: Network, *, first: int, second: int) -> Outcome:
    names = ("first", "second", "boundary", "below")
    nodes = {name: network.node(name) for name in names}
    for number, name in enumerate(("first", "second", "below")):
        network.cable(nodes[name], "eth0", nodes["boundary"], f"eth{number}")
    network.settle()
    masters = [Ptp4l(nodes[name], directory / name, "eth0", **TELECOM, **PRIMARY) for name in ("first", "second")]
    listens = {"slaveOnly": 1, "freq_est_interval": 0, "summary_interval": -3}
    below = Ptp4l(nodes["below"], directory / "below", "eth0", **TELECOM, **listens)
    daemon = Daemon(nodes["boundary"], directory / "ours", CONFIGURATION.format(first=first, second=second))
    capture = Capture(nodes["below"], "eth0", directory / "below.pcap")
    for program in (*masters, below, daemon):
        program.start()
    daemon.wait_until_ready()
    daemon.wait_until(lambda: verdict(daemon.status()) == "locked", LOCK_TIMEOUT_S, "locked")
    below.wait_for(r"rms .* delay|offset .* path delay", LOCK_TIMEOUT_S)
    time.sleep(3)  # until each port has heard every master
    identities = [master.get("DEFAULT_DATA_SET")["DEFAULT_DATA_SET"]["clockIdentity"] for master in masters]
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        ours = daemon.status()["instances"]["main"]
        parent = below.get("PARENT_DATA_SET")["PARENT_DATA_SET"]
        has_settled = verdict(daemon.status()) == "locked" and parent["gm.ClockClass"] == "6"
        if has_settled or time.monotonic() > deadline:
            break
    states = [port["portDS"]["portState"] for port in ours["ports"]]
    return Outcome(identities, ours, states, parent, marks(capture.stop()))


@pytest.mark.parametrize(("first", "second", "chosen"), [(1, 2, 0), (2, 1, 1)])
def test_local_priority_decides_between_two_primary_references(
    first: int, second: int, chosen: int, tmp_path: Path
) -> None:
    need()
    with Network() as network:
        outcome = observe(tmp_path, network, first=first, second=second)
    assert outcome.ours["parentDS"]["grandmasterIdentity"] == outcome.grandmasters[chosen]
    assert outcome.states[chosen] == "SLAVE"
    assert outcome.states[1 - chosen] in ("MASTER", "PASSIVE")
    assert outcome.states[2] == "MASTER"
    assert outcome.below["grandmasterIdentity"] == outcome.grandmasters[chosen]
    assert outcome.below["gm.ClockClass"] == "6"
    assert outcome.marks == []
