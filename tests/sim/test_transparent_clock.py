"""Transparent clocks in a network: what a chain of them costs, and that queues in them cost nothing."""

import numpy as np
import pytest

from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.engine.port_state import PortState
from ptpstack.servo.events import ClockStepped
from ptpstack.sim.host import Host
from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.transparent import add_transparent_clock
from ptpstack.sim.world import World
from ptpstack.time import interval_from_ns
from tests.sim.clocks import E2E, HARDWARE, P2P, add_clock, add_slave, measurement_errors_ns

CABLE = LinkConditions(delay_ns=600)
CONGESTED = LinkConditions(delay_ns=600, reorder=0.5, reorder_delay_ns=2e6)
"""Half of the frames wait 2 ms between their receive stamp and the program that hands them on."""

mechanisms = pytest.mark.parametrize("mechanism", [E2E, P2P])


def add_transparent(
    world: World,
    name: str,
    mechanism: DelayMechanism,
    *,
    ports: int = 2,
    stamping: Stamping = HARDWARE,
    log_min_pdelay_req_interval: int = 0,
    **host: float,
) -> Host:
    """Add a transparent clock whose own clock runs free and is wrong by 17 ms and 30 ppm."""
    added = world.add_host(name, stamping=stamping, **({"frequency_error_ppb": 30_000, "offset_ns": 1.7e7} | host))
    add_transparent_clock(
        added,
        InstanceSettings(clock_identity=added.clock_identity),
        [
            PortSettings(
                port_number=number,
                delay_mechanism=mechanism,
                log_min_pdelay_req_interval=log_min_pdelay_req_interval,
            )
            for number in range(1, ports + 1)
        ],
    )
    return added


def line(
    mechanism: DelayMechanism,
    clocks: int,
    *,
    seed: int = 1,
    conditions: LinkConditions = CABLE,
    stamping: Stamping = HARDWARE,
) -> tuple[World, Host, list[Host], Host, list[Link]]:
    """A grandmaster, *clocks* transparent clocks and a slave in a row, started."""
    world = World(seed)
    port = {"delay_mechanism": mechanism}
    grandmaster = add_clock(world, "grandmaster", priority1=10, port_settings=port)
    transparent = [
        add_transparent(
            world, f"transparent {n}", mechanism, stamping=stamping, frequency_error_ppb=(-1) ** n * 3000 * n
        )
        for n in range(clocks)
    ]
    slave = add_slave(world, port_settings=port)
    ends = [grandmaster.port(), *(host.port(n) for host in transparent for n in (1, 2)), slave.port()]
    links = [world.connect(*pair, conditions=conditions) for pair in zip(ends[::2], ends[1::2], strict=True)]
    world.start()
    return world, grandmaster, transparent, slave, links


def test_fifteen_peer_to_peer_clocks_stay_far_below_a_microsecond() -> None:
    world, grandmaster, _, slave, _ = line(P2P, 15)
    world.run(150)
    assert slave.port_state() is PortState.SLAVE
    assert world.rms_ns(slave, last_s=90, reference=grandmaster) < 40
    assert world.max_ns(slave, last_s=90, reference=grandmaster) < 200
    assert slave.instances[0].current_ds.steps_removed == 1


def test_fifteen_peer_to_peer_clocks_with_stamps_of_100_ns_stay_below_a_microsecond() -> None:
    world, grandmaster, _, slave, _ = line(P2P, 15, stamping=Stamping(jitter_ns=100, resolution_ns=8))
    world.run(150)
    assert world.max_ns(slave, last_s=90, reference=grandmaster) < 1000


@mechanisms
def test_queues_in_the_clocks_change_nothing_that_the_slave_measures(mechanism: DelayMechanism) -> None:
    def rms_ns(conditions: LinkConditions) -> float:
        world, grandmaster, _, slave, links = line(mechanism, 5)
        for link in links[:-1]:
            link.conditions = conditions
        world.run(150)
        errors = np.abs(measurement_errors_ns(world, slave, since_s=60))
        assert len(errors) > 600
        assert errors.max() < 400
        return world.rms_ns(slave, last_s=90, reference=grandmaster)

    assert rms_ns(CONGESTED) < 1.25 * rms_ns(CABLE) + 3


def test_without_the_clocks_rate_a_long_stay_would_show() -> None:
    """The stay of 2 ms is 80 ns too long by a clock that is 40 ppm too fast: it is told in the master's seconds."""
    world = World(3)
    grandmaster = add_clock(world, "grandmaster", priority1=10)
    between = add_transparent(world, "between", E2E, frequency_error_ppb=40_000)
    slave = add_slave(world)
    always = LinkConditions(delay_ns=600, reorder=1.0, reorder_delay_ns=2e6)
    world.connect(grandmaster.port(), between.port(1), conditions=always)
    world.connect(between.port(2), slave.port(), conditions=CABLE)
    world.start()
    world.run(90)
    assert between.instances[0].rate_ratio.offset_ppb == pytest.approx(-40_000, abs=50)
    _, offsets = world.offsets_ns(slave, last_s=40, reference=grandmaster)
    assert offsets.mean() == pytest.approx(0, abs=8)


