"""gPTP against ptp4l in every position, and two domains over one measurement of the link.

Software stamps: neighborPropDelayThresh (800 ns) is made for hardware, and is raised on both sides.
"""

from __future__ import annotations

import math
import shutil
import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network, Node, why_unavailable
from lab.peers.ptp4l import Ptp4l
from lab.peers.tshark import Capture, Mark, field_values, marks

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

LOCK_TIMEOUT_S = 60.0
OBSERVE_S = 6.0
SAMPLES_WANTED = 4
SOFTWARE_STAMPS_NS = 10_000
"""What kernel stamps on one busy machine may differ by, generously: no measurement of accuracy."""
RELAY_IS_FAST_PPM = 60.0
RUNS_FREE = "free_running = true"

GPTP_CFG: dict[str, float | str] = {
    "gmCapable": 1,
    "priority2": 248,
    "logAnnounceInterval": 0,
    "logSyncInterval": -3,
    "syncReceiptTimeout": 3,
    "neighborPropDelayThresh": 10_000_000,
    "min_neighbor_prop_delay": -20_000_000,
    "assume_two_step": 1,
    "path_trace_enabled": 1,
    "follow_up_info": 1,
    "transportSpecific": 1,
    "ptp_dst_mac": "01:80:C2:00:00:0E",
    "network_transport": "L2",
    "delay_mechanism": "P2P",
}
LISTENS: dict[str, float | str] = {"freq_est_interval": 0, "summary_interval": -3}

OURS = """
[instance.{name}]
profile = "gptp"
clock = "soft"
{keys}
[clock.soft]
type = "soft"
offset_ns = {offset_ns}
frequency_error_ppb = {ppb}
"""

PORT = """
[[instance.{name}.port]]
interface = "eth{number}"
mean_link_delay_thresh_ns = 10_000_000
{keys}
"""

SECOND_DOMAIN = """
[instance.second]
profile = "gptp"
domain_number = 1
clock = "soft"
free_running = true
{keys}
"""

COMMON = 'delay_mechanism = "common-p2p"'


@dataclass
class Outcome:
    """What was seen, by the position that saw it."""

    true_offsets_ns: list[float] = field(default_factory=list)
    peer_errors_ns: dict[str, list[float]] = field(default_factory=dict)
    parents: dict[str, dict[str, str]] = field(default_factory=dict)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    kinds: set[int] = field(default_factory=set)
    fields: dict[str, list[str]] = field(default_factory=dict)
    steps_removed: str = ""
    link_delay_of_peer: str = ""


def ours(
    node: Node, directory: Path, keys: str, *, offset_ns: int, ppb: float, ports: int = 1, port: str = ""
) -> Daemon:
    text = OURS.format(name="main", keys=keys, offset_ns=offset_ns, ppb=ppb)
    text += "".join(PORT.format(name="main", number=number, keys=port) for number in range(ports))
    return Daemon(node, directory, text)


def address(node: Node, interface: str) -> str:
    return str(node.netlink(lambda ip: next(iter(ip.get_links(ifname=interface))).get("address")))


def wait_until_locked(daemon: Daemon, name: str = "main") -> None:
    daemon.wait_until(lambda: daemon.status()["instances"][name]["state"] == "locked", LOCK_TIMEOUT_S, "locked")


def steps_removed(daemon: Daemon) -> int:
    return int(daemon.status()["instances"]["main"]["currentDS"]["stepsRemoved"])


