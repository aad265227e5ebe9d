"""gPTP against ptp4l in every position, an old one and a new one, and two domains over one measurement of the link."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network, Node
from lab.peers.ptp4l import Ptp4l
from lab.peers.tshark import Capture, field_values, marks
from tests.interop.gptp_scenes import (
    LINUXPTP,
    LISTENS,
    LOCK_TIMEOUT_S,
    PTP4L,
    SOFT_CLOCK,
    SOFTWARE_STAMPS_NS,
    Seen,
    port_of,
    ptp4l_of,
    wait_until_locked,
    watch,
)
from tests.interop.scenes import address, play, rms

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

OBSERVE_S = 6.0
SAMPLES_WANTED = 4
RELAY_IS_FAST_PPM = 60.0
GPTP_CFG: dict[str, float | str] = PTP4L | {"logAnnounceInterval": 0}

OURS = """
[instance.{name}]
profile = "gptp"
clock = "soft"
{keys}
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


NEVER_SAYS_IT_IS_CAPABLE = "gptp_capable_state_machines_enabled = false"
"""A ptp4l of 4.2 says that it is of a later edition than 2011, and yet sends no gPTP-capable TLV."""


@dataclass
class Outcome(Seen):
    """What was seen."""

    parent: dict[str, str] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)
    fields: dict[str, list[str]] = field(default_factory=dict)
    steps_removed: str = ""
    link_delay_of_peer: str = ""


def ours(
    node: Node, directory: Path, keys: str, *, offset_ns: int, ppb: float, ports: int = 1, port: str = ""
) -> Daemon:
    text = OURS.format(name="main", keys=keys) + SOFT_CLOCK.format(offset_ns=offset_ns, ppb=ppb)
    text += "".join(PORT.format(name="main", number=number, keys=port) for number in range(ports))
    return Daemon(node, directory, text)


def steps_removed(daemon: Daemon) -> int:
    return int(daemon.status()["instances"]["main"]["currentDS"]["stepsRemoved"])


def around_a_relay(ptp4l: type[Ptp4l], port: str, directory: Path) -> Outcome:
    """ptp4l → our relay, whose clock is 0.7 s and 60 ppm wrong → a ptp4l and our end station."""
    outcome = Outcome()
    with Network() as network:
        first, relay, listener, end = (network.node(name) for name in ("first", "relay", "listener", "end"))
        for number, node in enumerate((first, listener, end)):
            network.cable(node, "eth0", relay, f"eth{number}")
        network.settle()
        master = ptp4l(first, directory / "master", "eth0", **GPTP_CFG, priority1=100)
        slave = ptp4l(listener, directory / "slave", "eth0", **GPTP_CFG, **LISTENS, priority1=248)
        bridge = ours(
            relay,
            directory / "relay",
            "free_running = true",
            offset_ns=700_000_000,
            ppb=RELAY_IS_FAST_PPM * 1000,
            ports=3,
            port=port,
        )
        station = ours(end, directory / "end", "", offset_ns=400_000_000, ppb=40_000, port=port)
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
        outcome.true_offsets_ns = watch(station, OBSERVE_S)
        outcome.peer_errors_ns = [o.offset_ns for o in slave.offsets() if o.time_s >= since_s]
        outcome.parent = slave.get("PARENT_DATA_SET")["PARENT_DATA_SET"]
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


def as_grandmaster(ptp4l: type[Ptp4l], port: str, directory: Path) -> Outcome:
    """Our grandmaster, 0.2 s and 5 ppm off, and the ptp4l that follows it."""
    outcome = Outcome()
    with Network() as network:
        first, listener = network.node("first"), network.node("listener")
        network.cable(first, "eth0", listener, "eth0")
        network.settle()
        keys = "priority1 = 50\nptp_timescale = false\nclock_class = 6"
        master = ours(first, directory / "master", keys, offset_ns=-200_000_000, ppb=5_000, port=port)
        slave = ptp4l(listener, directory / "slave", "eth0", **GPTP_CFG, **LISTENS, priority1=248)
        master.start()
        slave.start()
        master.wait_until_ready()
        slave.wait_for(r"offset .* path delay", LOCK_TIMEOUT_S)
        clock = soft_clock(master.status())
        time.sleep(OBSERVE_S)
        true_minus_monotonic_ns = time.time_ns() - time.monotonic_ns()
        outcome.peer_errors_ns = [
            offset.offset_ns + true_offset_ns(clock, round(offset.time_s * 1e9) + true_minus_monotonic_ns)
            for offset in slave.offsets()
        ]
        outcome.parent = slave.get("PARENT_DATA_SET")["PARENT_DATA_SET"]
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
            text = OURS.format(name="main", keys=f"priority1 = {priority}")
            text += SOFT_CLOCK.format(offset_ns=offset_ns, ppb=offset_ns / 1e4)
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


def link_with_ptp4l(ptp4l: type[Ptp4l], port: str, directory: Path) -> Outcome:
    """Our link delay service, and a ptp4l that answers with its sdoId (transportSpecific 2)."""
    outcome = Outcome()
    with Network() as network:
        left, right = network.node("left"), network.node("right")
        network.cable(left, "eth0", right, "eth0")
        network.settle()
        daemon = ours(left, directory / "ours", "", offset_ns=0, ppb=20_000, port=f"{COMMON}\n{port}")
        peer = ptp4l(right, directory / "peer", "eth0", **(GPTP_CFG | {"transportSpecific": 2}))
        daemon.start()
        peer.start()
        daemon.wait_until_ready()
        time.sleep(OBSERVE_S)
        outcome.statuses["ours"] = daemon.status()
        outcome.link_delay_of_peer = peer.get("PORT_DATA_SET")["PORT_DATA_SET"]["peerMeanPathDelay"]
    return outcome


