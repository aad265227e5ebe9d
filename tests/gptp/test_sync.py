"""The way of a Sync into an end station, and out of a grandmaster."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from ptpstack.engine.port_state import PortState
from ptpstack.gptp.events import GmTimeBaseChanged, GrandmasterSelected, InformationAged, OneStepTxOperChanged
from ptpstack.time import MILLISECOND, SECOND, interval_from_ns, interval_to_ns
from ptpstack.wire.message import Flag
from ptpstack.wire.messages import Announce, FollowUp, Signaling, Sync
from ptpstack.wire.tlvs import FollowUpInformation
from ptpstack.wire.tlvs.ieee_802_1as import INTERVAL_REQUEST_FLAGS, RATE_ONE, MessageIntervalRequest
from tests.gptp.car import relay_rig
from tests.gptp.rig import NEIGHBOR, OWN, STRANGER, Rig, whole_ns


def following(**settings: object) -> Rig:
    """An end station that follows the neighbour."""
    rig = Rig(gptp_capable_state_machines_enabled=False, **settings)
    rig.run(3.3)
    rig.announces()
    assert rig.port.state is PortState.SLAVE
    return rig


def asks(*, one_step: bool) -> MessageIntervalRequest:
    """A neighbour's request, which asks for nothing else."""
    return MessageIntervalRequest(flags=INTERVAL_REQUEST_FLAGS["2020"].one_step_receive_capable * one_step)


def serving(**settings: object) -> Rig:
    """A grandmaster."""
    rig = Rig(gptp_capable_state_machines_enabled=False, settings={"priority1": 50}, **settings)
    rig.run(3)
    assert rig.port.state is PortState.MASTER
    return rig


class TestMeasurement:
    def test_it_is_local_minus_grandmaster_at_the_same_instant(self) -> None:
        rig = following(link_delay_ns=400)
        rig.syncs(1)
        (measurement,) = rig.measurements
        true = int(rig.local(rig.now)) - int(rig.neighbor_time(rig.now))
        assert interval_to_ns(measurement.offset_from_master - true) == pytest.approx(0, abs=1)
        assert interval_to_ns(measurement.mean_delay) == pytest.approx(400, abs=1)
        assert measurement.log_sync_interval == -3

    def test_a_corrected_follow_up_of_a_relay_counts_with_its_rate(self) -> None:
        rig = following()
        rig.syncs(1, information=FollowUpInformation(cumulative_scaled_rate_offset=round(20e-6 * RATE_ONE)))
        expected = 20e-6 + rig.link.neighbor_rate_ratio - 1
        assert rig.instance.parent_ds.cumulative_rate_ratio - 1 == pytest.approx(expected, abs=1e-11)

    def test_delay_asymmetry_makes_the_way_longer(self) -> None:
        rig, straight = following(link={"delay_asymmetry": interval_from_ns(50)}), following()
        for each in (rig, straight):
            each.syncs(1)
        difference = rig.measurements[0].offset_from_master - straight.measurements[0].offset_from_master
        assert interval_to_ns(difference) == pytest.approx(-50, abs=0.1)

    def test_a_follow_up_may_overtake_its_sync(self) -> None:
        rig = following()
        origin, fraction = whole_ns(rig.neighbor_time(rig.now - rig.link_delay))
        header = rig.header(sequence_id=4, log_message_interval=-3)
        information = (FollowUpInformation(),)
        rig.receive(
            FollowUp(precise_origin_timestamp=origin, correction_field=fraction, tlvs=information, **header),
            stamped=False,
        )
        rig.receive(Sync(flag_field=Flag.TWO_STEP, **header), stamped=True)
        assert len(rig.measurements) == 1

    def test_one_step_syncs_are_understood(self) -> None:
        rig = following()
        origin, fraction = whole_ns(rig.neighbor_time(rig.now - rig.link_delay))
        header = rig.header(sequence_id=4, log_message_interval=-3)
        information = (FollowUpInformation(),)
        rig.receive(Sync(origin_timestamp=origin, correction_field=fraction, tlvs=information, **header), stamped=True)
        (measurement,) = rig.measurements
        true = int(rig.local(rig.now)) - int(rig.neighbor_time(rig.now))
        assert interval_to_ns(measurement.offset_from_master - true) == pytest.approx(0, abs=1)

    def test_a_neighbour_that_starts_anew_soon_is_followed_at_once(self) -> None:
        rig = following()
        for number in (*range(12), *range(12)):
            rig.run(1)
            rig.announces()
            rig.syncs(number, log_message_interval=0)
            if number == 11:
                rig.run(3)
                rig.announces()
        assert len(rig.measurements) >= 23


