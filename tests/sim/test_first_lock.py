"""A clock that nobody has steered follows with the first Sync that it can use, as its master was heard before."""

import pytest

from ptpstack.arbiter.events import EarlierOffsetCounted
from ptpstack.core.settings import DelayMechanism
from ptpstack.servo.events import ClockStepped
from ptpstack.sim.host import Host
from ptpstack.sim.network import LinkConditions
from ptpstack.sim.world import World
from tests.sim.clocks import E2E, HARDWARE, P2P, add_clock, add_slave

BOTH = pytest.mark.parametrize("mechanism", [E2E, P2P])


def follow(mechanism: DelayMechanism, log_interval: int, seed: int) -> tuple[World, Host, Host]:
    """Run a slave until it has its first measurements; return it behind its master."""
    world = World(seed)
    settings = {
        "delay_mechanism": mechanism,
        "log_sync_interval": log_interval,
        "log_min_delay_req_interval": log_interval,
        "log_min_pdelay_req_interval": log_interval,
    }
    master = add_clock(world, "master", priority1=10, stamping=HARDWARE, port_settings=settings)
    slave = add_slave(world, stamping=HARDWARE, port_settings=settings)
    world.connect(master.port(), slave.port(), conditions=LinkConditions())
    world.start()
    while not slave.measurements:
        world.run(0.01)
    return world, master, slave


@BOTH
@pytest.mark.parametrize("log_interval", [0, -3])
def test_it_is_stepped_with_the_first_one_and_within_100_ns_from_then_on(
    mechanism: DelayMechanism, log_interval: int
) -> None:
    for seed in (1, 2, 3, 4):
        world, master, slave = follow(mechanism, log_interval, seed)
        assert len(slave.measurements) == 1
        assert len(world.events_of(EarlierOffsetCounted)) == len(world.events_of(ClockStepped)) == 1
        assert abs(world.offset_ns(slave, master)) < 100
        world.run(20.0 * 2.0**log_interval)
        assert world.max_ns(slave, last_s=19.0 * 2.0**log_interval, reference=master) < 100
