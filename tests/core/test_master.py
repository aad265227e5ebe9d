"""What a master sends (IEEE 1588-2019 9.5.8 to 9.5.12)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ptpstack.core.events import BestMasterSelected
from ptpstack.engine.events import TransmitStampLost
from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import NANOSECOND, SECOND, interval_from_ns
from ptpstack.wire import messages
from ptpstack.wire.message import Flag
from ptpstack.wire.tlvs.path_trace import PathTrace
from ptpstack.wire.types import ClockQuality, PortIdentity, TimeSource
from tests.core.bench import GM, OTHER, OWN, Bench

NOON = 1_700_000_000 * SECOND


def master(port: dict[str, object] | None = None, **settings: object) -> Bench:
    """A clock that nobody answered and that therefore serves."""
    bench = Bench(port=port, **settings)
    bench.run(7.5)
    assert bench.state() is PortState.MASTER
    return bench


def test_a_clock_alone_becomes_master_after_the_announce_receipt_timeout_and_says_why() -> None:
    bench = Bench(random=0.5)
    bench.run(6.9)
    assert bench.state() is PortState.LISTENING
    bench.run(0.2)
    assert bench.state() is PortState.MASTER
    assert bench.events(BestMasterSelected)[-1].rule == "no other master is heard"


def test_a_slave_only_clock_alone_keeps_listening() -> None:
    bench = Bench(slave_only=True)
    bench.run(60)
    assert bench.state() is PortState.LISTENING
    assert not bench.sent(messages.Sync)


def test_announce_carries_the_data_sets() -> None:
    properties = TimeProperties(
        current_utc_offset=38,
        current_utc_offset_valid=True,
        leap61=True,
        time_traceable=True,
        ptp_timescale=True,
        time_source=TimeSource.GNSS,
    )
    bench = master(
        priority1=1,
        priority2=2,
        clock_quality=ClockQuality(6, 0x21, 0x4E5D),
        domain_number=9,
        time_properties=properties,
    )
    announce = bench.sent(messages.Announce)[0]
    assert announce.domain_number == 9
    assert announce.grandmaster_identity == OWN
    assert (announce.grandmaster_priority1, announce.grandmaster_priority2) == (1, 2)
    assert announce.grandmaster_clock_quality == ClockQuality(6, 0x21, 0x4E5D)
    assert (announce.current_utc_offset, announce.time_source, announce.steps_removed) == (38, TimeSource.GNSS, 0)
    assert announce.flag_field == (
        Flag.LEAP61 | Flag.CURRENT_UTC_OFFSET_VALID | Flag.TIME_TRACEABLE | Flag.PTP_TIMESCALE
    )
    assert announce.log_message_interval == 1


def test_announce_traces_the_path_only_where_asked() -> None:
    assert master().sent(messages.Announce)[0].tlvs == ()
    assert master(path_trace_enabled=True).sent(messages.Announce)[0].tlvs == (PathTrace((OWN,)),)


def test_messages_keep_their_interval_without_drift() -> None:
    bench = master(port={"log_sync_interval": -3})
    before = len(bench.sent(messages.Sync)), len(bench.sent(messages.Announce))
    bench.run(60)
    assert len(bench.sent(messages.Sync)) - before[0] == 480
    assert len(bench.sent(messages.Announce)) - before[1] == 30


def test_a_stalled_program_does_not_send_a_burst_afterwards() -> None:
    bench = master(port={"log_sync_interval": -3})
    before = len(bench.sent(messages.Sync))
    bench.now += 100 * SECOND
    bench.run(1)
    assert len(bench.sent(messages.Sync)) - before <= 9


def test_follow_up_carries_the_egress_stamp_with_its_fraction_in_the_correction() -> None:
    bench = master(port={"egress_latency": interval_from_ns(100)})
    send = bench.sends(messages.Sync)[0]
    assert send.message.two_step_flag
    bench.stamp(send, NOON + 7 * NANOSECOND + 3)
    (follow_up,) = bench.sent(messages.FollowUp)
    assert follow_up.sequence_id == send.message.sequence_id
    assert follow_up.precise_origin_timestamp == NOON + 107 * NANOSECOND
    assert follow_up.correction_field == 3


def test_a_one_step_sync_leaves_the_origin_to_the_card_and_has_no_follow_up() -> None:
    bench = master(port={"two_step_flag": False, "log_sync_interval": 0, "egress_latency": interval_from_ns(100)})
    bench.run(2)
    sends = bench.sends(messages.Sync)
    assert len(sends) >= 2
    for send in sends:
        assert send.context is None
        assert not send.message.two_step_flag
        assert send.message.origin_timestamp == 0
        assert send.message.correction_field == interval_from_ns(100)
    assert bench.sent(messages.FollowUp) == []


def test_a_lost_transmit_stamp_costs_one_follow_up_and_is_told() -> None:
    bench = master()
    bench.run(2)
    first, second, *_ = bench.sends(messages.Sync)
    bench.stamp(first, None)
    bench.stamp(second, NOON)
    assert [f.sequence_id for f in bench.sent(messages.FollowUp)] == [second.message.sequence_id]
    assert bench.events(TransmitStampLost)[0].total == 1
    assert bench.state() is PortState.MASTER


def test_a_stamp_is_taken_once_and_an_unknown_one_is_ignored() -> None:
    bench = master()
    send = bench.sends(messages.Sync)[0]
    bench.stamp(send, NOON)
    bench.stamp(send, NOON + 1)
    bench._take(bench.instance.transmitted(1, 9999, None, bench.now))
    assert len(bench.sent(messages.FollowUp)) == 1


def test_delay_resp_returns_the_ingress_stamp_less_the_correction_fraction() -> None:
    bench = master(port={"ingress_latency": interval_from_ns(10), "log_min_delay_req_interval": -2})
    requester = PortIdentity(OTHER, 4)
    bench.receive(
        messages.DelayReq(source_port_identity=requester, sequence_id=77, correction_field=500),
        NOON + 30 * NANOSECOND + 9,
    )
    (response,) = bench.sent(messages.DelayResp)
    assert response.sequence_id == 77
    assert response.requesting_port_identity == requester
    assert response.receive_timestamp == NOON + 20 * NANOSECOND
    assert response.correction_field == 500 - 9
    assert response.log_message_interval == -2


def test_a_unicast_request_is_answered_to_its_sender_a_multicast_one_to_all() -> None:
    bench = master()
    for flags in (0, Flag.UNICAST):
        bench.receive(
            messages.DelayReq(source_port_identity=PortIdentity(OTHER, 1), flag_field=flags), NOON, address="peer"
        )
    multicast, unicast = bench.sends(messages.DelayResp)
    assert (multicast.address, multicast.message.unicast_flag) == (None, False)
    assert (unicast.address, unicast.message.unicast_flag) == ("peer", True)


def test_only_a_master_answers_delay_requests_and_only_stamped_ones() -> None:
    listening = Bench()
    request = messages.DelayReq(source_port_identity=PortIdentity(OTHER, 1))
    listening.receive(request, NOON)
    assert not listening.sent(messages.DelayResp)
    bench = master()
    bench.receive(request, None)
    assert not bench.sent(messages.DelayResp)
    assert bench.instance.ports[1].counters.discarded["no receive stamp"] == 1


def test_sequence_ids_wrap_and_belong_to_one_message_type() -> None:
    bench = master(port={"log_sync_interval": -7})
    bench.run(513)
    ids = [sync.sequence_id for sync in bench.sent(messages.Sync)]
    assert len(ids) > 65_536
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(ids))
    assert bench.sent(messages.Announce)[0].sequence_id == 0


@pytest.mark.parametrize("delay_mechanism", [1, 0xFE])
def test_a_port_that_measures_otherwise_stays_silent_to_peer_delay_requests(delay_mechanism: int) -> None:
    bench = master(port={"delay_mechanism": delay_mechanism})
    bench.receive(messages.PdelayReq(source_port_identity=PortIdentity(GM, 1)), NOON)
    assert not bench.sent(messages.PdelayResp)
