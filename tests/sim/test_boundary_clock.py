"""Boundary clocks in a network: what each hop costs, who is passive in a ring, what a change of grandmaster does."""

import itertools
from collections import Counter

import numpy as np
import pytest

from ptpstack.core.events import BestMasterSelected, PortStateChanged
from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.engine.port_state import PortState
from ptpstack.servo.events import ClockStepped
from ptpstack.servo.pi import PiServo, PiSettings
from ptpstack.sim.host import Host
from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.world import World
from ptpstack.time import MICROSECOND
from ptpstack.wire.tlvs.path_trace import PathTrace
from tests.sim.clocks import E2E, HARDWARE, P2P, add_clock, add_slave, measurement_errors_ns

MASTER, SLAVE, PASSIVE = PortState.MASTER, PortState.SLAVE, PortState.PASSIVE
CABLE = LinkConditions(delay_ns=600)
HOPS = 8

mechanisms = pytest.mark.parametrize("mechanism", [E2E, P2P])


def add_boundary(world: World, name: str, ports: int, number: int, mechanism: DelayMechanism) -> Host:
    """Add a clock that is wrong in its own way, and steps what is off by more than 10 µs at any time."""
    return add_slave(
        world,
        name,
        ports=ports,
        port_settings={"delay_mechanism": mechanism},
        frequency_error_ppb=(-1) ** number * 5_000 * number,
        offset_ns=(-1) ** number * 1e8 * (number + 1),
        servo=PiServo(PiSettings(step_threshold=10 * MICROSECOND, max_frequency_ppb=500_000)),
    )


def chain(mechanism: DelayMechanism, hops: int = HOPS, *, seed: int = 1) -> tuple[World, list[Host]]:
    """A grandmaster, *hops* - 1 boundary clocks and a slave in a row, started."""
    world = World(seed)
    port = {"delay_mechanism": mechanism}
    hosts = [add_clock(world, "grandmaster", priority1=10, port_settings=port)]
    hosts += [add_boundary(world, f"boundary {n}", 2, n, mechanism) for n in range(1, hops)]
    hosts += [add_boundary(world, "end", 1, hops, mechanism)]
    for upper, lower in itertools.pairwise(hosts):
        world.connect(upper.port(1 if upper is hosts[0] else 2), lower.port(1), conditions=CABLE)
    world.start()
    return world, hosts


@mechanisms
def test_each_hop_costs_little(mechanism: DelayMechanism) -> None:
    world, (grandmaster, *hosts) = chain(mechanism)
    world.run(240)
    rms = [world.rms_ns(host, last_s=120, reference=grandmaster) for host in hosts]
    assert [host.instances[0].current_ds.steps_removed for host in hosts] == list(range(1, HOPS + 1))
    assert rms[0] < 20
    assert all(error < 20 * (1 + 0.7 * hop) for hop, error in enumerate(rms)), rms
    assert np.abs(measurement_errors_ns(world, hosts[-1])).max() < 60


@mechanisms
def test_no_clock_below_is_served_a_time_that_is_not_the_announced_grandmasters(mechanism: DelayMechanism) -> None:
    world, (grandmaster, *hosts) = chain(mechanism, 5)
    served: Counter[str] = Counter()
    while world.now_s < 60:
        world.run(0.25)
        for host in hosts[:-1]:
            before, served[host.name] = served[host.name], host.instances[0].ports[2].counters.sent["Sync"]
            announces_for_s = world.now_s - selected_at_s(world, host, grandmaster)
            if served[host.name] > before and announces_for_s > 1:
                assert abs(world.offset_ns(host, grandmaster)) < 1e6, (world.now_s, host.name)
    assert min(served.values()) > 300


def selected_at_s(world: World, host: Host, grandmaster: Host) -> float:
    """Return when *host* selected *grandmaster*, infinity if it has not."""
    selected = [r for r in world.events if r.host == host.name and isinstance(r.event, BestMasterSelected)]
    chosen = bool(selected) and selected[-1].event.grandmaster_identity == grandmaster.clock_identity
    return selected[-1].time_s if chosen else np.inf


@mechanisms
def test_a_change_of_grandmaster_reaches_the_end_without_a_bad_sample(mechanism: DelayMechanism) -> None:
    world = World(7)
    port = {"delay_mechanism": mechanism}
    first = add_clock(world, "first", priority1=10, port_settings=port)
    second = add_clock(world, "second", priority1=20, port_settings=port, offset_ns=300)
    gate = add_boundary(world, "gate", 3, 1, mechanism)
    middle = add_boundary(world, "middle", 2, 2, mechanism)
    end = add_boundary(world, "end", 1, 3, mechanism)
    for upper, lower in ((first.port(), gate.port(1)), (second.port(), gate.port(2)), (gate.port(3), middle.port(1))):
        world.connect(upper, lower, conditions=CABLE)
    world.connect(middle.port(2), end.port(), conditions=CABLE)
    world.start()
    world.run(90)
    first.stop()
    world.run(60)
    for host in (gate, middle, end):
        assert world.events_of(BestMasterSelected, host)[-1].grandmaster_identity == second.clock_identity
        assert host.instances[0].parent_ds.grandmaster_priority1 == 20
        assert world.events_of(ClockStepped, host, since_s=60) == []
        assert world.max_ns(host, last_s=20, reference=second) < 150
        assert np.abs(measurement_errors_ns(world, host, since_s=40)).max() < 60
    assert [event.new_state for event in world.events_of(PortStateChanged, end, since_s=90)] == []
    _, offsets = world.offsets_ns(end, last_s=60, reference=second)
    assert np.abs(offsets).max() < 500  # the two grandmasters differ by 300