class TestWhatIsNoUse:
    def test_a_sync_without_follow_up_within_an_interval(self) -> None:
        rig = following()
        rig.syncs(1, follow_up=False)
        rig.run(0.2)
        assert rig.port.counters.discarded["no Follow_Up within a Sync interval"] == 1
        rig.syncs(2)
        assert len(rig.measurements) == 1

    @pytest.mark.parametrize("wrong", [{"sequence_id": 9}, {"source_port_identity": STRANGER}])
    def test_a_follow_up_of_another_sync(self, wrong: dict[str, object]) -> None:
        rig = following()
        rig.syncs(1, follow_up=False)
        header = rig.header(sequence_id=1, log_message_interval=-3) | wrong
        rig.receive(FollowUp(tlvs=(FollowUpInformation(),), **header), stamped=False)
        assert rig.measurements == []
        assert rig.port.counters.discarded["of another sequenceId or port than the Sync"] == 1

    def test_a_follow_up_without_its_tlv(self) -> None:
        rig = following()
        rig.syncs(1, follow_up=False)
        rig.receive(FollowUp(**rig.header(sequence_id=1)), stamped=False)
        assert rig.port.counters.discarded["no Follow_Up information TLV"] == 1

    def test_gptp_com_c_15_8_a_sync_of_a_source_port_identity_that_did_not_announce(self) -> None:
        rig = following()
        rig.syncs(1, source=STRANGER)
        assert rig.measurements == []
        assert rig.port.counters.discarded["Sync: its sender is not the one that announced the grandmaster"] == 1

    def test_a_sync_before_the_port_is_capable(self) -> None:
        rig = Rig()
        rig.syncs(1)
        assert rig.measurements == []
        assert rig.port.counters.discarded["the port is not asCapable"] == 2

    def test_a_correction_that_overflowed(self) -> None:
        rig = following()
        header = rig.header(sequence_id=1, log_message_interval=-3)
        rig.receive(Sync(flag_field=Flag.TWO_STEP, correction_field=(1 << 63) - 1, **header), stamped=True)
        rig.receive(FollowUp(tlvs=(FollowUpInformation(),), **header), stamped=False)
        assert rig.measurements == []
        assert rig.port.counters.discarded["correctionField overflow"] == 1

    def test_a_sync_under_way_when_the_clock_was_stepped(self) -> None:
        rig = following()
        rig.syncs(1, follow_up=False)
        rig.take(rig.instance.clock_stepped(SECOND, rig.local(rig.now), rig.now))
        rig.receive(FollowUp(tlvs=(FollowUpInformation(),), **rig.header(sequence_id=1)), stamped=False)
        assert rig.measurements == []

    @pytest.mark.parametrize("log_interval", [-128, 127])
    def test_no_interval_that_is_told_upsets_the_timers(self, log_interval: int) -> None:
        rig = following()
        rig.syncs(1, log_message_interval=log_interval)
        rig.announces(log_message_interval=log_interval)
        rig.run(1)


class TestSilence:
    def test_syncs_that_stop_age_the_grandmaster_after_three_intervals(self) -> None:
        rig = following()
        for number in range(8):
            rig.run(0.125)
            rig.syncs(number)
        rig.run(0.36)
        assert rig.port.state is PortState.SLAVE
        rig.run(0.03)
        assert rig.port.state is PortState.MASTER
        (aged,) = rig.events_of(InformationAged)
        assert (aged.what, aged.timeout_s) == ("Sync", 0.375)

    def test_announces_that_stop_age_it_after_three_of_theirs(self) -> None:
        rig = following()
        for number in range(26):
            rig.run(0.125)
            if rig.port.state is PortState.SLAVE:
                rig.syncs(number)
        (aged,) = rig.events_of(InformationAged)
        assert (aged.what, aged.timeout_s) == ("Announce", 3.0)

    def test_a_new_parent_has_a_while_for_its_first_sync(self) -> None:
        rig = following()
        for _ in range(2):
            rig.run(1)
            rig.announces()
        assert rig.port.state is PortState.SLAVE
        rig.run(1.1)
        assert rig.events_of(InformationAged)[0].what == "Sync"


