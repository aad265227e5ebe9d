"""Cars on real sockets: AVnu roles against ptp4l's automotive configurations, AUTOSAR's CRCs, hot standby.

ptp4l.conf: what linuxptp ships as automotive-master.cfg and automotive-slave.cfg.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import rdpcap

from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network
from lab.peers.ptp4l import Ptp4l
from lab.peers.tshark import Capture, field_values, marks
from ptpstack.wire.station_status import ETHERTYPE, decode
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
from tests.interop.scenes import play, rms

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

OBSERVE_S = 6.0

AUTOMOTIVE: dict[str, float | str] = PTP4L | {
    "priority1": 248,
    "BMCA": "noop",
    "inhibit_announce": 1,
    "asCapable": "true",
}
MASTER_CFG = AUTOMOTIVE | {"masterOnly": 1, "inhibit_delay_req": 1}
SLAVE_CFG = AUTOMOTIVE | LISTENS | {"slaveOnly": 1, "ignore_source_id": 1}

INSTANCE = """
[instance.{name}]
profile = "{profile}"
clock = "soft"
{keys}
"""
PORT = """
[[instance.{name}.port]]
interface = "eth{number}"
desired_state = "{role}"
{keys}
"""
AUTOSAR = """
[instance.main.autosar]
crc_check = "validated"
secured_fields = ["message_length", "domain_number", "correction_field", "source_port_identity", "sequence_id",
                  "precise_origin_timestamp"]
data_ids = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
"""


@dataclass
class Outcome(Seen):
    """What was seen."""

    kept: dict[str, Any] = field(default_factory=dict)
    told: list[tuple[str, ...]] = field(default_factory=list)
    station_states: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def configuration(
    roles: list[str], *, offset_ns: int = 0, ppb: float = 0, keys: str = "", port: str = "", more: str = ""
) -> str:
    text = INSTANCE.format(name="main", profile="avnu-automotive", keys=keys)
    text += "".join(PORT.format(name="main", number=number, role=role, keys=port) for number, role in enumerate(roles))
    return text + more + SOFT_CLOCK.format(offset_ns=offset_ns, ppb=ppb)


def behind_ptp4l(ptp4l: type[Ptp4l], directory: Path) -> Outcome:
    """ptp4l's automotive master → our AED-B → a ptp4l automotive slave, and our AED-E, which is started twice."""
    outcome = Outcome()
    with Network() as network:
        first, relay, listener, end = (network.node(name) for name in ("first", "relay", "listener", "end"))
        for number, node in enumerate((first, listener, end)):
            network.cable(node, "eth0", relay, f"eth{number}")
        network.settle()
        master = ptp4l(first, directory / "master", "eth0", **MASTER_CFG)
        slave = ptp4l(listener, directory / "slave", "eth0", **SLAVE_CFG)
        roles = ["slave", "master", "master"]
        bridge = Daemon(
            relay,
            directory / "relay",
            configuration(
                roles,
                offset_ns=700_000_000,
                ppb=60_000,
                keys="free_running = true",
                port="mean_link_delay_thresh_ns = 1",
            ),
        )
        station = Daemon(
            end,
            directory / "end",
            configuration(["slave"], offset_ns=400_000_000, ppb=40_000, port="test_status = true"),
        )
        capture = Capture(relay, "eth1", directory / "relay.pcap")
        bench = Capture(relay, "eth2", directory / "bench.pcap")
        for program in (master, slave, bridge):
            program.start()
        bridge.wait_until_ready()
        station.start()
        station.wait_until_ready()
        began_s = time.monotonic()
        wait_until_locked(station)
        outcome.seconds["lock"] = time.monotonic() - began_s
        slave.wait_for(r"offset .* path delay", LOCK_TIMEOUT_S)
        time.sleep(6)
        since_s = time.monotonic()
        outcome.true_offsets_ns = watch(station, OBSERVE_S)
        outcome.peer_errors_ns = [o.offset_ns for o in slave.offsets() if o.time_s >= since_s]
        station.wait_until(lambda: _says(station, "OperationalIntervalsChanged"), 60, "made do with less")
        outcome.events["end"] = station.events()
        outcome.statuses |= {"end": station.status(), "relay": bridge.status()}
        outcome.kept = json.loads((directory / "end" / "link_eth0.json").read_text())
        file, told = capture.stop(), bench.stop()
        outcome.told = field_values(
            told,
            "eth.dst",
            "ieee17221.u_flag",
            "ieee17221.command_type",
            "ieee17221.link_up",
            display_filter="ieee17221",
        )
        frames = [bytes(frame) for frame in rdpcap(str(told))]
        outcome.station_states = [
            decode(frame[14:]).station_state.name for frame in frames if frame[12:14] == ETHERTYPE.to_bytes(2, "big")
        ]
        outcome.marks = marks(file, "ptp") + marks(told, "ieee17221")
        outcome.kinds = {int(kind, 16) for (kind,) in field_values(file, "ptp.v2.messagetype", display_filter="ptp")}
    return outcome


