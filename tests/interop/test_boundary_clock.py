"""Our boundary clock between a ptp4l that serves and a ptp4l that listens, on cables between namespaces."""

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

OPTIONS = {
    "network_transport": "L2",
    "logAnnounceInterval": -1,
    "logSyncInterval": -3,
    "logMinDelayReqInterval": -2,
    "logMinPdelayReqInterval": -2,
    "path_trace_enabled": 1,
}

CONFIGURATION = """
[instance.main]
profile = "default-e2e"
enforce_profile = false
path_trace_enabled = true
clock = "soft"

[clock.soft]
type = "soft"
offset_ns = 400_000_000
frequency_error_ppb = 40_000

[servo]
step_threshold_ns = 100_000

[[instance.main.port]]
interface = "eth0"
delay_mechanism = "{above}"
log_announce_interval = -1
log_sync_interval = -3
log_min_{request_above}_req_interval = -2

[[instance.main.port]]
interface = "eth1"
delay_mechanism = "{below}"
master_only = true
log_announce_interval = -1
log_sync_interval = -3
log_min_{request_below}_req_interval = -2
"""

REQUESTS = {"e2e": "delay", "p2p": "pdelay"}


class Chain(NamedTuple):
    """The delay mechanism above and below our clock."""

    above: str
    below: str

    def __str__(self) -> str:
        return f"{self.above}-{self.below}"


CHAINS = [Chain("e2e", "e2e"), Chain("p2p", "p2p"), Chain("e2e", "p2p")]


class Outcome(NamedTuple):
    """What was seen: our clock and what ptp4l measures against it while we are locked, and our frames throughout."""

    status: dict[str, Any]
    true_offsets_ns: list[float]
    peer_offsets_ns: list[float]
    peer_data_sets: dict[str, dict[str, str]]
    marks: list[Mark]
    first_sync_s: float
    first_certain_announce_s: float


def observe(chain: Chain, directory: Path) -> Outcome:
    """Run ptp4l → our boundary clock → ptp4l, whose clock, the true one, nobody touches."""
    with Network() as network:
        grandmaster, boundary, listener = (network.node(name) for name in ("grandmaster", "boundary", "listener"))
        network.cable(grandmaster, "eth0", boundary, "eth0")
        network.cable(boundary, "eth1", listener, "eth0")
        network.settle()
        listens = {"slaveOnly": 1, "freq_est_interval": 0, "summary_interval": -3}
        master = Ptp4l(grandmaster, directory / "above", "eth0", **OPTIONS, **delay(chain.above), priority1=10)
        slave = Ptp4l(listener, directory / "below", "eth0", **OPTIONS, **delay(chain.below), **listens)
        daemon = Daemon(boundary, directory / "ours", configuration(chain))
        capture = Capture(boundary, "eth1", directory / "below.pcap")
        for program in (master, slave, daemon):
            program.start()
        daemon.wait_until_ready()
        daemon.wait_until(lambda: verdict(daemon.status()) == "locked", LOCK_TIMEOUT_S, "locked")
        slave.wait_for(r"offset .* path delay", LOCK_TIMEOUT_S)
        time.sleep(SETTLE_S)
        since_s = time.monotonic()
        true_offsets_ns = []
        while time.monotonic() < since_s + OBSERVE_S:
            true_offsets_ns.append(true_offset_ns(soft_clock(daemon.status()), time.time_ns()))
            time.sleep(0.1)
        peer_data_sets = slave.get("PARENT_DATA_SET", "CURRENT_DATA_SET")
        status = daemon.status()
        daemon.stop()
        file, ours = capture.stop(), f"ptp && eth.src == {address(boundary, 'eth1')}"
        announces = field_values(
            file,
            "frame.time_relative",
            "ptp.v2.flags.synchronizationUncertain",
            display_filter=f"{ours} && ptp.v2.messagetype == 0xb && ptp.v2.an.localstepsremoved == 1",
        )
        syncs = field_values(file, "frame.time_relative", display_filter=f"{ours} && ptp.v2.messagetype == 0")
        certain = [float(at) for at, flag in announces if flag in ("0", "False")]
        return Outcome(
            status,
            true_offsets_ns,
            [offset.offset_ns for offset in slave.offsets() if offset.time_s >= since_s],
            peer_data_sets,
            marks(file, ours),
            float(syncs[0][0]),
            certain[0],
        )


def delay(mechanism: str) -> dict[str, str]:
    return {"delay_mechanism": mechanism.upper()}


def configuration(chain: Chain) -> str:
    return CONFIGURATION.format(
        above=chain.above, below=chain.below, request_above=REQUESTS[chain.above], request_below=REQUESTS[chain.below]
    )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Chain, Outcome]:
    """All chains, run at the same time, each in its own namespaces."""
    return play({chain: partial(observe, chain) for chain in CHAINS}, tmp_path_factory)


@pytest.mark.parametrize("chain", CHAINS, ids=str)
class TestBetweenTwoPtp4l:
    def test_our_clock_is_that_of_the_grandmaster(self, outcomes: Mapping[Chain, Outcome], chain: Chain) -> None:
        outcome = outcomes[chain]
        states = [port["portDS"]["portState"] for port in outcome.status["instances"]["main"]["ports"]]
        assert states == ["SLAVE", "MASTER"]
        assert rms(outcome.true_offsets_ns) <= SOFTWARE_STAMPS_NS

    def test_ptp4l_below_measures_that_it_agrees(self, outcomes: Mapping[Chain, Outcome], chain: Chain) -> None:
        offsets_ns = outcomes[chain].peer_offsets_ns  # its clock and the grandmaster's are one: the host's
        assert len(offsets_ns) >= SAMPLES_WANTED
        assert statistics.median(map(abs, offsets_ns)) <= SOFTWARE_STAMPS_NS

    def test_ptp4l_below_learns_of_the_grandmaster(self, outcomes: Mapping[Chain, Outcome], chain: Chain) -> None:
        outcome = outcomes[chain]
        parent = outcome.peer_data_sets["PARENT_DATA_SET"]
        ours = outcome.status["instances"]["main"]
        assert parent["grandmasterIdentity"] == ours["parentDS"]["grandmasterIdentity"]
        assert parent["parentPortIdentity"] == ours["ports"][1]["portDS"]["portIdentity"]
        assert parent["grandmasterPriority1"] == "10"
        assert outcome.peer_data_sets["CURRENT_DATA_SET"]["stepsRemoved"] == "2"

    def test_no_sync_left_before_our_clock_was_right(self, outcomes: Mapping[Chain, Outcome], chain: Chain) -> None:
        outcome = outcomes[chain]
        assert outcome.first_certain_announce_s - outcome.first_sync_s < 5  # an Announce each half second, busy machine

    def test_tshark_finds_nothing_wrong(self, outcomes: Mapping[Chain, Outcome], chain: Chain) -> None:
        assert outcomes[chain].marks == []
