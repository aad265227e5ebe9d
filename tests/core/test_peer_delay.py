"""The peer delay mechanism, both sides (IEEE 1588-2019 11.4)."""

from __future__ import annotations

import pytest

from ptpstack.core.delay_p2p import RESPONDERS_KEPT
from ptpstack.core.events import DelayKnown, DelayMissing, MultiplePeers
from ptpstack.core.settings import DelayMechanism
from ptpstack.engine.outputs import Destination, Measurement
from ptpstack.engine.port_state import PortState
from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND, PtpTime, interval_from_ns
from ptpstack.wire import messages
from ptpstack.wire.message import Flag
from ptpstack.wire.types import PortIdentity
from tests.core.bench import GM, OTHER, Bench, slave

EPOCH = 1_700_000_000 * SECOND
LINK = 900 * NANOSECOND
TURNAROUND = 50 * MICROSECOND
PEER_EPOCH = 5 * SECOND
P2P = {"delay_mechanism": DelayMechanism.P2P}


def answer(
    bench: Bench,
    *,
    peer: PortIdentity = PortIdentity(GM, 1),
    one_step: bool = False,
    follow_up_first: bool = False,
    stamp_last: bool = False,
    link: int = LINK,
    extra_correction: int = 0,
) -> None:
    """Stamp the newest Pdelay_Req and let *peer* answer it."""
    send = bench.sends(messages.PdelayReq)[-1]
    request = send.message
    common = {
        "sequence_id": request.sequence_id,
        "requesting_port_identity": request.source_port_identity,
        "log_message_interval": 0x7F,
    }
    response = messages.PdelayResp(
        source_port_identity=peer,
        flag_field=0 if one_step else Flag.TWO_STEP,
        request_receipt_timestamp=PtpTime(0 if one_step else PEER_EPOCH),
        correction_field=(TURNAROUND + request.correction_field if one_step else 0) + extra_correction,
        **common,
    )
    follow_up = messages.PdelayRespFollowUp(
        source_port_identity=peer,
        response_origin_timestamp=PtpTime(PEER_EPOCH + TURNAROUND),
        correction_field=request.correction_field,
        **common,
    )
    if not stamp_last:
        bench.stamp(send, EPOCH)
    if follow_up_first:
        bench.receive(follow_up)
    bench.receive(response, EPOCH + 2 * link + TURNAROUND + extra_correction)
    if not one_step and not follow_up_first:
        bench.receive(follow_up)
    if stamp_last:
        bench.stamp(send, EPOCH)


@pytest.mark.parametrize("one_step", [False, True])
@pytest.mark.parametrize("follow_up_first", [False, True])
@pytest.mark.parametrize("stamp_last", [False, True])
@pytest.mark.parametrize("asymmetry_ns", [0, 250])
def test_the_link_delay_is_half_the_round_trip_less_the_turnaround_in_any_order(
    one_step: bool, follow_up_first: bool, stamp_last: bool, asymmetry_ns: int
) -> None:
    bench = Bench(port=P2P | {"delay_asymmetry": interval_from_ns(asymmetry_ns)})
    bench.run(0.1)
    answer(bench, one_step=one_step, follow_up_first=follow_up_first, stamp_last=stamp_last)
    assert bench.instance.ports[1].port_ds.mean_link_delay == LINK
    assert len(bench.events(DelayKnown)) == 1


def test_residence_in_transparent_clocks_is_taken_out() -> None:
    bench = Bench(port=P2P)
    bench.run(0.1)
    answer(bench, extra_correction=77_777)
    assert bench.instance.ports[1].port_ds.mean_link_delay == LINK


def test_the_delay_is_measured_in_every_state_and_survives_a_change_of_master() -> None:
    bench = Bench(port=P2P)
    bench.run(0.1)
    assert bench.state() is PortState.LISTENING
    answer(bench)
    bench.hear(4)
    bench.sync(EPOCH, EPOCH + LINK)
    bench.hear(4, PortIdentity(OTHER, 1), grandmaster_priority1=1)
    bench.sync(EPOCH, EPOCH + LINK, PortIdentity(OTHER, 1))
    assert [m.offset_from_master for m in bench.measurements()] == [0, 0]


