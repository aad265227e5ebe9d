"""ITU-T G.8275.1 in every role with ptp4l, in one network: our T-BC, our T-TSC and our T-GM; then the T-GM is lost.

The settings of ptp4l are those of its own G.8275.1 configuration, destination address included.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import Daemon, verdict
from lab.namespaces import Network, Node
from lab.peers.ptp4l import Ptp4l
from lab.peers.tshark import Capture, field_values, marks
from tests.interop.scenes import need

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

LOCK_TIMEOUT_S = 60.0
NON_FORWARDABLE = "01:80:c2:00:00:0e"
TELECOM = {
    "network_transport": "L2",
    "ptp_dst_mac": NON_FORWARDABLE,
    "dataset_comparison": "G.8275.x",
    "G.8275.defaultDS.localPriority": 128,
    "G.8275.portDS.localPriority": 128,
    "domainNumber": 24,
    "logAnnounceInterval": -3,
    "logSyncInterval": -4,
    "logMinDelayReqInterval": -4,
    "maxStepsRemoved": 255,
}
PRIMARY = {"clockClass": 6, "clockAccuracy": 0x21, "offsetScaledLogVariance": 0x4E5D, "timeSource": 0x20}
LISTENS = {"slaveOnly": 1, "freq_est_interval": 0, "summary_interval": -3}
SOFT_CLOCK = """
[clock.soft]
type = "soft"
offset_ns = 300_000_000
frequency_error_ppb = 10_000

[servo]
step_threshold_ns = 100_000

[holdover]
bound_ns = 1e8
seconds = 4
"""
BOUNDARY = f"""
[instance.main]
profile = "g8275-1"
clock = "soft"
{SOFT_CLOCK}
[[instance.main.port]]
interface = "eth0"

[[instance.main.port]]
interface = "eth1"
master_only = true

[[instance.main.port]]
interface = "eth2"
local_priority = 1
"""
SLAVE = f"""
[instance.main]
profile = "g8275-1"
slave_only = true
clock = "soft"
{SOFT_CLOCK}
[[instance.main.port]]
interface = "eth0"
"""
GRANDMASTER = """
[instance.main]
profile = "g8275-1"
clock_class = 6
clock_accuracy = 0x21
offset_scaled_log_variance = 0x4E5D
time_traceable = true
frequency_traceable = true
current_utc_offset_valid = true
time_source = "gnss"
clock = "soft"

[clock.soft]
type = "soft"

[[instance.main.port]]
interface = "eth0"
master_only = true
"""
FLAGS = ("eth.dst", "ptp.v2.flags.timetraceable", "ptp.v2.flags.frequencytraceable", "ptp.v2.flags.utcreasonable")


class Site:
    """T-GM (ptp4l) to our T-BC and our T-TSC; a ptp4l below the T-BC, and another below our T-GM."""

    def __init__(self, network: Network, directory: Path) -> None:
        names = ("gm", "bc", "below", "tsc", "ours", "under", "rogue")
        self.nodes: dict[str, Node] = {name: network.node(name) for name in names}
        for number, (a, b, interface) in enumerate((("gm", "bc", "eth0"), ("gm", "tsc", "eth0"))):
            network.cable(self.nodes[a], f"eth{number}", self.nodes[b], interface)
        network.cable(self.nodes["bc"], "eth1", self.nodes["below"], "eth0")
        network.cable(self.nodes["bc"], "eth2", self.nodes["rogue"], "eth0")
        network.cable(self.nodes["ours"], "eth0", self.nodes["under"], "eth0")
        network.settle()
        self.gm = Ptp4l(self.nodes["gm"], directory / "gm", "eth0", "eth1", **TELECOM, **PRIMARY)
        self.below = Ptp4l(self.nodes["below"], directory / "below", "eth0", **TELECOM, **LISTENS)
        self.under = Ptp4l(self.nodes["under"], directory / "under", "eth0", **TELECOM, **LISTENS)
        self.daemons = {
            name: Daemon(self.nodes[name], directory / name, text)
            for name, text in (("bc", BOUNDARY), ("tsc", SLAVE), ("ours", GRANDMASTER))
        }
        self.captures = {
            name: Capture(self.nodes[name], "eth0", directory / f"{name}.pcap") for name in ("below", "under")
        }
        for program in (self.gm, self.below, self.under, *self.daemons.values()):
            program.start()
        for daemon in self.daemons.values():
            daemon.wait_until_ready()
        for name in ("bc", "tsc"):
            self.wait(name, lambda status: verdict(status) == "locked", "locked")
        self.below.wait_for(r"rms .* delay|offset .* path delay", LOCK_TIMEOUT_S)
        self.under.wait_for(r"rms .* delay|offset .* path delay", LOCK_TIMEOUT_S)

    def wait(self, name: str, holds: Any, what: str) -> None:
        daemon = self.daemons[name]
        daemon.wait_until(lambda: holds(daemon.status()), LOCK_TIMEOUT_S, what)

    def instance(self, name: str) -> dict[str, Any]:
        instance: dict[str, Any] = self.daemons[name].status()["instances"]["main"]
        return instance


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    need()
    with Network() as network:
        yield Site(network, tmp_path_factory.mktemp("telecom"))


def parent_of(peer: Ptp4l) -> dict[str, str]:
    return peer.get("PARENT_DATA_SET")["PARENT_DATA_SET"]


def test_the_boundary_clock_follows_and_hands_on_the_grandmaster(site: Site) -> None:
    grandmaster = site.gm.get("DEFAULT_DATA_SET")["DEFAULT_DATA_SET"]["clockIdentity"]
    assert site.instance("bc")["parentDS"]["grandmasterIdentity"] == grandmaster
    below = parent_of(site.below)
    assert below["grandmasterIdentity"] == grandmaster
    assert (below["gm.ClockClass"], below["gm.ClockAccuracy"]) == ("6", "0x21")


def test_the_slave_is_of_class_255_and_never_a_master(site: Site) -> None:
    tsc = site.instance("tsc")
    assert tsc["defaultDS"]["clockQuality"]["clockClass"] == 255
    assert tsc["ports"][0]["portDS"]["portState"] == "SLAVE"


def test_our_grandmaster_is_followed(site: Site) -> None:
    under = parent_of(site.under)
    assert under["grandmasterIdentity"] == site.instance("ours")["defaultDS"]["clockIdentity"]
    assert (under["gm.ClockClass"], under["gm.OffsetScaledLogVariance"]) == ("6", "0x4e5d")


def test_frames_that_the_profile_forbids_are_refused_and_told(site: Site) -> None:
    bc = site.nodes["bc"]
    mac = json.loads(bc.run(["ip", "-json", "link", "show", "eth0"]))[0]["address"].replace(":", "")
    script = (
        "import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0));"
        "announce = bytes.fromhex('0b12004018000000') + bytes(12) + bytes.fromhex('020000fffe0000990001000005fd')"
        " + bytes(30);"
        f"s.send(bytes.fromhex('{mac}' '020000000099' '88f7') + announce);"
        f"s.send(bytes.fromhex('0180c200000e' '020000000099' '81000064' '88f7') + announce)"
    )
    site.nodes["gm"].run([sys.executable, "-c", script])
    site.wait("bc", lambda status: status["instances"]["main"]["ports"][0]["socketCounters"].get("refused", 0) >= 2, "")
    reasons = {event["reason"] for event in site.daemons["bc"].events() if event["event"] == "FrameRefused"}
    assert any("VLAN tag (VLAN 100)" in reason for reason in reasons)
    assert any("unicast" in reason for reason in reasons)


ROGUE = """
import socket, sys, time
from ptpstack.wire import messages
from ptpstack.wire.message import encode
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