class TestGrandmaster:
    def test_gptp_com_c_14_2_its_correction_holds_less_than_a_nanosecond(self) -> None:
        rig = serving()
        rig.now += 777
        rig.run(1)
        follow_ups = rig.sent_of(FollowUp)
        assert len(follow_ups) >= 8
        assert all(0 <= follow_up.correction_field < 1 << 16 for follow_up in follow_ups)

    def test_its_syncs_tell_when_they_left(self) -> None:
        rig = serving()
        times = {message.sequence_id: at for at, message in rig.sent if isinstance(message, Sync)}
        for follow_up in rig.sent_of(FollowUp):
            left = int(follow_up.precise_origin_timestamp) + follow_up.correction_field
            assert left == int(times[follow_up.sequence_id])

    def test_gptp_com_c_12_05_messages_say_that_the_time_is_tai(self) -> None:
        rig = serving()
        messages = [message for _, message in rig.sent if isinstance(message, Sync | FollowUp | Announce)]
        assert len({type(message) for message in messages}) == 3
        assert all(message.ptp_timescale for message in messages)

    def test_syncs_go_at_the_interval(self) -> None:
        rig = serving(log_sync_interval=-2)
        since = rig.now
        rig.run(4)
        times = [at for at, message in rig.sent if isinstance(message, Sync) and at > since]
        assert {(later - earlier) / SECOND for earlier, later in pairwise(times)} == {0.25}

    def test_each_sync_has_its_follow_up_with_the_tlv(self) -> None:
        rig = serving()
        assert [m.sequence_id for m in rig.sent_of(Sync)] == [m.sequence_id for m in rig.sent_of(FollowUp)]
        assert all(isinstance(follow_up.tlvs[0], FollowUpInformation) for follow_up in rig.sent_of(FollowUp))

    def test_one_that_sends_in_one_step_needs_no_follow_ups(self) -> None:
        rig = serving(two_step_flag=False)
        (*_, sync) = rig.sent_of(Sync)
        assert not sync.two_step_flag
        assert isinstance(sync.tlvs[0], FollowUpInformation)
        assert rig.sent_of(FollowUp) == []

    def test_it_sends_in_one_step_once_the_neighbour_says_that_it_can_take_that(self) -> None:
        rig = serving(two_step_flag=False, one_step_on_request=True)
        assert {sync.two_step_flag for sync in rig.sent_of(Sync)} == {True}
        assert not rig.port.port_ds.one_step_tx_oper
        for capable in (True, False):
            rig.run(0.01)
            since = rig.now
            rig.receive(Signaling(**rig.header(), tlvs=(asks(one_step=capable),)), stamped=False)
            rig.run(1)
            told = rig.events_of(OneStepTxOperChanged)[-1]
            assert told.one_step_tx_oper is rig.port.port_ds.one_step_tx_oper is capable
            assert {sync.two_step_flag for sync in rig.sent_of(Sync, since=since)} == {not capable}
            assert bool(rig.sent_of(FollowUp, since=since)) is not capable

    @pytest.mark.parametrize(
        ("settings", "minor_version"),
        [
            ({"two_step_flag": True}, 1),
            ({"two_step_flag": False, "one_step_on_request": True}, 0),
            ({"two_step_flag": False, "one_step_on_request": True, "interval_request_edition": "2011"}, 1),
        ],
    )
    def test_it_stays_at_two_steps_where_it_cannot_or_nobody_of_that_edition_asks(
        self, settings: dict[str, Any], minor_version: int
    ) -> None:
        rig = serving(**settings)
        header = rig.header() | {"minor_version_ptp": minor_version}
        rig.receive(Signaling(**header, tlvs=(asks(one_step=True),)), stamped=False)
        rig.run(1)
        assert {sync.two_step_flag for sync in rig.sent_of(Sync)} == {True}

    def test_after_the_link_was_down_it_waits_for_the_word_again(self) -> None:
        rig = serving(two_step_flag=False, one_step_on_request=True)
        rig.receive(Signaling(**rig.header(), tlvs=(asks(one_step=True),)), stamped=False)
        assert rig.port.port_ds.one_step_tx_oper
        rig.take(rig.instance.link_changed(1, False, rig.now))
        assert not rig.port.port_ds.one_step_tx_oper

    def test_a_lost_stamp_costs_one_follow_up(self) -> None:
        rig = serving()
        rig.loses_stamps, since = True, rig.now
        rig.run(0.13)
        rig.loses_stamps = False
        rig.run(1)
        syncs, follow_ups = rig.sent_of(Sync, since=since), rig.sent_of(FollowUp, since=since)
        assert 1 <= len(syncs) - len(follow_ups) <= 2

    def test_a_step_of_its_clock_is_a_new_time_base_for_all(self) -> None:
        rig = serving()
        rig.take(rig.instance.clock_stepped(5 * MILLISECOND, rig.local(rig.now), rig.now))
        rig.run(0.5)
        (event,) = rig.events_of(GmTimeBaseChanged)
        assert (event.port_number, event.gm_time_base_indicator, event.last_gm_phase_change_ns) == (0, 1, 5e6)
        (*_, follow_up) = rig.sent_of(FollowUp)
        assert follow_up.tlvs[0] == FollowUpInformation(0, 1, 5 * MILLISECOND, 0)

    def test_who_takes_over_tells_by_how_much_the_time_jumps(self) -> None:
        rig = following(settings={"priority1": 200})
        for number in range(8):
            rig.run(0.125)
            rig.syncs(number)
        offset = rig.measurements[-1].offset_from_master
        rig.run(2)
        assert rig.port.state is PortState.MASTER
        (*_, follow_up) = rig.sent_of(FollowUp)
        told = follow_up.tlvs[0]
        assert isinstance(told, FollowUpInformation)
        assert told.last_gm_phase_change == offset
        assert told.scaled_last_gm_freq_change / RATE_ONE == pytest.approx(-8e-6, abs=1e-8)


