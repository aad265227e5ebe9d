"""NTS with real peers in namespaces: chronyd as server and as client. None of them touches a clock."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hw.soft_clock import SoftClock
from lab import namespaces
from lab.namespaces import Node
from lab.peers.chronyd import Chronyd
from lab.pki import Authority
from ntp.client.packet_tests import Rejected
from ntp.nts.aead import Algorithm
from ntp.nts.errors import KeyEstablishmentError
from ptpstack.time import interval_to_ns
from tests.ntp.interop.client import LiveClient

from .bed import FAST, OURS, THEIRS, OurServer, ask, asked_with, authenticator, wait_until
from .responder import Responder

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

AHEAD_NS = 12_345_678
LAN_ERROR_NS = 150_000
SIV_256 = Algorithm.AES_SIV_CMAC_256


# ---- our client, their server


@pytest.fixture
def chronyd_server(nodes: tuple[Node, Node], authority: Authority, tmp_path: Path) -> Iterator[Chronyd]:
    certificate, key = authority.issue(THEIRS)
    (tmp_path / "dump").mkdir()
    chronyd = Chronyd.server(
        nodes[1],
        tmp_path / "chronyd",
        f"ntsservercert {certificate}",
        f"ntsserverkey {key}",
        f"ntsdumpdir {tmp_path / 'dump'}",
    )
    chronyd.start()
    yield chronyd
    chronyd.stop()


def test_our_client_gets_keys_from_chronyd_and_believes_its_proven_replies(
    nodes: tuple[Node, Node], authority: Authority, chronyd_server: Chronyd
) -> None:
    grant = ask(nodes[0], authority)
    assert grant.algorithm == SIV_256
    assert len(grant.cookies) == 8
    proof = authenticator(grant)
    client = LiveClient(nodes[0], THEIRS, SoftClock("soft", offset_ns=AHEAD_NS), authenticator=proof, **FAST)
    client.run(30, enough=20)
    assert len(client.samples) >= 20
    errors = [interval_to_ns(sample.offset) - AHEAD_NS for sample in client.samples]
    assert abs(statistics.median(errors)) < LAN_ERROR_NS
    assert client.association.rejected[Rejected.WRONG_DIGEST] == 0
    assert proof.cookies >= 7
    counted = chronyd_server.server_statistics()
    assert counted["NTS-KE connections accepted"] == 1
    assert counted["Authenticated NTP packets"] >= 20


@pytest.mark.usefixtures("chronyd_server")
def test_chronyd_says_nak_to_cookies_that_it_does_not_know(nodes: tuple[Node, Node], authority: Authority) -> None:
    grant = ask(nodes[0], authority)
    foreign = msgspec.structs.replace(grant, cookies=tuple(os.urandom(len(cookie)) for cookie in grant.cookies))
    proof = authenticator(foreign)
    client = LiveClient(nodes[0], THEIRS, SoftClock("soft"), authenticator=proof, **FAST)
    client.run(2)
    assert client.association.rejected[Rejected.NTS_NAK] == proof.naks == 1
    assert not client.samples
    assert proof.next_exchange() is not None


@pytest.mark.usefixtures("chronyd_server")
def test_chronyd_refuses_who_offers_nothing_that_it_knows(nodes: tuple[Node, Node], authority: Authority) -> None:
    with pytest.raises(KeyEstablishmentError, match="chose none"):
        ask(nodes[0], authority, algorithms=(Algorithm.AES_SIV_CMAC_512,))


# ---- their client, our server


def chronyd_client(node: Node, folder: Path, authority: Authority) -> Chronyd:
    dump = folder / "dump"
    dump.mkdir(parents=True)
    lines = [
        f"server {OURS} nts minpoll -2 maxpoll -2 iburst",
        f"ntstrustedcerts {authority.file}",
        f"ntsdumpdir {dump}",
    ]
    return Chronyd(node, folder, lines)


def authdata(chronyd: Chronyd) -> list[str]:
    """Return chronyd's words on its source: name, mode, key id, type, length, last, attempts, NAKs, cookies, length."""
    lines = [line for line in chronyd.ask("authdata").splitlines() if line.startswith(OURS)]
    return lines[0].split() if lines else []


