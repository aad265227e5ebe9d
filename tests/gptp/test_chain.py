"""Seven hops with stamps ± 20 ns and oscillators up to 20 ppm wrong: the accuracy that the standard aims at."""

import pytest

from ptpstack.engine.port_state import PortState
from ptpstack.sim.host import Host
from ptpstack.sim.world import World
from ptpstack.time import interval_to_ns
from tests.gptp.network import CABLE, chain, gptp, port_of

SETTLE_S, OBSERVE_S = 20.0, 60.0


@pytest.fixture(scope="module", params=[1, 2])
def seven_hops(request: pytest.FixtureRequest) -> tuple[World, list[Host]]:
    world, hosts = chain(6, seed=request.param)
    world.run(SETTLE_S + OBSERVE_S)
    return world, hosts


class TestSevenHops:
    def test_the_end_station_is_within_a_microsecond_and_a_tenth_of_it_rms(
        self, seven_hops: tuple[World, list[Host]]
    ) -> None:
        world, hosts = seven_hops
        assert world.max_ns(hosts[-1], last_s=OBSERVE_S, reference=hosts[0]) <= 1000
        assert world.rms_ns(hosts[-1], last_s=OBSERVE_S, reference=hosts[0]) <= 100

    def test_relays_need_no_servo(self, seven_hops: tuple[World, list[Host]]) -> None:
        world, hosts = seven_hops
        assert all(host.discipline is None for host in hosts[:-1])
        wrong = [abs(world.offset_ns(relay, hosts[0])) for relay in hosts[2:-1]]
        assert min(wrong) > 100_000  # their own clocks show nothing like the grandmaster's time

    def test_rates_compound_on_the_way(self, seven_hops: tuple[World, list[Host]]) -> None:
        world, hosts = seven_hops
        for relay in hosts[1:-1]:
            times, offsets_ns = world.offsets_ns(relay, last_s=10, reference=hosts[0])
            relay_ahead = (offsets_ns[-1] - offsets_ns[0]) / (times[-1] - times[0]) * 1e-9
            told = gptp(relay).parent_ds.cumulative_rate_ratio - 1.0
            assert told == pytest.approx(-relay_ahead, abs=30e-9)

    def test_the_path_is_traced(self, seven_hops: tuple[World, list[Host]]) -> None:
        _, hosts = seven_hops
        assert gptp(hosts[-1]).path_trace == tuple(host.clock_identity for host in hosts)
        assert gptp(hosts[-1]).current_ds.steps_removed == 7

    def test_ports_that_send_as_often_as_they_receive_are_sync_locked(
        self, seven_hops: tuple[World, list[Host]]
    ) -> None:
        _, hosts = seven_hops
        for relay in hosts[1:-1]:
            assert port_of(relay, 2).state is PortState.MASTER
            assert port_of(relay, 2).port_ds.sync_locked

    def test_every_link_delay_is_measured(self, seven_hops: tuple[World, list[Host]]) -> None:
        _, hosts = seven_hops
        for host in hosts[1:]:
            delay_ns = interval_to_ns(port_of(host).port_ds.mean_link_delay)
            assert delay_ns == pytest.approx(CABLE.delay_ns, abs=25)
