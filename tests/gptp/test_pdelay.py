"""The peer delay and asCapable, and every way in which a neighbour may get it wrong.

Identifiers of the Avnu and UNH conformance lists stand where a test does what such a test is publicly known to do.
"""

from __future__ import annotations

from typing import Any

import pytest

from ptpstack.gptp.events import (
    AsCapableChanged,
    LinkCapabilityChanged,
    NeighborJumped,
    PdelayReqCeased,
    PdelayReqHurried,
)
from ptpstack.gptp.link_capability import Reason
from ptpstack.time import MICROSECOND, SECOND, interval_from_ns, interval_to_ns
from ptpstack.wire.messages import Announce, PdelayReq, PdelayResp, PdelayRespFollowUp, Sync
from ptpstack.wire.types import PortIdentity
from tests.gptp.rig import NEIGHBOR, OWN, STRANGER, Rig, Strategy, answers, nothing


def reason(rig: Rig) -> Reason:
    return rig.link.capability.reason


class TestMeasuring:
    def test_gptp_com_c_15_1_the_delay_is_right_within_a_nanosecond(self) -> None:
        rig = Rig(link_delay_ns=345.5)
        rig.run(10)
        assert interval_to_ns(rig.link.mean_link_delay) == pytest.approx(345.5, abs=1)

    def test_gptp_com_c_15_6_neighbor_prop_delay_is_by_the_neighbours_clock_whatever_its_rate(self) -> None:
        rig = Rig(neighbor_rate_ppm=-90, link_delay_ns=300)
        rig.run(10)
        assert interval_to_ns(rig.link.mean_link_delay) == pytest.approx(300, abs=1)
        assert rig.link.neighbor_rate_ratio == pytest.approx(1 - 90e-6, abs=1e-9)

    def test_gptp_com_c_15_2_sequence_ids_go_up_by_one(self) -> None:
        rig = Rig()
        rig.run(20)
        ids = [request.sequence_id for request in rig.sent_of(PdelayReq)]
        assert ids == list(range(len(ids)))

    def test_gptp_com_c_15_10_requests_go_at_the_interval(self) -> None:
        rig = Rig(link={"log_pdelay_req_interval": -2})
        rig.run(5)
        times = list(rig.times_of(PdelayReq))
        assert times == pytest.approx([number / 4 for number in range(21)])

    def test_gptp_com_c_15_9_nrr_valid_takes_two_exchanges(self) -> None:
        rig = Rig()
        rig.run(0.5)
        assert not rig.link.port_ds.is_measuring_delay
        assert not rig.link.as_capable_across_domains
        rig.run(1)
        assert rig.link.as_capable_across_domains

    def test_messages_go_to_the_group_with_the_header_of_the_standard(self) -> None:
        rig = Rig()
        rig.run(1)
        (request, *_) = rig.sent_of(PdelayReq)
        assert (request.sdo_id, request.minor_version_ptp, request.control_field) == (0x100, 1, 0)
        assert request.ptp_timescale

    def test_neighbours_of_2011_are_spoken_to_in_their_way(self) -> None:
        rig = Rig(link={"minor_version_number": 0})
        rig.run(1)
        (request, *_) = rig.sent_of(PdelayReq)
        assert (request.minor_version_ptp, request.control_field) == (0, 5)


class TestAnswering:
    def test_each_request_is_answered_in_two_steps(self) -> None:
        rig = Rig()
        request = PdelayReq(**rig.header(sequence_id=77))
        rig.receive(request, stamped=True)
        (response,), (follow_up,) = rig.sent_of(PdelayResp), rig.sent_of(PdelayRespFollowUp)
        assert response.two_step_flag
        assert response.sequence_id == follow_up.sequence_id == 77
        assert response.requesting_port_identity == follow_up.requesting_port_identity == NEIGHBOR

    def test_sub_nanoseconds_are_added(self) -> None:
        rig = Rig()
        rig.now += 0x1234
        rig.receive(PdelayReq(**rig.header()), stamped=True)
        (response,) = rig.sent_of(PdelayResp)
        assert int(response.request_receipt_timestamp) + response.correction_field == int(rig.now)

    def test_a_request_of_another_domain_is_not_answered(self) -> None:
        rig = Rig()
        rig.receive(PdelayReq(**(rig.header() | {"domain_number": 5})), stamped=True)
        rig.receive(PdelayReq(**(rig.header() | {"major_sdo_id": 0})), stamped=True)
        assert rig.sent_of(PdelayResp) == []

    def test_a_request_without_stamp_is_counted_and_not_answered(self) -> None:
        rig = Rig()
        rig.receive(PdelayReq(**rig.header()), stamped=False)
        assert rig.sent_of(PdelayResp) == []
        assert rig.port.counters.discarded["no receive stamp"] == 1


