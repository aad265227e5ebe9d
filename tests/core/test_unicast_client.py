"""A slave that negotiates with the masters of its table."""

import pytest

from ptpstack.core.events import SignalFailed, SignalRestored
from ptpstack.core.unicast_contract import ContractState
from ptpstack.core.unicast_events import UnicastContractChanged, UnicastUnanswered
from ptpstack.engine.port_state import PortState
from ptpstack.wire.message import Flag
from ptpstack.wire.messages import Announce, DelayReq, Signaling
from ptpstack.wire.tlvs import AcknowledgeCancelUnicastTransmission, CancelUnicastTransmission
from ptpstack.wire.types import ALL_PORTS, ClockIdentity, PortIdentity
from tests.core.unicast_bench import (
    ANNOUNCE,
    DELAY_RESP,
    FIRST,
    FIRST_PORT,
    SECOND_MASTER,
    SECOND_PORT,
    SYNC,
    US,
    ClientBench,
    signaling,
)


def following(first: int = 6, second: int = 7) -> ClientBench:
    """A slave that follows the first master while the second announces too."""
    bench = ClientBench()
    for address in (FIRST, SECOND_MASTER):
        bench.grant(address, ANNOUNCE)
    for _ in range(2):
        bench.announce_from(FIRST, first)
        bench.announce_from(SECOND_MASTER, second)
        bench.run(0.5)
    assert bench.parent() == FIRST_PORT
    bench.serve(FIRST)
    for _ in range(4):
        bench.run(0.1)
        bench.sync_from(FIRST)
    bench.announce_from(FIRST, first)
    bench.announce_from(SECOND_MASTER, second)
    bench.instance.servo_locked(True, bench.now)
    assert bench.state() is PortState.SLAVE
    return bench


def test_announces_are_asked_of_every_master_and_nothing_else_yet() -> None:
    bench = ClientBench()
    assert bench.requests(FIRST) == bench.requests(SECOND_MASTER) == [ANNOUNCE]
    [first, _] = bench.sends(Signaling)
    assert first.message.target_port_identity == ALL_PORTS
    assert first.message.unicast_flag
    assert first.message.log_message_interval == 0x7F


def test_sync_and_delay_resp_are_asked_of_the_selected_master_alone() -> None:
    bench = following()
    assert bench.requests(FIRST) == [ANNOUNCE, SYNC, DELAY_RESP]
    assert bench.requests(SECOND_MASTER) == [ANNOUNCE]


def test_a_request_without_answer_is_repeated_less_and_less_often() -> None:
    bench = ClientBench()
    bench.run(40)
    assert 5 <= len(bench.requests(FIRST)) <= 8


def test_a_refusal_is_repeated_less_and_less_often_too() -> None:
    bench = ClientBench()
    for _ in range(40):
        if len(bench.requests(FIRST)) > len(bench.events(UnicastContractChanged)) // 2:
            bench.grant(FIRST, ANNOUNCE, duration_s=0)
        bench.run(1)
    assert 4 <= len(bench.requests(FIRST)) <= 9
    assert any(event.reason == "the master refuses" for event in bench.events(UnicastContractChanged))


def test_who_never_answers_is_told_once_and_a_refusal_is_an_answer() -> None:
    bench = ClientBench()
    bench.grant(SECOND_MASTER, ANNOUNCE, duration_s=0)
    for _ in range(60):
        bench.run(1)
        if bench.contract(SECOND_MASTER).state is ContractState.REQUESTED:
            bench.grant(SECOND_MASTER, ANNOUNCE, duration_s=0)
    [event] = bench.events(UnicastUnanswered)
    assert (event.address, event.requests, event.domain_number) == (FIRST, 3, 0)
    assert "does it serve by unicast" in str(event)


