"""Unicast negotiation with ptp4l, both ways and over each transport, by the G.8275.2 configuration that it ships with.

Our daemon grants to three ptp4l, three of our daemons ask others. Then a master is ended that has a spare behind the
same bridge. (Not all are behind it: a frame that a bridge floods is stamped again at each port, which ptp4l takes
for a fault on Ethernet.)
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import Daemon, soft_clock, true_offset_ns, verdict
from lab.namespaces import Network, Node
from lab.peers.ptp4l import Ptp4l
from lab.peers.tshark import Capture, Mark, field_values, marks
from tests.interop.scenes import need

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

LOCK_TIMEOUT_S = 60.0
TRANSPORTS = {"udpv4": "UDPv4", "udpv6": "UDPv6", "l2": "L2"}
G8275_2 = {
    "dataset_comparison": "G.8275.x",
    "G.8275.defaultDS.localPriority": 128,
    "maxStepsRemoved": 255,
    "logAnnounceInterval": 0,
    "G.8275.portDS.localPriority": 128,
    "hybrid_e2e": 1,
    "inhibit_multicast_service": 1,
    "unicast_listen": 1,
    "unicast_req_duration": 10,
    "domainNumber": 44,
    "logSyncInterval": -4,
    "logMinDelayReqInterval": -4,
    "tx_timestamp_timeout": 200,
}
"""Of G.8275.2.cfg, with a shorter duration so that renewals are seen; a busy machine is no fault."""

INSTANCE = """
[instance.main]
profile = "g8275-2"
enforce_profile = false
clock = "soft"
{role}

[clock.soft]
type = "soft"
offset_ns = {offset_ns}
frequency_error_ppb = 10_000