def _says(daemon: Daemon, event: str) -> bool:
    return any(found["event"] == event for found in daemon.events())


def secured(directory: Path) -> Outcome:
    """Our grandmaster and two of ours that want AUTOSAR's CRCs: one with the DataIDs, one with others."""
    outcome = Outcome()
    with Network() as network:
        first, relay, end, stranger = (network.node(name) for name in ("first", "relay", "end", "stranger"))
        for number, node in enumerate((first, end, stranger)):
            network.cable(node, "eth0", relay, f"eth{number}")
        network.settle()
        says = AUTOSAR + 'user_data = "cafe01"\nsync_to_gateway = false\n'
        other = AUTOSAR.replace("data_ids = [1, ", "data_ids = [99, ").replace("15, 16]", "15, 99]")
        daemons = {
            "first": Daemon(first, directory / "first", configuration(["master"], keys="clock_class = 6", more=says)),
            "relay": Daemon(
                relay,
                directory / "relay",
                configuration(["slave", "master", "master"], ppb=30_000, keys="free_running = true", more=AUTOSAR),
            ),
            "end": Daemon(end, directory / "end", configuration(["slave"], offset_ns=10**8, more=AUTOSAR)),
            "stranger": Daemon(stranger, directory / "stranger", configuration(["slave"], more=other)),
        }
        for daemon in daemons.values():
            daemon.start()
        for daemon in daemons.values():
            daemon.wait_until_ready()
        wait_until_locked(daemons["end"])
        time.sleep(3)
        outcome.statuses = {name: daemon.status() for name, daemon in daemons.items()}
        outcome.events = {name: daemon.events() for name, daemon in daemons.items()}
    return outcome


DOMAIN = "domain_number = {domain}\nexternal_port_configuration_enabled = true\n{keys}"
GPTP_PORT = 'mean_link_delay_thresh_ns = 10_000_000\ndelay_mechanism = "common-p2p"'
HOT_STANDBY = """
[hot_standby]
primary = "a"
secondary = "b"
primary_secondary_offset_thresh_ns = 10_000
offset_from_time_transmitter_max_ns = 100_000
"""


def two_domains(roles: dict[str, tuple[int, list[str]]], *, ppb: float = 0, offset_ns: int = 0, **keys: str) -> str:
    text = ""
    for name, (domain, of_ports) in roles.items():
        text += INSTANCE.format(name=name, profile="gptp", keys=DOMAIN.format(domain=domain, keys=keys.get(name, "")))
        text += "".join(
            PORT.format(name=name, number=number, role=role, keys=GPTP_PORT) for number, role in enumerate(of_ports)
        )
    return text + SOFT_CLOCK.format(offset_ns=offset_ns, ppb=ppb)


def hot_standby(directory: Path) -> Outcome:
    """Two grandmasters in two domains around a relay, an end station with both; the first one's cable is cut."""
    outcome = Outcome()
    with Network() as network:
        first, second, relay, end = (network.node(name) for name in ("first", "second", "relay", "end"))
        cables = [
            network.cable(node, "eth0", relay, f"eth{number}") for number, node in enumerate((first, second, end))
        ]
        network.settle()
        free = "free_running = true"
        daemons = {
            "first": Daemon(first, directory / "first", two_domains({"a": (0, ["master"])}, a="clock_class = 6")),
            "second": Daemon(
                second, directory / "second", two_domains({"a": (0, ["slave"]), "b": (1, ["master"])}, ppb=9e3)
            ),
            "relay": Daemon(
                relay,
                directory / "relay",
                two_domains(
                    {"a": (0, ["slave", "master", "master"]), "b": (1, ["master", "slave", "master"])},
                    ppb=30_000,
                    a=free,
                    b=free,
                ),
            ),
            "end": Daemon(
                end,
                directory / "end",
                two_domains({"b": (1, ["slave"]), "a": (0, ["slave"])}, offset_ns=10**8, ppb=2e4) + HOT_STANDBY,
            ),
        }
        for daemon in daemons.values():
            daemon.start()
        for daemon in daemons.values():
            daemon.wait_until_ready()
        station = daemons["end"]

        def state() -> str:
            return str(station.status()["clocks"]["soft"]["hotStandby"]["state"])

        station.wait_until(lambda: state() == "REDUNDANT", LOCK_TIMEOUT_S, "was redundant")
        station.wait_until(lambda: max(map(abs, watch(station, 1))) < SOFTWARE_STAMPS_NS, 60, "settled")
        outcome.statuses["before"] = station.status()
        cables[0].cut()
        cut_s = time.monotonic()
        station.wait_until(lambda: state() == "NOT_REDUNDANT", 30, "was redundant no more")
        outcome.seconds["noticed"] = time.monotonic() - cut_s
        # the second grandmaster is in holdover now, as good as software stamps let it learn: it is the time there is
        for _ in range(20):
            clocks = [soft_clock(daemon.status()) for daemon in (station, daemons["second"])]
            now_ns = time.time_ns()
            outcome.true_offsets_ns.append(true_offset_ns(clocks[0], now_ns) - true_offset_ns(clocks[1], now_ns))
            time.sleep(0.15)
        outcome.statuses["after"] = station.status()
        outcome.events["end"] = station.events()
    return outcome


