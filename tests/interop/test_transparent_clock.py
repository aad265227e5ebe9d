"""Our transparent clock between a ptp4l that serves and two slaves behind it: a ptp4l, and ours."""

import statistics
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lab.daemon import Daemon, soft_clock, true_offset_ns, verdict
from lab.namespaces import Network
from lab.peers.ptp4l import Ptp4l
from lab.peers.tshark import Capture, Mark, field_values, marks
from tests.interop.scenes import address, play, rms

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

LOCK_TIMEOUT_S = 60.0
OBSERVE_S = 10.0
SETTLE_S = 5.0
SAMPLES_WANTED = 6
SOFTWARE_STAMPS_NS = 10_000
"""What kernel stamps on one busy machine may differ by, generously: no measurement of accuracy."""

TRANSPORTS = {"l2": "L2", "udpv4": "UDPv4", "udpv6": "UDPv6"}
SYNC, FOLLOW_UP, ANNOUNCE = 0x0, 0x8, 0xB

TRANSPARENT = """
[instance.between]
instance_type = "{mechanism}-tc"
profile = "default-{mechanism}"
clock = "wrong"

[clock.wrong]                       # residence times by a clock that is 80 ppm too fast
type = "soft"
offset_ns = 700_000_000
frequency_error_ppb = 80_000
"""

TRANSPARENT_PORT = """
[[instance.between.port]]
interface = "eth{number}"
transport = "{transport}"
"""

SLAVE = """
[instance.main]
profile = "default-{mechanism}"
enforce_profile = false
slave_only = true
clock = "soft"

[clock.soft]
type = "soft"
offset_ns = 400_000_000
frequency_error_ppb = 40_000

[[instance.main.port]]
interface = "eth0"
transport = "{transport}"
log_announce_interval = -1
log_sync_interval = -3
log_min_{request}_req_interval = -2
"""


class Cell(NamedTuple):
    """Over which transport, by which delay mechanism."""

    transport: str
    mechanism: str

    def __str__(self) -> str:
        return f"{self.transport}-{self.mechanism}"


CELLS = [Cell(transport, mechanism) for transport in TRANSPORTS for mechanism in ("e2e", "p2p")]


class Outcome(NamedTuple):
    """What was seen at the two slaves, in the transparent clock, and of its frames to the first slave."""

    status: dict[str, Any]
    true_offsets_ns: list[float]
    steps_removed: int
    peer_offsets_ns: list[float]
    peer_data_sets: dict[str, dict[str, str]]
    grandmaster: str
    marks: list[Mark]
    kinds: set[int]
    corrections_ns: list[float]


def observe(cell: Cell, directory: Path) -> Outcome:
    """Run ptp4l → our transparent clock → ptp4l and our slave; the clocks of both ptp4l are the true one."""
    with Network() as network:
        names = ("grandmaster", "between", "listener", "slave")
        grandmaster, between, listener, slave = (network.node(name) for name in names)
        for number, node in enumerate((grandmaster, listener, slave)):
            network.cable(node, "eth0", between, f"eth{number}")
            node.add_address("eth0", f"10.0.0.{10 + number}/24")
            node.add_address("eth0", f"fd00::{10 + number}/64")
            between.add_address(f"eth{number}", f"10.0.{number + 1}.1/24")
            between.add_address(f"eth{number}", f"fd00:{number + 1}::1/64")
        network.settle()
        master = Ptp4l(grandmaster, directory / "gm", "eth0", **options(cell), priority1=10)
        listens = {"slaveOnly": 1, "freq_est_interval": 0, "summary_interval": -3}
        peer = Ptp4l(listener, directory / "peer", "eth0", **options(cell), **listens)
        forwarder = Daemon(between, directory / "between", configuration(cell))
        request = "delay" if cell.mechanism == "e2e" else "pdelay"
        ours = Daemon(slave, directory / "slave", SLAVE.format(**cell._asdict(), request=request))
        capture = Capture(between, "eth1", directory / "listener.pcap")
        for program in (master, peer, forwarder, ours):
            program.start()
        ours.wait_until_ready()
        ours.wait_until(lambda: verdict(ours.status()) == "locked", LOCK_TIMEOUT_S, "locked")
        peer.wait_for(r"offset .* path delay", LOCK_TIMEOUT_S)
        time.sleep(SETTLE_S)
        since_s = time.monotonic()
        true_offsets_ns = []
        while time.monotonic() < since_s + OBSERVE_S:
            true_offsets_ns.append(true_offset_ns(soft_clock(ours.status()), time.time_ns()))
            time.sleep(0.1)
        status = forwarder.status()
        steps_removed = ours.status()["instances"]["main"]["currentDS"]["stepsRemoved"]
        data_sets = peer.get("PARENT_DATA_SET", "CURRENT_DATA_SET")
        identity = master.get("DEFAULT_DATA_SET")["DEFAULT_DATA_SET"]["clockIdentity"]
        file, sent = capture.stop(), f"ptp && eth.src == {address(between, 'eth1')}"
        kinds = {int(kind, 16) for (kind,) in field_values(file, "ptp.v2.messagetype", display_filter=sent)}
        follow_ups = f"{sent} && ptp.v2.messagetype == 8"
        corrections = field_values(file, "ptp.v2.correction.ns", display_filter=follow_ups)
        return Outcome(
            status,
            true_offsets_ns,
            steps_removed,
            [offset.offset_ns for offset in peer.offsets() if offset.time_s >= since_s],
            data_sets,
            identity,
            marks(file, sent),
            kinds,
            [float(correction) for (correction,) in corrections],
        )