def test_a_follower_says_when_its_grandmaster_has_a_new_time_base() -> None:
    rig = following()
    rig.syncs(1)
    rig.syncs(2, information=FollowUpInformation(0, 1, 7 * MILLISECOND, round(3e-6 * RATE_ONE)))
    (event,) = rig.events_of(GmTimeBaseChanged)
    assert (event.port_number, event.last_gm_phase_change_ns) == (1, 7e6)
    assert event.last_gm_freq_change_ppm == pytest.approx(3)
    assert rig.instance.current_ds.gm_timebase_indicator == 1


def test_the_first_grandmaster_is_this_system() -> None:
    rig = Rig()
    assert rig.events_of(GrandmasterSelected)[0].grandmaster_identity == OWN


def test_a_grandmaster_on_another_timescale_is_told_as_such() -> None:
    properties = replace(Rig().instance.time_properties_ds, ptp_timescale=False)
    rig = Rig(gptp_capable_state_machines_enabled=False, settings={"priority1": 50, "time_properties": properties})
    rig.run(3)
    assert not any(message.ptp_timescale for message in (*rig.sent_of(Announce), *rig.sent_of(Sync)))


def test_a_port_without_link_is_locked_to_nobody_and_has_no_neighbour() -> None:
    rig = relay_rig()
    for number in range(20):
        rig.run(0.125)
        rig.syncs(number)
    assert rig.instance.ports[2].port_ds.sync_locked
    assert rig.port.port_ds.neighbor_port_identity == NEIGHBOR
    for number in (1, 2):
        rig.take(rig.instance.link_changed(number, False, rig.now))
    assert not rig.instance.ports[2].port_ds.sync_locked
    assert rig.port.port_ds.neighbor_port_identity is None


def test_a_grandmaster_has_no_offset_of_the_time_when_it_followed() -> None:
    rig = following()
    rig.syncs(1)
    assert rig.instance.current_ds.offset_from_master
    rig.run(10)
    assert rig.instance.is_grandmaster
    assert rig.instance.current_ds.offset_from_master == rig.instance.current_ds.mean_delay == 0
