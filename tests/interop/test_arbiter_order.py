"""Two instances on one clock with ptp4l as the grandmaster of each domain: the better one steers, or what is left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.daemon import Daemon
from lab.namespaces import Network, why_unavailable
from lab.peers.ptp4l import Ptp4l

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

TIMEOUT_S = 30.0
CONFIGURATION = """
[arbiter]
order = "quality"
return_after_s = 2

[clock.soft]
type = "soft"
frequency_error_ppb = 10_000

[instance.first]
domain_number = 0
clock = "soft"
slave_only = true

[[instance.first.port]]
interface = "eth0"
log_announce_interval = 0

[instance.second]
domain_number = 1
clock = "soft"
slave_only = true

[[instance.second.port]]
interface = "eth1"
log_announce_interval = 0
"""


@pytest.mark.skipif(bool(why_unavailable()), reason=why_unavailable())
@pytest.mark.skipif(not shutil.which("ptp4l"), reason="ptp4l is not installed (Debian: linuxptp)")
def test_the_better_grandmaster_steers_until_it_falls_silent(tmp_path: Path) -> None:
    with Network() as network:
        ours = network.node("ours")
        masters = []
        for number, (name, clock_class) in enumerate((("first", 7), ("second", 6))):
            node = network.node(name)
            network.cable(node, "eth0", ours, f"eth{number}")
            options = {"network_transport": "L2", "domainNumber": number, "clockClass": clock_class}
            masters.append(Ptp4l(node, tmp_path / name, "eth0", logSyncInterval=-3, logAnnounceInterval=0, **options))
        network.settle()
        daemon = Daemon(ours, tmp_path / "ours", CONFIGURATION)
        try:
            for program in (*masters, daemon):
                program.start()
            daemon.wait_until_ready()

            def is_steered_by(name: str) -> bool:
                clock = daemon.status()["clocks"]["soft"]
                return bool(clock["writer"] == name and clock["state"] == "locked")

            daemon.wait_until(lambda: is_steered_by("second"), TIMEOUT_S, "followed the better one")
            masters[1].stop()
            daemon.wait_until(lambda: is_steered_by("first"), TIMEOUT_S, "followed the one that is left")
            masters[1].start()
            daemon.wait_until(lambda: is_steered_by("second"), TIMEOUT_S, "went back to the better one")
            rules = [event["rule"] for event in daemon.events() if event["event"] == "WriterChosen"]
            assert rules[-2:] == [
                "second fell silent",
                (
                    "its grandmaster (clockClass 6, clockAccuracy 0xfe, stepsRemoved 1) is better than that of first "
                    "(clockClass 7, clockAccuracy 0xfe, stepsRemoved 1), for 2 s without a break"
                ),
            ]
        finally:
            for program in (*masters, daemon):
                program.stop()