class TestAsCapable:
    def test_gptp_com_c_15_5_it_takes_the_link_and_the_neighbours_word(self) -> None:
        rig = Rig()
        rig.run(3)
        assert rig.link.as_capable_across_domains
        assert rig.events_of(AsCapableChanged)[-1].reason == "neighbor not gPTP-capable"
        rig.says_capable()
        assert rig.port.variables.as_capable
        assert rig.events_of(AsCapableChanged)[-1].reason == "capable"

    def test_the_neighbours_word_runs_out(self) -> None:
        rig = Rig()
        rig.becomes_capable()
        rig.run(9)
        assert not rig.port.variables.as_capable
        assert rig.events_of(AsCapableChanged)[-1].reason == "neighbor not gPTP-capable"

    def test_a_neighbour_of_2011_need_not_say_it_in_domain_0(self) -> None:
        rig = Rig(strategy=answers(minor_version_ptp=0))
        rig.run(3)
        assert rig.port.variables.as_capable
        assert rig.events_of(AsCapableChanged)[-1].reason == "neighbor of 2011"

    def test_a_neighbour_of_2011_is_not_capable_in_another_domain(self) -> None:
        rig = Rig(strategy=answers(minor_version_ptp=0), domain=1)
        rig.run(3)
        assert not rig.port.variables.as_capable

    def test_a_port_may_be_told_to_take_its_neighbour_for_capable(self) -> None:
        rig = Rig(gptp_capable_state_machines_enabled=False)
        rig.run(3)
        assert rig.port.variables.as_capable

    def test_a_delay_above_the_threshold_says_what_to_set(self) -> None:
        rig = Rig(link_delay_ns=2500)
        rig.run(3)
        assert not rig.link.as_capable_across_domains
        event = rig.events_of(LinkCapabilityChanged)[-1]
        assert event.reason == "delay above threshold"
        assert event.mean_link_delay_ns == pytest.approx(2500, abs=2)
        assert (event.mean_link_delay_thresh_ns, event.suggested_thresh_ns) == (800, 5000)
        assert "set mean_link_delay_thresh_ns = 5000" in str(event)

    def test_what_it_suggests_is_enough(self) -> None:
        rig = Rig(link_delay_ns=2500, link={"mean_link_delay_thresh": interval_from_ns(5000)})
        rig.run(3)
        assert rig.link.as_capable_across_domains

    def test_a_capable_link_may_miss_the_threshold_as_often_as_allowed(self) -> None:
        rig = Rig(link={"allowed_faults": 4})
        rig.becomes_capable()
        rig.link_delay = interval_from_ns(5000)
        times = []
        while rig.link.as_capable_across_domains:
            rig.run(1)
            times.append(rig.link.capability.detected_faults)
            assert len(times) < 30
        assert max(times) == 4

    def test_an_own_answer_is_a_loop(self) -> None:
        rig = Rig(strategy=answers(source=PortIdentity(OWN, 2)))
        rig.run(5)
        assert reason(rig) is Reason.OWN_CLOCK_ANSWERED

    def test_nothing_but_pdelay_and_its_word_is_sent_before(self) -> None:
        rig = Rig()
        rig.run(5)
        assert not rig.sent_of(Sync)
        assert not rig.sent_of(Announce)

    def test_a_link_that_was_down_begins_anew(self) -> None:
        rig = Rig()
        rig.becomes_capable()
        rig.take(rig.instance.link_changed(1, False, rig.now))
        assert not rig.port.variables.as_capable
        assert rig.events_of(AsCapableChanged)[-1].reason == "port disabled"
        rig.run(5)
        rig.take(rig.instance.link_changed(1, True, rig.now))
        rig.becomes_capable()


WRONG: dict[str, Strategy] = {
    "no response": nothing,
    "another sequenceId": answers(sequence_offset=1),
    "no follow-up": answers(follow_up=False),
    "later than the interval": answers(late=1.5),
}


