"""NTPsec's ntpd, both ways: it follows our server, plain and with NTS, and our client follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from hw.soft_clock import SoftClock
from lab.peers.ntpsec import Ntpsec
from lab.vm.newer import NewerDebianError
from ntp.client.packet_tests import Rejected
from ntp.nts.aead import Algorithm
from tests.ntp.nts.bed import ask, asked_with

from .bed import OURS, THEIRS, Bed, wait_until
from .client import LiveClient

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

NEEDS = ()
FAST = "minpoll 0 maxpoll 0 iburst"
LONG_S = 90
START = Callable[..., AbstractContextManager[Ntpsec]]


@pytest.fixture
def ntpd(bed: Bed, tmp_path: Path) -> START:
    """Starts one with these lines, where our server is asked from."""

    @contextmanager
    def start(*lines: str) -> Iterator[Ntpsec]:
        try:
            made = Ntpsec(bed.theirs, tmp_path / "ntpsec", *lines)
        except NewerDebianError as error:
            pytest.skip(f"no newer Debian: {error}")
        made.start()
        yield made
        made.stop()

    return start


def offset_us(client: LiveClient) -> float:
    offsets_us = sorted(abs(sample.offset) / 65536 / 1000 for sample in client.samples)
    return offsets_us[len(offsets_us) // 2]


def test_ntpd_follows_our_server_and_our_client_follows_ntpd(bed: Bed, ntpd: START) -> None:
    with ntpd(f"server {OURS} {FAST}") as theirs:
        wait_until(lambda: theirs.served() == (4, OURS), LONG_S)  # ours is of stratum 3
        client = LiveClient(bed.ours, THEIRS, SoftClock("soft"), min_poll=-2, max_poll=-2, iburst=False)
        client.run(20, enough=10)
    assert client.association.stratum == 4
    assert len(client.samples) == 10
    assert offset_us(client) < 5000  # both read the same clock, on a machine that may be busy


def test_ntpd_gets_keys_from_our_server_and_follows_it_with_nts(bed: Bed, ntpd: START) -> None:
    before = bed.server().get("counts", {}).get("nts", 0)
    with ntpd(f"server {OURS} nts {FAST}", f"nts ca {bed.authority.file}") as theirs:
        wait_until(lambda: theirs.served() == (4, OURS), LONG_S)
        wait_until(lambda: bed.server()["counts"]["nts"] >= before + 4, LONG_S)
        said = theirs.log.read_text()
    assert "certificate is valid" in said
    assert "Got 8 cookies, length 96, aead=15" in said


@pytest.mark.parametrize("algorithm", [Algorithm.AES_SIV_CMAC_256, Algorithm.AES_SIV_CMAC_512])
def test_our_client_gets_keys_from_ntpd_and_believes_its_proven_replies(
    bed: Bed, ntpd: START, tmp_path: Path, algorithm: Algorithm
) -> None:
    certificate, key = bed.authority.issue(THEIRS, file="theirs")
    nts = f"nts enable cert {certificate} key {key} cookie {tmp_path / 'cookies'}"
    with ntpd("tos orphan 5 orphanwait 1", nts) as theirs:
        wait_until(lambda: theirs.served() == (5, "127.0.0.1"), LONG_S)
        grant = ask(bed.ours, bed.authority, algorithms=(algorithm,))
        client = asked_with(grant, bed.ours, THEIRS)
    assert grant.algorithm == algorithm
    assert len(grant.cookies) == 8
    assert client.association.stratum == 5
    assert len(client.samples) >= 10
    assert client.association.rejected[Rejected.NTS_NAK] == 0
    assert offset_us(client) < 5000
