"""A name that stands for several NTS servers, asked by the daemon: each with keys of its own, and none twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import namespaces
from lab.daemon import Daemon
from lab.namespaces import Network, Node
from lab.peers.chronyd import Chronyd
from lab.pki import Authority

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

POOL = "nts.pool.test"
SERVERS = tuple(f"10.0.0.{number}" for number in (2, 3, 4, 5))
CONFIGURATION = """
[ntp]
free_running = true
authentication = "require"

[[ntp.source]]
address = "{pool}"
nts = true
pool = true
count = 3
ca_file = "{ca_file}"
min_poll = -2
max_poll = -2
"""


@pytest.fixture
def wire() -> Iterator[tuple[Node, Node]]:
    if shutil.which("chronyd") is None:
        pytest.skip("chronyd is not installed")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        ours, theirs = net.node("ours"), net.node("theirs")
        net.cable(ours, "eth0", theirs, "eth0")
        ours.add_address("eth0", "10.0.0.1/24")
        for server in SERVERS:
            theirs.add_address("eth0", f"{server}/24")
        net.settle()
        yield ours, theirs


def with_hosts(daemon: Daemon, hosts: Path) -> None:
    """Let *daemon* find names in the file *hosts*."""
    script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    daemon.program = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(hosts), *daemon.program]


def test_each_server_has_keys_of_its_own_and_one_that_is_gone_is_replaced(
    wire: tuple[Node, Node], tmp_path: Path
) -> None:
    ours, theirs = wire
    authority = Authority(tmp_path / "pki")
    certificate, private_key = authority.issue(POOL)
    servers: dict[str, Chronyd] = {}
    for server in SERVERS:
        lines = [f"bindaddress {server}", f"ntsservercert {certificate}", f"ntsserverkey {private_key}"]
        servers[server] = Chronyd.server(theirs, tmp_path / server, *lines)
        servers[server].start()
    hosts = tmp_path / "hosts"
    hosts.write_text("".join(f"{server} {POOL}\n" for server in SERVERS))
    daemon = Daemon(ours, tmp_path / "ours", CONFIGURATION.format(pool=POOL, ca_file=authority.file))
    with_hosts(daemon, hosts)

    used: set[str] = set()

    def uses_three() -> bool:
        """Whether three sources that prove themselves are used, which ``used`` then has: it changes all the time."""
        sources = daemon.status()["ntp"]["sources"].values()
        used.clear()
        used.update(source["address"] for source in sources if source["authenticated"] and source["used"])
        return len(used) == 3

    daemon.start()
    try:
        daemon.wait_until_ready()
        daemon.wait_until(uses_three, 120, "used three servers")
        first = set(used)
        gone = min(first)
        servers[gone].stop()
        daemon.wait_until(lambda: uses_three() and gone not in used, 240, "replaced the one that is gone")
        second = set(used)
    finally:
        daemon.stop()
        for chronyd in servers.values():
            chronyd.stop()
    assert first < set(SERVERS)
    assert second == set(SERVERS) - {gone}
