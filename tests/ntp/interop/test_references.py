"""Reference clocks in and out, with gpsd and chronyd: the daemon keeps a soft clock; the truth is CLOCK_REALTIME."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import namespaces
from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network, Node
from lab.peers.chronyd import Chronyd
from lab.peers.gpsd import Gpsd, Receiver
from ntp.reference.sock import SockOutput, SockSample

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

TAI_NS = 37_000_000_000
UNIT = 203


def configuration(*tables: str) -> str:
    soft = f'[clock.soft]\ntype = "soft"\noffset_ns = {TAI_NS + 5_000_000}\nfrequency_error_ppb = 10000.0\n'
    return "\n".join([soft, '[ntp]\nclock = "soft"\naccuracy = "1ms"\n', *tables])


@pytest.fixture
def node() -> Iterator[Node]:
    for program in ("gpsd", "chronyd"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        made = net.node("ours")
        made.set_link("lo", up=True)
        yield made


def sources(daemon: Daemon) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = daemon.status()["ntp"]["sources"]
    return found


def true_error_ns(daemon: Daemon) -> float:
    return true_offset_ns(soft_clock(daemon.status()), time.time_ns()) - TAI_NS


def is_heard(source: list[str]) -> bool:
    """Whether chronyd has a sample of this one of its sources (reach), which says that it is 250 ms away.

    Unselected sources correct nothing, so that it measures the whole offset each time, system - source.
    """
    return int(source[5]) > 0 and abs(abs(float(source[8])) - 0.250) < 0.002


def say(daemon: Daemon, command: str) -> str:
    called = [sys.executable, "-m", "ptpstack", command, "--socket", str(daemon.socket)]
    return subprocess.run(called, capture_output=True, text=True, check=False).stdout


def test_gpsd_keeps_a_clock_by_json_and_by_shared_memory(node: Node, tmp_path: Path) -> None:
    receiver = Receiver(node)
    daemon = Daemon(
        node,
        tmp_path / "ours",
        configuration(
            '[[ntp.reference]]\nname = "gps"\ntype = "gpsd"\nlog_interval = 0\n'
            "delay_ns = 200000000\naccuracy_ns = 50000000\n",
            '[[ntp.reference]]\nname = "memory"\ntype = "shm"\nunit = 0\nlog_interval = 0\naccuracy_ns = 300000000\n',
        ),
    )
    daemon.program = ["unshare", "--ipc", *daemon.program]
    gpsd: Gpsd | None = None
    daemon.start()
    try:
        daemon.wait_until_ready()
        gpsd = Gpsd(node, tmp_path / "gpsd", receiver, ipc_of=daemon.pid)
        gpsd.start()
        daemon.wait_until(lambda: sources(daemon)["gps"]["used"], 30, "used gpsd")
        daemon.wait_until(lambda: sources(daemon)["memory"]["samples"] > 0, 30, "read the shared memory")
        daemon.wait_until(lambda: daemon.status()["clocks"]["soft"]["state"] == "locked", 30, "locked")
        seen = sources(daemon)
        errors = []
        for _ in range(6):
            time.sleep(0.5)
            errors.append(true_error_ns(daemon))
        printed = say(daemon, "status")
        receiver.wrong_by_s = 2
        daemon.wait_until(lambda: sources(daemon)["gps"]["offset_ns"] < -1e9, 20, "saw the receiver go astray")
        gpsd.stop()
        daemon.wait_until(lambda: "not connected to gpsd" in say(daemon, "status"), 20, "told that gpsd is gone")
    finally:
        daemon.stop()
        if gpsd:
            gpsd.stop()
        receiver.close()
    assert seen["gps"]["kind"] == "TOFF of gpsd"
    assert seen["memory"]["kind"] == "SHM"
    assert seen["gps"]["root_distance_ns"] < 100e6
    assert abs(statistics.median(errors)) < 20e6  # what a busy machine makes a receiver late
    assert "gps     0" in printed


def test_samples_come_by_a_socket_that_is_ours_and_comes_back(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "in.sock"
    daemon = Daemon(
        node,
        tmp_path / "ours",
        configuration(f'[[ntp.reference]]\nname = "sock"\ntype = "sock"\npath = "{path}"\nlog_interval = 0\n'),
    )

    def uncertainty() -> dict[str, float | None]:
        known: dict[str, float | None] = daemon.status()["clocks"]["soft"]["uncertainty"]
        return known

    errors: list[float] = []

    def knows_the_time() -> bool:
        errors.append(abs(true_error_ns(daemon)))
        is_true = len(errors) >= 20 and statistics.median(errors[-20:]) < 1e6
        return is_true and (uncertainty()["total_ns"] or 1e9) < 1e6

    def feed_until(holds: Callable[[], bool], what: str) -> None:
        output = SockOutput(str(path))

        def feed_and_look() -> bool:
            system_ns = time.time_ns()
            time.sleep(0.1)  # the sample's own time counts, not when it came
            output.write(SockSample(system_ns, 0.0), -20)
            return holds()

        daemon.wait_until(feed_and_look, 60, what)
        output.close()

    daemon.start()
    try:
        daemon.wait_until_ready()
        feed_until(lambda: daemon.status()["clocks"]["soft"]["state"] == "locked", "locked")
        feed_until(knows_the_time, "knew the time to 1 ms")
        known = uncertainty()
        path.unlink()
        daemon.wait_until(path.exists, 60, "made its socket again")
        before = sources(daemon)["sock"]["readings"]
        feed_until(lambda: sources(daemon)["sock"]["readings"] > before, "read its new socket")
    finally:
        daemon.stop()
    assert known["reference_ns"] == 0.0
    assert not path.exists()


def test_chronyd_reads_our_sinks(node: Node, tmp_path: Path) -> None:
    """A soft clock that is kept 250 ms wrong on purpose is what chronyd hears of both sinks."""
    path, fed = tmp_path / "out.sock", tmp_path / "in.sock"
    daemon = Daemon(
        node,
        tmp_path / "ours",
        configuration(
            f'[[ntp.reference]]\nname = "fed"\ntype = "sock"\npath = "{fed}"\nlog_interval = 0\n',
            f'[sink.chrony]\ntype = "sock"\nclock = "soft"\npath = "{path}"\n',
            f'[sink.memory]\ntype = "shm"\nclock = "soft"\nunit = {UNIT}\n',
        ),
    )
    chronyd = Chronyd(
        node,
        tmp_path / "chronyd",
        [
            f"refclock SOCK {path} refid SCK poll 0 filter 1 noselect",
            f"refclock SHM {UNIT} refid SHM poll 0 filter 1 noselect",
        ],
    )
    chronyd.start()
    daemon.start()
    try:
        daemon.wait_until_ready()
        output = SockOutput(str(fed))
        heard: dict[str, list[str]] = {}

        def feed_and_ask() -> bool:
            for _ in range(10):
                output.write(SockSample(time.time_ns(), 0.250), -20)
                time.sleep(0.1)
            heard.update({line.split(",")[2]: line.split(",") for line in chronyd.ask("-c", "sources").splitlines()})
            told = daemon.status()["sinks"]["chrony"]["told"]
            return told > 2 and all(is_heard(heard[name]) for name in ("SCK", "SHM"))

        daemon.wait_until(feed_and_ask, 120, "told chronyd what it keeps")
        output.close()
        sinks = daemon.status()["sinks"]
        printed = say(daemon, "status")
    finally:
        daemon.stop()
        chronyd.stop()
        os.system(f"ipcrm -M {0x4E545030 + UNIT:#x} 2>&-")
    assert abs(sinks["chrony"]["system_clock_off_ns"] + 250e6) < 1e6
    assert "tells" not in sinks["chrony"]["why"]
    assert str(path) in printed
