"""Networks in virtual time: grandmasters that come and go, links that break, lossy and late frames, several domains."""

from __future__ import annotations

from typing import Any

import pytest

from ptpstack.engine.port_state import PortState
from ptpstack.gptp.events import (
    AsCapableChanged,
    GmTimeBaseChanged,
    GrandmasterSelected,
    LinkCapabilityChanged,
    PdelayReqCeased,
)
from ptpstack.gptp.settings import GptpSettings, LinkSettings
from ptpstack.servo.pi import PiServo
from ptpstack.sim.gptp import LINK_DELAY_SERVICE, add_gptp_instance, add_link_delay_service
from ptpstack.sim.host import Host
from ptpstack.sim.network import LinkConditions
from ptpstack.sim.world import World
from ptpstack.time import MILLISECOND, interval_from_ns
from ptpstack.wire.messages import Signaling
from ptpstack.wire.tlvs import MessageIntervalRequest
from ptpstack.wire.types import ALL_PORTS, PortIdentity
from tests.gptp.network import CABLE, JITTER, PPM, add_system, gptp, pair, port, port_of
from tests.gptp.rig import STRANGER


def states(*ports: tuple[Host, int]) -> list[PortState]:
    return [port_of(host, number).state for host, number in ports]


class TestGrandmasterChange:
    def two_grandmasters(self) -> tuple[World, Host, Host, Host, Host]:
        """first — relay — second, with an end station on the relay."""
        world = World(3)
        first = add_system(world, "first", priority1=100, frequency_error_ppm=5)
        second = add_system(world, "second", priority1=110, frequency_error_ppm=-5, offset_ns=40_000)
        relay = add_system(world, "relay", ports=3, frequency_error_ppm=15)
        end = add_system(world, "end", servo=PiServo(), frequency_error_ppm=-10, offset_ns=1e6)
        for number, host in enumerate((first, second, end), start=1):
            world.connect(host.port(), relay.port(number), conditions=CABLE)
        world.start()
        world.run(10)
        return world, first, second, relay, end

    def test_the_better_one_is_chosen_and_the_other_follows(self) -> None:
        world, first, second, relay, end = self.two_grandmasters()
        assert gptp(end).parent_ds.grandmaster_identity == first.clock_identity
        assert states((second, 1), (relay, 1), (relay, 2), (relay, 3), (end, 1)) == [
            PortState.SLAVE,
            PortState.SLAVE,
            PortState.MASTER,
            PortState.MASTER,
            PortState.SLAVE,
        ]
        assert world.rms_ns(end, last_s=4, reference=first) < 100

    def test_when_it_dies_the_second_takes_over(self) -> None:
        world, first, second, relay, end = self.two_grandmasters()
        first.stop()
        died_s = world.now_s
        world.run(40)
        assert gptp(end).parent_ds.grandmaster_identity == second.clock_identity
        assert states((relay, 2), (end, 1)) == [PortState.SLAVE, PortState.SLAVE]
        chosen = world.events_of(GrandmasterSelected, end, since_s=died_s)
        assert chosen[-1].grandmaster_identity == second.clock_identity
        assert world.rms_ns(end, last_s=5, reference=second) < 100
        moved = [record.time_s - died_s for record in world.events if isinstance(record.event, GrandmasterSelected)]
        assert max(moved) < 1.0  # three Sync intervals, not three Announce intervals

    def test_when_it_comes_back_it_is_chosen_again(self) -> None:
        world, first, _, relay, end = self.two_grandmasters()
        world.links[0].set_up(False)
        world.run(5)
        assert gptp(end).parent_ds.grandmaster_identity != first.clock_identity
        world.links[0].set_up(True)
        world.run(20)
        assert gptp(end).parent_ds.grandmaster_identity == first.clock_identity
        assert states((relay, 1)) == [PortState.SLAVE]

    def test_a_step_of_its_clock_goes_through_the_relay_as_a_new_time_base(self) -> None:
        world, first, _, _, end = self.two_grandmasters()
        first.step_clock(3 * MILLISECOND)
        world.run(1)
        (event,) = world.events_of(GmTimeBaseChanged, end)
        assert event.last_gm_phase_change_ns == 3e6
        assert gptp(end).current_ds.gm_timebase_indicator == 1


