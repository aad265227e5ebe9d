"""Who delays one way by 100 ms: the clock goes wrong by half of that at most, and the bound says so all the time."""

from __future__ import annotations

import shutil
import socket
import threading
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
DELAY_S = 0.1

CONFIGURATION = f"""
[clock.soft]
type = "soft"
offset_ns = {TAI_NS + 2_000_000}
frequency_error_ppb = 5000.0

[ntp]
clock = "soft"
accuracy = "1ms"

[[ntp.source]]
address = "10.0.0.3"
min_poll = -3
max_poll = -3
"""


class Middle:
    """Hands datagrams on between the client and the server; ``delay_s`` is what replies wait."""

    def __init__(self, node: Node) -> None:
        self.delay_s = 0.0
        self._ended = threading.Event()
        self._near = node.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._node = node
        self._near.bind(("10.0.0.3", 123))
        self._near.settimeout(0.2)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._near.close()

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                request, client = self._near.recvfrom(1024)
            except TimeoutError:
                continue
            with self._node.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as far:
                far.settimeout(1)
                far.sendto(request, ("10.0.0.2", 123))
                try:
                    reply = far.recv(1024)
                except TimeoutError:
                    continue
            time.sleep(self.delay_s)
            self._near.sendto(reply, client)


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
        for number in (2, 3):
            theirs.add_address("eth0", f"10.0.0.{number}/24")
        net.settle()
        yield ours, theirs


def test_a_delay_of_one_way_is_seen_and_never_beyond_the_bound(wire: tuple[Node, Node], tmp_path: Path) -> None:
    ours, theirs = wire
    chronyd = Chronyd.server(theirs, tmp_path / "theirs", "bindaddress 10.0.0.2")
    chronyd.start()
    middle = Middle(theirs)
    daemon = Daemon(ours, tmp_path / "ours", CONFIGURATION)
    daemon.start()

    def look() -> tuple[float, dict[str, Any]]:
        """By how much what is believed of the clock is wrong, and what is believed."""
        status = daemon.status()
        true_ns = true_offset_ns(soft_clock(status), time.time_ns()) - TAI_NS
        ntp: dict[str, Any] = status["ntp"]
        return ntp["offset_ns"] - true_ns, ntp

    try:
        daemon.wait_until_ready()
        daemon.wait_until(lambda: daemon.status()["clocks"]["soft"]["state"] == "locked", 40, "locked")
        time.sleep(3)
        _, before = look()
        middle.delay_s = DELAY_S
        seen = []
        for _ in range(30):
            time.sleep(0.4)
            seen.append(look())
    finally:
        daemon.stop()
        middle.close()
        chronyd.stop()
    assert before["bound_ns"] < 20e6
    for error_ns, ntp in seen:
        assert abs(error_ns) <= ntp["bound_ns"] + 1e6  # read one after the other on a busy machine
    (source,) = seen[-1][1]["sources"].values()
    # Samples from before tell what he does as long as they are kept; without them only the bound can tell.
    assert source["rejected"]["DELAYED"] > 0 or source["root_distance_ns"] > 0.45 * DELAY_S * 1e9