def around_a_relay(directory: Path) -> Outcome:
    """ptp4l → our relay, whose clock is 0.7 s and 60 ppm wrong → a ptp4l and our end station."""
    outcome = Outcome()
    with Network() as network:
        first, relay, listener, end = (network.node(name) for name in ("first", "relay", "listener", "end"))
        for number, node in enumerate((first, listener, end)):
            network.cable(node, "eth0", relay, f"eth{number}")
        network.settle()
        master = Ptp4l(first, directory / "master", "eth0", **GPTP_CFG, priority1=100)
        slave = Ptp4l(listener, directory / "slave", "eth0", **GPTP_CFG, **LISTENS, priority1=248)
        bridge = ours(
            relay,
            directory / "relay",
            "free_running = true",
            offset_ns=700_000_000,
            ppb=RELAY_IS_FAST_PPM * 1000,
            ports=3,
        )
        station = ours(end, directory / "end", "", offset_ns=400_000_000, ppb=40_000)
        capture = Capture(relay, "eth1", directory / "relay.pcap")
        for program in (master, slave, bridge):
            program.start()
        bridge.wait_until_ready()
        bridge.wait_until(lambda: steps_removed(bridge) == 1, LOCK_TIMEOUT_S, "heard of the grandmaster")
        station.start()
        station.wait_until_ready()
        wait_until_locked(station)
        slave.wait_for(r"offset .* path delay", LOCK_TIMEOUT_S)
        time.sleep(8)  # neighborRateRatio sees the last of the servo's slewing in its window
        since_s = time.monotonic()
        while time.monotonic() < since_s + OBSERVE_S:
            outcome.true_offsets_ns.append(true_offset_ns(soft_clock(station.status()), time.time_ns()))
            time.sleep(0.1)
        outcome.peer_errors_ns["slave"] = [o.offset_ns for o in slave.offsets() if o.time_s >= since_s]
        outcome.parents["slave"] = slave.get("PARENT_DATA_SET")["PARENT_DATA_SET"]
        outcome.steps_removed = slave.get("CURRENT_DATA_SET")["CURRENT_DATA_SET"]["stepsRemoved"]
        outcome.identities["master"] = master.get("DEFAULT_DATA_SET")["DEFAULT_DATA_SET"]["clockIdentity"]
        outcome.statuses = {"relay": bridge.status(), "end": station.status()}
        file, sent = capture.stop(), f"ptp && eth.src == {address(relay, 'eth1')}"
        outcome.marks = marks(file, sent)
        outcome.kinds = {int(kind, 16) for (kind,) in field_values(file, "ptp.v2.messagetype", display_filter=sent)}
        for name in ("ptp.as.fu.cumulativeScaledRateOffset", "eth.dst", "ptp.v2.an.pathsequence"):
            found = field_values(file, name, display_filter=sent)
            outcome.fields[name] = [value for (value,) in found if value]
    return outcome


def as_grandmaster(directory: Path) -> Outcome:
    """Our grandmaster, 0.2 s and 5 ppm off, and the ptp4l that follows it."""
    outcome = Outcome()
    with Network() as network:
        first, listener = network.node("first"), network.node("listener")
        network.cable(first, "eth0", listener, "eth0")
        network.settle()
        keys = "priority1 = 50\nptp_timescale = false\nclock_class = 6"
        master = ours(first, directory / "master", keys, offset_ns=-200_000_000, ppb=5_000)
        slave = Ptp4l(listener, directory / "slave", "eth0", **GPTP_CFG, **LISTENS, priority1=248)
        master.start()
        slave.start()
        master.wait_until_ready()
        slave.wait_for(r"offset .* path delay", LOCK_TIMEOUT_S)
        clock = soft_clock(master.status())
        time.sleep(OBSERVE_S)
        true_minus_monotonic_ns = time.time_ns() - time.monotonic_ns()
        outcome.peer_errors_ns["slave"] = [
            offset.offset_ns + true_offset_ns(clock, round(offset.time_s * 1e9) + true_minus_monotonic_ns)
            for offset in slave.offsets()
        ]
        outcome.parents["slave"] = slave.get("PARENT_DATA_SET")["PARENT_DATA_SET"]
        outcome.statuses["master"] = master.status()
    return outcome


def two_domains(directory: Path) -> Outcome:
    """Two of ours with two domains each, over one measurement of the link (CMLDS)."""
    outcome = Outcome()
    with Network() as network:
        left, right = network.node("left"), network.node("right")
        network.cable(left, "eth0", right, "eth0")
        network.settle()
        daemons = []
        for node, name, priority, offset_ns in ((left, "left", 50, 0), (right, "right", 200, 300_000_000)):
            text = OURS.format(name="main", keys=f"priority1 = {priority}", offset_ns=offset_ns, ppb=offset_ns / 1e4)
            text += PORT.format(name="main", number=0, keys=COMMON)
            text += SECOND_DOMAIN.format(keys=f"priority1 = {priority}")
            text += PORT.format(name="second", number=0, keys="")
            daemons.append(Daemon(node, directory / name, text))
        capture = Capture(left, "eth0", directory / "left.pcap")
        for daemon in daemons:
            daemon.start()
        _, follower = daemons
        follower.wait_until_ready()
        wait_until_locked(follower)
        time.sleep(2)
        outcome.statuses = {name: daemon.status() for name, daemon in zip(("left", "right"), daemons, strict=True)}
        file = capture.stop()
        outcome.marks = marks(file, "ptp")
        pairs = field_values(
            file, "ptp.v2.majorsdoid", "ptp.v2.domainnumber", "ptp.v2.messagetype", display_filter="ptp"
        )
        outcome.fields["sdo domain type"] = sorted({" ".join(values) for values in pairs})
    return outcome


