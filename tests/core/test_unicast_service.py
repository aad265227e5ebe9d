"""A grandmaster that grants unicast messages: to whom, how often, for how long, and what it sends then."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.core.unicast_events import UnicastGranted, UnicastGrantEnded, UnicastRefused, UnicastServiceStopped
from ptpstack.core.unicast_schedule import Schedule
from ptpstack.core.unicast_service import CLIENTS_PER_ADDRESS, TLVS_PER_SECOND, VOID_TOLERATED
from ptpstack.engine.port_state import PortState
from ptpstack.engine.unicast_slot import Grant
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime
from ptpstack.wire.message import Flag
from ptpstack.wire.messages import Announce, DelayReq, DelayResp, FollowUp, Signaling, Sync
from ptpstack.wire.tlvs import (
    AcknowledgeCancelUnicastTransmission,
    CancelUnicastTransmission,
    RequestUnicastTransmission,
)
from ptpstack.wire.types import MessageType, PortIdentity
from tests.core.unicast_bench import (
    ANNOUNCE,
    DELAY_RESP,
    FIRST_PORT,
    SECOND_PORT,
    SYNC,
    US,
    ServiceBench,
    client_identity,
    signaling,
)

NOW = MonotonicTime(1000 * SECOND)
HERE, ELSEWHERE = "10.0.0.9", "10.0.0.8"


def ask_all(bench: ServiceBench, log: int = -3, **who: Any) -> None:
    for kind in (ANNOUNCE, SYNC, DELAY_RESP):
        assert bench.ask(kind, log=log, **who).duration_field == 60


def delay_req(sender: PortIdentity = FIRST_PORT, **fields: Any) -> DelayReq:
    return DelayReq(source_port_identity=sender, **({"flag_field": Flag.UNICAST} | fields))


def test_a_grant_repeats_the_request_and_invites_to_renew_it() -> None:
    bench = ServiceBench()
    grant = bench.ask(ANNOUNCE, log=1, duration_s=77)
    assert (grant.message_type, grant.log_inter_message_period, grant.duration_field) == (ANNOUNCE, 1, 77)
    assert grant.renewal_invited
    [event] = bench.events(UnicastGranted)
    assert (event.address, event.port_identity, event.message, event.duration_s) == (HERE, FIRST_PORT, "ANNOUNCE", 77)


def test_what_is_granted_is_sent_at_its_rate_to_the_client_alone() -> None:
    bench = ServiceBench()
    ask_all(bench)
    bench.run(10)
    for kind in (Announce, Sync):
        sends = bench.sends(kind)
        assert abs(len(sends) - 80) <= 1
        assert {send.address for send in sends} == {HERE}
        assert all(send.message.unicast_flag and send.message.log_message_interval == 0x7F for send in sends)
        numbers = [send.message.sequence_id for send in sends]
        assert numbers == list(range(len(sends)))


def test_the_groups_hear_nothing_where_communication_is_unicast() -> None:
    bench = ServiceBench()
    ask_all(bench)
    bench.run(4)
    assert all(send.address is not None for kind in (Announce, Sync) for send in bench.sends(kind))


def test_with_multicast_both_are_served() -> None:
    bench = ServiceBench(multicast=True)
    ask_all(bench)
    bench.run(4)
    assert {send.address for send in bench.sends(Sync)} == {None, HERE}


def test_a_follow_up_goes_where_its_sync_went() -> None:
    bench = ServiceBench()
    ask_all(bench)
    bench.run(1)
    sync = bench.sends(Sync)[0]
    bench.stamp(sync, 5 * NANOSECOND)
    [follow_up] = bench.sends(FollowUp)
    assert follow_up.address == HERE
    assert follow_up.message.unicast_flag
    assert follow_up.message.sequence_id == sync.message.sequence_id
    assert int(follow_up.message.precise_origin_timestamp) == 5 * NANOSECOND


def test_a_one_step_sync_needs_no_follow_up() -> None:
    bench = ServiceBench(port={"two_step_flag": False})
    ask_all(bench)
    bench.run(1)
    syncs = bench.sends(Sync)
    assert len(syncs) >= 7
    assert all(send.context is None and send.address == HERE and not send.message.two_step_flag for send in syncs)


def test_a_delay_req_is_answered_only_where_answers_are_granted() -> None:
    bench = ServiceBench()
    bench.receive(delay_req(), 1000, address=HERE)
    assert bench.sends(DelayResp) == []
    bench.ask(DELAY_RESP)
    bench.receive(delay_req(sequence_id=7), 1000, address=HERE)
    [answer] = bench.sends(DelayResp)
    assert answer.address == HERE
    assert answer.message.sequence_id == 7
    assert answer.message.log_message_interval == 0x7F
    bench.receive(delay_req(), 1000, address=ELSEWHERE)
    bench.receive(delay_req(SECOND_PORT), 1000, address=HERE)
    assert len(bench.sends(DelayResp)) == 1


@pytest.mark.parametrize(("slots", "at_once"), [(64, 2), (128, 1), (1024, 1)])
def test_clients_of_one_rate_are_spread_over_the_interval(slots: int, at_once: int) -> None:
    bench = ServiceBench(slots_per_second=slots)
    for number in range(32):
        bench.ask(SYNC, log=-2, sender=client_identity(number), address=f"10.0.1.{number}")
    bench.run(1)
    bench.outputs.clear()
    counts = []
    for _ in range(slots // 4):
        before = len(bench.sends(Sync))
        bench.run(1 / slots)
        counts.append(len(bench.sends(Sync)) - before)
    assert sum(counts) == 32
    assert max(counts) == at_once


def test_clients_meet_in_a_slot_until_it_is_full_then_in_the_emptiest() -> None:
    schedule = Schedule(slots_per_second=4, together=2)
    for number in range(11):
        grant = Grant(HERE, client_identity(number), SYNC, log_interval=0, expires=NOW)
        schedule.add(grant, NOW)
        due = [slot for _, slot in schedule.take_due(NOW)]
        assert due == []
    sizes = [len(slot.grants) for _, slot in schedule.take_due(MonotonicTime(NOW + SECOND))]
    assert sorted(sizes) == [2, 3, 3, 3]
    few = Schedule(slots_per_second=4, together=2)
    for number in range(3):
        few.add(Grant(HERE, client_identity(number), SYNC, log_interval=0, expires=NOW), NOW)
    assert [len(slot.grants) for _, slot in few.take_due(MonotonicTime(NOW + SECOND))] == [2, 1]


def test_a_grant_expires_and_what_was_renewed_goes_on() -> None:
    bench = ServiceBench()
    bench.ask(ANNOUNCE, duration_s=20)
    bench.ask(ANNOUNCE, duration_s=20, sender=SECOND_PORT, address=ELSEWHERE)
    bench.run(15)
    bench.ask(ANNOUNCE, duration_s=20)
    bench.run(10)
    [ended] = bench.events(UnicastGrantEnded)
    assert (ended.address, ended.reason) == (ELSEWHERE, "it expired")
    bench.outputs.clear()
    bench.run(5)
    assert {send.address for send in bench.sends(Announce)} == {HERE}
    bench.run(20)
    assert bench.clients() == 0
    assert bench.instance.next_deadline() is None


def test_a_grant_renewed_for_a_shorter_time_ends_with_that() -> None:
    bench = ServiceBench()
    bench.ask(ANNOUNCE, duration_s=100)
    bench.ask(ANNOUNCE, duration_s=10)
    bench.run(11)
    assert [ended.reason for ended in bench.events(UnicastGrantEnded)] == ["it expired"]
    assert bench.clients() == 0


def test_a_change_of_rate_keeps_counting_the_messages() -> None:
    bench = ServiceBench()
    bench.ask(SYNC, log=0)
    bench.run(4)
    bench.ask(SYNC, log=-3)
    bench.run(2)
    numbers = [send.message.sequence_id for send in bench.sends(Sync)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 15


def test_more_time_than_is_allowed_is_cut() -> None:
    assert ServiceBench(max_duration_s=120).ask(ANNOUNCE, duration_s=3600).duration_field == 120


REFUSED = {
    "too often, Announce": ({"kind": ANNOUNCE, "log": -4}, "more often than every 2^-3 s"),
    "too often, Sync": ({"kind": SYNC, "log": -8}, "more often than every 2^-7 s"),
    "absurdly often": ({"kind": SYNC, "log": -128}, "more often than every 2^-7 s"),
    "absurdly seldom": ({"kind": SYNC, "log": 127}, "less often than every 2^10 s"),
    "no time": ({"kind": SYNC, "duration_s": 0}, "asked for no time"),
    "peer delay": ({"kind": MessageType.PDELAY_RESP}, "this type of message is not served by unicast"),
    "Follow_Up": ({"kind": MessageType.FOLLOW_UP}, "this type of message is not served by unicast"),
    "no message": ({"kind": 0xF}, "this type of message is not served by unicast"),
    "not allowed": ({"kind": SYNC, "address": "10.1.0.1"}, "the address is not in allow"),
    "not an address": ({"kind": SYNC, "address": "aa:bb:cc:00:00:01"}, "the address is not in allow"),
}


@pytest.mark.parametrize(("asked", "reason"), REFUSED.values(), ids=REFUSED)
def test_each_limit_refuses_with_its_reason(asked: dict[str, Any], reason: str) -> None:
    bench = ServiceBench(allow=("10.0.0.0/24", "fd00::/8", "02:00:00:00:00:01"))
    kind = asked.pop("kind")
    grant = bench.ask(kind, **asked)
    assert grant.duration_field == 0
    assert not grant.renewal_invited
    [event] = bench.events(UnicastRefused)
    assert event.reason == reason
    assert bench.clients() == 0


@pytest.mark.parametrize("address", ["10.0.0.77", "fd00::5", "02:00:00:00:00:01"])
def test_who_is_allowed_is_served(address: str) -> None:
    bench = ServiceBench(allow=("10.0.0.0/24", "fd00::/8", "02:00:00:00:00:01"))
    assert bench.ask(SYNC, address=address).duration_field == 60


def test_a_port_that_is_no_master_yet_refuses() -> None:
    bench = ServiceBench(wait=False)
    assert bench.state() is PortState.LISTENING
    assert bench.ask(ANNOUNCE).duration_field == 0
    assert bench.events(UnicastRefused)[0].reason == "this port is not a master, it is LISTENING"


def test_a_full_service_refuses_strangers_and_keeps_its_clients() -> None:
    bench = ServiceBench(max_clients=3)
    for number in range(3):
        assert bench.ask(SYNC, address=f"10.0.0.{number}", sender=client_identity(number)).duration_field
    assert bench.ask(SYNC, address="10.0.0.7", sender=client_identity(7)).duration_field == 0
    assert bench.ask(SYNC, address="10.0.0.1", sender=client_identity(1)).duration_field == 60
    assert bench.ask(ANNOUNCE, address="10.0.0.1", sender=client_identity(1)).duration_field == 60


def test_the_messages_granted_together_are_bounded() -> None:
    bench = ServiceBench(max_messages_per_second=40)
    assert bench.ask(SYNC, log=-4).duration_field == 60
    assert bench.ask(DELAY_RESP, log=-4).duration_field == 0
    assert bench.ask(SYNC, log=-4).duration_field == 60
    assert bench.ask(DELAY_RESP, log=-3).duration_field == 60


def test_one_address_cannot_take_all_places_by_making_up_names() -> None:
    bench = ServiceBench()
    for number in range(CLIENTS_PER_ADDRESS + 8):
        bench.run(0.1)
        bench.ask(SYNC, sender=client_identity(number))
    assert bench.clients() == CLIENTS_PER_ADDRESS
    assert bench.ask(SYNC, address=ELSEWHERE, sender=client_identity(1)).duration_field == 60


def test_a_flood_of_requests_gets_no_answers_and_harms_nobody_else() -> None:
    bench = ServiceBench()
    for number in range(1000):
        bench.receive(signaling(client_identity(number), cancel()), address=HERE)
    assert len(bench.sends(Signaling)) == TLVS_PER_SECOND
    assert bench.ask(SYNC, address=ELSEWHERE).duration_field == 60
    bench.run(1.1)
    assert bench.ask(SYNC).duration_field == 60


def test_many_requests_in_one_message_are_a_flood_as_well() -> None:
    bench = ServiceBench()
    wishes = [RequestUnicastTransmission(SYNC, -2, 60)] * (TLVS_PER_SECOND // 2 + 1)
    for _ in range(3):
        bench.receive(signaling(FIRST_PORT, *wishes), address=HERE)
    assert len(bench.sends(Signaling)) == 1


def test_a_client_that_changes_its_mind_for_ever_costs_no_memory() -> None:
    bench = ServiceBench()
    for number in range(40):
        wishes = [RequestUnicastTransmission(SYNC, -(other % 2), 1000) for other in range(80)]
        bench.receive(signaling(FIRST_PORT, *wishes), address=HERE)
        bench.run(1.01)
        assert bench.ask(SYNC, log=number % 2).duration_field == 60
        for other in range(40):
            bench.ask(SYNC, log=number % 2, duration_s=500 - 100 * (other % 2))
        bench.run(1.01)
    negotiation = bench.instance.ports[1].negotiation
    assert negotiation is not None
    assert negotiation.service is not None
    assert len(negotiation.service._expiries) <= VOID_TOLERATED + 7


def cancel(kind: int = SYNC, flags: int = 0) -> CancelUnicastTransmission:
    return CancelUnicastTransmission(kind, flags)


def test_a_client_cancels_what_it_was_granted_and_is_told_so() -> None:
    bench = ServiceBench()
    ask_all(bench)
    bench.receive(signaling(FIRST_PORT, cancel()), address=HERE)
    [acknowledged] = [tlv for send in bench.sends(Signaling) for tlv in send.message.tlvs if tlv.tlv_type == 7]
    assert isinstance(acknowledged, AcknowledgeCancelUnicastTransmission)
    bench.outputs.clear()
    bench.run(2)
    assert bench.sends(Sync) == []
    assert bench.sends(Announce)


@pytest.mark.parametrize(
    ("sender", "address"), [(FIRST_PORT, ELSEWHERE), (SECOND_PORT, HERE), (SECOND_PORT, ELSEWHERE)]
)
def test_nobody_cancels_what_another_was_granted(sender: PortIdentity, address: str) -> None:
    bench = ServiceBench()
    ask_all(bench)
    bench.receive(signaling(sender, cancel()), address=address)
    bench.outputs.clear()
    bench.run(2)
    assert {send.address for send in bench.sends(Sync)} == {HERE}


def test_a_cancellation_that_keeps_the_request_changes_nothing() -> None:
    bench = ServiceBench()
    ask_all(bench)
    bench.receive(signaling(FIRST_PORT, cancel(flags=1)), address=HERE)
    assert bench.events(UnicastGrantEnded) == []


def test_signaling_to_another_port_is_not_for_us() -> None:
    bench = ServiceBench()
    bench.receive(signaling(FIRST_PORT, cancel(), target=PortIdentity(US.clock_identity, 9)), address=HERE)
    assert bench.sends(Signaling) == []


def test_a_port_that_is_no_master_any_more_cancels_all_grants() -> None:
    bench = ServiceBench()
    ask_all(bench)
    bench.outputs.clear()
    bench.outputs += bench.instance.stop(bench.now)
    [cancelled] = bench.sends(Signaling)
    assert [tlv.message_type for tlv in cancelled.message.tlvs] == [ANNOUNCE, SYNC, DELAY_RESP]
    assert cancelled.address == HERE
    assert bench.events(UnicastServiceStopped)[0].clients == 1
    assert bench.clients() == 0
    assert bench.instance.next_deadline() is None


def test_after_a_stall_nothing_is_made_up_for() -> None:
    bench = ServiceBench()
    ask_all(bench, log=-3)
    bench.run(1)
    bench.outputs.clear()
    bench.now += 20_000_000_000 * NANOSECOND
    bench.outputs += bench.instance.handle_deadline(bench.now)
    assert len(bench.sends(Sync)) <= 1
    bench.run(1)
    assert len(bench.sends(Sync)) <= 9


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "cancel", "run"]),
            st.integers(0, 5),
            st.sampled_from([ANNOUNCE, SYNC, DELAY_RESP, 3]),
            st.integers(-9, 3),
            st.integers(0, 30),
        ),
        max_size=40,
    )
)
def test_whatever_is_asked_the_books_balance(steps: list[tuple[str, int, int, int, int]]) -> None:
    bench = ServiceBench(max_clients=4, max_messages_per_second=200, allow=("10.0.0.0/24",))
    negotiation = bench.instance.ports[1].negotiation
    assert negotiation is not None
    service = negotiation.service
    assert service is not None
    for what, number, kind, log, amount in steps:
        who = {"address": f"10.0.{number // 5}.{number}", "sender": client_identity(number)}
        match what:
            case "ask":
                bench.ask(kind, log=log, duration_s=amount, **who)
            case "cancel":
                bench.receive(signaling(who["sender"], cancel(kind)), address=who["address"])
            case "run":
                bench.run(amount / 4)
        grants = [grant for client in service.clients.values() for grant in client.grants.values()]
        assert len(service.clients) <= 4
        assert 0 <= service.messages_per_second <= 200
        rate = sum((2 if grant.message_type is SYNC else 1) * 2.0**-grant.log_interval for grant in grants)
        assert service.messages_per_second == pytest.approx(rate)
        assert all(grant.slot is None or grant.slot.grants[grant.place] is grant for grant in grants)
        assert all(grant.slot is not None for grant in grants if grant.message_type is not DELAY_RESP)
        assert all(client.grants for client in service.clients.values())
    bench.run(31)
    assert not service.clients
    assert bench.instance.next_deadline() is None
