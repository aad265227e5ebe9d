"""A machine that stood still, as a virtual one that was paused, and that has one server: nothing else tells."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab import namespaces
from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network, Node
from ptpstack.time import NANOSECOND, UtcTime
from tests.ntp.responder import Responders

pytestmark = [pytest.mark.namespaces]

TAI_NS = 37_000_000_000
STOOD_STILL_NS = 37_000_000_000
"""By chance what TAI - UTC is, which from other sources is an alarm."""
HOST = "10.0.0.2"
CONFIGURATION = f"""
[clock.soft]
type = "soft"
offset_ns = {TAI_NS + 2_000_000}
frequency_error_ppb = 5000.0

[ntp]
clock = "soft"
accuracy = "1ms"

[[ntp.source]]
address = "{HOST}"
min_poll = 0
max_poll = 0
"""


@pytest.fixture
def wire() -> Iterator[tuple[Node, Node]]:
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        ours, theirs = net.node("ours"), net.node("theirs")
        net.cable(ours, "eth0", theirs, "eth0")
        ours.add_address("eth0", "10.0.0.1/24")
        theirs.add_address("eth0", f"{HOST}/24")
        net.settle()
        yield ours, theirs


def test_it_is_acquired_anew_with_one_step_and_the_log_says_why(wire: tuple[Node, Node], tmp_path: Path) -> None:
    ours, theirs = wire
    ahead_ns = 0
    daemon = Daemon(ours, tmp_path / "ours", CONFIGURATION)

    def error_ns() -> float:
        return true_offset_ns(soft_clock(daemon.status()), time.time_ns()) - TAI_NS - ahead_ns

    def settled() -> bool:
        return bool(daemon.status()["clocks"]["soft"]["state"] == "locked" and abs(error_ns()) < 5e6)

    def seen(kind: str) -> list[dict[str, object]]:
        return [event for event in daemon.events() if event["event"] == kind]

    sock = theirs.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sock.bind((HOST, 123))
    with Responders([sock], lambda: UtcTime((time.time_ns() + ahead_ns) * NANOSECOND)), ExitStack() as running:
        daemon.start()
        running.callback(daemon.stop)
        daemon.wait_until_ready()
        daemon.wait_until(settled, 60, "kept the clock")
        time.sleep(5)
        before = len(seen("ClockStepped"))
        ahead_ns = STOOD_STILL_NS
        daemon.wait_until(lambda: bool(seen("ClockFoundElsewhere")), 60, "found the clock elsewhere")
        daemon.wait_until(lambda: len(seen("ClockStepped")) > before and settled(), 60, "was right again")
        time.sleep(10)
        error = error_ns()
        steps, found = seen("ClockStepped")[before:], seen("ClockFoundElsewhere")
        why = daemon.says("why")
    assert len(found) == 1
    assert found[0]["sources"] == 1
    assert abs(float(str(found[0]["moved_s"])) + STOOD_STILL_NS / 1e9) < 0.5
    assert len(steps) == 1
    assert abs(error) < 5e6
    assert "the only NTP source says in 4 samples in a row that the clock jumped by" in why