def link_with_ptp4l(directory: Path) -> Outcome:
    """Our link delay service, and a ptp4l that answers with its sdoId (transportSpecific 2)."""
    outcome = Outcome()
    with Network() as network:
        left, right = network.node("left"), network.node("right")
        network.cable(left, "eth0", right, "eth0")
        network.settle()
        daemon = ours(left, directory / "ours", "", offset_ns=0, ppb=20_000, port=COMMON)
        peer = Ptp4l(right, directory / "peer", "eth0", **(GPTP_CFG | {"transportSpecific": 2}))
        daemon.start()
        peer.start()
        daemon.wait_until_ready()
        time.sleep(OBSERVE_S)
        outcome.statuses["ours"] = daemon.status()
        outcome.link_delay_of_peer = peer.get("PORT_DATA_SET")["PORT_DATA_SET"]["peerMeanPathDelay"]
    return outcome


SCENES = {scene.__name__: scene for scene in (around_a_relay, as_grandmaster, two_domains, link_with_ptp4l)}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Outcome]]:
    """All scenes, played at the same time, each in its own namespaces."""
    missing = [program for program in ("ptp4l", "pmc", "tshark", "dumpcap") if shutil.which(program) is None]
    if why := f"not installed: {', '.join(missing)}" if missing else why_unavailable():
        pytest.skip(why)
    with ThreadPoolExecutor(len(SCENES)) as pool:
        runs = {name: pool.submit(scene, tmp_path_factory.mktemp(name)) for name, scene in SCENES.items()}
        yield {name: run.result() for name, run in runs.items()}


