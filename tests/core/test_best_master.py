"""Who may be compared, who is chosen, and when one is given up (IEEE 1588-2019 9.2.6, 9.3.2, 9.3.3)."""

from __future__ import annotations

import pytest

from ptpstack.core.events import (
    AnnounceIntervalMismatch,
    AnnounceReceiptTimeout,
    BestMasterSelected,
    ForeignMasterQualified,
    ForeignMasterSeen,
    PortStateChanged,
)
from ptpstack.core.foreign_masters import CAPACITY
from ptpstack.core.port_states import PortEvent
from ptpstack.core.settings import DelayMechanism
from ptpstack.engine.port_state import PortState
from ptpstack.time import LocalTime, interval_from_seconds
from ptpstack.wire import messages
from ptpstack.wire.message import Flag
from ptpstack.wire.tlvs.path_trace import PathTrace
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity
from tests.core.bench import GM, OTHER, OWN, Bench, slave

GM_PORT, OTHER_PORT = PortIdentity(GM, 1), PortIdentity(OTHER, 1)


def test_two_announces_within_four_intervals_qualify() -> None:
    bench = Bench()
    bench.announce()
    bench.run(4)
    assert bench.state() is PortState.LISTENING
    bench.announce()
    assert bench.state() is PortState.UNCALIBRATED
    assert len(bench.events(ForeignMasterSeen)) == len(bench.events(ForeignMasterQualified)) == 1


def test_one_announce_in_four_intervals_never_qualifies() -> None:
    bench = Bench(slave_only=True)
    for _ in range(10):
        bench.announce()
        bench.run(8)
    assert bench.state() is PortState.LISTENING


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"flag_field": Flag.ALTERNATE_MASTER}, "alternateMasterFlag is set"),
        ({"steps_removed": 255}, "stepsRemoved is too large"),
        ({"steps_removed": 65_535}, "stepsRemoved is too large"),
        ({"tlvs": (PathTrace((GM, OWN)),)}, "it came through this clock (path trace)"),
    ],
)
def test_a_disqualified_announce_is_dropped_for_its_reason(fields: dict[str, object], reason: str) -> None:
    bench = Bench(path_trace_enabled=True, slave_only=True)
    bench.hear(8, **fields)
    assert bench.state() is PortState.LISTENING
    assert bench.instance.ports[1].counters.discarded[reason] == 4


def test_an_announce_of_this_very_clock_is_dropped() -> None:
    bench = Bench(slave_only=True)
    bench.hear(8, PortIdentity(OWN, 2))
    assert bench.state() is PortState.LISTENING
    assert bench.instance.ports[1].counters.discarded["sent by this clock"] == 4


def test_254_steps_are_still_allowed() -> None:
    bench = Bench(slave_only=True)
    bench.hear(4, steps_removed=254)
    assert bench.state() is PortState.UNCALIBRATED
    assert bench.instance.current_ds.steps_removed == 255


@pytest.mark.parametrize("fields", [{"domain_number": 1}, {"major_sdo_id": 1}, {"minor_sdo_id": 1}])
def test_another_domain_does_not_exist(fields: dict[str, object]) -> None:
    bench = Bench(slave_only=True)
    bench.hear(8, **fields)
    assert bench.state() is PortState.LISTENING
    assert not bench.instance.ports[1].counters.received


def test_a_late_or_doubled_announce_does_not_qualify_anybody() -> None:
    bench = Bench(slave_only=True)
    bench.announce(sequence_id=7)
    bench.announce(sequence_id=7)
    bench.announce(sequence_id=5)
    assert bench.state() is PortState.LISTENING
    assert bench.instance.ports[1].counters.discarded["late or duplicate"] == 2


def test_the_parents_data_fill_the_data_sets() -> None:
    bench = Bench(slave_only=True, path_trace_enabled=True)
    bench.hear(
        4,
        steps_removed=3,
        grandmaster_priority1=11,
        grandmaster_priority2=12,
        current_utc_offset=39,
        flag_field=Flag.LEAP59 | Flag.CURRENT_UTC_OFFSET_VALID | Flag.PTP_TIMESCALE | Flag.FREQUENCY_TRACEABLE,
        time_source=0x20,
        tlvs=(PathTrace((OTHER, GM)),),
    )
    parent, properties = bench.instance.parent_ds, bench.instance.time_properties_ds
    assert parent.parent_port_identity == GM_PORT
    assert parent.grandmaster_clock_quality == ClockQuality(6, 0x21, 0x4E5D)
    assert (parent.grandmaster_priority1, parent.grandmaster_priority2) == (11, 12)
    assert bench.instance.current_ds.steps_removed == 4
    assert properties.leap59
    assert not properties.leap61
    assert properties.frequency_traceable
    assert not properties.time_traceable
    assert (properties.current_utc_offset, properties.time_source) == (39, 0x20)
    assert bench.instance.path_trace == (OTHER, GM)
    assert bench.instance.default_ds.clock_quality.clock_class == 255