@pytest.fixture(scope="module", params=LINUXPTP)
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The scene with ptp4l."""
    scenes = {"behind_ptp4l": partial(behind_ptp4l, ptp4l_of(request.param))}
    outcome: Outcome = play(scenes, tmp_path_factory)["behind_ptp4l"]
    return outcome


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """The scenes among ourselves."""
    return play({scene.__name__: scene for scene in (secured, hot_standby)}, tmp_path_factory)


class TestBehindPtp4l:
    def test_our_end_station_is_true(self, behind: Outcome) -> None:
        assert rms(behind.true_offsets_ns) <= SOFTWARE_STAMPS_NS

    def test_ptp4l_behind_our_bridge_agrees(self, behind: Outcome) -> None:
        errors_ns = behind.peer_errors_ns
        assert len(errors_ns) >= 4
        assert statistics.median(map(abs, errors_ns)) <= SOFTWARE_STAMPS_NS

    def test_nobody_announces(self, behind: Outcome) -> None:
        assert 0xB not in behind.kinds
        assert {0x0, 0x2, 0x3, 0x8, 0xA} <= behind.kinds
        assert behind.marks == []

    def test_a_threshold_that_software_stamps_miss_is_told_and_changes_nothing(self, behind: Outcome) -> None:
        port_ds = port_of(behind.statuses["relay"])["portDS"]
        assert port_ds["asCapable"]
        assert port_ds["asCapableReason"].startswith("link up: a link that is up is enough here")

    def test_it_makes_do_with_less_once_it_is_settled(self, behind: Outcome) -> None:
        assert port_of(behind.statuses["end"])["portDS"]["currentLogPdelayReqInterval"] == 2
        (asked,) = [event for event in behind.events["end"] if event["event"] == "OperationalIntervalsChanged"]
        assert asked["log_sync_interval"] == 0

    def test_the_bench_hears_each_second_how_far_it_is(self, behind: Outcome) -> None:
        assert set(behind.told) == {("01:1b:c5:0a:c0:00", "1", "0x0029", "1")}
        assert behind.station_states[-4:] == ["AVB_SYNC"] * 4

    def test_the_link_delay_is_kept_for_the_next_start(self, behind: Outcome) -> None:
        measured_ns = port_of(behind.statuses["end"])["portDS"]["meanLinkDelay"]
        assert behind.kept["mean_link_delay_ns"] == pytest.approx(measured_ns, abs=SOFTWARE_STAMPS_NS)


class TestAutosar:
    def test_who_has_the_data_ids_follows(self, outcomes: Mapping[str, Outcome]) -> None:
        status = outcomes["secured"].statuses["end"]
        assert status["instances"]["main"]["state"] == "locked"
        assert not [reason for reason in port_of(status)["counters"]["discarded"] if "AUTOSAR" in reason]

    def test_what_the_grandmaster_says_is_told_behind_the_relay(self, outcomes: Mapping[str, Outcome]) -> None:
        (said,) = [event for event in outcomes["secured"].events["end"] if event["event"] == "AutosarContentChanged"]
        assert said["content"] == ["status 0x00", "user data cafe01"]

    def test_who_has_others_uses_only_what_fits(self, outcomes: Mapping[str, Outcome]) -> None:
        discarded = port_of(outcomes["secured"].statuses["stranger"])["counters"]["discarded"]
        wrong = sum(count for reason, count in discarded.items() if "CRC of" in reason)
        assert wrong >= 2  # two of sixteen DataIDs


class TestHotStandby:
    def test_both_are_synced_and_the_primary_steers_though_it_stands_second(
        self, outcomes: Mapping[str, Outcome]
    ) -> None:
        clock = outcomes["hot_standby"].statuses["before"]["clocks"]["soft"]
        assert clock["writer"] == "a"
        assert [instance["is_synced"] for instance in clock["hotStandby"]["instances"].values()] == [True, True]

    def test_the_secondary_takes_over(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["hot_standby"]
        assert outcome.statuses["after"]["clocks"]["soft"]["writer"] == "b"
        assert outcome.statuses["after"]["instances"]["b"]["state"] == "locked"
        assert outcome.statuses["after"]["clocks"]["soft"]["state"] == "locked"

    def test_time_goes_on(self, outcomes: Mapping[str, Outcome]) -> None:
        outcome = outcomes["hot_standby"]
        far_ns = sorted(map(abs, outcome.true_offsets_ns))
        assert far_ns[len(far_ns) * 9 // 10] <= 3 * SOFTWARE_STAMPS_NS
        assert far_ns[-1] <= 100 * SOFTWARE_STAMPS_NS  # a busy machine stamps one Sync late; a gap in time is more
        assert not [event for event in outcome.events["end"] if event["event"] == "ClockStepped"][1:]