def test_contracts_are_renewed_before_they_expire() -> None:
    bench = following()
    before = bench.requests(FIRST)
    bench.announce_for(42, FIRST, SECOND_MASTER)
    assert set(bench.requests(FIRST)[len(before) :]) == {ANNOUNCE, SYNC, DELAY_RESP}
    bench.grant(FIRST, ANNOUNCE)
    for kind in (SYNC, DELAY_RESP):
        bench.grant(FIRST, kind, log=-4)
    bench.grant(SECOND_MASTER, ANNOUNCE)
    bench.announce_for(40, FIRST, SECOND_MASTER)
    assert bench.parent() == FIRST_PORT


def test_a_contract_that_is_not_renewed_expires_and_the_master_is_asked_anew() -> None:
    bench = following()
    bench.announce_for(70, FIRST, SECOND_MASTER)
    expired = [event for event in bench.events(UnicastContractChanged) if event.reason == "it expired"]
    assert {event.message for event in expired} >= {"ANNOUNCE", "SYNC"}


def test_delay_reqs_go_to_the_parent_by_unicast_once_answers_are_granted() -> None:
    bench = ClientBench()
    bench.grant(FIRST, ANNOUNCE)
    for _ in range(2):
        bench.announce_from(FIRST)
        bench.run(0.5)
    bench.grant(FIRST, SYNC, log=-4)
    bench.sync_from(FIRST)
    bench.run(0.5)
    assert bench.sends(DelayReq) == []
    bench.grant(FIRST, DELAY_RESP, log=-4)
    bench.sync_from(FIRST)
    bench.run(1)
    bench.sync_from(FIRST)
    bench.run(1)
    requests = bench.sends(DelayReq)
    assert 10 < len(requests) < 40
    assert {send.address for send in requests} == {FIRST}
    assert all(send.message.unicast_flag for send in requests)


def test_a_better_master_is_followed_only_when_it_serves() -> None:
    bench = following(first=7, second=7)
    for _ in range(2):
        bench.announce_from(SECOND_MASTER, 6)
        bench.announce_from(FIRST, 7)
        bench.sync_from(FIRST)
        bench.run(0.3)
    assert bench.requests(SECOND_MASTER) == [ANNOUNCE, SYNC, DELAY_RESP]
    assert bench.parent() == FIRST_PORT
    bench.grant(SECOND_MASTER, SYNC, log=-4)
    bench.grant(SECOND_MASTER, DELAY_RESP, log=-4)
    assert bench.parent() == FIRST_PORT
    assert bench.cancels(FIRST) == []
    bench.sync_from(SECOND_MASTER)
    assert bench.parent() == SECOND_PORT
    assert bench.cancels(FIRST) == [SYNC, DELAY_RESP]


def test_a_better_master_that_refuses_syncs_is_not_followed_and_tried_again_later() -> None:
    bench = following(first=7, second=7)
    bench.announce_from(SECOND_MASTER, 6)
    assert bench.requests(SECOND_MASTER) == [ANNOUNCE, SYNC, DELAY_RESP]
    bench.grant(SECOND_MASTER, SYNC, duration_s=0)
    [failed] = bench.events(SignalFailed)
    assert (failed.signal_fail, failed.reason) == ("unusable", "it refuses SYNC")
    for _ in range(9):
        bench.announce_from(FIRST, 7)
        bench.announce_from(SECOND_MASTER, 6)
        bench.sync_from(FIRST)
        bench.run(1)
    assert bench.parent() == FIRST_PORT
    assert bench.events(SignalRestored)
    bench.announce_from(SECOND_MASTER, 6)
    assert bench.requests(SECOND_MASTER)[-2:] == [SYNC, DELAY_RESP]


def test_a_master_whose_syncs_stop_is_left_for_the_next() -> None:
    bench = following()
    for _ in range(3):
        bench.announce_from(FIRST, 6)
        bench.announce_from(SECOND_MASTER, 7)
        bench.run(1)
    assert [event.signal_fail for event in bench.events(SignalFailed)] == ["lossSync"]
    assert bench.parent() == SECOND_PORT
    assert bench.requests(SECOND_MASTER)[:3] == [ANNOUNCE, SYNC, DELAY_RESP]