class TestBrokenLinks:
    def test_as_capable_goes_with_the_link_and_comes_back(self) -> None:
        world, master, end, link = pair()
        world.run(5)
        link.set_up(False)
        world.run(2)
        assert not port_of(end).port_ds.as_capable
        assert world.events_of(AsCapableChanged, end)[-1].reason == "port disabled"
        back_s = world.now_s
        link.set_up(True)
        world.run(3)
        capable = [r for r in world.events if r.time_s >= back_s and isinstance(r.event, AsCapableChanged)]
        assert [r.event.as_capable for r in capable if r.host == end.name][-1]
        assert port_of(end).state is PortState.SLAVE
        assert world.rms_ns(end, last_s=0.5, reference=master) < 1000

    def test_a_ring_of_relays_has_one_passive_port(self) -> None:
        world = World(5)
        relays = [add_system(world, f"relay {n}", ports=2, priority1=100 + n) for n in range(4)]
        for number, relay in enumerate(relays):
            world.connect(relay.port(2), relays[(number + 1) % 4].port(1), conditions=CABLE)
        world.start()
        world.run(8)
        found = [port_of(relay, number).state for relay in relays for number in (1, 2)]
        assert found.count(PortState.PASSIVE) == 1
        assert found.count(PortState.SLAVE) == 3
        world.links[0].set_up(False)
        world.run(8)
        found = [port_of(relay, number).state for relay in relays for number in (1, 2)]
        assert found.count(PortState.PASSIVE) == 0
        assert found.count(PortState.SLAVE) == 3

    def test_relays_hold_no_sync_that_is_overdue(self) -> None:
        world = World(5)
        master = add_system(world, "master", priority1=100)
        relay = add_system(world, "relay", ports=2, log_sync_interval=-1)
        end = add_system(world, "end", servo=PiServo())
        world.connect(master.port(), relay.port(1), conditions=CABLE)
        link = world.connect(relay.port(2), end.port(), conditions=CABLE)
        world.start()
        world.run(10)
        assert not port_of(relay, 2).port_ds.sync_locked  # it sends by its own timer, half as often
        before = port_of(end).counters.received["Sync"]
        world.run(10)
        assert port_of(end).counters.received["Sync"] - before == pytest.approx(20, abs=1)
        assert link.up
        assert world.rms_ns(end, last_s=5, reference=master) < 150


class TestBadLinks:
    @pytest.mark.parametrize(
        "conditions",
        [
            LinkConditions(delay_ns=300, loss=0.03),
            LinkConditions(delay_ns=300, duplication=0.3),
            LinkConditions(delay_ns=300, reorder=0.3, reorder_delay_ns=3e6),
        ],
        ids=["loss", "duplication", "late"],
    )
    def test_time_goes_through_all_the_same(self, conditions: LinkConditions) -> None:
        world, master, end, link = pair(seed=4)
        link.conditions = conditions
        world.run(40)
        assert port_of(end).state is PortState.SLAVE
        assert world.rms_ns(end, last_s=10, reference=master) < 150

    def test_a_hub_with_three_is_no_link(self) -> None:
        world = World(2)
        hosts = [add_system(world, f"system {n}", priority1=100 + n) for n in range(3)]
        world.connect(*(host.port() for host in hosts), conditions=CABLE)
        world.start()
        world.run(10)
        assert {host.name for host in hosts if world.events_of(PdelayReqCeased, host)} == {h.name for h in hosts}
        assert not any(port_of(host).port_ds.as_capable for host in hosts)

    def test_a_device_without_gptp_between_is_seen_by_its_delay(self) -> None:
        world, _, end, link = pair()
        link.conditions = LinkConditions(delay_ns=30_000, jitter_ns=10_000)
        world.run(5)
        assert not port_of(end).port_ds.as_capable
        assert world.events_of(LinkCapabilityChanged, end)[-1].reason == "delay above threshold"