[servo]
step_threshold_ns = 100_000
"""

PORT = """
[[instance.main.port]]
interface = "{interface}"
transport = "{transport}"
log_sync_interval = -4
log_min_delay_req_interval = -4
unicast_duration_s = 10
"""


@dataclass
class Outcome:
    """What was seen of all of them."""

    service: dict[str, Any] = field(default_factory=dict)
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors_ns: dict[str, float] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    followers: dict[str, dict[str, str]] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    switch_s: float = 0.0
    marks: list[Mark] = field(default_factory=list)
    tlvs: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    need()
    with Network() as network:
        yield observe(tmp_path_factory.mktemp("unicast"), network)


class Bed:
    """The nodes and their addresses: every one has eth0, the service a port for each follower."""

    def __init__(self, network: Network) -> None:
        self.nodes: dict[str, Node] = {}
        self._network = network
        bridge = network.bridge()
        service = self.nodes["service"] = network.node("service")
        for number, transport in enumerate(TRANSPORTS):
            follower, client, master = (self._node(f"{who} {transport}") for who in ("follower", "client", "master"))
            network.cable(service, f"eth{number}", follower, "eth0")
            self._join(f"1{number}", (service, f"eth{number}"), (follower, "eth0"))
            if transport == "udpv4":
                spare = self._node("spare")
                for place, node in enumerate((client, master, spare)):
                    network.cable(node, "eth0", bridge, f"port{place}")
                self._join("20", (client, "eth0"), (master, "eth0"), (spare, "eth0"))
            else:
                network.cable(client, "eth0", master, "eth0")
                self._join(f"3{number}", (client, "eth0"), (master, "eth0"))
        network.settle()

    def _node(self, name: str) -> Node:
        node = self.nodes[name] = self._network.node(name.replace(" ", "-"))
        return node

    @staticmethod
    def _join(net: str, *ends: tuple[Node, str]) -> None:
        for number, (node, interface) in enumerate(ends, start=1):
            node.add_address(interface, f"10.0.{net}.{number}/24")
            node.add_address(interface, f"fd{net}::{number}/64")

    def address(self, name: str, transport: str, interface: str = "eth0") -> str:
        """The only address of this kind that is not of the link alone."""
        family = {"udpv4": 2, "udpv6": 10}.get(transport)
        node = self.nodes[name]
        if family is None:
            return str(node.netlink(lambda ip: next(iter(ip.get_links(ifname=interface))).get("address")))
        found = node.netlink(
            lambda ip: [
                row.get("address")
                for row in ip.get_addr(family=family, index=next(iter(ip.link_lookup(ifname=interface))))
            ]
        )
        return next(str(word) for word in found if not str(word).startswith("fe80"))


def observe(directory: Path, network: Network) -> Outcome:
    bed = Bed(network)
    nodes, address = bed.nodes, bed.address

    def ptp4l(name: str, transport: str, **options: float | str) -> Ptp4l:
        of_transport = {"network_transport": TRANSPORTS[transport]}
        return Ptp4l(nodes[name], directory / name.replace(" ", "-"), "eth0", **G8275_2, **of_transport, **options)

    grants = "".join(
        PORT.format(transport=transport, interface=f"eth{number}") + "\n[instance.main.port.unicast_service]\n"
        for number, transport in enumerate(TRANSPORTS)
    )
    service = Daemon(
        nodes["service"],
        directory / "service",
        INSTANCE.format(role="clock_class = 6\npriority2 = 20\nptp_timescale = false", offset_ns=5_000_000) + grants,
    )
    masters = {t: ptp4l(f"master {t}", t, clockClass=6, priority2=10) for t in TRANSPORTS}
    spare = ptp4l("spare", "udpv4", clockClass=7)
    followers = {}
    clients = {}
    for number, (transport, name) in enumerate(TRANSPORTS.items()):
        followers[transport] = ptp4l(
            f"follower {transport}", transport, slaveOnly=1, summary_interval=0, freq_est_interval=0
        )
        followers[transport].ask(name, address("service", transport, f"eth{number}"))
        asked = [address(f"master {transport}", transport)]
        if transport == "udpv4":
            asked.append(address("spare", transport))
        rows = "".join(f'\n[[instance.main.port.unicast_master]]\naddress = "{row}"\n' for row in asked)
        clients[transport] = Daemon(
            nodes[f"client {transport}"],
            directory / f"client-{transport}",
            INSTANCE.format(role="slave_only = true", offset_ns=400_000_000)
            + PORT.format(transport=transport, interface="eth0")
            + rows,
        )
    captures = [
        Capture(nodes[name], "eth0", directory / f"{name.replace(' ', '-')}.pcap")
        for name in ("service", "client udpv4")
    ]
    for program in (*masters.values(), spare, *followers.values(), service, *clients.values()):
        program.start()
    seen = Outcome()
    for daemon in clients.values():
        daemon.wait_until_ready()
        daemon.wait_until(lambda daemon=daemon: verdict(daemon.status()) == "locked", LOCK_TIMEOUT_S, "locked")
    for follower in followers.values():
        follower.wait_for(r"LISTENING to UNCALIBRATED", LOCK_TIMEOUT_S)
    time.sleep(9)  # every contract is renewed in that time
    seen.service = service.status()["instances"]["main"]
    for transport, daemon in clients.items():
        status = daemon.status()
        seen.clients[transport] = status["instances"]["main"]
        seen.errors_ns[transport] = median_error_ns(daemon)
        seen.followers[transport] = followers[transport].get("CURRENT_DATA_SET")["CURRENT_DATA_SET"]
    ended = time.monotonic()
    masters["udpv4"].stop()
    clients["udpv4"].wait_until(
        lambda: (
            clients["udpv4"].status()["instances"]["main"]["parentDS"]["grandmasterClockQuality"]["clockClass"] == 7
        ),
        60,
        "followed the spare master",
    )
    seen.switch_s = time.monotonic() - ended
    clients["udpv4"].wait_until(lambda: verdict(clients["udpv4"].status()) == "locked", 60, "locked to the spare")
    seen.after = clients["udpv4"].status()["instances"]["main"]
    seen.events = {"service": service.events(), **{t: daemon.events() for t, daemon in clients.items()}}
    for daemon in (service, *clients.values()):
        daemon.stop()
    for capture, name in zip(captures, ("service", "client udpv4"), strict=True):
        file = capture.stop()
        own = f"ptp && eth.src == {address(name, 'l2')}"
        seen.marks += marks(file, own)
        kinds = field_values(file, "ptp.v2.sig.tlv.tlvType", display_filter=f"{own} && ptp.v2.messagetype == 0xc")
        seen.tlvs |= {kind for row in kinds for value in row for kind in value.split(",")}
    return seen


def median_error_ns(daemon: Daemon) -> float:
    """How far a client's clock is off, in the median of two seconds: a busy machine delays single stamps."""
    errors_ns = []
    for _ in range(20):
        errors_ns.append(true_offset_ns(soft_clock(daemon.status()), time.time_ns()))
        time.sleep(0.1)
    return statistics.median(errors_ns)


