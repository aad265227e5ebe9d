"""IEEE C37.238-2017 through our grandmaster, boundary clock and transparent clock to a ptp4l, dissected by tshark."""

import statistics
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from lab.daemon import Daemon, verdict
from lab.namespaces import Network
from lab.peers.ptp4l import Ptp4l
from lab.peers.tshark import Capture, Mark, field_values, marks
from tests.interop.scenes import need

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

LOCK_TIMEOUT_S = 60.0
OBSERVE_S = 10.0
SAMPLES_WANTED = 4
SOFTWARE_STAMPS_NS = 10_000
"""What kernel stamps on one busy machine may differ by, generously: no measurement of accuracy."""

TAI_MINUS_UTC = 37
CLOCK = """
[clock.soft]
type = "soft"
offset_ns = {offset_ns}
frequency_error_ppb = {error_ppb}

[servo]
step_threshold_ns = 100_000
"""

INSTANCE = """
[instance.main]
profile = "c37-238-2017"
domain_number = 0               # ptp4l knows no 254
clock = "soft"
"""

GRANDMASTER = (
    INSTANCE
    + 'priority1 = 10\nclock_class = 6\ngrandmaster_id = 7\ntime_inaccuracy_ns = 200\nlocal_time = "Europe/Berlin"\n'
    + CLOCK.format(offset_ns=TAI_MINUS_UTC * 10**9, error_ppb=0)
)
BOUNDARY = INSTANCE + "time_inaccuracy_ns = 100\n" + CLOCK.format(offset_ns=300_000_000, error_ppb=20_000)
TRANSPARENT = (
    INSTANCE + 'instance_type = "p2p-tc"\ntime_inaccuracy_ns = 50\n' + CLOCK.format(offset_ns=0, error_ppb=-5_000)
)
FIELDS = (
    "frame.time_epoch",
    "ptp.v2.an.oe.grandmasterID",
    "ptp.v2.an.oe.totalTimeInaccuracy",
    "ptp.v2.an.atoi.currentOffset",
    "ptp.v2.an.atoi.displayName",
    "ptp.v2.an.atoi.jumpSeconds",
    "vlan.priority",
    "vlan.id",
)


class Outcome(NamedTuple):
    """What came in at the ptp4l."""

    announces: list[tuple[str, ...]]
    marks: list[Mark]
    steps_removed: str
    offsets_ns: list[float]
    smp_synch: list[int]


def ports(number: int) -> str:
    """Ports with the tag that 2011's edition asks for: priority 4, no VLAN, which ptp4l takes too."""
    return "".join(f'\n[[instance.main.port]]\ninterface = "eth{n}"\nvlan = "tagged"\n' for n in range(number))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Run grandmaster, boundary clock, transparent clock and ptp4l in a row."""
    need()
    directory: Path = tmp_path_factory.mktemp("power")
    with Network() as network:
        grandmaster, boundary, between, listener = (network.node(name) for name in ("gm", "bc", "tc", "slave"))
        network.cable(grandmaster, "eth0", boundary, "eth0")
        network.cable(boundary, "eth1", between, "eth0")
        network.cable(between, "eth1", listener, "eth0")
        network.settle()
        peer = Ptp4l(
            listener,
            directory / "peer",
            "eth0",
            network_transport="L2",
            delay_mechanism="P2P",
            logAnnounceInterval=0,
            slaveOnly=1,
            freq_est_interval=0,
            summary_interval=-1,
        )
        daemons = [
            Daemon(grandmaster, directory / "gm", GRANDMASTER + ports(1)),
            Daemon(boundary, directory / "bc", BOUNDARY + ports(2)),
            Daemon(between, directory / "tc", TRANSPARENT + ports(2)),
        ]
        capture = Capture(between, "eth1", directory / "below.pcap")
        for program in (*daemons, peer):
            program.start()
        clock = daemons[1]
        clock.wait_until_ready()
        clock.wait_until(lambda: verdict(clock.status()) == "locked", LOCK_TIMEOUT_S, "locked")
        peer.wait_for(r"offset .* path delay", LOCK_TIMEOUT_S)
        since_s = time.monotonic()
        time.sleep(OBSERVE_S)
        steps_removed = peer.get("CURRENT_DATA_SET")["CURRENT_DATA_SET"]["stepsRemoved"]
        file = capture.stop()
        announces = field_values(
            file, *FIELDS, display_filter="ptp.v2.messagetype == 0xb && ptp.v2.an.localstepsremoved == 1"
        )
        offsets = [offset.offset_ns for offset in peer.offsets() if offset.time_s >= since_s]
        smp_synch = [daemon.status()["instances"]["main"]["smpSynch"]["value"] for daemon in daemons[:2]]
        return Outcome(announces, marks(file), steps_removed, offsets, smp_synch)


def test_each_clock_on_the_way_adds_its_inaccuracy(outcome: Outcome) -> None:
    assert {(identity, int(total)) for _, identity, total, *_ in outcome.announces[3:]} == {("7", 200 + 100 + 50)}


def test_every_frame_has_its_tag(outcome: Outcome) -> None:
    assert {tuple(announce[-2:]) for announce in outcome.announces} == {("4", "0")}


def test_the_local_time_arrives_with_its_name(outcome: Outcome) -> None:
    at, _, _, offset, name, jump, *_ = outcome.announces[-1]
    now = datetime.fromtimestamp(float(at), ZoneInfo("Europe/Berlin"))
    seconds = round(now.utcoffset().total_seconds())
    assert (int(offset), name.split(",")[0], abs(int(jump))) == (seconds - TAI_MINUS_UTC, now.tzname(), 3600)


def test_samples_by_the_boundary_clock_are_global_as_its_grandmasters_are(outcome: Outcome) -> None:
    assert outcome.smp_synch == [2, 2]


def test_tshark_finds_nothing_wrong(outcome: Outcome) -> None:
    assert outcome.marks == []


def test_ptp4l_at_the_end_agrees_on_the_time_and_on_utc(outcome: Outcome) -> None:
    assert outcome.steps_removed == "2"
    assert len(outcome.offsets_ns) >= SAMPLES_WANTED
    # Its clock shows UTC, as the grandmaster's shows TAI, and it knows the difference.
    assert statistics.median(map(abs, outcome.offsets_ns)) <= SOFTWARE_STAMPS_NS