def configuration(cell: Cell) -> str:
    ports = [TRANSPARENT_PORT.format(number=number, transport=cell.transport) for number in range(3)]
    return TRANSPARENT.format(mechanism=cell.mechanism) + "".join(ports)


def options(cell: Cell) -> dict[str, Any]:
    return {
        "network_transport": TRANSPORTS[cell.transport],
        "delay_mechanism": cell.mechanism.upper(),
        "logAnnounceInterval": -1,
        "logSyncInterval": -3,
        "logMinDelayReqInterval": -2,
        "logMinPdelayReqInterval": -2,
    }


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Cell, Outcome]:
    """All cells, run at the same time, each in its own namespaces."""
    return play({cell: partial(observe, cell) for cell in CELLS}, tmp_path_factory)


@pytest.mark.parametrize("cell", CELLS, ids=str)
class TestBehindATransparentClock:
    def test_our_slave_is_true(self, outcomes: Mapping[Cell, Outcome], cell: Cell) -> None:
        outcome = outcomes[cell]
        assert outcome.steps_removed == 1
        assert rms(outcome.true_offsets_ns) <= SOFTWARE_STAMPS_NS

    def test_ptp4l_measures_that_it_agrees(self, outcomes: Mapping[Cell, Outcome], cell: Cell) -> None:
        outcome = outcomes[cell]  # its clock and the grandmaster's are one: the host's
        assert len(outcome.peer_offsets_ns) >= SAMPLES_WANTED
        assert statistics.median(map(abs, outcome.peer_offsets_ns)) <= SOFTWARE_STAMPS_NS
        assert outcome.peer_data_sets["PARENT_DATA_SET"]["grandmasterIdentity"] == outcome.grandmaster
        assert outcome.peer_data_sets["CURRENT_DATA_SET"]["stepsRemoved"] == "1"

    def test_the_residence_is_in_the_follow_ups(self, outcomes: Mapping[Cell, Outcome], cell: Cell) -> None:
        corrections_ns = outcomes[cell].corrections_ns
        assert len(corrections_ns) > 50
        assert min(corrections_ns) > 10_000  # no program hands a frame on in less

    def test_tshark_finds_nothing_wrong_with_what_is_handed_on(
        self, outcomes: Mapping[Cell, Outcome], cell: Cell
    ) -> None:
        outcome = outcomes[cell]
        assert {SYNC, FOLLOW_UP, ANNOUNCE} <= outcome.kinds
        assert outcome.marks == []

    def test_its_status_tells_the_rate_of_the_grandmaster(self, outcomes: Mapping[Cell, Outcome], cell: Cell) -> None:
        status = outcomes[cell].status
        assert status["exit_code"] == 0
        clock = status["instances"]["between"]
        assert clock["state"] == "forwarding"
        assert clock["masterRateOffset_ppb"] == pytest.approx(-80_000, abs=20_000)
