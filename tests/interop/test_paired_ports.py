"""A clock on two cables to one grandmaster, as on the two networks of a redundant one; the first cable is cut."""

import time
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network, why_unavailable

pytestmark = pytest.mark.namespaces

LOCK_TIMEOUT_S = 90.0
SOFTWARE_STAMPS_NS = 100_000
"""What a busy machine's stamps may differ by: this is about who follows, not how well."""

CONFIGURATION = """
[instance.main]
profile = "iec-61850-9-3"
enforce_profile = false
clock = "soft"
{role}
[clock.soft]
type = "soft"
offset_ns = {offset_ns}
[servo]
step_threshold_ns = 100_000
[[instance.main.port]]
interface = "lana"
log_sync_interval = -2
{paired}
[[instance.main.port]]
interface = "lanb"
log_sync_interval = -2
"""


def ports(daemon: Daemon) -> list[dict[str, Any]]:
    return daemon.status()["instances"]["main"]["ports"]


def test_the_port_that_stands_by_takes_over_when_the_cable_of_the_other_is_cut(tmp_path: Path) -> None:
    if why := why_unavailable():
        pytest.skip(why)
    with Network() as network:
        grandmaster, clock = network.node("grandmaster"), network.node("clock")
        for lan in ("lana", "lanb"):
            network.cable(grandmaster, lan, clock, lan)
        network.settle()
        master = Daemon(
            grandmaster, tmp_path / "master", CONFIGURATION.format(role="clock_class = 6", offset_ns=0, paired="")
        )
        slave = Daemon(
            clock,
            tmp_path / "slave",
            CONFIGURATION.format(role="slave_only = true", offset_ns=300_000_000, paired='paired_with = "lanb"'),
        )
        for daemon in (master, slave):
            daemon.start()
            daemon.wait_until_ready()

        def first_follows_second_stands_by() -> bool:
            first, second = ports(slave)
            waiting = second["pairedPort"]
            assert waiting["portNumber"] == 1
            measures = waiting["standsBy"] and waiting["offsetFromMaster"] is not None
            return bool(measures and first["portDS"]["portState"] == "SLAVE")

        def knows_the_time() -> bool:
            return abs(true_offset_ns(soft_clock(slave.status()), time.time_ns())) < SOFTWARE_STAMPS_NS

        slave.wait_until(first_follows_second_stands_by, LOCK_TIMEOUT_S, "followed by LAN A and measured by LAN B")
        grandmaster.netlink(lambda ip: ip.link("set", index=ip.link_lookup(ifname="lana")[0], state="down"))
        slave.wait_until(lambda: ports(slave)[1]["portDS"]["portState"] == "SLAVE", LOCK_TIMEOUT_S, "followed by LAN B")
        assert not ports(slave)[1]["pairedPort"]["standsBy"]
        slave.wait_until(knows_the_time, LOCK_TIMEOUT_S, "known the time by LAN B")
