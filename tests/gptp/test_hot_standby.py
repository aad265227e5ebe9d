"""Two grandmasters in two domains: one dies, and time goes on without a bump (IEEE 802.1ASdm-2024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ptpstack.arbiter.events import WriterChosen
from ptpstack.engine.outputs import Measurement
from ptpstack.engine.port_state import PortState
from ptpstack.gptp.events import HotStandbyStateChanged
from ptpstack.gptp.hot_standby import IMMEDIATELY, HotStandbySettings, HotStandbyState, HotStandbySystem
from ptpstack.gptp.settings import GptpPortSettings, GptpSettings, LinkSettings
from ptpstack.servo.events import ClockStepped
from ptpstack.servo.registry import make_servo
from ptpstack.sim.gptp import add_gptp_instance, add_link_delay_service
from ptpstack.sim.host import Host
from ptpstack.sim.network import Link
from ptpstack.sim.world import World
from ptpstack.time import SECOND, LocalTime, MonotonicTime, PtpTime, interval_from_ns, interval_from_seconds
from ptpstack.wire.types import ClockIdentity, PortIdentity
from tests.gptp.network import CABLE, JITTER, PPM

PARENT = PortIdentity(ClockIdentity(bytes(8)), 1)
MASTER, SLAVE = PortState.MASTER, PortState.SLAVE


def settings(**changes: Any) -> HotStandbySettings:
    return HotStandbySettings(**({"primary": "0", "secondary": "1"} | changes))


class Watched:
    """A system that is told measurements by hand, 8 a second."""

    def __init__(self, **changes: Any) -> None:
        self.system = HotStandbySystem(settings(**changes))
        self.now = MonotonicTime(100 * SECOND)
        self.events: list[HotStandbyStateChanged] = []

    def run(self, seconds: float, *, primary_ns: float | None = None, secondary_ns: float | None = None) -> None:
        for _ in range(round(seconds * 8)):
            self.now = self.now + SECOND // 8
            for name, offset_ns in (("0", primary_ns), ("1", secondary_ns)):
                if offset_ns is not None:
                    self._take(self.system.take(name, measurement(offset_ns), self.now))
            self._take(self.system.check(self.now))

    def _take(self, events: Sequence[Any]) -> None:
        self.events += events

    @property
    def states(self) -> list[str]:
        return [event.new_state for event in self.events]


def measurement(offset_ns: float) -> Measurement:
    return Measurement(
        port_number=1,
        parent_port_identity=PARENT,
        t1=PtpTime(0),
        t2=LocalTime(0),
        offset_from_master=interval_from_ns(offset_ns),
        mean_delay=0,
        log_sync_interval=-3,
    )


class TestStates:
    def test_it_waits_for_both(self) -> None:
        watched = Watched()
        watched.run(20, primary_ns=5)
        assert watched.system.state is HotStandbyState.INIT
        watched.run(2, primary_ns=5, secondary_ns=-40)
        assert watched.states == ["REDUNDANT"]

    @pytest.mark.parametrize("lost", ["primary_ns", "secondary_ns"])
    def test_one_that_is_lost_makes_it_not_redundant_within_the_sync_receipt_timeout(self, lost: str) -> None:
        watched = Watched()
        watched.run(5, primary_ns=5, secondary_ns=-40)
        watched.run(0.5, **{name: 5 for name in ("primary_ns", "secondary_ns") if name != lost})
        assert watched.states == ["REDUNDANT", "NOT_REDUNDANT"]
        assert "no Sync within" in str(watched.events[-1])

    def test_without_both_it_is_out_of_sync_and_comes_back_after_the_time_that_is_set(self) -> None:
        watched = Watched(log_sync_time_thresh=2)
        watched.run(5, primary_ns=5, secondary_ns=5)
        watched.run(1)
        assert watched.states[1:] in (["OUT_OF_SYNC"], ["NOT_REDUNDANT", "OUT_OF_SYNC"])
        watched.run(4, secondary_ns=5)
        assert watched.system.state is HotStandbyState.OUT_OF_SYNC
        watched.run(2, secondary_ns=5)
        assert watched.system.state is HotStandbyState.NOT_REDUNDANT
        watched.run(4, primary_ns=5, secondary_ns=5)
        assert watched.system.state is HotStandbyState.NOT_REDUNDANT
        watched.run(2, primary_ns=5, secondary_ns=5)
        assert watched.system.state is HotStandbyState.REDUNDANT

    def test_it_need_not_wait(self) -> None:
        watched = Watched(log_sync_time_thresh=IMMEDIATELY)
        watched.run(5, primary_ns=5, secondary_ns=5)
        watched.run(1)
        watched.run(1.25, primary_ns=5, secondary_ns=5)
        assert watched.system.state is HotStandbyState.REDUNDANT

    def test_grandmasters_that_differ_are_not_redundant(self) -> None:
        watched = Watched(primary_secondary_offset_thresh=interval_from_ns(300))
        watched.run(5, primary_ns=0, secondary_ns=10)
        watched.run(5, primary_ns=0, secondary_ns=400)
        assert watched.states == ["REDUNDANT", "NOT_REDUNDANT"]
        event = watched.events[-1]
        assert event.primary_is_synced
        assert event.secondary_is_synced
        assert "threshold 300" in str(event)

    def test_a_single_offset_beyond_the_limit_is_forgiven(self) -> None:
        watched = Watched()
        watched.run(5, primary_ns=0, secondary_ns=0)
        watched.run(0.25, primary_ns=4000, secondary_ns=0)
        watched.run(1, primary_ns=0, secondary_ns=0)
        assert watched.system.instances["0"].is_synced


class Net:
    """Two grandmasters and an end station around a relay; the second one's clock follows the first one."""

    def __init__(self, *, seed: int, secondary_ahead_ns: float = 0.0, end_ahead_ns: float = 0.0) -> None:
        self.world = World(seed)
        self.first = self._add("first", {0: [MASTER]})
        self.second = self._add(
            "second", {0: [SLAVE], 1: [MASTER]}, frequency_error_ppm=-4.0, servo=True, latency_ns=secondary_ahead_ns
        )
        self.relay = self._add(
            "relay", {0: [SLAVE, MASTER, MASTER], 1: [MASTER, SLAVE, MASTER]}, frequency_error_ppm=11.0
        )
        self.end = self._add(
            "end",
            {0: [SLAVE], 1: [SLAVE]},
            frequency_error_ppm=17.0,
            offset_ns=end_ahead_ns,
            servo=True,
            hot_standby=settings(),
        )
        self.upper: Link = self.world.connect(self.first.port(), self.relay.port(1), conditions=CABLE)
        self.world.connect(self.second.port(), self.relay.port(2), conditions=CABLE)
        self.world.connect(self.end.port(), self.relay.port(3), conditions=CABLE)
        self.world.start()

    def _add(
        self,
        name: str,
        domains: dict[int, list[PortState]],
        *,
        frequency_error_ppm: float = 0.0,
        offset_ns: float = 0.0,
        servo: bool = False,
        hot_standby: HotStandbySettings | None = None,
        latency_ns: float = 0.0,
    ) -> Host:
        host = self.world.add_host(
            name,
            frequency_error_ppb=frequency_error_ppm * PPM,
            offset_ns=offset_ns,
            random_walk_fm_ppb=0.05,
            servo=make_servo("auto") if servo else None,
            clock_domains=[domain for domain, roles in domains.items() if SLAVE in roles],
            stamping=JITTER,
            hot_standby=HotStandbySystem(hot_standby) if hot_standby else None,
        )
        count = len(next(iter(domains.values())))
        links = [LinkSettings(port_number=number) for number in range(1, count + 1)]
        service = add_link_delay_service(host, links)
        for domain, roles in domains.items():
            ports = [
                GptpPortSettings(
                    link=LinkSettings(
                        port_number=number,
                        egress_latency=interval_from_ns(latency_ns) if role is MASTER else 0,
                    ),
                    desired_state=role,
                )
                for number, role in enumerate(roles, start=1)
            ]
            instance = GptpSettings(
                clock_identity=host.clock_identity,
                domain_number=domain,
                external_port_configuration_enabled=True,
            )
            add_gptp_instance(host, instance, ports, links=service.ports)
        return host


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_primary_dies_and_no_one_notices(seed: int) -> None:
    net = Net(seed=seed)
    world = net.world
    world.run(60)
    (event,) = world.events_of(HotStandbyStateChanged, net.end)
    assert event.new_state == "REDUNDANT"
    before_ns = world.rms_ns(net.end, last_s=20, reference=net.first)
    net.upper.set_up(False)
    died_s = world.now_s
    world.run(30)
    chosen = world.events_of(WriterChosen, net.end, since_s=died_s)
    assert [event.writer for event in chosen] == ["1"]
    assert world.events_of(HotStandbyStateChanged, net.end, since_s=died_s)[0].new_state == "NOT_REDUNDANT"
    assert world.max_ns(net.end, last_s=30, reference=net.first) <= 50
    net.upper.set_up(True)
    world.run(30)
    assert world.max_ns(net.end, last_s=30, reference=net.first) <= 50
    assert world.events_of(HotStandbyStateChanged, net.end)[-1].new_state == "REDUNDANT"
    assert world.rms_ns(net.end, last_s=10, reference=net.first) <= 2 * before_ns + 5