def test_a_master_that_dies_is_left_for_the_next_and_asked_anew() -> None:
    bench = following()
    asked = len(bench.requests(FIRST))
    for _ in range(5):
        bench.announce_from(SECOND_MASTER, 7)
        bench.sync_from(FIRST)
        bench.run(1)
    assert "lossAnnounce" in {event.signal_fail for event in bench.events(SignalFailed)}
    assert bench.parent() == SECOND_PORT
    assert ANNOUNCE in bench.requests(FIRST)[asked:]


def test_a_master_that_answers_no_delay_reqs_is_left_for_the_next() -> None:
    bench = following()
    for turn in range(40):
        if turn == 10:
            bench.answering = set()
        bench.announce_from(FIRST, 6)
        bench.announce_from(SECOND_MASTER, 7)
        bench.sync_from(FIRST)
        bench.run(0.1)
    assert [event.signal_fail for event in bench.events(SignalFailed)] == ["lossDelayResp"]
    assert bench.parent() == SECOND_PORT


def test_the_priority_of_a_row_goes_before_that_of_the_port() -> None:
    bench = ClientBench(priorities=(9, 3))
    for address in (FIRST, SECOND_MASTER):
        bench.grant(address, ANNOUNCE)
    for _ in range(2):
        bench.announce_from(FIRST)
        bench.announce_from(SECOND_MASTER)
        bench.run(0.5)
    bench.announce_from(SECOND_MASTER)
    bench.serve(SECOND_MASTER)
    assert bench.parent() == SECOND_PORT


def test_by_quality_level_the_better_level_wins_and_then_the_rank() -> None:
    for classes, ranks, wins in (((84, 96), (9, 3), FIRST_PORT), ((84, 84), (9, 3), SECOND_PORT)):
        bench = ClientBench(priorities=ranks, by_quality_level=True)
        for address in (FIRST, SECOND_MASTER):
            bench.grant(address, ANNOUNCE)
        for _ in range(3):
            bench.announce_from(FIRST, classes[0])
            bench.announce_from(SECOND_MASTER, classes[1])
            bench.run(0.3)
        bench.serve(FIRST)
        bench.serve(SECOND_MASTER)
        assert bench.parent() == wins


@pytest.mark.parametrize("clock_class", [6, 110, 248, 255])
def test_by_quality_level_who_names_no_usable_one_is_nobody(clock_class: int) -> None:
    bench = ClientBench(priorities=(1, 2), by_quality_level=True)
    bench.grant(FIRST, ANNOUNCE)
    for _ in range(4):
        bench.announce_from(FIRST, clock_class)
        bench.run(0.5)
    assert bench.state() is PortState.LISTENING
    assert any("quality level" in reason for reason in bench.instance.ports[1].counters.discarded)


def test_an_announce_from_an_address_that_is_not_in_the_table_is_dropped() -> None:
    bench = ClientBench()
    for _ in range(4):
        bench.receive(bench.from_master(Announce, FIRST_PORT, flag_field=Flag.UNICAST), address="10.9.9.9")
        bench.run(0.5)
    assert bench.instance.ports[1].counters.discarded["its sender is not in the unicast master table"] == 4
    assert bench.state() is PortState.LISTENING


def test_a_cancellation_by_the_master_is_acknowledged_and_the_next_is_taken() -> None:
    bench = following()
    bench.receive(signaling(FIRST_PORT, CancelUnicastTransmission(SYNC), target=US), address=FIRST)
    assert [tlv.message_type for tlv in bench.asked(AcknowledgeCancelUnicastTransmission, FIRST)] == [SYNC]
    assert [event.signal_fail for event in bench.events(SignalFailed)] == ["unusable"]
    assert bench.parent() == SECOND_PORT


def test_a_cancellation_that_keeps_the_grant_changes_nothing() -> None:
    bench = following()
    keep = CancelUnicastTransmission(SYNC, flags=2)
    bench.receive(signaling(FIRST_PORT, keep, target=US), address=FIRST)
    assert bench.parent() == FIRST_PORT
    assert bench.events(SignalFailed) == []


