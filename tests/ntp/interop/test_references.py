"""Reference clocks in and out, with gpsd and chronyd: the daemon keeps a soft clock; the truth is CLOCK_REALTIME."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
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

    def feed(seconds: float) -> None:
        output = SockOutput(str(path))
        for _ in range(round(seconds * 10)):
            system_ns = time.time_ns()
            time.sleep(0.1)  # the sample's own time counts, not when it came
            output.write(SockSample(system_ns, 0.0), -20)
        output.close()

    daemon.start()
    try:
        daemon.wait_until_ready()
        feed(4)
        daemon.wait_until(lambda: daemon.status()["clocks"]["soft"]["state"] == "locked", 10, "locked")
        feed(2)
        error = true_error_ns(daemon)
        uncertainty = daemon.status()["clocks"]["soft"]["uncertainty"]
        path.unlink()
        daemon.wait_until(path.exists, 10, "made its socket again")
        before = sources(daemon)["sock"]["readings"]
        feed(0.5)
        after = sources(daemon)["sock"]["readings"]
    finally:
        daemon.stop()
    assert abs(error) < 1e6
    assert uncertainty["total_ns"] < 1e6
    assert uncertainty["reference_ns"] == 0.0
    assert after > before
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
        for _ in range(110):
            output.write(SockSample(time.time_ns(), 0.250), -20)
            time.sleep(0.1)
        output.close()
        heard = {line.split(",")[2]: line.split(",") for line in chronyd.ask("-c", "sources").splitlines()}
        sinks = daemon.status()["sinks"]
        printed = say(daemon, "status")
    finally:
        daemon.stop()
        chronyd.stop()
        os.system(f"ipcrm -M {0x4E545030 + UNIT:#x} 2>&-")
    for name in ("SCK", "SHM"):
        assert int(heard[name][5]) > 0, heard  # reach
        # unselected sources correct nothing, so that it measures the whole offset each time, system - source
        assert abs(abs(float(heard[name][8])) - 0.250) < 0.002, heard
    assert sinks["chrony"]["told"] > 2
    assert abs(sinks["chrony"]["system_clock_off_ns"] + 250e6) < 1e6
    assert "tells" not in sinks["chrony"]["why"]
    assert str(path) in printed
