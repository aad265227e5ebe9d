"""ntpd-rs without NTS, both ways: it follows our server, and our client follows it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.soft_clock import SoftClock
from lab import namespaces
from lab.peers.newer_ntp import NewerNtp

from .bed import OURS, THEIRS, Bed, wait_until
from .client import LiveClient

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

NEEDS = ("chronyd",)

CONFIGURATION = """
[[source]]
mode = "server"
address = "{ours}"

[[server]]
listen = "{theirs}:123"

[source-defaults]
poll-interval-limits = {{ min = 0, max = 2 }}
initial-poll-interval = 0

[synchronization]
minimum-agreeing-sources = 1
local-stratum = 9

[observability]
observation-path = "{observe}"
"""


@pytest.fixture
def configuration(bed: Bed, newer: NewerNtp, tmp_path: Path) -> Iterator[Path]:
    """An ntpd-rs runs by this file, in the other node."""
    file, before = tmp_path / "ntp.toml", len(bed.theirs.processes)
    file.write_text(CONFIGURATION.format(ours=OURS, theirs=THEIRS, observe=tmp_path / "observe"))
    bed.theirs.start([*newer.ntp_daemon, "-c", str(file)], tmp_path / "ntpd-rs.log")
    yield file
    namespaces.stop(bed.theirs.processes[before:])


def test_ntpd_rs_follows_our_server_and_our_client_follows_ntpd_rs(
    bed: Bed, newer: NewerNtp, configuration: Path
) -> None:
    def status() -> str:
        """What ntpd-rs says, nothing as long as it does not listen."""
        try:
            return bed.theirs.run([*newer.ntp_ctl, "-c", str(configuration), "status"])
        except subprocess.CalledProcessError:
            return ""

    wait_until(lambda: re.search(r"(?m)^Stratum: 4$", status()) is not None, 90)  # ours is of stratum 3
    said = status()
    client = LiveClient(bed.ours, THEIRS, SoftClock("soft"), min_poll=-2, max_poll=-2, iburst=False)
    client.run(20, enough=10)
    assert OURS in said
    assert client.association.stratum == 4
    offsets_us = sorted(abs(sample.offset) / 65536 / 1000 for sample in client.samples)
    assert len(offsets_us) == 10
    assert offsets_us[len(offsets_us) // 2] < 5000  # both read the same clock, on a machine that may be busy
