"""AVnu Automotive: static roles, a link that is up is enough, fewer messages once it is locked, time that goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ptpstack.engine.port_state import PortState
from ptpstack.gptp.events import (
    AsCapableChanged,
    DefaultTimeServed,
    GrandmasterSelected,
    LinkCapabilityChanged,
    MeanLinkDelayToKeep,
    OperationalIntervalsChanged,
    SyncContinued,
)
from ptpstack.gptp.link_capability import Reason
from ptpstack.gptp.operational_intervals import SETTLED_AFTER
from ptpstack.servo.auto import AutoServo
from ptpstack.servo.pi import PiServo
from ptpstack.sim.network import Link
from ptpstack.sim.world import World
from ptpstack.time import SECOND, interval_from_ns, interval_to_ns
from ptpstack.wire.messages import Announce, FollowUp, PdelayReq, Signaling, Sync
from ptpstack.wire.tlvs import FollowUpInformation
from ptpstack.wire.tlvs.ieee_802_1as import INITIAL_INTERVAL, NO_CHANGE, MessageIntervalRequest
from tests.gptp.car import add_static, master_rig, slave_rig
from tests.gptp.network import CABLE, gptp, port_of
from tests.gptp.rig import NEIGHBOR, STRANGER, Rig, answers, nothing, whole_ns

SETTLED_S = SETTLED_AFTER / SECOND
STRANGERS = answers(source=STRANGER)


class Car:
    """AED-GM, AED-B and AED-E in a row."""

    def __init__(self, seed: int = 1, *, master_is_there: bool = True, **changes: Any) -> None:
        self.world = World(seed)
        self.master = add_static(self.world, "AED-GM", [PortState.MASTER], frequency_error_ppm=-15.0, **changes)
        self.bridge = add_static(
            self.world, "AED-B", [PortState.SLAVE, PortState.MASTER], frequency_error_ppm=8.0, **changes
        )
        self.end = add_static(
            self.world,
            "AED-E",
            [PortState.SLAVE],
            frequency_error_ppm=20.0,
            servo=PiServo(),
            offset_ns=4e8,
            **changes,
        )
        self.upper: Link = self.world.connect(self.master.port(), self.bridge.port(1), conditions=CABLE)
        self.lower: Link = self.world.connect(self.bridge.port(2), self.end.port(), conditions=CABLE)
        self.upper.set_up(master_is_there)
        self.world.start()


class TestAsCapable:
    def test_a_link_that_is_up_is_enough_and_what_is_wrong_with_it_is_told(self) -> None:
        rig = slave_rig(strategy=nothing)
        assert rig.port.variables.as_capable
        rig.run(30)
        assert rig.port.variables.as_capable
        assert rig.link.capability.trouble is Reason.NO_RESPONSE
        assert rig.port.port_ds.as_capable

    def test_that_nobody_answers_is_told_soon(self) -> None:
        rig = slave_rig(strategy=nothing)
        rig.run(5)
        assert rig.port.port_ds.as_capable_reason.endswith("does the neighbour speak IEEE 802.1AS?")
        told = rig.events_of(LinkCapabilityChanged)[-1]
        assert told.as_capable_across_domains
        assert "does the neighbour speak IEEE 802.1AS?" in told.explanation

    def test_a_delay_above_the_threshold_is_told_and_changes_nothing(self) -> None:
        rig = slave_rig(link_delay_ns=2000)
        rig.run(30)
        assert rig.port.variables.as_capable
        assert rig.link.capability.trouble is Reason.DELAY_ABOVE_THRESHOLD
        assert interval_to_ns(rig.link.mean_link_delay) == pytest.approx(2000, abs=1)

    def test_it_ends_with_the_link(self) -> None:
        rig = slave_rig()
        rig.run(3)
        rig.take(rig.instance.link_changed(1, False, rig.now))
        assert not rig.port.variables.as_capable
        assert rig.events_of(AsCapableChanged)[-1].reason == Reason.PORT_DISABLED.value


class TestKeptDelay:
    def test_the_kept_delay_serves_until_there_is_a_measurement(self) -> None:
        rig = slave_rig(strategy=nothing, link={"kept_mean_link_delay": interval_from_ns(250)})
        rig.syncs(1)
        assert interval_to_ns(rig.measurements[-1].mean_delay) == pytest.approx(250, abs=0.01)

    @pytest.mark.parametrize(("kept_ns", "written"), [(None, True), (345.0, False), (440.0, False), (450.0, True)])
    def test_it_is_written_anew_beyond_100_ns(self, kept_ns: float | None, written: bool) -> None:
        kept = None if kept_ns is None else interval_from_ns(kept_ns)
        rig = slave_rig(link_delay_ns=345, link={"kept_mean_link_delay": kept})
        rig.run(20)
        told = rig.events_of(MeanLinkDelayToKeep)
        assert [round(event.mean_link_delay_ns) for event in told] == [345] * written

    def test_noise_is_not_written_down_again_and_again(self) -> None:
        rig = slave_rig(link={"log_pdelay_req_interval": -3})
        for number in range(200):
            rig.link_delay = interval_from_ns(5000 + 900 * (number % 7))
            rig.run(0.125)
        assert 1 <= len(rig.events_of(MeanLinkDelayToKeep)) <= 2

    def test_plain_gptp_keeps_nothing_as_it_would_not_use_it(self) -> None:
        rig = Rig()
        rig.run(20)
        assert not rig.events_of(MeanLinkDelayToKeep)

    def test_it_outlives_a_link_that_was_down(self) -> None:
        rig = slave_rig(link_delay_ns=345)
        rig.run(10)
        for up in (False, True):
            rig.take(rig.instance.link_changed(1, up, rig.now))
        assert interval_to_ns(rig.link.mean_link_delay) == pytest.approx(345, abs=1)


class TestFirstSync:
    """It asks for a delay that is not known yet, whenever the neighbour begins to send."""

    def test_the_first_sync_makes_it_hurry_once_more(self) -> None:
        rig = slave_rig(strategy=nothing)
        rig.run(10.3)
        rig.strategy = answers()
        heard_at = rig.now
        rig.syncs(1)
        rig.run(0.1)
        assert len(rig.sent_of(PdelayReq, since=heard_at)) == 1
        assert interval_to_ns(rig.link.mean_link_delay) == pytest.approx(300, abs=2)

    def test_later_syncs_do_not(self) -> None:
        rig = slave_rig(strategy=nothing)
        rig.syncs(1)
        rig.run(10.3)
        heard_at = rig.now
        rig.syncs(2)
        rig.run(0.1)
        assert not rig.sent_of(PdelayReq, since=heard_at)

    def test_one_that_ceased_to_ask_is_not_moved_by_it(self) -> None:
        rig = slave_rig(strategy=lambda bench, request: [*answers()(bench, request), *STRANGERS(bench, request)])
        rig.run(4)
        rig.syncs(1)
        rig.run(200)
        assert len(rig.sent_of(PdelayReq)) == 3


class TestStaticRoles:
    def test_until_the_first_sync_it_waits_for_a_grandmaster_and_says_so(self) -> None:
        rig = slave_rig()
        rig.syncs(1)
        waits, chosen = map(str, rig.events_of(GrandmasterSelected))
        assert waits == "waits for a grandmaster on port 1: external port configuration"
        assert "selected grandmaster 020000.fffe.000001" in chosen

    def test_nobody_announces_and_the_first_sync_counts(self) -> None:
        rig = slave_rig()
        rig.syncs(1)
        assert len(rig.measurements) == 1
        assert rig.instance.parent_ds.grandmaster_identity == NEIGHBOR.clock_identity
        rig.run(5)
        assert not rig.sent_of(Announce)

    def test_a_port_that_is_set_to_be_master_sends_from_link_up_without_announces(self) -> None:
        rig = master_rig()
        rig.run(2)
        assert 60 <= len(rig.sent_of(Sync)) <= 66
        assert all(isinstance(message.tlvs[0], FollowUpInformation) for message in rig.sent_of(FollowUp))
        assert not rig.sent_of(Announce)

    def test_the_sender_of_a_follow_up_is_not_verified(self) -> None:
        rig = slave_rig()
        rig.syncs(7, follow_up=False)
        origin, fraction = whole_ns(rig.neighbor_time(rig.now))
        rig.receive(
            FollowUp(
                **rig.header(STRANGER, sequence_id=7, log_message_interval=-3),
                precise_origin_timestamp=origin,
                correction_field=fraction,
                tlvs=(FollowUpInformation(),),
            ),
            stamped=False,
        )
        assert len(rig.measurements) == 1


class TestIntervals:
    def requests(self, rig: Rig) -> list[MessageIntervalRequest]:
        return [
            tlv for message in rig.sent_of(Signaling) for tlv in message.tlvs if isinstance(tlv, MessageIntervalRequest)
        ]

    def test_a_slave_asks_for_the_initial_one_at_link_up_and_the_operational_one_once_it_is_locked(self) -> None:
        rig = slave_rig()
        rig.run(2)
        assert [tlv.time_sync_interval for tlv in self.requests(rig)] == [INITIAL_INTERVAL]
        rig.take(rig.instance.servo_locked(True, rig.now))
        rig.run(SETTLED_S - 1)
        assert len(self.requests(rig)) == 1
        rig.run(2)
        last = self.requests(rig)[-1]
        assert (last.link_delay_interval, last.time_sync_interval, last.announce_interval) == (NO_CHANGE, 0, NO_CHANGE)
        assert rig.link.port_ds.current_log_pdelay_req_interval == 2

    def test_a_clock_that_does_not_stay_locked_keeps_the_initial_ones(self) -> None:
        rig = slave_rig()
        for locked in (True, False):
            rig.take(rig.instance.servo_locked(locked, rig.now))
            rig.run(SETTLED_S / 2)
        rig.run(60)
        assert not rig.events_of(OperationalIntervalsChanged)

    def test_it_begins_anew_when_the_link_was_down(self) -> None:
        rig = slave_rig()
        rig.take(rig.instance.servo_locked(True, rig.now))
        rig.run(SETTLED_S + 1)
        for up in (False, True):
            rig.take(rig.instance.link_changed(1, up, rig.now))
        assert self.requests(rig)[-1].time_sync_interval == INITIAL_INTERVAL
        assert rig.link.port_ds.current_log_pdelay_req_interval == 0

    def test_without_syncs_a_clock_is_not_synchronized(self) -> None:
        rig = slave_rig()
        for number in range(40):
            rig.run(0.125)
            rig.syncs(number)
        rig.take(rig.instance.servo_locked(True, rig.now))
        rig.run(SETTLED_S + 1)
        assert not rig.events_of(OperationalIntervalsChanged)
        assert self.requests(rig)[-1].time_sync_interval == INITIAL_INTERVAL
        for number in range(40, 40 + 8 * 11):
            rig.run(0.125)
            rig.syncs(number)
        assert self.requests(rig)[-1].time_sync_interval == 0

    @pytest.mark.parametrize("initial", [-5, -4, -3])
    def test_a_request_is_obeyed_within_two_intervals(self, initial: int) -> None:
        rig = master_rig(log_sync_interval=initial)
        rig.run(3 + 2**initial / 2)
        since = rig.now
        request = MessageIntervalRequest(time_sync_interval=0)
        rig.receive(Signaling(**rig.header(), tlvs=(request,)), stamped=False)
        rig.run(4)
        times_s = [(at - since) / SECOND for at, message in rig.sent if isinstance(message, Sync) and at > since]
        before = [time_s for time_s in times_s if time_s < 1]
        assert max(before) <= 2 * 2**initial
        assert len(times_s) - len(before) == 3

    def test_of_a_request_only_the_sync_interval_is_obeyed(self) -> None:
        rig = master_rig()
        request = MessageIntervalRequest(link_delay_interval=3, time_sync_interval=-2, announce_interval=1)
        rig.receive(Signaling(**rig.header(), tlvs=(request,)), stamped=False)
        assert rig.port.port_ds.current_log_sync_interval == -2
        assert rig.port.port_ds.current_log_announce_interval == 0
        assert rig.link.port_ds.current_log_pdelay_req_interval == 0


class TestDefaultTime:
    def test_a_bridge_without_any_sync_serves_its_own_time_after_twenty_seconds(self) -> None:
        car = Car(master_is_there=False, settings={"default_time_after": 20 * SECOND})
        car.world.run(19)
        assert not port_of(car.end).counters.received["Sync"]
        car.world.run(21)
        (told,) = car.world.events_of(DefaultTimeServed, car.bridge)
        assert told.serves
        assert car.world.max_ns(car.end, last_s=5, reference=car.bridge) <= 200

    def test_the_first_sync_ends_it(self) -> None:
        car = Car(master_is_there=False, settings={"default_time_after": 20 * SECOND})
        car.world.run(30)
        car.upper.set_up(True)
        car.world.run(40)
        assert [event.serves for event in car.world.events_of(DefaultTimeServed, car.bridge)] == [True, False]
        assert car.world.max_ns(car.end, last_s=5, reference=car.master) <= 200

    def test_one_that_heard_syncs_never_does(self) -> None:
        car = Car(settings={"default_time_after": 20 * SECOND})
        car.world.run(25)
        car.upper.set_up(False)
        car.world.run(40)
        assert not car.world.events_of(DefaultTimeServed)


class TestCar:
    def test_it_locks_and_then_makes_do_with_less(self) -> None:
        car = Car()
        car.world.run(6)
        assert car.world.max_ns(car.end, last_s=1, reference=car.master) <= 80
        car.world.run(34)
        assert car.world.events_of(OperationalIntervalsChanged, car.end)
        assert port_of(car.bridge, 2).port_ds.current_log_sync_interval == 0
        assert car.world.rms_ns(car.end, last_s=10, reference=car.master) <= 100
        port_ds = port_of(car.end).port_ds
        assert (port_ds.sync_receipt_timeout_count, port_ds.non_continuous_sync_count) == (0, 0)

    @pytest.mark.parametrize("seed", range(1, 9))
    def test_the_change_of_intervals_is_not_seen_in_its_clock(self, seed: int) -> None:
        world = World(seed)
        master = add_static(world, "AED-GM", [PortState.MASTER])
        end = add_static(world, "AED-E", [PortState.SLAVE], frequency_error_ppm=-15.0, servo=AutoServo())
        world.connect(master.port(), end.port(), conditions=CABLE)
        world.start()
        world.run(SETTLED_S)
        assert not world.events_of(OperationalIntervalsChanged)
        world.run(4)
        assert world.events_of(OperationalIntervalsChanged)
        assert world.max_ns(end, last_s=4, reference=master) <= 80

    @pytest.mark.parametrize("seed", range(1, 4))
    @pytest.mark.parametrize("lost_for_s", [0.0, 0.02, 0.2])
    def test_a_new_link_is_within_80_ns_in_a_second_though_its_first_exchanges_are_lost(
        self, seed: int, lost_for_s: float
    ) -> None:
        world = World(seed)
        master = add_static(world, "AED-GM", [PortState.MASTER])
        servo = AutoServo()
        end = add_static(world, "AED-E", [PortState.SLAVE], frequency_error_ppm=-15.0, offset_ns=146_000.0, servo=servo)
        link = world.connect(master.port(), end.port(), conditions=replace(CABLE, loss=1.0))
        link.set_up(False)
        world.start()
        world.run(2)
        link.set_up(True)
        world.run(lost_for_s)
        link.conditions = CABLE
        world.run(9 - lost_for_s)
        assert world.max_ns(end, last_s=8, reference=master) <= 80

    def test_a_bridge_goes_on_by_what_it_had_when_its_grandmaster_is_lost(self) -> None:
        car = Car(oper_log_sync_interval=None)
        car.world.run(30)
        car.upper.set_up(False)
        lost_s = car.world.now_s
        car.world.run(5)
        assert gptp(car.end).current_ds.gm_present
        assert car.world.events_of(SyncContinued, car.bridge, since_s=lost_s)
        syncs = port_of(car.end).counters.received["Sync"]
        car.world.run(1)
        assert port_of(car.end).counters.received["Sync"] - syncs == pytest.approx(32, abs=1)
        assert car.world.max_ns(car.end, last_s=6, reference=car.master) <= 500
        car.upper.set_up(True)
        car.world.run(5)
        assert car.world.max_ns(car.end, last_s=2, reference=car.master) <= 100

    def test_every_pdelay_is_less_often_once_it_is_settled(self) -> None:
        rig = slave_rig()
        rig.take(rig.instance.servo_locked(True, rig.now))
        rig.run(SETTLED_S + 2)
        before = len(rig.sent_of(PdelayReq))
        rig.run(40)
        assert len(rig.sent_of(PdelayReq)) - before == pytest.approx(10, abs=1)