identity = ClockIdentity.from_text("020000.fffe.000666")
sending = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sending.bind(("eth0", 0))
for number in range(40):
    announce = messages.Announce(
        domain_number=24,
        source_port_identity=PortIdentity(identity, 1),
        sequence_id=number,
        log_message_interval=-3,
        grandmaster_identity=identity,
        grandmaster_clock_quality=ClockQuality(6, 0x21, 0x4E5D),
        grandmaster_priority2=128,
    )
    sending.send(bytes.fromhex("0180c200000e" "020000000666" "88f7") + encode(announce))
    time.sleep(0.125)
"""


def test_a_master_that_only_announces_is_chosen_once_and_left_for_one_that_serves(site: Site) -> None:
    grandmaster = site.instance("bc")["parentDS"]["grandmasterIdentity"]
    site.nodes["rogue"].run([sys.executable, "-c", ROGUE])
    told = [event for event in site.daemons["bc"].events() if event["event"] == "SignalFailed"]
    assert [(event["signal_fail"], event["port_identity"]) for event in told] == [("lossSync", "020000.fffe.000666-1")]
    site.wait("bc", lambda status: verdict(status) == "locked", "locked again")
    assert site.instance("bc")["parentDS"]["grandmasterIdentity"] == grandmaster


def test_the_lost_grandmaster_is_held_by_class_135_or_165_and_never_announced_as_248(site: Site) -> None:
    time.sleep(1)
    site.gm.stop()
    site.wait("bc", lambda status: verdict(status).startswith("holdover"), "in holdover")
    site.wait("bc", lambda status: status["instances"]["main"]["defaultDS"]["clockQuality"]["clockClass"] == 165, "165")
    assert site.instance("bc")["currentDS"]["synchronizationUncertain"]
    rulings = [e for e in site.daemons["bc"].events() if e["event"] == "ClockWorthRuled"]
    assert rulings[-1]["situation"].startswith("holdover out-of-spec after ptp")
    deadline = time.monotonic() + 60
    while parent_of(site.below)["gm.ClockClass"] != "165" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert parent_of(site.below)["gm.ClockClass"] == "165"


def test_wireshark_reads_the_flags_by_state_and_finds_nothing_wrong(site: Site) -> None:
    below, under = (site.captures[name].stop() for name in ("below", "under"))
    fields = ("ptp.v2.an.grandmasterclockclass", "eth.dst", *FLAGS[1:], "ptp.v2.flags.synchronizationUncertain")
    seen = field_values(below, *fields, display_filter="ptp.v2.messagetype == 0xb")
    classes = list(dict.fromkeys(values[0] for values in seen))
    assert classes[-1] == "165"
    assert "248" not in classes[classes.index("6") :]
    assert {values[1] for values in seen} == {NON_FORWARDABLE}
    assert seen[-1][2:5] == ("0", "0", "0")
    ours = field_values(under, *fields, display_filter="ptp.v2.messagetype == 0xb")
    assert ours[-1][0] == "6"
    assert ours[-1][2:5] == ("1", "1", "1")
    assert marks(below) == []
    assert marks(under) == []
