"""Two T-BC in a row lose their T-GM: classes and flags down the chain, the true error, and the bound that is stated."""

from functools import partial

from profiles.loader import load_profile
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.holdover_worth import HoldoverSettings
from ptpstack.arbiter.worth_keeper import ClockWorthRuled
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.engine.events import LocalQualityChanged
from ptpstack.servo.registry import make_filter, make_servo
from ptpstack.sim.host import Host
from ptpstack.sim.oscillator import MODELS
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.world import World
from ptpstack.wire.types import ClockQuality

PROFILE = load_profile("g8275-1")
PRIMARY, FREE = ClockQuality(6, 0x21, 0x4E5D), ClockQuality(248, 0xFE, 0xFFFF)
LEARN_S, IN_SPEC_S = 240.0, 60.0


def port(number: int, *, master_only: bool = False) -> PortSettings:
    return PortSettings(
        port_number=number,
        master_only=master_only,
        local_priority=128,
        log_announce_interval=-3,
        log_sync_interval=-3,
        log_min_delay_req_interval=-3,
    )


class Chain:
    """T-GM, two T-BC on OCXOs and a T-TSC."""

    def __init__(self) -> None:
        self.world = World(1, keep_measurements=False)
        self.hosts = [self._host(name) for name in ("t-gm", "first", "second", "t-tsc")]
        for above, below in zip(self.hosts, self.hosts[1:], strict=False):
            self.world.connect(above.port(2), below.port(1))
        self.world.start()

    def _host(self, name: str) -> Host:
        servo = None if name == "t-gm" else make_servo("bandwidth")
        stamping = Stamping(resolution_ns=8.0)
        holdover = HoldoverSettings(bound_ns=1500.0, seconds=IN_SPEC_S)
        host = self.world.add_host(
            name, model=MODELS["ocxo"], stamping=stamping, servo=servo, holdover=holdover, frequency_error_ppb=50.0
        )
        ports = [port(1), port(2, master_only=True)]
        host.add_instance(
            InstanceSettings(
                clock_identity=host.clock_identity,
                clock_quality=PRIMARY if name == "t-gm" else FREE,
                slave_only=name == "t-tsc",
                local_priority=128,
            ),
            ports[1:] if name == "t-gm" else ports[:1] if name == "t-tsc" else ports,
            delay_filter=partial(make_filter, "median"),
            profile=PROFILE,
        )
        return host

    def followed(self, number: int) -> tuple[str, int, bool]:
        """Whom a host follows, of which class, and whether it says that it is uncertain."""
        instance = self.hosts[number].instances[0]
        identity = instance.parent_ds.grandmaster_identity
        name = next(host.name for host in self.hosts if host.clock_identity == identity)
        return (
            name,
            instance.parent_ds.grandmaster_clock_quality.clock_class,
            (instance.current_ds.synchronization_uncertain),
        )


def test_a_lost_grandmaster_is_held_by_the_nearest_boundary_clock_and_known_all_down_the_chain() -> None:
    chain = Chain()
    world, (_, first, second, slave) = chain.world, chain.hosts
    world.run(LEARN_S)
    assert [chain.followed(number) for number in (1, 2, 3)] == [("t-gm", 6, False)] * 3
    assert world.max_ns(slave, last_s=60, reference=chain.hosts[0]) < 100
    world.links[0].set_up(False)
    world.run(10)
    assert [chain.followed(number) for number in (1, 2, 3)] == [("first", 135, False)] * 3
    assert first.discipline is not None
    assert first.discipline.arbiter.state is ClockState.HOLDOVER_IN_SPEC
    bound_ns = first.discipline.bound_ns(first.monotonic())
    assert bound_ns is not None
    assert world.max_ns(first, last_s=5, reference=chain.hosts[0]) < bound_ns
    assert world.max_ns(slave, last_s=5, reference=first) < 100
    world.run(IN_SPEC_S + 5)
    assert [chain.followed(number) for number in (1, 2, 3)] == [("first", 165, True)] * 3
    assert [event.clock_class for event in world.events_of(LocalQualityChanged, first)] == [135, 165]
    assert world.events_of(LocalQualityChanged, second) == []
    rulings = [event.situation for event in world.events_of(ClockWorthRuled, first)]
    assert rulings[-1].startswith("holdover out-of-spec after ptp")
    world.links[0].set_up(True)
    world.run(20)
    assert [chain.followed(number) for number in (1, 2, 3)] == [("t-gm", 6, False)] * 3