@pytest.fixture(scope="module", params=LINUXPTP)
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """The scenes with ptp4l."""
    ptp4l = ptp4l_of(request.param)
    port = "" if request.param == "installed" else NEVER_SAYS_IT_IS_CAPABLE
    scenes = (around_a_relay, as_grandmaster, link_with_ptp4l)
    return play({scene.__name__: partial(scene, ptp4l, port) for scene in scenes}, tmp_path_factory)


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The scene of two domains."""
    outcome: Outcome = play({"two_domains": two_domains}, tmp_path_factory)["two_domains"]
    return outcome


def port_ds(status: dict[str, Any], number: int = 1, instance: str = "main") -> dict[str, Any]:
    found: dict[str, Any] = port_of(status, number, instance)["portDS"]
    return found


class TestOurRelayBetweenTwoPtp4ls:
    def test_the_ptp4l_behind_measures_that_it_agrees(self, outcomes: Mapping[str, Outcome]) -> None:
        errors_ns = outcomes["around_a_relay"].peer_errors_ns  # both ptp4l show the host's clock
        assert len(errors_ns) >= SAMPLES_WANTED
        assert statistics.median(map(abs, errors_ns)) <= SOFTWARE_STAMPS_NS

    def test_it_sees_the_grandmaster_two_steps_away(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["around_a_relay"]
        assert outcome.parent["grandmasterIdentity"] == outcome.identities["master"]
        assert outcome.steps_removed == "2"

    def test_the_relay_forwards_without_its_own_clock(self, outcomes: Mapping[str, Outcome]) -> None:
        status = outcomes["around_a_relay"].statuses["relay"]
        assert status["instances"]["main"]["state"] == "forwarding"
        assert status["exit_code"] == 0
        assert status["clocks"]["soft"]["offset_ns"] > 0.6e9

    def test_neighbours_of_2011_and_those_that_never_say_it_are_accepted(
        self, outcomes: Mapping[str, Outcome], request: pytest.FixtureRequest
    ) -> None:
        status = outcomes["around_a_relay"].statuses["relay"]
        assert [port_ds(status, number)["asCapable"] for number in (1, 2, 3)] == [True, True, True]
        reason = "capable" if "newer" in request.node.name else "neighbor of 2011"
        assert port_ds(status, 1)["asCapableReason"].startswith(reason)
        assert port_ds(status, 3)["asCapableReason"].startswith("capable")

    def test_the_rate_in_its_follow_ups_is_that_of_the_grandmaster(self, outcomes: Mapping[str, Outcome]) -> None:
        told = [int(value) for value in outcomes["around_a_relay"].fields["ptp.as.fu.cumulativeScaledRateOffset"]]
        ppm = [(value - (1 << 32) * (value >> 31)) / (1 << 41) * 1e6 for value in told[-20:]]
        assert statistics.median(ppm) == pytest.approx(-RELAY_IS_FAST_PPM, abs=10)

    def test_tshark_finds_nothing_wrong(self, outcomes: Mapping[str, Outcome], request: pytest.FixtureRequest) -> None:
        outcome = outcomes["around_a_relay"]
        assert outcome.marks == []
        says_it_is_capable = set() if "newer" in request.node.name else {0xC}
        assert {0x0, 0x2, 0x3, 0x8, 0xA, 0xB} | says_it_is_capable <= outcome.kinds
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
        assert outcome.parent["grandmasterIdentity"] == instance["defaultDS"]["clockIdentity"]

    def test_ptp4l_measures_our_time(self, outcomes: Mapping[str, Outcome]) -> None:
        errors_ns = outcomes["as_grandmaster"].peer_errors_ns
        assert len(errors_ns) >= SAMPLES_WANTED
        assert statistics.median(map(abs, errors_ns)) <= SOFTWARE_STAMPS_NS


class TestTwoDomainsOverOneMeasurement:
    def test_both_follow(self, domains: Outcome) -> None:
        right = domains.statuses["right"]
        assert right["instances"]["main"]["state"] == "locked"
        assert [port_ds(right, 1, name)["portState"] for name in ("main", "second")] == ["SLAVE", "SLAVE"]

    def test_both_read_the_same_link(self, domains: Outcome) -> None:
        right = domains.statuses["right"]
        first, second = port_ds(right, 1, "main"), port_ds(right, 1, "second")
        assert first["delayMechanism"] == second["delayMechanism"] == "COMMON_P2P"
        assert first["meanLinkDelay"] == second["meanLinkDelay"] > 0
        measured = right["linkDelayServices"]["cmlds"]["eth0"]
        assert measured["linkPortDS"]["meanLinkDelay"] == first["meanLinkDelay"]
        assert measured["counters"]["sent"]["PdelayReq"] > 0

    def test_peer_delay_goes_once_with_the_services_sdo_id(self, domains: Outcome) -> None:
        seen = domains.fields["sdo domain type"]
        pdelay = {line for line in seen if line.split()[2] in ("0x02", "0x03", "0x0a")}
        assert {tuple(line.split()[:2]) for line in pdelay} == {("0x02", "0")}
        assert {tuple(line.split()[:2]) for line in seen} - {("0x02", "0")} == {("0x01", "0"), ("0x01", "1")}

    def test_tshark_finds_nothing_wrong(self, domains: Outcome) -> None:
        assert domains.marks == []


class TestLinkDelayServiceAndPtp4l:
    def test_ptp4l_speaks_with_the_service(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["link_with_ptp4l"]
        assert port_ds(outcome.statuses["ours"])["meanLinkDelay"] > 0
        assert port_ds(outcome.statuses["ours"])["isMeasuringDelay"]
        assert float(outcome.link_delay_of_peer) > 0
