"""A gpsd fed by its own fake receiver: one that has a fix, loses it, falls silent, and all of it again."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import namespaces
from lab.daemon import Daemon
from lab.namespaces import Network, Node
from lab.packages import PackagesMissingError
from lab.peers.gpsd import sentences
from lab.peers.gpsfake import Gpsfake

from .test_references import configuration, sources, true_error_ns

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

LONG_S = 120
GPS = '[[ntp.reference]]\nname = "gps"\ntype = "gpsd"\nlog_interval = 0\ndelay_ns = 200000000\naccuracy_ns = 50000000\n'
MEMORY = '[[ntp.reference]]\nname = "memory"\ntype = "shm"\nunit = 0\nlog_interval = 0\naccuracy_ns = 300000000\n'
ROUND = [*["no fix"] * 4, *["fix"] * 9, *["no fix"] * 7, *["fix"] * 7, *["silent"] * 7]
"""gpsd tells nothing of the first seconds of a fix. What is late because a start took long is without one."""
WRONG_S = 5
"""How wrong a receiver's own clock is, by which it speaks without a fix."""


def log_of(states: list[str]) -> list[tuple[int, list[bytes]]]:
    """Return the log of a receiver from soon on, one state a second."""
    log: list[tuple[int, list[bytes]]] = []
    for second, state in enumerate(states, int(time.time()) + 3):
        if state == "fix":
            log.append((second, sentences(second)))
        elif state == "no fix":
            log.append((second, sentences(second + WRONG_S, has_fix=False)))
    return log


@pytest.fixture
def node() -> Iterator[Node]:
    if shutil.which("gpsd") is None:
        pytest.skip("gpsd is not installed")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        yield net.node("ours")


def gpsfake(node: Node, directory: Path, log: list[tuple[int, list[bytes]]], **how: Any) -> Gpsfake:
    try:
        return Gpsfake(node, directory, log, **how)
    except PackagesMissingError as error:
        pytest.skip(f"no gpsfake: {error}")


def test_a_receiver_that_loses_its_fix_and_falls_silent_never_misleads(node: Node, tmp_path: Path) -> None:
    """What comes without a fix is 5 s wrong; not one reading of that may count."""
    daemon = Daemon(node, tmp_path / "ours", configuration(GPS))
    daemon.start()
    daemon.wait_until_ready()
    receiver = gpsfake(node, tmp_path / "gpsfake", log_of(ROUND * 15))
    errors: list[float] = []

    def source() -> dict[str, Any]:
        seen = sources(daemon)["gps"]
        if seen["used"] and (state := daemon.status()["clocks"]["soft"]["state"]) in ("locked", "holdover"):
            errors.append(true_error_ns(daemon) / 1e6)
            assert abs(seen["offset_ns"]) < 1e9, f"misled while {state}: {seen['why']}"
        return seen

    def waits_without_a_fix() -> bool:
        seen = source()
        return not seen["used"] and "the receiver has no fix" in seen["why"]

    def waits_in_silence() -> bool:
        seen = source()
        return seen["reason"] == "TOO_OLD" and "nothing came any more" in seen["why"]

    receiver.start()
    try:
        daemon.wait_until(lambda: "the receiver has no fix" in source()["why"], LONG_S, "told that there is no fix")
        assert source()["samples"] == 0
        daemon.wait_until(lambda: daemon.status()["clocks"]["soft"]["state"] == "locked", LONG_S, "locked")
        daemon.wait_until(lambda: source()["samples"] >= 4, LONG_S, "had samples")
        seen = source()
        daemon.wait_until(waits_without_a_fix, LONG_S, "told of the loss of the fix")
        daemon.wait_until(lambda: source()["used"], LONG_S, "used it again")
        daemon.wait_until(waits_in_silence, LONG_S, "told of the silence")
        before = source()["readings"]
        daemon.wait_until(lambda: source()["used"] and source()["readings"] > before, LONG_S, "heard it again")
        told = daemon.says("why")
    finally:
        receiver.stop()
        daemon.stop()
    assert seen["kind"] == "TOFF of gpsd"
    assert seen["dropped"] == seen["too_old"] == 0
    assert abs(statistics.median(errors)) < 20  # ms: what a busy machine makes a receiver late
    assert max(map(abs, errors)) < 1000
    assert "reference clock gps: the receiver has no fix" in told
    assert "reference clock gps: is there again" in told


def test_gpsd_tells_of_it_by_json_and_by_shared_memory_and_comes_back(node: Node, tmp_path: Path) -> None:
    daemon = Daemon(node, tmp_path / "ours", configuration(GPS, MEMORY))
    daemon.program = ["unshare", "--ipc", *daemon.program]
    daemon.start()
    daemon.wait_until_ready()
    running: list[Gpsfake] = []

    def offsets_ms() -> dict[str, float]:
        found = sources(daemon)
        return {name: found[name]["offset_ns"] / 1e6 for name in ("gps", "memory") if found[name]["samples"]}

    def plug_in(name: str) -> None:
        log = log_of(["no fix"] * 4 + ["fix"] * 4 * LONG_S)
        running.append(gpsfake(node, tmp_path / name, log, by_tcp=True, ipc_of=daemon.pid))
        before = {name: source["readings"] for name, source in sources(daemon).items()}
        running[-1].start()
        for source, readings in before.items():
            daemon.wait_until(
                lambda source=source, readings=readings: sources(daemon)[source]["readings"] > readings + 3,  # type: ignore[misc]
                LONG_S,
                f"heard {source} of {name}",
            )

    try:
        plug_in("first")
        daemon.wait_until(lambda: daemon.status()["clocks"]["soft"]["state"] == "locked", LONG_S, "locked")
        daemon.wait_until(lambda: len(offsets_ms()) == 2, LONG_S, "had samples of both")
        first = offsets_ms()
        running[0].stop()
        daemon.wait_until(lambda: "not connected to gpsd" in sources(daemon)["gps"]["why"], LONG_S, "missed gpsd")
        daemon.wait_until(lambda: sources(daemon)["memory"]["reason"] == "TOO_OLD", LONG_S, "missed the memory")
        plug_in("second")
        daemon.wait_until(lambda: sources(daemon)["gps"]["used"], LONG_S, "used gpsd again")
        again, error_ms = offsets_ms(), true_error_ns(daemon) / 1e6
    finally:
        for receiver in running:
            receiver.stop()
        daemon.stop()
    for offsets in (first, again):
        assert abs(offsets["gps"]) < 100
        assert abs(offsets["memory"] - 200) < 100  # gpsd knows of no delay
    assert abs(error_ms) < 200
