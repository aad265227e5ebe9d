"""A clock that NTP keeps is served in turn: whoever asks gets its time, and whence it comes."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from hw.soft_clock import SoftClock
from lab.daemon import Daemon
from lab.namespaces import Node
from lab.peers.chronyd import Chronyd

from .client import LiveClient
from .test_daemon import configuration, wire

__all__ = ["wire"]
pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

LIMIT_US = 150
SERVER = '[ntp.server]\nlisten = ["10.0.0.1"]\nclock = "soft"\n\n'


def test_a_soft_clock_kept_by_chronyd_is_served_with_its_reference(wire: tuple[Node, Node], tmp_path: Path) -> None:
    """It was 12 ms wrong and runs 20 ppm too fast; the truth is CLOCK_REALTIME, which chronyd serves."""
    ours, theirs = wire
    chronyd = Chronyd.server(theirs, tmp_path / "theirs")
    chronyd.start()
    daemon = Daemon(ours, tmp_path / "ours", configuration(tmp_path, servers=("10.0.0.2",)) + SERVER)
    daemon.start()
    try:
        daemon.wait_until_ready()
        daemon.wait_until(lambda: daemon.status()["ntp_server"]["stratum"] == 2, 60, "served as stratum 2")
        time.sleep(8)
        client = LiveClient(theirs, "10.0.0.1", SoftClock("truth"), min_poll=-2, max_poll=-2, iburst=False)
        client.run(10, enough=10)
        server, association = daemon.status()["ntp_server"], client.association
        why = daemon.says("why")
    finally:
        daemon.stop()
        chronyd.stop()
    errors_us = [sample.offset / 65_536_000 for sample in client.samples]
    assert abs(statistics.median(errors_us)) < LIMIT_US
    assert (association.stratum, association.reference_id) == (2, bytes([10, 0, 0, 2]))
    assert all(sample.root_distance > 0 for sample in client.samples)
    assert server["reference"] == "10.0.0.2"
    assert "soft is served as stratum 2 (was 16)" in why
