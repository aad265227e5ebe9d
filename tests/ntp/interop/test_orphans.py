"""Two of ours and one of others on one network without a source: whoever leads goes and comes, and all agree."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from lab import namespaces
from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network, Node
from lab.peers.chronyd import Chronyd
from lab.peers.ntpsec import Ntpsec
from lab.vm.newer import NewerDebianError

from .test_daemon import TAI_NS

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

LEAST, THEIRS, GREATEST = "10.0.0.1", "10.0.0.2", "10.0.0.3"
LONG_S = 90
LIMIT_NS = 2_000_000
CONFIGURATION = """
[clock.soft]
type = "soft"
offset_ns = {offset_ns}
frequency_error_ppb = 5000.0

[ntp]
clock = "soft"

[ntp.server]
listen = ["{own}"]
clock = "soft"
local_stratum = 10
orphan = true
orphan_wait_s = 10
"""
SOURCE = '\n[[ntp.source]]\naddress = "{}"\nmin_poll = 0\nmax_poll = 0\n'


def ours(node: Node, folder: Path, own: str, *others: str, ahead_ns: int) -> Daemon:
    text = CONFIGURATION.format(own=own, offset_ns=TAI_NS + ahead_ns) + "".join(map(SOURCE.format, others))
    daemon = Daemon(node, folder, text)
    daemon.start()
    daemon.wait_until_ready()
    return daemon


class Orphan(Protocol):
    """Somebody else's server among ours."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def follows_the_least(self) -> bool: ...


class OrphanChronyd(Chronyd):
    def __init__(self, node: Node, folder: Path) -> None:
        others = [f"server {address} minpoll -1 maxpoll -1 iburst" for address in (LEAST, GREATEST)]
        super().__init__(node, folder, ["local stratum 10 orphan", "allow", *others])

    def follows_the_least(self) -> bool:
        return f",{LEAST},11," in self.ask("-c", "tracking")


class OrphanNtpsec(Ntpsec):
    def __init__(self, node: Node, folder: Path) -> None:
        others = [f"server {address} minpoll 0 maxpoll 0 iburst" for address in (LEAST, GREATEST)]
        super().__init__(node, folder, "tos orphan 10 orphanwait 1", *others)

    def follows_the_least(self) -> bool:
        return self.served() == (11, LEAST)


def theirs(kind: Callable[[Node, Path], Orphan], node: Node, folder: Path) -> Orphan:
    try:
        orphan = kind(node, folder)
    except NewerDebianError as error:
        pytest.skip(f"no newer Debian: {error}")
    orphan.start()
    return orphan


def served(daemon: Daemon) -> tuple[int, str]:
    server = daemon.status()["ntp_server"]
    return server["stratum"], server["reference"]


def rejected(daemon: Daemon, source: str) -> dict[str, int]:
    found: dict[str, int] = daemon.status()["ntp"]["sources"][source]["rejected"]
    return found


def follows(daemon: Daemon, leader: str) -> Callable[[], bool]:
    return lambda: served(daemon) == (11, leader)


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    if shutil.which("chronyd") is None:
        pytest.skip("chronyd is not installed (package chrony)")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        bridge = net.bridge()
        found = []
        for number, address in enumerate((LEAST, THEIRS, GREATEST)):
            node = net.node(f"node{number}")
            net.cable(node, "eth0", bridge, f"port{number}")
            node.add_address("eth0", f"{address}/24")
            found.append(node)
        net.settle()
        yield found


@pytest.mark.parametrize("kind", [OrphanChronyd, OrphanNtpsec])
def test_whoever_leads_all_agree_and_say_why(
    nodes: list[Node], tmp_path: Path, kind: Callable[[Node, Path], Orphan]
) -> None:
    first = theirs(kind, nodes[1], tmp_path / "theirs")  # leads before ours, which wait longer
    least = ours(nodes[0], tmp_path / "least", LEAST, THEIRS, GREATEST, ahead_ns=30_000_000)
    greatest = ours(nodes[2], tmp_path / "greatest", GREATEST, LEAST, THEIRS, ahead_ns=-20_000_000)
    running: list[Orphan | Daemon] = [first, least, greatest]
    try:
        for daemon in (least, greatest):
            daemon.wait_until(follows(daemon, THEIRS), LONG_S, "followed the first, though its identifier is greater")
        first.stop()
        least.wait_until(lambda: served(least) == (10, "LOCL"), LONG_S, "led when the first had gone")
        greatest.wait_until(follows(greatest, LEAST), LONG_S, "followed the least identifier")
        again = theirs(kind, nodes[1], tmp_path / "again")
        running.append(again)
        least.wait_until(again.follows_the_least, LONG_S, "was followed by the first when it came back")
        assert served(least) == (10, "LOCL")
        greatest.wait_until(follows(greatest, LEAST), LONG_S, "stayed with it")
        least.wait_until(lambda: rejected(least, THEIRS).get("SYNC_LOOP", 0) > 1, LONG_S, "noticed who follows it")
        why = greatest.says("why")
        clocks = [soft_clock(daemon.status()) for daemon in (least, greatest)]
        now_ns = time.time_ns()
        apart_ns = true_offset_ns(clocks[0], now_ns) - true_offset_ns(clocks[1], now_ns)
        led = least.says("why")
    finally:
        for peer in running:
            peer.stop()
    assert abs(apart_ns) < LIMIT_NS
    assert f"{LEAST}: used: nothing else counts, and it leads the orphans" in why
    assert "soft is served as stratum 11" in why
    assert "for what it is: nothing was followed for 10 s: it leads the orphans" in led
    assert "and this machine had one" not in led  # an orphan that was followed was no source