@mechanisms
def test_a_one_step_master_is_followed_through_two_step_clocks(mechanism: DelayMechanism) -> None:
    """The simulator's NICs do not write into frames: the same Syncs, made one-step before the first clock."""
    world, grandmaster, transparent, slave, _ = line(mechanism, 2)
    first = transparent[0].instances[0]
    receive, syncs = first.receive, {}

    def as_if_one_step(port_number, message, ingress, now, address=None):  # noqa: ANN001, ANN202
        key = message.sequence_id
        if type(message).__name__ == "Sync" and port_number == 1:
            syncs[key] = message, ingress
            return []
        if type(message).__name__ == "FollowUp" and port_number == 1:
            sync, ingress = syncs.pop(key)
            sync.flag_field &= ~0x0200
            sync.origin_timestamp = message.precise_origin_timestamp
            sync.correction_field = message.correction_field
            return receive(port_number, sync, ingress, now, address)
        return receive(port_number, message, ingress, now, address)

    first.receive = as_if_one_step
    world.run(90)
    assert slave.port_state() is PortState.SLAVE
    assert world.max_ns(slave, last_s=30, reference=grandmaster) < 100


def test_many_slaves_ask_through_one_clock() -> None:
    world = World(8)
    grandmaster = add_clock(world, "grandmaster", priority1=10)
    between = add_transparent(world, "between", E2E, ports=9)
    slaves = [add_slave(world, f"slave {n}", offset_ns=1e6 * n) for n in range(8)]
    world.connect(grandmaster.port(), between.port(9), conditions=CONGESTED)
    for n, slave in enumerate(slaves, 1):
        world.connect(between.port(n), slave.port(), conditions=LinkConditions(delay_ns=300 * n))
    world.start()
    world.run(60)
    assert max(world.max_ns(slave, last_s=15, reference=grandmaster) for slave in slaves) < 100
    unanswered = [slave.instances[0].ports[1].counters.discarded["Delay_Req unanswered"] for slave in slaves]
    assert sum(unanswered) == 0


@mechanisms
def test_lost_stamps_cost_samples_and_nothing_else(mechanism: DelayMechanism) -> None:
    world, grandmaster, transparent, slave, _ = line(mechanism, 3, stamping=Stamping(jitter_ns=20, tx_loss=0.1))
    world.run(150)
    assert slave.port_state() is PortState.SLAVE
    assert np.abs(measurement_errors_ns(world, slave, since_s=60)).max() < 150
    assert world.max_ns(slave, last_s=60, reference=grandmaster) < 150
    assert all(host.counters["transmit stamps lost"] > 20 for host in transparent)


@mechanisms
def test_a_ring_of_clocks_carries_each_message_once_and_heals(mechanism: DelayMechanism) -> None:
    world = World(12)
    port = {"delay_mechanism": mechanism}
    grandmaster = add_clock(world, "grandmaster", priority1=10, port_settings=port)
    slave = add_slave(world, port_settings=port)
    ring = [add_transparent(world, f"ring {n}", mechanism, ports=3) for n in range(5)]
    links = [world.connect(host.port(2), ring[(n + 1) % 5].port(1), conditions=CABLE) for n, host in enumerate(ring)]
    world.connect(grandmaster.port(), ring[0].port(3), conditions=CABLE)
    world.connect(slave.port(), ring[2].port(3), conditions=CABLE)
    world.start()
    world.run(60)
    sent = grandmaster.instances[0].ports[1].counters.sent["Sync"]
    assert slave.instances[0].ports[1].counters.received["Sync"] <= sent
    assert world.max_ns(slave, last_s=20, reference=grandmaster) < 150
    links[0].set_up(False)
    world.run(40)
    assert slave.port_state() is PortState.SLAVE
    assert world.max_ns(slave, last_s=20, reference=grandmaster) < 200
    assert len(world.events_of(ClockStepped, slave)) == 1


@mechanisms
def test_the_asymmetry_of_each_link_is_taken_off_where_it_is_known(mechanism: DelayMechanism) -> None:
    world = World(5)
    asymmetry = {"delay_asymmetry": interval_from_ns(250)}
    grandmaster = add_clock(world, "grandmaster", priority1=10, port_settings={"delay_mechanism": mechanism})
    between = world.add_host("between", stamping=HARDWARE)
    add_transparent_clock(
        between,
        InstanceSettings(clock_identity=between.clock_identity),
        [PortSettings(port_number=n, delay_mechanism=mechanism, **(asymmetry if n == 1 else {})) for n in (1, 2)],
    )
    slave = add_slave(world, port_settings={"delay_mechanism": mechanism})
    world.connect(grandmaster.port(), between.port(1), conditions=LinkConditions(delay_ns=900, asymmetry_ns=250))
    world.connect(between.port(2), slave.port(), conditions=CABLE)
    world.start()
    world.run(60)
    _, offsets = world.offsets_ns(slave, last_s=30, reference=grandmaster)
    assert offsets.mean() == pytest.approx(0, abs=8)


@mechanisms
def test_a_stepped_transparent_clock_gives_no_bad_sample(mechanism: DelayMechanism) -> None:
    world, grandmaster, transparent, slave, _ = line(mechanism, 2, conditions=CONGESTED)
    world.run(60)
    for n in range(60):
        world.run(0.517)
        transparent[n % 2].step_clock(interval_from_ns(37e9 if n % 3 else -1e5))
    world.run(10)
    assert np.abs(measurement_errors_ns(world, slave, since_s=60)).max() < 200
    assert world.max_ns(slave, last_s=30, reference=grandmaster) < 150