class TestSeveralDomains:
    def two_domains(self) -> tuple[World, Host, Host]:
        """Two systems, each grandmaster of one of two domains, over one measurement of the link."""
        world = World(6)
        hosts = []
        for name, priorities, error_ppm in (("left", (50, 200), 8.0), ("right", (200, 50), -8.0)):
            host = world.add_host(name, stamping=JITTER, frequency_error_ppb=error_ppm * PPM)
            service = add_link_delay_service(host, [LinkSettings(port_number=1)])
            for domain, priority1 in enumerate(priorities):
                settings = GptpSettings(clock_identity=host.clock_identity, domain_number=domain, priority1=priority1)
                add_gptp_instance(host, settings, [port()], links=service.ports)
            hosts.append(host)
        left, right = hosts
        world.connect(left.port(), right.port(), conditions=CABLE)
        world.start()
        world.run(10)
        return world, left, right

    def test_each_domain_has_its_own_grandmaster(self) -> None:
        _, left, right = self.two_domains()
        assert gptp(right, 0).parent_ds.grandmaster_identity == left.clock_identity
        assert gptp(left, 1).parent_ds.grandmaster_identity == right.clock_identity

    def test_the_link_is_measured_once(self) -> None:
        _, left, _ = self.two_domains()
        service: Any = left.instances[LINK_DELAY_SERVICE]
        assert service.ports[1].counters.sent["PdelayReq"] == pytest.approx(10, abs=1)
        for domain in (0, 1):
            assert port_of(left, domain=domain).counters.sent["PdelayReq"] == 0
            assert port_of(left, domain=domain).port_ds.delay_mechanism == "COMMON_P2P"
            assert port_of(left, domain=domain).port_ds.as_capable

    @pytest.mark.parametrize(("target", "obeyed"), [(ALL_PORTS, True), (STRANGER, False)])
    def test_it_obeys_requests_to_its_port(self, target: PortIdentity, obeyed: bool) -> None:
        _, left, _ = self.two_domains()
        service: Any = left.instances[LINK_DELAY_SERVICE]
        header = {"major_sdo_id": 2, "domain_number": 0, "source_port_identity": STRANGER}
        request = Signaling(**header, target_port_identity=target, tlvs=(MessageIntervalRequest(-3),))
        service.receive(1, request, None, left.monotonic())
        assert service.ports[1].port_ds.current_log_pdelay_req_interval == (-3 if obeyed else 0)

    def test_both_lose_it_together(self) -> None:
        world, left, right = self.two_domains()
        right.stop()
        world.run(15)
        for domain in (0, 1):
            assert not port_of(left, domain=domain).port_ds.as_capable

    def test_what_one_domain_says_does_not_concern_the_other(self) -> None:
        _, left, _ = self.two_domains()
        assert port_of(left, domain=0).state is PortState.MASTER
        assert port_of(left, domain=1).state is PortState.SLAVE


class TestStatesSetFromOutside:
    def test_ports_have_the_state_that_was_set_whoever_announces_what(self) -> None:
        world = World(7)
        external = {"external_port_configuration_enabled": True}
        master = add_system(world, "master", priority1=250, settings=external, desired_state=PortState.MASTER)
        relay = world.add_host("relay", stamping=JITTER, frequency_error_ppb=12_000)
        add_gptp_instance(
            relay,
            GptpSettings(clock_identity=relay.clock_identity, priority1=1, **external),
            [port(1, desired_state=PortState.SLAVE), port(2, desired_state=PortState.MASTER)],
        )
        end = add_system(world, "end", priority1=2, servo=PiServo(), settings=external, desired_state=PortState.SLAVE)
        world.connect(master.port(), relay.port(1), conditions=CABLE)
        world.connect(relay.port(2), end.port(), conditions=CABLE)
        world.start()
        world.run(15)
        assert states((master, 1), (relay, 1), (relay, 2), (end, 1)) == [
            PortState.MASTER,
            PortState.SLAVE,
            PortState.MASTER,
            PortState.SLAVE,
        ]
        assert gptp(end).parent_ds.grandmaster_identity == master.clock_identity
        assert gptp(end).current_ds.steps_removed == 2
        assert world.rms_ns(end, last_s=5, reference=master) < 100

    def test_they_stay_when_the_grandmaster_is_gone(self) -> None:
        world, master, end, _ = pair(
            settings={"external_port_configuration_enabled": True}, desired_state=PortState.SLAVE
        )
        world.run(10)
        assert states((end, 1)) == [PortState.SLAVE]
        master.stop()
        world.run(5)
        assert states((end, 1)) == [PortState.SLAVE]
        world.run(20)
        assert states((end, 1)) == [PortState.DISABLED]  # only asCapable takes it away


def test_latencies_of_the_stamps_are_taken_out() -> None:
    world, master, end, _ = pair(
        link={"ingress_latency": interval_from_ns(200), "egress_latency": interval_from_ns(100)},
        stamping=type(JITTER)(jitter_ns=20, ingress_latency_ns=200, egress_latency_ns=100),
    )
    world.run(20)
    assert world.rms_ns(end, last_s=10, reference=master) < 40