class TestLostLateAndInvalid:
    """gPTP.com.c.15.3, gPTP.com.c.15.4."""

    @pytest.mark.parametrize("strategy", WRONG.values(), ids=WRONG)
    def test_a_neighbour_that_never_answers_well_is_not_capable(self, strategy: Strategy) -> None:
        rig = Rig(strategy=strategy)
        rig.run(15)
        assert not rig.link.as_capable_across_domains
        assert reason(rig) is Reason.NO_RESPONSE
        assert len(rig.sent_of(PdelayReq)) == 16  # asking goes on

    @pytest.mark.parametrize("strategy", WRONG.values(), ids=WRONG)
    def test_a_capable_one_may_fail_as_often_as_allowed(self, strategy: Strategy) -> None:
        rig = Rig(link={"allowed_lost_responses": 9}, gptp_capable_state_machines_enabled=False)
        rig.run(3.5)
        assert rig.port.variables.as_capable
        rig.strategy = strategy
        rig.run(9)
        assert rig.port.variables.as_capable
        rig.run(2)
        assert not rig.port.variables.as_capable
        assert rig.events_of(LinkCapabilityChanged)[-1].reason == "responses lost"

    @pytest.mark.parametrize("strategy", WRONG.values(), ids=WRONG)
    def test_it_recovers(self, strategy: Strategy) -> None:
        rig = Rig(strategy=strategy)
        rig.run(15)
        rig.strategy = answers()
        rig.run(4)
        assert rig.link.as_capable_across_domains

    def test_a_right_answer_after_a_wrong_one_counts(self) -> None:
        wrong, right = answers(sequence_offset=7), answers()
        rig = Rig(strategy=lambda bench, request: [*wrong(bench, request), *right(bench, request)])
        rig.run(5)
        assert rig.link.as_capable_across_domains
        assert rig.port.counters.discarded["of another sequenceId than the request, or late"] >= 5

    def test_answers_to_others_are_none_of_ours(self) -> None:
        rig = Rig(strategy=nothing)
        rig.run(0.1)
        rig.receive(PdelayResp(**rig.header(), requesting_port_identity=STRANGER), stamped=True)
        assert not rig.port.counters.discarded

    def test_a_lost_egress_stamp_is_not_the_neighbours_fault(self) -> None:
        rig = Rig(gptp_capable_state_machines_enabled=False)
        rig.run(3)
        rig.loses_stamps = True
        rig.run(30)
        assert rig.port.variables.as_capable
        assert rig.link.capability.lost_responses == 0

    def test_a_jumping_neighbour_is_noticed_and_measured_anew(self) -> None:
        rig = Rig(gptp_capable_state_machines_enabled=False)
        rig.run(5.5)
        rig.neighbor_ahead += SECOND // 3
        rig.run(1)
        assert rig.events_of(NeighborJumped)[-1].jump_ns == pytest.approx(1e9 / 3, rel=1e-3)
        assert not rig.link.port_ds.is_measuring_delay
        assert rig.port.variables.as_capable
        rig.run(3)
        assert rig.link.port_ds.is_measuring_delay
        assert interval_to_ns(rig.link.mean_link_delay) == pytest.approx(300, abs=2)

    def test_a_neighbour_that_jumps_always_is_not_capable_in_the_end(self) -> None:
        rig = Rig(gptp_capable_state_machines_enabled=False)
        rig.run(3)
        for _ in range(15):
            rig.neighbor_ahead += 3 * SECOND
            rig.run(1)
        assert not rig.port.variables.as_capable
        assert reason(rig) is Reason.RATE_RATIO_UNKNOWN

    def test_a_step_of_the_own_clock_is_no_jump_of_the_neighbour(self) -> None:
        rig = Rig(gptp_capable_state_machines_enabled=False)
        rig.run(3)
        rig.take(rig.instance.clock_stepped(SECOND, rig.local(rig.now), rig.now))
        rig.run(5)
        assert rig.events_of(NeighborJumped) == []
        assert rig.port.variables.as_capable


