"""A machine that stood still, as a virtual one that was paused: all servers are ahead at once, nothing else tells."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import namespaces
from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network, Node
from ntp.wire.packet import Mode, Packet, decode, encode
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.time import NANOSECOND, UtcTime

pytestmark = [pytest.mark.namespaces]

TAI_NS = 37_000_000_000
STOOD_STILL_NS = 37_000_000_000
"""By chance what TAI - UTC is, which from other sources is an alarm."""
HOSTS = ("10.0.0.2", "10.0.0.3", "10.0.0.4")
CONFIGURATION = f"""
[clock.soft]
type = "soft"
offset_ns = {TAI_NS + 2_000_000}
frequency_error_ppb = 5000.0

[ntp]
clock = "soft"
accuracy = "1ms"
""" + "".join(f'\n[[ntp.source]]\naddress = "{host}"\nmin_poll = 0\nmax_poll = 0\n' for host in HOSTS)


class Servers:
    """Servers of this machine's time in *node*, all ahead of it by ``ahead_ns``."""

    def __init__(self, node: Node) -> None:
        self.ahead_ns = 0
        self._ended = threading.Event()
        self._sockets = [node.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in HOSTS]
        for sock, host in zip(self._sockets, HOSTS, strict=True):
            sock.bind((host, 123))
            sock.settimeout(0.2)
        self._threads = [threading.Thread(target=self._serve, args=(sock,), daemon=True) for sock in self._sockets]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._ended.set()
        for thread, sock in zip(self._threads, self._sockets, strict=True):
            thread.join()
            sock.close()

    def _utc(self) -> UtcTime:
        return UtcTime((time.time_ns() + self.ahead_ns) * NANOSECOND)

    def _serve(self, sock: socket.socket) -> None:
        while not self._ended.is_set():
            try:
                octets, client = sock.recvfrom(1024)
            except TimeoutError:
                continue
            came, request = self._utc(), decode(octets)
            reply = Packet(
                version=request.version,
                mode=Mode.SERVER,
                stratum=1,
                precision=-20,
                root_dispersion=1,
                reference_id=b"TEST",
                reference_timestamp=ntp_from_utc(came),
                origin_timestamp=request.transmit_timestamp,
                receive_timestamp=ntp_from_utc(came),
            )
            reply.transmit_timestamp = ntp_from_utc(self._utc())
            sock.sendto(encode(reply), client)


@pytest.fixture
def wire() -> Iterator[tuple[Node, Node]]:
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        ours, theirs = net.node("ours"), net.node("theirs")
        net.cable(ours, "eth0", theirs, "eth0")
        ours.add_address("eth0", "10.0.0.1/24")
        for host in HOSTS:
            theirs.add_address("eth0", f"{host}/24")
        net.settle()
        yield ours, theirs


def test_it_is_acquired_anew_with_one_step_and_the_log_says_why(wire: tuple[Node, Node], tmp_path: Path) -> None:
    ours, theirs = wire
    servers = Servers(theirs)
    daemon = Daemon(ours, tmp_path / "ours", CONFIGURATION)

    def error_ns() -> float:
        return true_offset_ns(soft_clock(daemon.status()), time.time_ns()) - TAI_NS - servers.ahead_ns

    def settled() -> bool:
        return bool(daemon.status()["clocks"]["soft"]["state"] == "locked" and abs(error_ns()) < 5e6)

    def seen(kind: str) -> list[dict[str, object]]:
        return [event for event in daemon.events() if event["event"] == kind]

    daemon.start()
    try:
        daemon.wait_until_ready()
        daemon.wait_until(settled, 60, "kept the clock")
        time.sleep(5)
        before = len(seen("ClockStepped"))
        servers.ahead_ns = STOOD_STILL_NS
        daemon.wait_until(lambda: bool(seen("ClockFoundElsewhere")), 60, "found the clock elsewhere")
        daemon.wait_until(lambda: len(seen("ClockStepped")) > before and settled(), 60, "was right again")
        time.sleep(10)
        error = error_ns()
        steps, found = seen("ClockStepped")[before:], seen("ClockFoundElsewhere")
        why = daemon.says("why")
    finally:
        daemon.stop()
        servers.close()
    assert len(found) == 1
    assert found[0]["sources"] in {2, 3}
    assert abs(float(str(found[0]["moved_s"])) + STOOD_STILL_NS / 1e9) < 0.5
    assert len(steps) == 1
    assert abs(error) < 5e6
    assert "NTP sources agree that the clock jumped" in why