def test_a_change_of_the_parents_announce_is_taken_over_at_once() -> None:
    bench = slave()
    bench.announce(grandmaster_clock_quality=ClockQuality(7, 0xFE, 0xFFFF), current_utc_offset=38)
    assert bench.instance.parent_ds.grandmaster_clock_quality.clock_class == 7
    assert bench.instance.time_properties_ds.current_utc_offset == 38


def test_silence_of_the_only_master_makes_an_ordinary_clock_master_and_says_so() -> None:
    bench = Bench()
    bench.hear(4)
    bench.run(8)
    assert bench.state() is PortState.MASTER
    assert bench.events(AnnounceReceiptTimeout)[-1].port_identity == GM_PORT
    change = bench.events(PortStateChanged)[-1]
    assert (change.old_state, change.cause) == (PortState.UNCALIBRATED, PortEvent.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES)
    assert bench.instance.parent_ds.grandmaster_identity == OWN
    assert bench.instance.current_ds.steps_removed == 0


@pytest.mark.parametrize("sync_seconds", [1, 3, 4])
def test_a_master_whose_syncs_stop_too_is_given_up_no_later_for_that(sync_seconds: int) -> None:
    bench = Bench(port={"delay_mechanism": DelayMechanism.NO_MECHANISM})
    bench.hear(4)
    bench._take(bench.instance.servo_locked(True, bench.now))
    bench.announce()
    last_announce = bench.now
    for _ in range(sync_seconds):
        bench.run(1)
        bench.sync(0, 1000, log_message_interval=-3)
    while bench.state() is not PortState.MASTER:
        bench.run(0.25)
    states = [change.new_state for change in bench.events(PortStateChanged)]
    assert states[-3:] == [PortState.SLAVE, PortState.UNCALIBRATED, PortState.MASTER]
    timeout = bench.events(AnnounceReceiptTimeout)[-1]
    assert timeout.port_identity == GM_PORT
    assert bench.now - last_announce == interval_from_seconds(3.5 * 2)  # 3 intervals, and half of one by chance


def test_a_slave_only_clock_goes_back_to_listening_and_to_its_own_data_sets() -> None:
    bench = slave()
    bench.run(8)
    assert bench.state() is PortState.LISTENING
    assert bench.instance.parent_ds.grandmaster_identity == OWN
    bench.hear(4)
    assert bench.state() is PortState.UNCALIBRATED


def test_a_standby_that_announces_too_is_taken_without_a_detour() -> None:
    bench = slave()
    for _ in range(3):
        bench.announce()
        bench.announce(OTHER_PORT, grandmaster_priority2=200)
        bench.run(2)
    for _ in range(4):
        bench.announce(OTHER_PORT, grandmaster_priority2=200)
        bench.run(2)
    assert bench.instance.parent_ds.parent_port_identity == OTHER_PORT
    causes = [change.cause for change in bench.events(PortStateChanged)]
    assert PortEvent.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES not in causes


def test_a_better_master_takes_over_and_the_rule_is_told() -> None:
    bench = slave()
    bench._take(bench.instance.servo_locked(True, bench.now))
    bench.hear(4, OTHER_PORT, grandmaster_priority1=127)
    selected = bench.events(BestMasterSelected)[-1]
    assert selected.grandmaster_identity == OTHER
    assert selected.decision == "S1"
    assert selected.rule == "better than 0000bb.fffe.000001-1: priority1 127 < 128"
    change = bench.events(PortStateChanged)[-1]
    assert change.cause is PortEvent.RS_SLAVE_NEW_MASTER


def test_a_worse_master_is_told_off_by_becoming_one() -> None:
    bench = Bench(priority1=1)
    bench.hear(4)
    bench.run(0.1)
    assert bench.state() is PortState.MASTER
    assert bench.events(BestMasterSelected)[-1].rule == "priority1 1 < 128"


def test_a_clock_of_class_6_is_passive_beside_a_better_one_and_master_when_that_stops() -> None:
    bench = Bench(clock_quality=ClockQuality(6, 0x21, 0x4E5D), priority2=200)
    bench.hear(8)
    assert bench.state() is PortState.PASSIVE
    assert bench.instance.parent_ds.grandmaster_identity == OWN
    bench.run(9)
    assert bench.state() is PortState.MASTER


def test_a_master_only_port_hears_no_master() -> None:
    bench = Bench(port={"master_only": True})
    bench.hear(20, grandmaster_priority1=1)
    assert bench.state() is PortState.MASTER
    assert bench.instance.ports[1].counters.discarded["this port is master only"] == 10


def test_a_master_that_announces_at_another_rate_is_named() -> None:
    bench = Bench(slave_only=True)
    bench.hear(4, log_message_interval=-3)
    (mismatch,) = bench.events(AnnounceIntervalMismatch)
    assert (mismatch.announced_log_interval, mismatch.configured_log_interval) == (-3, 1)


