"""Two nodes with a cable, an authority, and our server of NTS-KE in one of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import namespaces
from lab.namespaces import Network, Node
from lab.pki import Authority

from .bed import OURS, THEIRS, OurServer


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[Node, Node]]:
    if shutil.which("chronyd") is None:
        pytest.skip("chronyd is not installed (package chrony)")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        ours, theirs = net.node("ours"), net.node("theirs")
        net.cable(ours, "eth0", theirs, "eth0")
        ours.add_address("eth0", f"{OURS}/24")
        theirs.add_address("eth0", f"{THEIRS}/24")
        net.settle()
        yield ours, theirs


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def our_server(nodes: tuple[Node, Node], authority: Authority, tmp_path: Path) -> Iterator[OurServer]:
    server = OurServer(nodes[0], tmp_path / "ours", authority.issue(OURS))
    yield server
    namespaces.stop([server.process])
