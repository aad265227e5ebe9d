"""Unicast in the simulator: a slave with two masters in its table, of which the preferred one goes and comes back."""

from pathlib import Path

import pytest

from ptpstack.config.problems import InvalidConfigError
from ptpstack.core.events import BestMasterSelected, SignalFailed
from ptpstack.engine.port_state import PortState
from ptpstack.sim.scenario.build import Site
from ptpstack.sim.scenario.load import load
from ptpstack.sim.world import Recorded

TABLE = """
[[host.slave.instance.main.port.unicast_master]]
address = "{0}"
local_priority = {1}
"""

SCENARIO = """
duration = "100 s"

[instance.main]
profile = "g8275-2"
clock_class = 6

[[instance.main.port]]
log_sync_interval = -4

[instance.main.port.unicast_service]

[host.gm]
count = 2

[host.slave]
start_offset_ns = 2_000_000
oscillator = { frequency_error_ppb = 4_000 }

[host.slave.instance.main]
profile = "g8275-2"
slave_only = true

[[host.slave.instance.main.port]]
log_sync_interval = -4
log_min_delay_req_interval = -4
""" + "".join(TABLE.format(f"gm-{number}", number) for number in (1, 2))

LINKS = """
[[star]]
center = "slave"
leaves = ["gm"]
delay_ns = 20_000
jitter_ns = 50
"""


def run(tmp_path: Path, change: str) -> tuple[Site, list[Recorded], list[float]]:
    """The site after its duration, the slave's events, and its true error each tenth of a second from 20 s on."""
    file = tmp_path / "unicast.toml"
    file.write_text(SCENARIO + LINKS + change)
    events: list[Recorded] = []
    site = Site(load(file), 1, on_event=events.append)
    slave = site.world.hosts["slave"]
    site.world.run(20)
    errors_ns = []
    for _ in range(800):
        site.world.run(0.1)
        errors_ns.append(slave.clock.offset_ns(site.world.scheduler.now))
    return site, [recorded for recorded in events if recorded.host == "slave"], errors_ns


CHANGES = {
    "it is shut down, and tells": ("host = 'gm-1'\nrunning = false", "host = 'gm-1'\nrunning = true", {"unusable"}),
    "it falls silent": (
        "link = 'slave/gm-1'\nloss = 1.0",
        "link = 'slave/gm-1'\nloss = 0.0",
        {"lossSync", "lossDelayResp"},
    ),
}


@pytest.mark.parametrize(("gone", "back", "failures"), CHANGES.values(), ids=CHANGES)
def test_the_other_master_is_followed_without_a_bump_and_the_preferred_one_again(
    gone: str, back: str, failures: set[str], tmp_path: Path
) -> None:
    change = f"[[at]]\ntime = '30 s'\n{gone}\n[[at]]\ntime = '50 s'\n{back}\n"
    site, events, errors_ns = run(tmp_path, change)
    chosen = [
        (recorded.time_s, str(recorded.event.grandmaster_identity)[-1])
        for recorded in events
        if isinstance(recorded.event, BestMasterSelected) and recorded.event.parent_port_identity is not None
    ]
    assert [name for _, name in chosen][-3:] == ["1", "2", "1"]
    assert chosen[-2][0] == pytest.approx(30, abs=3)
    assert chosen[-1][0] > 50
    failed = [recorded.event for recorded in events if isinstance(recorded.event, SignalFailed)]
    assert failed[0].signal_fail in failures
    assert max(map(abs, errors_ns)) < 300
    assert site.world.hosts["slave"].port_state(domain=44) is PortState.SLAVE


def test_nobody_hears_what_is_for_another(tmp_path: Path) -> None:
    site, _, _ = run(tmp_path, "")
    counters = [site.world.hosts[f"gm-{number}"].instances[44].ports[1].counters for number in (1, 2)]
    assert counters[0].received["DelayReq"] > 1000
    assert counters[1].received["DelayReq"] < 200
    assert all(not counter.received["Sync"] for counter in counters)


def test_an_address_that_is_no_host_is_told(tmp_path: Path) -> None:
    file = tmp_path / "unicast.toml"
    file.write_text(SCENARIO.replace('"gm-2"', '"gm-3"') + LINKS)
    with pytest.raises(InvalidConfigError, match="gm-3"):
        load(file)