def test_requests_go_to_the_peer_group_at_their_interval() -> None:
    bench = Bench(port=P2P | {"log_min_pdelay_req_interval": -1})
    bench.run(10)
    sends = bench.sends(messages.PdelayReq)
    assert len(sends) in (20, 21)
    assert {send.destination for send in sends} == {Destination.PEER_DELAY}


def test_a_request_is_answered_in_two_steps_with_fractions_and_correction_kept() -> None:
    bench = Bench(port=P2P)
    requester = PortIdentity(OTHER, 9)
    bench.receive(messages.PdelayReq(source_port_identity=requester, sequence_id=31, correction_field=1000), EPOCH + 12)
    (send,) = bench.sends(messages.PdelayResp)
    response = send.message
    assert response.two_step_flag
    assert response.sequence_id == 31
    assert response.requesting_port_identity == requester
    assert (response.request_receipt_timestamp, response.correction_field) == (EPOCH, -12)
    bench.stamp(send, EPOCH + TURNAROUND + 5)
    (follow_up,) = bench.sent(messages.PdelayRespFollowUp)
    assert (follow_up.sequence_id, follow_up.requesting_port_identity) == (31, requester)
    assert (follow_up.response_origin_timestamp, follow_up.correction_field) == (EPOCH + TURNAROUND, 1000 + 5)


def test_two_of_our_own_ports_agree_on_the_link() -> None:
    """Requester and responder are each other's inverse, to the last fraction of a nanosecond."""
    ours, peer = Bench(port=P2P), Bench(port=P2P, clock_identity=GM)
    ours.run(0.1)
    request = ours.sends(messages.PdelayReq)[-1]
    ours.stamp(request, EPOCH + 3)
    peer.receive(request.message, PEER_EPOCH + 11)
    response = peer.sends(messages.PdelayResp)[-1]
    peer.stamp(response, PEER_EPOCH + 11 + TURNAROUND + 13)
    ours.receive(response.message, EPOCH + 3 + 2 * LINK + TURNAROUND + 13)
    ours.receive(peer.sent(messages.PdelayRespFollowUp)[-1])
    assert ours.instance.ports[1].port_ds.mean_link_delay == LINK


def test_answers_to_others_or_to_older_requests_are_not_used() -> None:
    bench = Bench(port=P2P)
    bench.run(0.1)
    request = bench.sends(messages.PdelayReq)[-1].message
    to_other = messages.PdelayResp(
        source_port_identity=PortIdentity(GM, 1),
        sequence_id=request.sequence_id,
        requesting_port_identity=PortIdentity(OTHER, 1),
    )
    old = messages.PdelayResp(
        source_port_identity=PortIdentity(GM, 1),
        sequence_id=request.sequence_id - 1 & 0xFFFF,
        requesting_port_identity=request.source_port_identity,
    )
    bench.receive(to_other, EPOCH)
    bench.receive(old, EPOCH)
    assert not bench.events(DelayKnown)
    assert bench.instance.ports[1].counters.discarded["late or duplicate"] == 1


def test_several_responders_make_the_port_faulty_until_it_looks_again_and_finds_one() -> None:
    bench = Bench(port=P2P, slave_only=True)
    bench.run(0.1)
    answer(bench)
    bench.hear(4)
    for _ in range(4):
        answer(bench)
        answer(bench, peer=PortIdentity(OTHER, 1), link=LINK * 100)
        bench.announce()
        bench.run(1)
    (several,) = bench.events(MultiplePeers)
    assert set(several.responders) == {PortIdentity(GM, 1), PortIdentity(OTHER, 1)}
    before = len(bench.measurements())
    bench.sync(EPOCH, EPOCH + LINK)
    assert len(bench.measurements()) == before, "no offset without a trusted link delay"
    assert bench.state() is PortState.FAULTY
    sent = len(bench.outputs)
    bench.run(10)
    assert len(bench.outputs) == sent, "a faulty port is silent"
    bench.run(6.5)
    assert bench.state() is PortState.LISTENING
    for _ in range(4):
        answer(bench)
        bench.announce()
        bench.run(1)
    bench.sync(EPOCH, EPOCH + LINK)
    assert bench.measurements()[-1].mean_delay == LINK