def test_a_flood_of_identities_neither_grows_memory_nor_displaces_the_parent() -> None:
    bench = slave()
    for number in range(1, 3 * CAPACITY):
        stranger = PortIdentity(ClockIdentity(number.to_bytes(8, "big")), 1)
        bench.announce(stranger, grandmaster_priority1=1)
    assert len(bench.instance.ports[1].announces._foreign_masters) == CAPACITY
    assert bench.instance.parent_ds.parent_port_identity == GM_PORT
    bench.announce()
    assert bench.state() is PortState.UNCALIBRATED


class TestLink:
    def test_without_a_link_a_port_is_faulty_and_silent_and_comes_back(self) -> None:
        bench = slave()
        bench._take(bench.instance.link_changed(1, False, bench.now))
        assert bench.state() is PortState.FAULTY
        assert bench.instance.next_deadline() is None
        bench.announce()
        bench.sync(0, 0)
        assert bench.state() is PortState.FAULTY
        bench._take(bench.instance.link_changed(1, True, bench.now))
        assert bench.state() is PortState.LISTENING
        bench.hear(4)
        assert bench.state() is PortState.UNCALIBRATED

    def test_news_of_what_is_already_so_change_nothing(self) -> None:
        bench = slave()
        before = len(bench.outputs)
        bench._take(bench.instance.link_changed(1, True, bench.now))
        assert len(bench.outputs) == before

    def test_a_stamp_that_arrives_after_the_link_went_is_ignored(self) -> None:
        bench = Bench()
        bench.run(7.5)
        send = bench.sends(messages.Sync)[0]
        bench._take(bench.instance.link_changed(1, False, bench.now))
        bench.stamp(send, LocalTime(5))
        assert not bench.sent(messages.FollowUp)


class TestSeveralPorts:
    def test_the_best_port_is_slave_and_the_others_serve(self) -> None:
        bench = Bench(2)
        bench.hear(4, port=1)
        bench.run(10)
        bench.hear(4, port=1)
        assert bench.state(1) is PortState.UNCALIBRATED
        assert bench.state(2) is PortState.MASTER
        announced = [s.message for s in bench.sends(messages.Announce) if s.port_number == 2][-1]
        assert announced.grandmaster_identity == GM
        assert announced.steps_removed == 1

    def test_a_second_way_to_the_same_grandmaster_is_passive(self) -> None:
        bench = Bench(2)
        far = PortIdentity(ClockIdentity(bytes([1]) * 8), 3)
        for _ in range(3):
            bench.announce(port=1)
            bench.announce(far, port=2, grandmaster_identity=GM, steps_removed=1)
            bench.run(2)
        assert bench.state(1) is PortState.UNCALIBRATED
        # The farther sender lies below our port (its identity is lower), so our side is the one to yield.
        assert bench.state(2) in (PortState.PASSIVE, PortState.PRE_MASTER, PortState.MASTER)

    def test_when_the_slave_port_loses_its_link_the_other_takes_over_at_once(self) -> None:
        bench = Bench(2)
        for _ in range(3):
            bench.announce(port=1)
            bench.announce(OTHER_PORT, port=2, grandmaster_priority2=200)
            bench.run(2)
        assert bench.instance.parent_ds.parent_port_identity == GM_PORT
        bench._take(bench.instance.link_changed(1, False, bench.now))
        assert bench.instance.parent_ds.parent_port_identity == OTHER_PORT
        assert bench.state(2) is PortState.UNCALIBRATED

    def test_a_new_master_waits_for_as_many_intervals_as_its_steps(self) -> None:
        bench = Bench(2)
        bench.run(8)
        assert bench.state(2) is PortState.MASTER
        bench.hear(4, OTHER_PORT, port=2, grandmaster_priority1=1, steps_removed=2)
        assert bench.state(2) is PortState.UNCALIBRATED
        bench.hear(4, port=1, grandmaster_priority1=0, steps_removed=2)
        assert bench.state(2) is PortState.PRE_MASTER
        announces = 0
        while bench.state(2) is PortState.PRE_MASTER and announces < 10:
            bench.hear(2, port=1, grandmaster_priority1=0, steps_removed=2)
            announces += 1
        assert bench.state(2) is PortState.MASTER
        assert announces in (3, 4)


def test_two_domains_live_side_by_side_without_seeing_each_other() -> None:
    first, second = Bench(domain_number=0), Bench(domain_number=5)
    for bench in (first, second):
        for domain, sender in ((0, GM_PORT), (5, OTHER_PORT)):
            for _ in range(3):
                bench.announce(sender, domain_number=domain)
    assert first.instance.parent_ds.parent_port_identity == GM_PORT
    assert second.instance.parent_ds.parent_port_identity == OTHER_PORT
