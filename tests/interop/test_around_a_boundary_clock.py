"""A ptp4l that is a boundary clock between two of ours. Its clock, the true one, is the machine's, and left alone."""

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from lab.daemon import Daemon, soft_clock, true_offset_ns, verdict
from lab.namespaces import Network
from lab.peers.ptp4l import Ptp4l
from tests.interop.scenes import need

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

TIMEOUT_S = 120.0
SOFTWARE_STAMPS_NS = 10_000
CONFIGURATION = """
[instance.main]
profile = "default-{mechanism}"
enforce_profile = false
path_trace_enabled = true
clock = "soft"
{role}

[clock.soft]
type = "soft"
{error}

[servo]
step_threshold_ns = 100_000

[[instance.main.port]]
interface = "eth0"
log_announce_interval = -1
log_sync_interval = -3
log_min_{request}_req_interval = -2
"""
ABOVE = {"role": "clock_class = 6\npriority1 = 10\nptp_timescale = false", "error": ""}
BELOW = {"role": "slave_only = true", "error": "offset_ns = 300_000_000\nfrequency_error_ppb = -30_000"}
OPTIONS: dict[str, float | str] = {
    "network_transport": "L2",
    "logAnnounceInterval": -1,
    "logSyncInterval": -3,
    "logMinDelayReqInterval": -2,
    "logMinPdelayReqInterval": -2,
    "path_trace_enabled": 1,
    "freq_est_interval": 0,
    "summary_interval": -3,
}


class Seen:
    """What each of the three says once the last one is locked."""

    def __init__(self, above: Daemon, between: Ptp4l, below: Daemon) -> None:
        self.above: dict[str, Any] = above.status()["instances"]["main"]
        self.between = between.get("PARENT_DATA_SET", "CURRENT_DATA_SET")
        self.below: dict[str, Any] = below.status()["instances"]["main"]
        self.states = [between.state(port) for port in (1, 2)]
        self.offsets_ns = [offset.offset_ns for offset in between.offsets()[-40:]]
        self.true_offsets_ns = []
        for _ in range(40):
            self.true_offsets_ns.append(true_offset_ns(soft_clock(below.status()), time.time_ns()))
            time.sleep(0.1)


@pytest.fixture(scope="module", params=["e2e", "p2p"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    need()
    mechanism, directory = request.param, tmp_path_factory.mktemp(request.param)
    asks = {"mechanism": mechanism, "request": {"e2e": "delay", "p2p": "pdelay"}[mechanism]}
    with Network() as network, ExitStack() as running:
        top, middle, bottom = (network.node(name) for name in ("top", "middle", "bottom"))
        network.cable(top, "eth0", middle, "eth0")
        network.cable(middle, "eth1", bottom, "eth0")
        network.settle()
        above = Daemon(top, directory / "above", CONFIGURATION.format(**ABOVE, **asks))
        between = Ptp4l(middle, directory / "between", "eth0", "eth1", delay_mechanism=mechanism.upper(), **OPTIONS)
        below = Daemon(bottom, directory / "below", CONFIGURATION.format(**BELOW, **asks))
        for program in (above, between, below):
            program.start()
            running.callback(program.stop)
        for daemon in (above, below):
            daemon.wait_until_ready()

        def follows() -> bool:
            status = below.status()
            steps = status["instances"]["main"]["currentDS"]["stepsRemoved"]
            far_ns = abs(true_offset_ns(soft_clock(status), time.time_ns()))
            return steps == 2 and verdict(status) == "locked" and far_ns < SOFTWARE_STAMPS_NS

        below.wait_until(follows, TIMEOUT_S, "followed through ptp4l")
        between.wait_for(r"(?s)(offset .* path delay.*){10}", TIMEOUT_S)
        yield Seen(above, between, below)


def test_ptp4l_takes_our_grandmaster_for_its_parent(seen: Seen) -> None:
    parent = seen.between["PARENT_DATA_SET"]
    assert parent["parentPortIdentity"] == seen.above["ports"][0]["portDS"]["portIdentity"]
    assert parent["grandmasterPriority1"] == "10"
    assert seen.between["CURRENT_DATA_SET"]["stepsRemoved"] == "1"
    assert seen.states[1] in {"MASTER", "GRAND_MASTER"}


def test_ptp4l_measures_that_our_clock_is_the_machine_s(seen: Seen) -> None:
    assert statistics.median(map(abs, seen.offsets_ns)) <= SOFTWARE_STAMPS_NS


def test_our_slave_knows_both_clocks_above_it(seen: Seen) -> None:
    above, below = seen.above["defaultDS"]["clockIdentity"], seen.below
    assert below["parentDS"]["grandmasterIdentity"] == above
    assert not below["parentDS"]["parentPortIdentity"].startswith(above)
    assert below["ports"][0]["portDS"]["portState"] == "SLAVE"


def test_our_slave_has_the_time_of_the_boundary_clock(seen: Seen) -> None:
    assert statistics.median(map(abs, seen.true_offsets_ns)) <= SOFTWARE_STAMPS_NS