class TestHurry:
    """A neighbour that has just come is asked again soon (``pdelay_hurry.py``)."""

    HURRIED = pytest.approx([0, 1 / 32, 3 / 32, 7 / 32, 15 / 32, 31 / 32, 63 / 32, 95 / 32], abs=1e-3)

    @staticmethod
    def rig(**more: Any) -> Rig:
        return Rig(link={"log_pdelay_retry_interval": -5}, gptp_capable_state_machines_enabled=False, **more)

    def test_it_waits_twice_as_long_each_time_up_to_the_interval(self) -> None:
        rig = self.rig(strategy=nothing)
        rig.run(3.5)
        assert list(rig.times_of(PdelayReq)) == self.HURRIED
        assert len(rig.events_of(PdelayReqHurried)) == 5

    def test_a_request_that_had_less_than_the_interval_is_none_that_was_lost(self) -> None:
        rig = self.rig(strategy=nothing)
        rig.run(3.5)
        assert rig.link.capability.lost_responses == 2
        assert rig.port.counters.discarded["Pdelay_Req unanswered"] == 2

    def test_it_ends_with_the_first_delay_that_is_known(self) -> None:
        rig = self.rig(strategy=nothing)
        rig.run(0.05)
        rig.strategy = answers()
        rig.run(3)
        times = list(rig.times_of(PdelayReq))
        assert times == pytest.approx([0, 1 / 32, 3 / 32, 3 / 32 + 1, 3 / 32 + 2], abs=1e-3)
        assert interval_to_ns(rig.link.mean_link_delay) == pytest.approx(300, abs=2)

    def test_a_neighbour_that_answers_is_asked_at_the_interval(self) -> None:
        rig = self.rig()
        rig.run(3.5)
        assert list(rig.times_of(PdelayReq)) == pytest.approx([0, 1, 2, 3], abs=1e-3)
        assert not rig.events_of(PdelayReqHurried)

    @pytest.mark.parametrize("spoilt", ["own clock stepped", "egress stamp lost"])
    def test_what_this_system_spoils_is_asked_again_as_soon(self, spoilt: str) -> None:
        rig = self.rig()
        rig.take(rig.instance.link_changed(1, False, rig.now))
        rig.loses_stamps = spoilt == "egress stamp lost"
        rig.take(rig.instance.link_changed(1, True, rig.now))
        rig.loses_stamps = False
        if spoilt == "own clock stepped":
            rig.take(rig.instance.clock_stepped(SECOND, rig.local(rig.now), rig.now))
        rig.run(0.1)
        assert interval_to_ns(rig.link.mean_link_delay) == pytest.approx(300, abs=2)

    def test_a_link_that_comes_up_again_begins_anew(self) -> None:
        rig = self.rig(strategy=nothing)
        rig.run(10)
        for up in (False, True):
            rig.take(rig.instance.link_changed(1, up, rig.now))
        up_at = rig.now
        rig.run(0.3)
        assert len(rig.sent_of(PdelayReq, since=up_at)) == 4

    def test_several_answers_end_it_as_ever(self) -> None:
        several = TestSeveralResponders()
        rig = self.rig(strategy=several.several)
        rig.run(4)
        assert len(rig.events_of(PdelayReqCeased)) == 1
        rig.run(200)
        assert len(rig.sent_of(PdelayReq)) == 3


class TestSeveralResponders:
    """gPTP.com.c.15.7, gPTP.com.c.18.1."""

    def several(self, rig: Rig, request: PdelayReq) -> list[tuple[int, object, bool]]:
        other = [
            (after + 50 * MICROSECOND, message, stamped) for after, message, stamped in self.stranger(rig, request)
        ]
        return [*self.neighbor(rig, request), *other]

    neighbor = staticmethod(answers())
    stranger = staticmethod(answers(source=STRANGER))

    def test_after_three_in_a_row_no_request_goes_for_five_minutes(self) -> None:
        rig = Rig(strategy=self.several)
        rig.run(4)
        (ceased,) = rig.events_of(PdelayReqCeased)
        assert ceased.responders == (NEIGHBOR, STRANGER)
        assert reason(rig) is Reason.SEVERAL_NEIGHBORS
        asked = len(rig.sent_of(PdelayReq))
        assert asked == 3
        rig.strategy = answers()
        rig.run(298)
        assert len(rig.sent_of(PdelayReq)) == asked
        rig.run(5)
        assert len(rig.sent_of(PdelayReq)) > asked
        assert rig.link.as_capable_across_domains

    def test_a_link_that_was_down_ends_the_pause(self) -> None:
        rig = Rig(strategy=self.several)
        rig.run(5)
        rig.strategy = answers()
        rig.take(rig.instance.link_changed(1, False, rig.now))
        rig.take(rig.instance.link_changed(1, True, rig.now))
        rig.run(2)
        assert rig.link.as_capable_across_domains

    def test_two_in_a_row_are_forgiven(self) -> None:
        rig = Rig(strategy=self.several)
        rig.run(1.5)
        rig.strategy = answers()
        rig.run(5)
        assert rig.events_of(PdelayReqCeased) == []
        assert rig.link.as_capable_across_domains

    def test_nothing_is_measured_while_several_answer(self) -> None:
        rig = Rig(strategy=self.several)
        rig.run(2.5)
        assert not rig.link.as_capable_across_domains