@pytest.mark.parametrize(
    ("sender", "address"), [(FIRST_PORT, "10.9.9.9"), (PortIdentity(ClockIdentity(b"liar\0\0\0\0"), 1), "10.9.9.9")]
)
def test_a_cancellation_from_elsewhere_is_no_cancellation(sender: PortIdentity, address: str) -> None:
    bench = following()
    bench.receive(signaling(sender, CancelUnicastTransmission(SYNC), target=US), address=address)
    assert bench.asked(AcknowledgeCancelUnicastTransmission) == []
    assert bench.parent() == FIRST_PORT


def test_a_grant_for_another_port_is_not_ours() -> None:
    bench = ClientBench()
    stranger = PortIdentity(US.clock_identity, 2)
    bench.receive(signaling(FIRST_PORT, target=stranger), address=FIRST)
    assert bench.instance.ports[1].counters.discarded["for another port"] == 1


def test_what_is_granted_too_late_is_cancelled() -> None:
    bench = following()
    bench.grant(SECOND_MASTER, SYNC, log=-4)
    assert bench.cancels(SECOND_MASTER) == [SYNC]
    bench.receive(signaling(SECOND_PORT, AcknowledgeCancelUnicastTransmission(SYNC), target=US), address=SECOND_MASTER)
    bench.announce_for(4, FIRST, SECOND_MASTER)
    assert bench.cancels(SECOND_MASTER) == [SYNC]


def test_a_cancellation_without_acknowledgement_is_repeated_twice_and_no_more() -> None:
    bench = following()
    bench.grant(SECOND_MASTER, SYNC, log=-4)
    bench.announce_for(20, FIRST, SECOND_MASTER)
    assert bench.cancels(SECOND_MASTER) == [SYNC, SYNC, SYNC]


@pytest.mark.parametrize("log", [-128, -11, 11, 127])
def test_a_grant_of_an_absurd_rate_is_a_refusal(log: int) -> None:
    bench = ClientBench()
    bench.grant(FIRST, ANNOUNCE, log=log)
    [_, change] = [e for e in bench.events(UnicastContractChanged) if e.address == FIRST]
    assert change.new_state == "waiting"
    assert f"2^{log}" in change.reason


def test_a_granted_rate_other_than_the_wished_one_holds() -> None:
    bench = ClientBench()
    bench.grant(FIRST, ANNOUNCE, log=-2)
    assert bench.instance.ports[1].port_ds.log_announce_interval == -2


def test_when_the_port_is_shut_the_masters_are_told() -> None:
    bench = following()
    bench.outputs.clear()
    bench.outputs += bench.instance.stop(bench.now)
    assert bench.cancels(FIRST) == [ANNOUNCE, SYNC, DELAY_RESP]
    assert bench.cancels(SECOND_MASTER) == [ANNOUNCE]
    assert bench.instance.next_deadline() is None


def test_after_a_link_failure_everything_is_asked_anew() -> None:
    bench = following()
    bench.instance.link_changed(1, False, bench.now)
    bench.run(30)
    bench.outputs.clear()
    bench.outputs += bench.instance.link_changed(1, True, bench.now)
    assert bench.requests(FIRST) == bench.requests(SECOND_MASTER) == [ANNOUNCE]


def test_two_addresses_of_one_clock_do_not_make_it_unknown() -> None:
    bench = following()
    client = bench.instance.ports[1].negotiation.client
    client.hears(ANNOUNCE, FIRST_PORT, SECOND_MASTER, bench.now)  # now both addresses are the first clock's
    client.hears(ANNOUNCE, SECOND_PORT, FIRST, bench.now)
    assert client.masters.named(FIRST_PORT).address == SECOND_MASTER
    assert client.masters.named(SECOND_PORT).address == FIRST


def test_a_grant_that_is_not_wanted_any_more_changes_no_interval() -> None:
    bench = following()
    before = bench.instance.ports[1].port_ds.log_sync_interval
    bench.grant(SECOND_MASTER, SYNC, log=before - 2)
    assert bench.instance.ports[1].port_ds.log_sync_interval == before
    bench.grant(FIRST, SYNC, log=before - 2)
    assert bench.instance.ports[1].port_ds.log_sync_interval == before - 2
