"""Random trouble, repeatable by seed: no input may raise or lie, and once it ends every clock locks again."""

from random import Random

import numpy as np
import pytest

from ptpstack.core.settings import DelayMechanism
from ptpstack.engine.port_state import PortState
from ptpstack.servo.filters import NoFilter
from ptpstack.servo.pi import PiServo, PiSettings
from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.world import World
from ptpstack.time import MICROSECOND
from tests.sim.clocks import E2E, HARDWARE, P2P, add_clock, add_slave, measurement_errors_ns

CALM = LinkConditions(delay_ns=1500)


def make_trouble(world: World, links: list[Link], random: Random) -> None:
    """Change one thing for the worse or the better."""
    host = random.choice(list(world.hosts.values()))
    link = random.choice(links)
    match random.randrange(5):
        case 0:
            link.set_up(not link.up)
        case 1:
            link.conditions = LinkConditions(
                delay_ns=1500,
                loss=random.choice((0.0, 0.1, 0.5, 1.0)),
                duplication=random.choice((0.0, 0.3)),
                reorder=random.choice((0.0, 0.5)),
            )
        case 2:
            host.stamping = Stamping(jitter_ns=20, tx_loss=random.choice((0.0, 0.1, 1.0)), tx_late=random.random())
        case 3:
            if host.discipline is not None:
                host.step_clock(random.randrange(-(10**9), 10**9) * MICROSECOND)
        case 4:
            host.port().transmit(random.randbytes(random.randrange(80)), None)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mechanism", [E2E, P2P])
def test_clocks_lock_again_after_any_trouble(seed: int, mechanism: DelayMechanism) -> None:
    world, random = World(seed), Random(seed)
    port = {"delay_mechanism": mechanism}
    stepping = PiSettings(step_threshold=100 * MICROSECOND, max_frequency_ppb=500_000)
    grandmaster = add_clock(world, "grandmaster", priority1=10, port_settings=port)
    hosts = [
        add_slave(world, name, ports=ports, port_settings=port, servo=PiServo(stepping), delay_filter=NoFilter)
        for name, ports in (("boundary", 3), ("one", 1), ("two", 1))
    ]
    boundary, one, two = hosts
    links = [
        world.connect(grandmaster.port(), boundary.port(1), conditions=CALM),
        world.connect(boundary.port(2), one.port(), conditions=CALM),
        world.connect(boundary.port(3), two.port(), conditions=CALM),
    ]
    world.start()
    for _ in range(60):
        world.run(random.uniform(0.0, 4.0))
        make_trouble(world, links, random)

    for host in world.hosts.values():
        host.stamping = HARDWARE
    for link in links:
        link.conditions = CALM
        link.set_up(True)
    calm_since_s = world.now_s + 60
    world.run(120)
    assert grandmaster.port_state() is PortState.MASTER
    for host in hosts:
        assert host.port_state(1) is PortState.SLAVE
        assert world.max_ns(host, last_s=30, reference=grandmaster) < 200
        assert np.abs(measurement_errors_ns(world, host, since_s=calm_since_s)).max() < 80