def test_a_secondary_that_differs_is_taken_over_slowly() -> None:
    net = Net(seed=5, secondary_ahead_ns=-400)
    net.world.run(60)
    net.upper.set_up(False)
    net.world.run(2)
    assert net.world.max_ns(net.end, last_s=2, reference=net.first) <= 200
    net.world.run(20)
    settled_ns = net.world.offset_ns(net.end, net.first)
    assert abs(settled_ns) == pytest.approx(400, abs=60)


def test_time_differs_by_what_the_net_says() -> None:
    ahead = HotStandbySystem(settings())
    for step in range(100):
        now = MonotonicTime(interval_from_seconds(step / 8))
        ahead.take("0", measurement(100), now)
        ahead.take("1", measurement(350), now)
    assert ahead.primary_secondary_offset == pytest.approx(interval_from_ns(250), rel=1e-6)


def test_what_is_not_measured_any_more_is_not_known() -> None:
    watched = Watched()
    watched.run(5, primary_ns=5, secondary_ns=-40)
    watched.run(1)
    assert watched.states[-1] == "OUT_OF_SYNC"
    assert watched.system.as_dict()["primary_secondary_offset_ns"] is None


def test_a_step_of_the_clock_moves_it_against_both() -> None:
    watched = Watched()
    watched.run(5, primary_ns=1e6, secondary_ns=1e6 + 40)
    watched.system.clock_moved(interval_from_ns(-1e6))
    watched.run(1, primary_ns=0, secondary_ns=40)
    assert watched.states == ["REDUNDANT"]
    assert watched.system.as_dict()["primary_secondary_offset_ns"] == pytest.approx(40)


def test_the_first_step_of_the_clock_does_not_keep_it_from_being_redundant() -> None:
    net = Net(seed=1, end_ahead_ns=4e8)
    net.world.run(30)
    (step,) = [record.time_s for record in net.world.events if isinstance(record.event, ClockStepped)]
    (event,) = [record.time_s for record in net.world.events if isinstance(record.event, HotStandbyStateChanged)]
    assert event - step < 3
