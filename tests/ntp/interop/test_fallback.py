"""The grandmaster goes, or goes astray, NTP takes over, and gives back: without a step, each decision told."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from lab import namespaces
from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network
from lab.peers.chronyd import Chronyd
from lab.peers.ptp4l import Ptp4l

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

CONFIGURATION = """
[clock.soft]
type = "soft"
offset_ns = 500000000
frequency_error_ppb = 20000.0

[instance.main]
clock = "soft"
slave_only = true

[[instance.main.port]]
interface = "eth0"
timestamping = "software"
transport = "udpv4"

[ntp]
clock = "soft"
accuracy = "100us"

[[ntp.source]]
address = "10.0.0.2"
"""
MASTER: dict[str, float | str] = {
    "network_transport": "UDPv4",
    "logSyncInterval": -3,
    "logMinDelayReqInterval": -3,
    "logAnnounceInterval": -2,
}
LIMIT_NS = 300_000
"""What a busy machine may do to single readings; a step would be seen as ms."""


def writer(daemon: Daemon) -> str | None:
    name: str | None = daemon.status()["clocks"]["soft"]["writer"]
    return name


def errors_ns(daemon: Daemon, count: int) -> list[float]:
    errors = []
    for _ in range(count):
        time.sleep(0.25)
        errors.append(true_offset_ns(soft_clock(daemon.status()), time.time_ns()))
    return errors


def decisions(daemon: Daemon, kind: str) -> list[dict[str, Any]]:
    return [event for event in daemon.events() if event["event"] == kind]


def test_ntp_takes_over_from_a_grandmaster_and_gives_back(tmp_path: Path) -> None:
    for program in ("chronyd", "ptp4l"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        ours, theirs = net.node("ours"), net.node("theirs")
        net.cable(ours, "eth0", theirs, "eth0")
        for number, node in enumerate((ours, theirs), 1):
            node.add_address("eth0", f"10.0.0.{number}/24")
        net.settle()
        chronyd = Chronyd.server(theirs, tmp_path / "chronyd")
        chronyd.start()
        masters = [Ptp4l(theirs, tmp_path / f"ptp4l-{number}", "eth0", **MASTER) for number in range(2)]
        masters[0].start()
        daemon = Daemon(ours, tmp_path / "ours", CONFIGURATION)
        daemon.start()
        try:
            daemon.wait_until_ready()
            daemon.wait_until(lambda: writer(daemon) == "main", 60, "followed PTP")
            daemon.wait_until(lambda: daemon.status()["clocks"]["soft"]["state"] == "locked", 60, "locked")
            time.sleep(10)
            by_ptp = errors_ns(daemon, 8)
            steps_before = decisions(daemon, "ClockStepped")
            masters[0].stop()
            daemon.wait_until(lambda: writer(daemon) == "ntp", 60, "followed NTP")
            over = errors_ns(daemon, 40)
            masters[1].start()
            daemon.wait_until(lambda: writer(daemon) == "main", 60, "followed PTP again")
            back = errors_ns(daemon, 20)
            status = daemon.status()
            chosen = decisions(daemon, "WriterChosen")
            steps = decisions(daemon, "ClockStepped")
        finally:
            daemon.stop()
            chronyd.stop()
            for master in masters:
                master.stop()
    for errors in (by_ptp, over, back):
        assert abs(statistics.median(errors)) < LIMIT_NS
        assert max(map(abs, errors)) < 10 * LIMIT_NS
    assert [event["writer"] for event in chosen][-3:] == ["main", "ntp", "main"]
    assert "fell silent" in chosen[-2]["rule"]
    assert steps_before  # half a second, at the start
    assert steps == steps_before
    assert status["ntp"]["sources"]["10.0.0.2"]["used"]


GRANDMASTER = """
[clock.soft]
type = "soft"
offset_ns = {offset_ns}

[instance.main]
clock = "soft"
clock_class = 6
ptp_timescale = false
enforce_profile = false

[[instance.main.port]]
interface = "eth0"
timestamping = "software"
transport = "udpv4"
log_sync_interval = -3
log_min_delay_req_interval = -3
log_announce_interval = -2
"""
ASTRAY_NS = 4_000_000


@pytest.mark.timeout(900)  # 4 ms are slewed, at 80 ppm
def test_a_grandmaster_that_departs_from_the_servers_is_refused_until_it_agrees(tmp_path: Path) -> None:
    if shutil.which("chronyd") is None:
        pytest.skip("chronyd is not installed")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    configuration = CONFIGURATION.replace("slave_only", "enforce_profile = false\nslave_only").replace(
        'accuracy = "100us"', 'accuracy = "100us"\nwatch = "1ms"\nrefuse_departed = true'
    )
    with Network() as net:
        ours, theirs = net.node("ours"), net.node("theirs")
        net.cable(ours, "eth0", theirs, "eth0")
        for number, node in enumerate((ours, theirs), 1):
            node.add_address("eth0", f"10.0.0.{number}/24")
        net.settle()
        chronyd = Chronyd.server(theirs, tmp_path / "chronyd")
        chronyd.start()
        astray = Daemon(theirs, tmp_path / "astray", GRANDMASTER.format(offset_ns=ASTRAY_NS))
        right = Daemon(theirs, tmp_path / "right", GRANDMASTER.format(offset_ns=0))
        astray.start()
        daemon = Daemon(ours, tmp_path / "ours", configuration)
        daemon.start()
        try:
            daemon.wait_until_ready()
            daemon.wait_until(lambda: bool(decisions(daemon, "SourceDeparted")), 120, "saw the grandmaster go astray")
            followed = writer(daemon)
            daemon.wait_until(lambda: abs(errors_ns(daemon, 1)[0]) < 2 * LIMIT_NS, 240, "came to the servers' time")
            still = writer(daemon)
            astray.stop()
            right.start()
            daemon.wait_until(lambda: writer(daemon) == "main", 120, "followed the grandmaster that agrees")
            back = errors_ns(daemon, 20)
            (departed,) = decisions(daemon, "SourceDeparted")
        finally:
            for each in (daemon, astray, right):
                each.stop()
            chronyd.stop()
    assert (followed, still) == ("ntp", "ntp")
    assert departed["departure_ns"] == pytest.approx(ASTRAY_NS, abs=2 * LIMIT_NS)
    assert departed["refused"]
    assert abs(statistics.median(back)) < 2 * LIMIT_NS
