"""NTS with chrony 4.6, which knows AEAD 30, and ntpd-rs, which prefers 17; fetched from a newer Debian."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lab import namespaces
from lab.namespaces import Node
from lab.peers.chronyd import Chronyd
from lab.peers.newer_ntp import NewerNtp
from lab.pki import Authority
from ntp.client.packet_tests import Rejected
from ntp.nts import establishment
from ntp.nts.aead import Algorithm
from ntp.nts.key_exchange import ExchangeRequest
from ntp.nts.key_exchange_child import exchange
from ntp.nts.messages import Request

from .bed import OURS, THEIRS, OurServer, ask, asked_with, wait_until
from .responder import Responder

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

SIV_256, SIV_512, GCM_SIV = Algorithm.AES_SIV_CMAC_256, Algorithm.AES_SIV_CMAC_512, Algorithm.AES_128_GCM_SIV


# ---- chrony 4.6


@pytest.fixture
def chronyd_server(
    newer: NewerNtp, nodes: tuple[Node, Node], authority: Authority, tmp_path: Path
) -> Iterator[Chronyd]:
    certificate, key = authority.issue(THEIRS)
    chronyd = Chronyd.server(nodes[1], tmp_path / "chronyd", f"ntsservercert {certificate}", f"ntsserverkey {key}")
    chronyd.program = newer.chronyd
    chronyd.start()
    yield chronyd
    chronyd.stop()


@pytest.mark.usefixtures("chronyd_server")
@pytest.mark.parametrize(("offered", "chosen"), [((GCM_SIV, SIV_256), GCM_SIV), ((SIV_256, GCM_SIV), SIV_256)])
def test_our_client_believes_chrony_with_the_algorithm_that_it_prefers(
    nodes: tuple[Node, Node], authority: Authority, offered: tuple[Algorithm, ...], chosen: Algorithm
) -> None:
    grant = ask(nodes[0], authority, algorithms=offered)
    assert grant.algorithm == chosen
    assert len(asked_with(grant, nodes[0], THEIRS).samples) >= 10


@pytest.mark.usefixtures("chronyd_server")
@pytest.mark.parametrize("says_so", [True, False])
def test_keys_for_30_agree_with_chronys_whether_or_not_record_1024_is_sent(
    nodes: tuple[Node, Node], authority: Authority, monkeypatch: pytest.MonkeyPatch, says_so: bool
) -> None:
    """Without the record chrony derives them as before 4.6.1, from the context of algorithm 15."""
    request = ExchangeRequest(host=THEIRS, ca_file=str(authority.file), algorithms=(GCM_SIV,))
    if not says_so:
        older = partial(Request, algorithms=(GCM_SIV,), compliant_export=False)
        monkeypatch.setattr(establishment, "Request", lambda **_: older())
    grant = nodes[0].inside(lambda: exchange(request))
    client = asked_with(grant, nodes[0], THEIRS)
    assert len(client.samples) >= 10
    assert client.association.rejected[Rejected.NTS_NAK] == 0


@pytest.mark.parametrize(("algorithm", "octets"), [("30", "64"), ("15", "96")])
def test_chrony_follows_our_server_with_the_algorithm_that_it_prefers(  # noqa: PLR0917 (fixtures and a table)
    newer: NewerNtp,
    nodes: tuple[Node, Node],
    authority: Authority,
    our_server: OurServer,
    tmp_path: Path,
    algorithm: str,
    octets: str,
) -> None:
    lines = [
        f"server {OURS} nts minpoll -2 maxpoll -2 iburst",
        f"ntstrustedcerts {authority.file}",
        f"ntsaeads {algorithm}",
    ]
    chronyd = Chronyd(nodes[1], tmp_path / "client", lines)
    chronyd.program = newer.chronyd
    with Responder(nodes[0], our_server.master_key_file) as responder:
        chronyd.start()
        try:
            wait_until(lambda: "^* " + OURS in chronyd.ask("sources"))
            (words,) = (text.split() for text in chronyd.ask("authdata").splitlines() if text.startswith(OURS))
        finally:
            chronyd.stop()
    assert set(responder.answered) == {"NTS"}
    assert (words[3], words[9]) == (algorithm, octets)


# ---- ntpd-rs


def start_ntpd_rs(newer: NewerNtp, node: Node, folder: Path, configuration: str) -> Path:
    """Start it in *node*; return its log."""
    file, log = folder / "ntp.toml", folder / "ntpd-rs.log"
    file.write_text(configuration)
    node.start([*newer.ntp_daemon, "-c", str(file)], log)
    return log


@pytest.fixture
def ntpd_rs_server(newer: NewerNtp, nodes: tuple[Node, Node], authority: Authority, tmp_path: Path) -> Iterator[None]:
    certificate, key = authority.issue(THEIRS)
    before = len(nodes[1].processes)
    start_ntpd_rs(
        newer,
        nodes[1],
        tmp_path,
        f"""
        [synchronization]
        local-stratum = 1
        [[server]]
        listen = "{THEIRS}:123"
        [[nts-ke-server]]
        listen = "{THEIRS}:4460"
        certificate-chain-path = "{certificate}"
        private-key-path = "{key}"
        """,
    )
    listening = ["ss", "-ltn", "sport", "=", ":4460"]
    wait_until(lambda: THEIRS in nodes[1].run(listening))
    yield
    namespaces.stop(nodes[1].processes[before:])


@pytest.mark.usefixtures("ntpd_rs_server")
@pytest.mark.parametrize("algorithm", [SIV_512, SIV_256])
def test_our_client_believes_ntpd_rs(nodes: tuple[Node, Node], authority: Authority, algorithm: Algorithm) -> None:
    grant = ask(nodes[0], authority, algorithms=(algorithm,))
    assert grant.algorithm == algorithm
    assert len(asked_with(grant, nodes[0], THEIRS).samples) >= 10


def test_ntpd_rs_gets_keys_from_our_server_and_asks_with_them(
    newer: NewerNtp, nodes: tuple[Node, Node], authority: Authority, our_server: OurServer, tmp_path: Path
) -> None:
    before = len(nodes[1].processes)
    with Responder(nodes[0], our_server.master_key_file) as responder:
        log = start_ntpd_rs(
            newer,
            nodes[1],
            tmp_path,
            f"""
            [[source]]
            mode = "nts"
            address = "{OURS}"
            certificate-authority = "{authority.file}"
            [synchronization]
            minimum-agreeing-sources = 3
            """,
        )
        try:
            wait_until(lambda: len(responder.answered) >= 2, within_s=60)
        finally:
            namespaces.stop(nodes[1].processes[before:])
    assert set(responder.answered) == {"NTS"}, log.read_text()
    assert responder.algorithms == {SIV_512}
