"""A clock on both networks of a redundant one (paired ports): one port follows, the other measures and takes over."""

import pytest

from ptpstack.core.events import PairedPortStandsBy, PairedPortStoodBy
from ptpstack.core.settings import InstanceSettings, PortSettings, SignalFailSettings
from ptpstack.engine.port_state import PortState
from ptpstack.servo.filters import MovingMedian
from ptpstack.servo.pi import PiServo
from ptpstack.sim.host import Host
from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.world import World
from ptpstack.time import SECOND
from tests.sim.clocks import HARDWARE, P2P, add_clock

LAN_A, LAN_B = LinkConditions(delay_ns=600), LinkConditions(delay_ns=4_200)
FAILS = SignalFailSettings(
    sync_timeout=2 * SECOND,
    delay_resp_timeout=0,
    jitter_limit_ns=0,
    offset_limit_ns=0,
    heeds_uncertain=False,
    wait_to_restore=5 * SECOND,
)


def redundant(*, slave_only: bool, pairs: bool = True, seed: int = 1) -> tuple[World, Host, Host, list[Link]]:
    """A grandmaster and a clock, each with a port on LAN A and one on LAN B; started, and synchronized."""
    world = World(seed)
    port = {"delay_mechanism": P2P, "log_sync_interval": 0}
    grandmaster = add_clock(world, "grandmaster", priority1=10, ports=2, port_settings=port)
    host = world.add_host(
        "clock",
        stamping=HARDWARE,
        servo=PiServo(),
        frequency_error_ppb=5_000,
        offset_ns=3e6,
        white_fm_ppb=0.1,
        random_walk_fm_ppb=0.1,
    )
    host.add_instance(
        InstanceSettings(clock_identity=host.clock_identity, slave_only=slave_only, signal_fail=FAILS),
        [
            PortSettings(
                port_number=number,
                delay_mechanism=P2P,
                log_sync_interval=0,
                log_announce_interval=0,
                paired_port=3 - number if pairs else 0,
            )
            for number in (1, 2)
        ],
        delay_filter=MovingMedian,
    )
    links = [
        world.connect(grandmaster.port(number), host.port(number), conditions=conditions)
        for number, conditions in ((1, LAN_A), (2, LAN_B))
    ]
    world.start()
    world.run(120)
    return world, grandmaster, host, links


def told(world: World, kind: type) -> list:
    return [record.event for record in world.events if isinstance(record.event, kind)]


@pytest.mark.parametrize("slave_only", [False, True])
def test_the_port_that_does_not_follow_measures_by_its_own_path(slave_only: bool) -> None:
    world, grandmaster, host, _ = redundant(slave_only=slave_only)
    first, second = host.instances[0].ports[1], host.instances[0].ports[2]
    assert first.state is PortState.SLAVE
    assert second.state is (PortState.LISTENING if slave_only else PortState.PASSIVE)
    [stands_by] = told(world, PairedPortStandsBy)
    assert (stands_by.port_number, stands_by.twin) == (2, 1)
    assert stands_by.port_identity == grandmaster.instances[0].ports[2].port_ds.port_identity
    offset_ns = second.passive_slave.offset_ns
    assert offset_ns is not None
    assert offset_ns == pytest.approx(world.offset_ns(host, grandmaster), abs=100)
    assert second.port_ds.mean_link_delay / 65536 == pytest.approx(4_200, abs=100)
    assert first.passive_slave.offset_ns is None


def largest_ns(world: World, host: Host, grandmaster: Host, seconds: int) -> float:
    """Return the largest true offset in the *seconds* that come."""
    worst = 0.0
    for _ in range(10 * seconds):
        world.run(0.1)
        worst = max(worst, abs(world.offset_ns(host, grandmaster)))
    return worst


@pytest.mark.parametrize("slave_only", [False, True])
def test_the_other_port_takes_over_at_once_and_without_a_step(slave_only: bool) -> None:
    world, grandmaster, host, links = redundant(slave_only=slave_only)
    first, second = host.instances[0].ports[1], host.instances[0].ports[2]
    before = largest_ns(world, host, grandmaster, 30)
    links[0].set_up(False)
    assert second.state in (PortState.UNCALIBRATED, PortState.SLAVE)
    assert largest_ns(world, host, grandmaster, 30) < before + 100
    assert second.state is PortState.SLAVE
    [stood_by] = told(world, PairedPortStoodBy)
    assert stood_by.offset_ns == pytest.approx(0, abs=200)
    links[0].set_up(True)
    assert largest_ns(world, host, grandmaster, 60) < before + 100
    assert (first.state, second.passive_slave.sender is None) == (PortState.SLAVE, False)


def test_a_lan_on_which_only_syncs_are_lost_is_left_after_the_sync_timeout() -> None:
    world, grandmaster, host, _ = redundant(slave_only=True)
    first, second = grandmaster.instances[0].ports[1], host.instances[0].ports[2]
    first.set_clock_problem("its stamps are no use")  # it announces on, and sends no Syncs
    assert largest_ns(world, host, grandmaster, 10) < 200
    assert second.state is PortState.SLAVE


def test_ports_that_are_not_paired_do_not_stand_by() -> None:
    world, _, host, _ = redundant(slave_only=False, pairs=False)
    assert told(world, PairedPortStandsBy) == []
    assert all(port.passive_slave.offset_ns is None for port in host.instances[0].ports.values())


def test_a_port_of_another_grandmaster_does_not_stand_by() -> None:
    world = World(3)
    port = {"delay_mechanism": P2P}
    best, other = (add_clock(world, name, priority1=rank, port_settings=port) for name, rank in (("a", 10), ("b", 20)))
    host = world.add_host("clock", stamping=HARDWARE, servo=PiServo())
    host.add_instance(
        InstanceSettings(clock_identity=host.clock_identity, slave_only=True),
        [
            PortSettings(port_number=number, delay_mechanism=P2P, log_announce_interval=0, paired_port=3 - number)
            for number in (1, 2)
        ],
        delay_filter=MovingMedian,
    )
    for number, master in ((1, best), (2, other)):
        world.connect(master.port(1), host.port(number), conditions=LAN_A)
    world.start()
    world.run(30)
    assert host.instances[0].ports[1].state is PortState.SLAVE
    assert told(world, PairedPortStandsBy) == []