def test_chronyd_gets_keys_from_our_server_and_follows_its_proven_replies(
    nodes: tuple[Node, Node], authority: Authority, our_server: OurServer, tmp_path: Path
) -> None:
    chronyd = chronyd_client(nodes[1], tmp_path / "client", authority)
    with Responder(nodes[0], our_server.master_key_file) as responder:
        chronyd.start()
        try:
            wait_until(lambda: "^* " + OURS in chronyd.ask("sources"))
            wait_until(lambda: len(responder.answered) >= 20)
            words, packets = authdata(chronyd), chronyd.ask("ntpdata")
        finally:
            chronyd.stop()
    assert set(responder.answered) == {"NTS"}
    assert words[1:5] == ["NTS", "1", "15", "256"]
    assert words[7:] == ["0", "8", "96"]
    assert re.search(r"Authenticated\s*: Yes", packets)
    assert '"ClientServed"' in our_server.log.read_text()


@pytest.mark.usefixtures("our_server")
def test_chronyd_understands_our_nak_and_throws_its_cookies_away(
    nodes: tuple[Node, Node], authority: Authority, tmp_path: Path
) -> None:
    chronyd = chronyd_client(nodes[1], tmp_path / "client", authority)
    forgetful = tmp_path / "another.json"
    with Responder(nodes[0], forgetful) as responder:
        chronyd.start()
        try:
            wait_until(lambda: "NAK" in responder.answered)
            wait_until(lambda: authdata(chronyd)[7:9] == ["1", "0"])
            reachable = "^* " + OURS in chronyd.ask("sources")
        finally:
            chronyd.stop()
    assert set(responder.answered) == {"NAK"}
    assert not reachable


def test_our_client_and_our_servers_agree_over_the_wire(
    nodes: tuple[Node, Node], authority: Authority, our_server: OurServer
) -> None:
    with Responder(nodes[0], our_server.master_key_file) as responder:
        for algorithm in Algorithm:
            grant = ask(nodes[1], authority, host=OURS, algorithms=(algorithm,))
            assert len(asked_with(grant, nodes[1], OURS).samples) >= 10
    assert set(responder.answered) == {"NTS"}


# ---- other eyes


@pytest.mark.usefixtures("our_server")
def test_openssl_finds_tls_1_3_with_the_right_protocol_on_our_server(
    nodes: tuple[Node, Node], authority: Authority
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    command = ["openssl", "s_client", "-connect", f"{OURS}:4460", "-CAfile", str(authority.file), "-brief"]
    done = subprocess.run(
        ["nsenter", f"--net=/proc/self/fd/{nodes[1].descriptor}", *command, "-alpn", "ntske/1", "-verify_return_error"],
        input="",
        capture_output=True,
        text=True,
        pass_fds=[nodes[1].descriptor],
        timeout=30,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Protocol version: TLSv1.3" in said, said
    assert "Verification: OK" in said, said


# ---- the daemon


def test_the_daemon_gets_keys_by_itself_and_shows_a_proven_source(
    nodes: tuple[Node, Node], authority: Authority, chronyd_server: Chronyd, tmp_path: Path
) -> None:
    """From the configuration file to the status; the system clock is measured and never steered."""
    file, control, log = tmp_path / "nts.toml", tmp_path / "control", tmp_path / "daemon.log"
    file.write_text(
        f"""
        [control]
        socket = "{control}"
        [state]
        directory = "{tmp_path}"
        [ntp]
        free_running = true
        authentication = "require"
        [[ntp.source]]
        address = "{THEIRS}"
        nts = true
        ca_file = "{authority.file}"
        min_poll = -2
        max_poll = -2
        """
    )
    command = [sys.executable, "-m", "ptpstack"]
    daemon = nodes[0].start([*command, "run", "--config", str(file)], log)
    said: dict[str, Any] = {}

    def is_used() -> bool:
        assert daemon.poll() is None, log.read_text()
        if control.exists():
            asked = [*command, "status", "--json", "--socket", str(control)]
            said.update(json.loads(subprocess.run(asked, capture_output=True, check=False).stdout))
        return bool(said) and any(source["used"] for source in said["ntp"]["sources"].values())

    try:
        wait_until(is_used)
    finally:
        namespaces.stop([daemon])
    (source,) = said["ntp"]["sources"].values()
    assert source["authenticated"]
    assert source["address"] == THEIRS
    assert f"NTS source {THEIRS}: 8 cookies for {THEIRS} port 123, AES_SIV_CMAC_256" in log.read_text()
    assert chronyd_server.server_statistics()["Authenticated NTP packets"] >= 1
