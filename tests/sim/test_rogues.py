"""What should not be: a rogue grandmaster, a link with three ends. And two domains at once in one transparent clock."""

from ptpstack.core.events import MultiplePeers
from ptpstack.core.settings import AcceptableMaster, InstanceSettings, PortSettings
from ptpstack.engine.port_state import PortState
from ptpstack.sim.network import LinkConditions
from ptpstack.sim.transparent import add_transparent_clock
from ptpstack.sim.world import World
from ptpstack.wire.types import PortIdentity
from tests.sim.clocks import HARDWARE, P2P, add_clock, add_slave

CABLE = LinkConditions(delay_ns=500)
PORT = {"delay_mechanism": P2P, "log_min_pdelay_req_interval": -1}


def test_a_rogue_grandmaster_that_is_not_acceptable_moves_no_clock() -> None:
    world = World(1)
    good = add_clock(world, "good", priority1=100)
    boundary = world.add_host("boundary", stamping=HARDWARE, frequency_error_ppb=9_000)
    table = (AcceptableMaster(port_identity=PortIdentity(good.clock_identity, 0)),)
    settings = {"log_sync_interval": -3, "log_announce_interval": 0}
    boundary.add_instance(
        InstanceSettings(clock_identity=boundary.clock_identity, acceptable_masters=table),
        [PortSettings(port_number=number, **settings) for number in (1, 2)],
    )
    rogue = add_clock(world, "rogue", priority1=0, offset_ns=1e9)
    world.connect(good.port(), boundary.port(1), conditions=CABLE)
    world.connect(rogue.port(), boundary.port(2), conditions=CABLE)
    world.start()
    world.run(30)
    instance = boundary.instances[0]
    assert instance.parent_ds.grandmaster_identity == good.clock_identity
    assert instance.ports[2].counters.discarded["not in the acceptable master table"] > 20
    assert boundary.port_state(2) is PortState.MASTER


def test_a_link_with_three_ends_makes_its_ports_faulty_and_they_come_back_when_one_is_gone() -> None:
    world = World(2)
    hosts = [add_clock(world, name, priority1=10 * n, port_settings=PORT) for n, name in enumerate(("a", "b", "c"), 1)]
    world.connect(*(host.port() for host in hosts), conditions=CABLE)
    world.start()
    world.run(10)
    assert {host.port_state() for host in hosts} == {PortState.FAULTY}
    assert all(world.events_of(MultiplePeers, host) for host in hosts)
    hosts[2].stop()
    world.run(40)
    assert (hosts[0].port_state(), hosts[1].port_state()) == (PortState.MASTER, PortState.UNCALIBRATED)


def test_a_transparent_clock_serves_two_domains_at_once_each_by_its_own_masters_rate() -> None:
    world = World(3)
    domains = (0, 7)
    masters = [add_clock(world, f"master {d}", domains=(d,), frequency_error_ppb=2_000 * d) for d in domains]
    between = world.add_host("between", stamping=HARDWARE, frequency_error_ppb=-25_000)
    ports = [PortSettings(port_number=number) for number in (1, 2, 3, 4)]
    relays = [
        add_transparent_clock(
            between, InstanceSettings(clock_identity=between.clock_identity, domain_number=domain), ports
        )
        for domain in domains
    ]
    slaves = [add_slave(world, f"slave {d}", domains=(d,), clock_domains=(d,)) for d in domains]
    for number, host in enumerate((*masters, *slaves), 1):
        world.connect(host.port(), between.port(number), conditions=CABLE)
    world.start()
    world.run(120)
    for master, slave in zip(masters, slaves, strict=True):
        assert world.max_ns(slave, last_s=40, reference=master) < 100
    first, second = (relay.rate_ratio.offset_ppb for relay in relays)
    assert first is not None
    assert second is not None
    assert abs(second - first - 14_000) < 100