def rms(values: list[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


def port_ds(status: dict[str, Any], number: int = 1, instance: str = "main") -> dict[str, Any]:
    found: dict[str, Any] = status["instances"][instance]["ports"][number - 1]["portDS"]
    return found


class TestOurRelayBetweenTwoPtp4ls:
    def test_the_ptp4l_behind_measures_that_it_agrees(self, outcomes: Mapping[str, Outcome]) -> None:
        errors_ns = outcomes["around_a_relay"].peer_errors_ns["slave"]  # both ptp4l show the host's clock
        assert len(errors_ns) >= SAMPLES_WANTED
        assert statistics.median(map(abs, errors_ns)) <= SOFTWARE_STAMPS_NS

    def test_it_sees_the_grandmaster_two_steps_away(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["around_a_relay"]
        assert outcome.parents["slave"]["grandmasterIdentity"] == outcome.identities["master"]
        assert outcome.steps_removed == "2"

    def test_the_relay_forwards_without_its_own_clock(self, outcomes: Mapping[str, Outcome]) -> None:
        status = outcomes["around_a_relay"].statuses["relay"]
        assert status["instances"]["main"]["state"] == "forwarding"
        assert status["exit_code"] == 0
        assert status["clocks"]["soft"]["offset_ns"] > 0.6e9

    def test_neighbours_of_2011_are_accepted(self, outcomes: Mapping[str, Outcome]) -> None:
        status = outcomes["around_a_relay"].statuses["relay"]
        assert [port_ds(status, number)["asCapable"] for number in (1, 2, 3)] == [True, True, True]
        assert port_ds(status, 1)["asCapableReason"].startswith("neighbor of 2011")
        assert port_ds(status, 3)["asCapableReason"].startswith("capable")

    def test_the_rate_in_its_follow_ups_is_that_of_the_grandmaster(self, outcomes: Mapping[str, Outcome]) -> None:
        told = [int(value) for value in outcomes["around_a_relay"].fields["ptp.as.fu.cumulativeScaledRateOffset"]]
        ppm = [(value - (1 << 32) * (value >> 31)) / (1 << 41) * 1e6 for value in told[-20:]]
        assert statistics.median(ppm) == pytest.approx(-RELAY_IS_FAST_PPM, abs=10)

    def test_tshark_finds_nothing_wrong(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["around_a_relay"]
        assert outcome.marks == []
        assert {0x0, 0x2, 0x3, 0x8, 0xA, 0xB, 0xC} <= outcome.kinds
        assert set(outcome.fields["eth.dst"]) == {"01:80:c2:00:00:0e"}

    def test_the_path_is_traced(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["around_a_relay"]
        (clock,) = {outcome.statuses["relay"]["instances"]["main"]["defaultDS"]["clockIdentity"]}
        path = outcome.fields["ptp.v2.an.pathsequence"][-1].split(",")
        assert [step.removeprefix("0x") for step in path] == [
            outcome.identities["master"].replace(".", ""),
            clock.replace(".", ""),
        ]


class TestOurEndStation:
    def test_it_is_true_behind_the_relay(self, outcomes: Mapping[str, Outcome]) -> None:
        assert rms(outcomes["around_a_relay"].true_offsets_ns) <= SOFTWARE_STAMPS_NS

    def test_it_knows_the_way(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["around_a_relay"]
        instance = outcome.statuses["end"]["instances"]["main"]
        assert instance["parentDS"]["grandmasterIdentity"] == outcome.identities["master"]
        assert instance["currentDS"]["stepsRemoved"] == 2
        assert len(instance["pathTrace"]) == 3


class TestOurGrandmaster:
    def test_ptp4l_follows_it(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["as_grandmaster"]
        instance = outcome.statuses["master"]["instances"]["main"]
        assert instance["state"] == "serving"
        assert outcome.parents["slave"]["grandmasterIdentity"] == instance["defaultDS"]["clockIdentity"]

    def test_ptp4l_measures_our_time(self, outcomes: Mapping[str, Outcome]) -> None:
        errors_ns = outcomes["as_grandmaster"].peer_errors_ns["slave"]
        assert len(errors_ns) >= SAMPLES_WANTED
        assert statistics.median(map(abs, errors_ns)) <= SOFTWARE_STAMPS_NS


class TestTwoDomainsOverOneMeasurement:
    def test_both_follow(self, outcomes: Mapping[str, Outcome]) -> None:
        right = outcomes["two_domains"].statuses["right"]
        assert right["instances"]["main"]["state"] == "locked"
        assert [port_ds(right, 1, name)["portState"] for name in ("main", "second")] == ["SLAVE", "SLAVE"]

    def test_both_read_the_same_link(self, outcomes: Mapping[str, Outcome]) -> None:
        right = outcomes["two_domains"].statuses["right"]
        first, second = port_ds(right, 1, "main"), port_ds(right, 1, "second")
        assert first["delayMechanism"] == second["delayMechanism"] == "COMMON_P2P"
        assert first["meanLinkDelay"] == second["meanLinkDelay"] > 0
        measured = right["linkDelayServices"]["cmlds"]["eth0"]
        assert measured["linkPortDS"]["meanLinkDelay"] == first["meanLinkDelay"]
        assert measured["counters"]["sent"]["PdelayReq"] > 0

    def test_peer_delay_goes_once_with_the_services_sdo_id(self, outcomes: Mapping[str, Outcome]) -> None:
        seen = outcomes["two_domains"].fields["sdo domain type"]
        pdelay = {line for line in seen if line.split()[2] in ("0x02", "0x03", "0x0a")}
        assert {tuple(line.split()[:2]) for line in pdelay} == {("0x02", "0")}
        assert {tuple(line.split()[:2]) for line in seen} - {("0x02", "0")} == {("0x01", "0"), ("0x01", "1")}

    def test_tshark_finds_nothing_wrong(self, outcomes: Mapping[str, Outcome]) -> None:
        assert outcomes["two_domains"].marks == []

    def test_ptp4l_speaks_with_the_service(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["link_with_ptp4l"]
        assert port_ds(outcome.statuses["ours"])["meanLinkDelay"] > 0
        assert port_ds(outcome.statuses["ours"])["isMeasuringDelay"]
        assert float(outcome.link_delay_of_peer) > 0