@pytest.mark.parametrize("kind", [messages.PdelayResp, messages.PdelayRespFollowUp])
def test_a_flood_of_responders_is_kept_within_a_bound(kind: type[messages.PdelayResp]) -> None:
    bench = Bench(port=P2P)
    bench.run(0.1)
    request = bench.sends(messages.PdelayReq)[-1].message
    for number in range(1, 100):
        flood = kind(
            source_port_identity=PortIdentity(GM, number),
            sequence_id=request.sequence_id,
            requesting_port_identity=request.source_port_identity,
        )
        bench.receive(flood, EPOCH)
    assert bench.instance.ports[1].counters.discarded["too many answer"] == 99 - RESPONDERS_KEPT


def test_a_link_that_goes_down_ends_the_wait_for_another_look() -> None:
    bench = Bench(port=P2P)
    bench.run(0.1)
    for _ in range(4):
        answer(bench)
        answer(bench, peer=PortIdentity(OTHER, 1))
        bench.run(1)
    bench._take(bench.instance.link_changed(1, up=False, now=bench.now))
    bench.run(60)
    assert bench.state() is PortState.FAULTY
    bench._take(bench.instance.link_changed(1, up=True, now=bench.now))
    assert bench.state() is PortState.LISTENING


def test_a_silent_peer_is_named_and_asked_on() -> None:
    bench = Bench(port=P2P)
    bench.run(5)
    assert bench.events(DelayMissing)[0].requests == 3
    assert "p2p" in str(bench.events(DelayMissing)[0])
    answer(bench)
    assert bench.events(DelayKnown)


def test_a_link_that_was_down_is_measured_anew() -> None:
    bench = Bench(port=P2P)
    bench.run(0.1)
    answer(bench)
    for up in (False, True):
        bench._take(bench.instance.link_changed(1, up, bench.now))
    bench.run(0.1)
    answer(bench, link=3 * LINK)
    assert bench.instance.ports[1].port_ds.mean_link_delay == 3 * LINK


def test_a_delay_request_to_a_peer_delay_port_gets_no_answer() -> None:
    bench = Bench(port=P2P)
    bench.run(8)
    assert bench.state() is PortState.MASTER
    bench.receive(messages.DelayReq(source_port_identity=PortIdentity(OTHER, 1)), EPOCH)
    assert not bench.sent(messages.DelayResp)


class TestWhatTheParentSentBefore:
    """A response of the parent is as good as a Sync: with the first one that is, it tells the frequency."""

    def first_measurement(
        self, *, peer: PortIdentity = PortIdentity(GM, 1), asymmetry: int = 0, gained: int = MICROSECOND, **sync: int
    ) -> Measurement:
        bench = slave(port=P2P | {"delay_asymmetry": asymmetry})
        bench.run(0.1)
        answer(bench, peer=peer)
        left, came = PEER_EPOCH + TURNAROUND, EPOCH + 2 * LINK + TURNAROUND
        for seconds in (1, 2):
            bench.sync(left + seconds * SECOND, came + seconds * SECOND + seconds * gained, **sync)
        first, second = bench.measurements()
        assert second.earlier is None
        return first

    @pytest.mark.parametrize("asymmetry_ns", [0, 250])
    def test_the_offset_by_its_response_is_that_of_a_sync(self, asymmetry_ns: int) -> None:
        first = self.first_measurement(asymmetry=interval_from_ns(asymmetry_ns))
        assert first.earlier is not None
        assert first.earlier.local == EPOCH + 2 * LINK + TURNAROUND
        assert first.offset_from_master - first.earlier.offset == MICROSECOND

    def test_not_if_another_clock_answers(self) -> None:
        assert self.first_measurement(peer=PortIdentity(OTHER, 1)).earlier is None

    def test_nor_if_the_answers_are_of_another_time(self) -> None:
        assert self.first_measurement(gained=10 * MILLISECOND).earlier is None

    def test_nor_from_too_shortly_before(self) -> None:
        assert self.first_measurement(log_message_interval=2).earlier is None
