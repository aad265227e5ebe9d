"""Our client against Debian's chronyd as a server, both in namespaces: offsets against a known truth."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hw.soft_clock import SoftClock
from lab import namespaces
from lab.namespaces import Network, Node
from lab.peers.chronyd import Chronyd
from ntp.client.association import AssociationState
from ntp.client.events import AuthenticationFailed, KissOfDeath, SourceReachable
from ntp.client.packet_tests import Rejected
from ntp.client.sample import StampSource
from ntp.keys import Key
from ptpstack.time import interval_to_ns

from .client import LiveClient

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

AHEAD_NS = 12_345_678
LAN_ERROR_NS = 150_000
"""What two programs on a busy machine may be held up between stamps; the median is far below."""

FAST = {"min_poll": -2, "max_poll": -2, "iburst": False}
SECRET = bytes(range(16))


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Network, Node, Node]]:
    if shutil.which("chronyd") is None:
        pytest.skip("chronyd is not installed (package chrony)")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        ours, theirs = net.node("ours"), net.node("theirs")
        net.cable(ours, "eth0", theirs, "eth0")
        for number, node in enumerate((ours, theirs), 1):
            node.add_address("eth0", f"10.0.0.{number}/24")
            node.add_address("eth0", f"fd00::{number}/64")
        net.settle()
        yield net, ours, theirs


@cache
def _knows_kod() -> bool:
    said = subprocess.run(["chronyd", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"version (\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= (4, 6)


def clock() -> SoftClock:
    return SoftClock("soft", offset_ns=AHEAD_NS)


def errors_ns(client: LiveClient) -> list[float]:
    return [interval_to_ns(sample.offset) - AHEAD_NS for sample in client.samples]


@pytest.mark.parametrize("server", ["10.0.0.2", "fd00::2"])
def test_the_offset_of_a_soft_clock_is_found(wire: tuple[Network, Node, Node], tmp_path: Path, server: str) -> None:
    _, ours, theirs = wire
    chronyd = Chronyd.server(theirs, tmp_path)
    chronyd.start()
    try:
        client = LiveClient(ours, server, clock(), **FAST)
        client.run(20, enough=16)
    finally:
        chronyd.stop()
    assert len(client.samples) >= 16
    assert abs(statistics.median(errors_ns(client))) < LAN_ERROR_NS
    assert sum(sample.stamps is StampSource.KERNEL for sample in client.samples) >= 14
    estimate = client.association.estimate(client.samples[-1].local)
    assert estimate is not None
    assert abs(interval_to_ns(estimate.offset) - AHEAD_NS) < interval_to_ns(estimate.root_distance)
    assert len(set(client.ports)) > 0.9 * len(client.ports)  # fresh ports, some by chance the same
    (reachable,) = client.events(SourceReachable)
    assert "stratum 1" in str(reachable)


KEYS = {
    "AES128": (Key(1, "AES128", SECRET), f"1 AES128 HEX:{SECRET.hex()}"),
    "AES256": (Key(2, "AES256", SECRET * 2), f"2 AES256 HEX:{(SECRET * 2).hex()}"),
    "SHA256": (Key(3, "SHA256", SECRET), f"3 SHA256 HEX:{SECRET.hex()}"),
    "SHA384": (Key(4, "SHA384", SECRET), f"4 SHA384 HEX:{SECRET.hex()}"),
    "SHA512": (Key(5, "SHA512", SECRET), f"5 SHA512 HEX:{SECRET.hex()}"),
}


def test_every_kind_of_key_is_understood_and_a_wrong_secret_is_not(
    wire: tuple[Network, Node, Node], tmp_path: Path
) -> None:
    _, ours, theirs = wire
    chronyd = Chronyd.server(theirs, tmp_path, keys=[line for _, line in KEYS.values()])
    chronyd.start()
    try:
        right = {kind: LiveClient(ours, "10.0.0.2", clock(), key=key, **FAST) for kind, (key, _) in KEYS.items()}
        for client in right.values():
            client.run(10, enough=3)
        wrong = LiveClient(ours, "10.0.0.2", clock(), key=Key(3, "SHA256", b"guessed"), **FAST)
        wrong.run(2, enough=1)
    finally:
        chronyd.stop()
    assert {kind: len(client.samples) for kind, client in right.items()} == dict.fromkeys(KEYS, 3)
    assert not wrong.samples
    assert not wrong.association.reachable


def test_interleaved_replies_come_and_agree_with_basic_ones(wire: tuple[Network, Node, Node], tmp_path: Path) -> None:
    _, ours, theirs = wire
    chronyd = Chronyd.server(theirs, tmp_path)
    chronyd.start()
    try:
        client = LiveClient(ours, "10.0.0.2", clock(), interleaved=True, **FAST)
        client.run(20, enough=16)
        statistics_of_server = chronyd.server_statistics()
    finally:
        chronyd.stop()
    interleaved = [sample for sample in client.samples if sample.interleaved]
    assert len(interleaved) >= 12
    assert statistics_of_server["Interleaved NTP packets"] >= 12
    assert abs(statistics.median(errors_ns(client))) < LAN_ERROR_NS


def test_a_server_that_limits_rates_is_asked_less(wire: tuple[Network, Node, Node], tmp_path: Path) -> None:
    """By RATE where this chronyd knows how to send that (4.6), else by the silence it keeps."""
    _, ours, theirs = wire
    chronyd = Chronyd.server(theirs, tmp_path, "ratelimit interval 1 burst 2 leak 4" + " kod 1" * _knows_kod())
    chronyd.start()
    try:
        client = LiveClient(ours, "10.0.0.2", clock(), **FAST | {"max_poll": 3})
        client.run(12)
        dropped = chronyd.server_statistics()["NTP packets dropped"]
    finally:
        chronyd.stop()
    assert client.association.poll.exponent > -2
    assert bool(client.events(KissOfDeath)) is _knows_kod()
    assert 0 < dropped < 30


def test_a_server_that_may_not_be_asked_is_not_believed(wire: tuple[Network, Node, Node], tmp_path: Path) -> None:
    """Without ``local`` chronyd answers, and says that it is not synchronized."""
    _, ours, theirs = wire
    chronyd = Chronyd(theirs, tmp_path, ["allow"])
    chronyd.start()
    try:
        client = LiveClient(ours, "10.0.0.2", clock(), **FAST)
        client.run(3)
    finally:
        chronyd.stop()
    assert not client.samples
    assert client.association.rejected[Rejected.UNSYNCHRONIZED] > 3
    assert client.association.state is AssociationState.ACTIVE
    assert not client.events(AuthenticationFailed)


def test_a_host_without_a_server_says_so(wire: tuple[Network, Node, Node]) -> None:
    _, ours, _ = wire
    client = LiveClient(ours, "10.0.0.2", clock(), **FAST)
    client.run(3)
    assert not client.samples
    assert client.association.trouble == "nothing listens on the server's port"
