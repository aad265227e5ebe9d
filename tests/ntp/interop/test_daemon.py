"""The whole daemon keeps a soft clock by chronyd, in namespaces; the truth is CLOCK_REALTIME, which both read."""

from __future__ import annotations

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

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

TAI_NS = 37_000_000_000
"""A soft clock stands for a PHC and so keeps TAI, 37 s from UTC where nobody tells another number."""

AHEAD_NS = TAI_NS + 12_345_678
SECRET = "000102030405060708090a0b0c0d0e0f"
LIMIT_NS = 100_000


def configuration(keys: Path, *, servers: tuple[str, ...] = ("10.0.0.2",), key: int = 0, more: str = "") -> str:
    sources = "".join(f'[[ntp.source]]\naddress = "{server}"\nkey = {key}\n\n' for server in servers)
    return (
        f'[clock.soft]\ntype = "soft"\noffset_ns = {AHEAD_NS}\nfrequency_error_ppb = 20000.0\n\n'
        f'[ntp]\nclock = "soft"\naccuracy = "100us"\nkey_file = "{keys if key else ""}"\n{more}\n{sources}'
    )


@pytest.fixture
def wire() -> Iterator[tuple[Node, Node]]:
    if shutil.which("chronyd") is None:
        pytest.skip("chronyd is not installed (package chrony)")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        ours, theirs = net.node("ours"), net.node("theirs")
        net.cable(ours, "eth0", theirs, "eth0")
        ours.add_address("eth0", "10.0.0.1/24")
        for number in (2, 3, 4):
            theirs.add_address("eth0", f"10.0.0.{number}/24")
        net.settle()
        yield ours, theirs


def clock_of(status: dict[str, Any]) -> dict[str, Any]:
    clock: dict[str, Any] = status["clocks"]["soft"]
    return clock


def true_errors_ns(daemon: Daemon, count: int) -> list[float]:
    errors = []
    for _ in range(count):
        time.sleep(0.5)
        errors.append(true_offset_ns(soft_clock(daemon.status()), time.time_ns()) - TAI_NS)
    return errors


def wait_until_locked(daemon: Daemon) -> None:
    daemon.wait_until(lambda: clock_of(daemon.status())["state"] == "locked", 60, "locked")
    time.sleep(8)


def test_a_clock_is_kept_by_a_server_with_a_key(wire: tuple[Node, Node], tmp_path: Path) -> None:
    ours, theirs = wire
    line = f"5 AES128 HEX:{SECRET}"
    chronyd = Chronyd.server(theirs, tmp_path / "theirs", keys=[line])
    chronyd.start()
    keys = tmp_path / "ntp.keys"
    keys.write_text(line + "\n")
    daemon = Daemon(ours, tmp_path / "ours", configuration(keys, key=5))
    daemon.start()
    try:
        daemon.wait_until_ready()
        wait_until_locked(daemon)
        errors = true_errors_ns(daemon, 10)
        status = daemon.status()
        said = {
            command: subprocess.run(
                [sys.executable, "-m", "ptpstack", command, "--socket", str(daemon.socket)],
                capture_output=True,
                text=True,
                check=False,
            )
            for command in ("status", "why")
        }
    finally:
        daemon.stop()
        chronyd.stop()
    assert abs(statistics.median(errors)) < LIMIT_NS
    source = status["ntp"]["sources"]["10.0.0.2"]
    assert source["used"]
    assert source["authenticated"]
    assert source["stamps"] == "kernel"
    assert source["interleaved"]
    assert clock_of(status)["writer"] == "ntp"
    assert said["status"].returncode == 0
    assert "*  10.0.0.2" in said["status"].stdout
    assert "used, the best" in said["status"].stdout
    assert "NTP source 10.0.0.2: used, the best" in said["why"].stdout