def _clock_class(daemon: Daemon) -> int:
    parent: dict[str, Any] = daemon.status()["instances"]["main"]["parentDS"]
    return int(parent["grandmasterClockQuality"]["clockClass"])


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_ptp4l_follows_by_what_we_grant(outcome: Outcome, transport: str) -> None:
    measured = outcome.followers[transport]  # it runs free, on the true time; ours is 5 ms ahead, and 10 µs a second
    assert -6e6 < float(measured["offsetFromMaster"]) < -4.5e6
    assert 0 < float(measured["meanPathDelay"]) < 1e6
    [port] = [port for port in outcome.service["ports"] if port["transport"] == transport]
    granted = port["unicast"]["service"]
    assert granted["clients"] == 1
    assert granted["grants"] == {"ANNOUNCE": 1, "SYNC": 1, "DELAY_RESP": 1}
    [client] = granted["listed"]
    assert all(grant["left_s"] > 0 for grant in client["grants"].values())


def test_what_we_granted_was_renewed_and_nothing_ran_out(outcome: Outcome) -> None:
    ended = [event for event in outcome.events["service"] if event["event"] == "UnicastGrantEnded"]
    assert [event["text"] for event in ended] == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_we_follow_by_what_ptp4l_grants(outcome: Outcome, transport: str) -> None:
    [port] = outcome.clients[transport]["ports"]
    assert port["portDS"]["portState"] == "SLAVE"
    master = port["unicast"]["masters"][0]
    assert master["serves"]
    for kind in ("ANNOUNCE", "SYNC", "DELAY_RESP"):
        assert master["contracts"][kind]["state"] in ("granted", "renewing")
        assert 0 < master["contracts"][kind]["left_s"] <= 10
    assert abs(outcome.errors_ns[transport]) < 50_000


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_ptp4l_granted_was_renewed_in_time(outcome: Outcome, transport: str) -> None:
    expired = [e["text"] for e in outcome.events[transport] if "it expired" in e["text"]]
    assert expired == []


def test_when_a_master_dies_the_next_of_the_table_is_followed(outcome: Outcome) -> None:
    assert outcome.switch_s < 30  # by what was lost, as the events say; on a busy machine
    failed = [e for e in outcome.events["udpv4"] if e["event"] == "SignalFailed"]
    assert failed
    assert failed[0]["signal_fail"] in ("lossSync", "lossAnnounce", "lossDelayResp")
    dead, spare = outcome.after["ports"][0]["unicast"]["masters"]
    assert not dead["serves"]
    assert spare["contracts"]["SYNC"]["state"] in ("granted", "renewing")


def test_tshark_finds_nothing_odd_and_every_tlv_of_ours(outcome: Outcome) -> None:
    assert outcome.marks == []
    assert {int(kind, 0) for kind in outcome.tlvs if kind} >= {4, 5}