def test_a_boundary_clock_alone_serves_those_below_until_its_grandmaster_is_back() -> None:
    world, (grandmaster, middle, end) = chain(E2E, 2)
    world.run(60)
    link = world.links[0]
    link.set_up(False)
    world.run(30)
    assert middle.port_state(1) is PortState.FAULTY
    assert end.instances[0].parent_ds.grandmaster_identity == middle.clock_identity
    assert world.max_ns(end, last_s=10, reference=middle) < 80
    link.set_up(True)
    world.run(60)
    assert (middle.port_state(1), middle.port_state(2)) == (SLAVE, MASTER)
    assert world.max_ns(end, last_s=10, reference=grandmaster) < 150


def ring(clocks: int, mechanism: DelayMechanism) -> tuple[World, Host, list[Host], list[Link]]:
    """A grandmaster at the first of *clocks* boundary clocks that form a ring."""
    world = World(9)
    port = {"delay_mechanism": mechanism}
    grandmaster = add_clock(world, "grandmaster", priority1=10, port_settings=port)
    hosts = [add_boundary(world, f"ring {n}", 3, n, mechanism) for n in range(clocks)]
    world.connect(grandmaster.port(), hosts[0].port(3), conditions=CABLE)
    links = [
        world.connect(host.port(2), hosts[(n + 1) % clocks].port(1), conditions=CABLE) for n, host in enumerate(hosts)
    ]
    world.start()
    world.run(90)
    return world, grandmaster, hosts, links


def states(hosts: list[Host]) -> list[PortState]:
    return [host.port_state(number) for host in hosts for number in (1, 2)]


@mechanisms
def test_a_ring_has_one_passive_port_and_heals_when_it_is_cut(mechanism: DelayMechanism) -> None:
    world, grandmaster, hosts, links = ring(5, mechanism)
    assert states(hosts).count(PASSIVE) == 1
    assert states(hosts).count(SLAVE) == 4
    assert [host.instances[0].current_ds.steps_removed for host in hosts] == [1, 2, 3, 3, 2]
    links[0].set_up(False)
    world.run(60)
    assert states(hosts).count(PASSIVE) == 0
    assert [host.instances[0].current_ds.steps_removed for host in hosts] == [1, 5, 4, 3, 2]
    links[0].set_up(True)
    world.run(60)
    assert [host.instances[0].current_ds.steps_removed for host in hosts] == [1, 2, 3, 3, 2]
    assert states(hosts).count(PASSIVE) == 1
    for host in hosts:
        assert world.max_ns(host, last_s=10, reference=grandmaster) < 150
        assert np.abs(measurement_errors_ns(world, host, since_s=60)).max() < 60


@mechanisms
def test_a_ring_whose_grandmaster_is_gone_does_not_keep_its_announces_alive(mechanism: DelayMechanism) -> None:
    world, grandmaster, hosts, _ = ring(4, mechanism)
    grandmaster.stop()
    world.run(60)
    masters = {host.instances[0].parent_ds.grandmaster_identity for host in hosts}
    assert masters == {min(host.clock_identity for host in hosts)}
    assert max(host.instances[0].current_ds.steps_removed for host in hosts) == 2


def test_e2e_above_and_p2p_below_meet_in_one_clock() -> None:
    world = World(4)
    grandmaster = add_clock(world, "grandmaster", priority1=10, port_settings={"delay_mechanism": E2E})
    between = world.add_host("between", stamping=HARDWARE, offset_ns=2e8, servo=PiServo())
    rates = {"log_sync_interval": -3, "log_announce_interval": 0}
    between.add_instance(
        InstanceSettings(clock_identity=between.clock_identity),
        [
            PortSettings(port_number=1, delay_mechanism=E2E, **rates),
            PortSettings(port_number=2, delay_mechanism=P2P, **rates),
            PortSettings(port_number=3, delay_mechanism=E2E, master_only=True, **rates),
        ],
    )
    peer = add_slave(world, "p2p", port_settings={"delay_mechanism": P2P})
    guest = add_slave(world, "e2e", priority1=1, port_settings={"delay_mechanism": E2E})
    world.connect(grandmaster.port(), between.port(1), conditions=CABLE)
    world.connect(between.port(2), peer.port(), conditions=CABLE)
    world.connect(between.port(3), guest.port(), conditions=CABLE)
    world.start()
    world.run(90)
    assert [between.port_state(number) for number in (1, 2, 3)] == [SLAVE, MASTER, MASTER]
    assert world.max_ns(peer, last_s=30, reference=grandmaster) < 100
    assert guest.port_state() is MASTER  # it would win, but that port follows nobody


def test_the_path_is_traced_through_the_chain() -> None:
    world = World(6)
    hosts = []
    for n, ports in enumerate((1, 2, 2, 1)):
        host = add_slave(world, f"clock {n}", offset_ns=0.0) if n else add_clock(world, "clock 0")
        host.instances.clear()
        host.add_instance(
            InstanceSettings(clock_identity=host.clock_identity, path_trace_enabled=True, priority1=10 + n),
            [PortSettings(port_number=number, log_announce_interval=0) for number in range(1, ports + 1)],
        )
        hosts.append(host)
    for upper, lower in itertools.pairwise(hosts):
        world.connect(upper.port(1 if upper is hosts[0] else 2), lower.port(1), conditions=CABLE)
    world.start()
    world.run(30)
    path = hosts[-1].instances[0].path_trace
    assert path == tuple(host.clock_identity for host in hosts[:-1])
    assert PathTrace(path).path_sequence == path