def test_a_key_that_the_server_does_not_have_steers_nothing(wire: tuple[Node, Node], tmp_path: Path) -> None:
    ours, theirs = wire
    chronyd = Chronyd.server(theirs, tmp_path / "theirs")
    chronyd.start()
    keys = tmp_path / "ntp.keys"
    keys.write_text(f"5 AES128 HEX:{SECRET}\n")
    daemon = Daemon(ours, tmp_path / "ours", configuration(keys, key=5))
    daemon.start()
    try:
        daemon.wait_until_ready()
        time.sleep(5)
        status = daemon.status()
    finally:
        daemon.stop()
        chronyd.stop()
    assert clock_of(status)["state"] == "free-running"
    source = status["ntp"]["sources"]["10.0.0.2"]
    assert not source["used"]
    assert source["why"].startswith("not used: no answer yet (")


def test_a_server_that_vanishes_is_let_go_and_another_goes_on(wire: tuple[Node, Node], tmp_path: Path) -> None:
    ours, theirs = wire
    first = Chronyd.server(theirs, tmp_path / "first", "bindaddress 10.0.0.2")
    second = Chronyd.server(theirs, tmp_path / "second", "bindaddress 10.0.0.3")
    for chronyd in (first, second):
        chronyd.start()
    daemon = Daemon(ours, tmp_path / "ours", configuration(tmp_path, servers=("10.0.0.2", "10.0.0.3")))
    daemon.start()
    try:
        daemon.wait_until_ready()
        wait_until_locked(daemon)
        first.stop()
        gone_at = time.monotonic()
        daemon.wait_until(
            lambda: daemon.status()["ntp"]["sources"]["10.0.0.2"]["reason"] == "TOO_OLD", 60, "let the dead server go"
        )
        took_s = time.monotonic() - gone_at
        errors = true_errors_ns(daemon, 6)
        status = daemon.status()
    finally:
        daemon.stop()
        first.stop()
        second.stop()
    assert took_s < 40  # 16 s, and what a busy machine adds
    assert status["ntp"]["sources"]["10.0.0.3"]["used"]
    assert clock_of(status)["state"] == "locked"
    assert abs(statistics.median(errors)) < LIMIT_NS


def test_a_network_that_comes_late_is_used_at_once(wire: tuple[Node, Node], tmp_path: Path) -> None:
    ours, theirs = wire
    ours.run(["ip", "address", "flush", "dev", "eth0"])
    chronyd = Chronyd.server(theirs, tmp_path / "theirs")
    chronyd.start()
    text = configuration(tmp_path).replace('"100us"', '"1s"').replace("key = 0", "key = 0\niburst = false")
    daemon = Daemon(ours, tmp_path / "ours", text)
    daemon.start()
    try:
        daemon.wait_until_ready()
        daemon.wait_until(lambda: daemon.status()["ntp"]["sources"]["10.0.0.2"]["requests"] >= 1, 30, "asked in vain")
        why = daemon.status()["ntp"]["sources"]["10.0.0.2"]["why"]
        ours.run(["ip", "address", "add", "10.0.0.1/24", "dev", "eth0"])
        daemon.wait_until(lambda: daemon.status()["ntp"]["sources"]["10.0.0.2"]["used"], 60, "used the server")
        poll_s = daemon.status()["ntp"]["sources"]["10.0.0.2"]["poll_s"]
        events = [event["event"] for event in daemon.events()]
    finally:
        daemon.stop()
        chronyd.stop()
    assert "no route" in why
    assert poll_s >= 256  # the next request of its own would have been so much later
    assert "NetworkCame" in events


def test_nothing_listens(wire: tuple[Node, Node], tmp_path: Path) -> None:
    """A client needs no port of its own: what it has, as long as a reply is under way, hears the server alone."""
    ours, theirs = wire
    chronyd = Chronyd.server(theirs, tmp_path / "theirs")
    chronyd.start()
    daemon = Daemon(ours, tmp_path / "ours", configuration(tmp_path))
    daemon.start()
    try:
        daemon.wait_until_ready()
        time.sleep(3)
        sockets = ours.run(["ss", "-H", "-u", "-n", "-a"])
    finally:
        daemon.stop()
        chronyd.stop()
    connected = [line.split() for line in sockets.splitlines()]
    assert all(line[0] == "ESTAB" and line[4].startswith("10.0.0.2") for line in connected)
