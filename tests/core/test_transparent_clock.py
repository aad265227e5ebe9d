"""What a transparent clock hands on, with which correction, and what ends there (IEEE 1588-2019 10.2, 10.3, 11.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ptpstack.core.events import ForwardingChanged
from ptpstack.core.settings import DelayMechanism
from ptpstack.core.transparent_clock_delay import REQUESTS_CAPACITY
from ptpstack.core.transparent_clock_sync import SYNCS_CAPACITY
from ptpstack.engine.events import TransmitStampLost
from ptpstack.engine.port_messages import CORRECTION_OVERFLOW
from ptpstack.time import MILLISECOND, NANOSECOND, SECOND, LocalTime
from ptpstack.wire import messages
from ptpstack.wire.message import Flag, Message
from ptpstack.wire.tlv import UnknownTlv
from ptpstack.wire.types import PortIdentity
from tests.core.bench import GM, OWN
from tests.core.relay import (
    IN,
    LINK,
    MASTER,
    ORIGIN,
    OUT,
    OUT_TOO,
    PEER,
    SLAVE,
    STAY,
    Relay,
    delay_req,
    delay_resp,
    follow_up,
    p2p,
    sync,
)

E2E_AND_P2P = pytest.mark.parametrize(("make", "link"), [(Relay, 0), (p2p, LINK)], ids=["e2e", "p2p"])


class TestSync:
    @E2E_AND_P2P
    def test_leaves_as_it_came_by_every_other_port_and_its_stay_goes_into_the_follow_up(
        self, make: Any, link: int
    ) -> None:
        relay = make()
        came = sync(7, correction_field=42)
        left = relay.receive(came, SECOND)
        assert [(send.port_number, send.message) for send in left] == [(OUT, came), (OUT_TOO, came)]
        said = follow_up(7, correction_field=1000, tlvs=(UnknownTlv(0x4242, b"abcd"),))
        assert relay.receive(said) == []
        for send, stay in zip(left, (STAY, 3 * STAY), strict=True):
            (follow,) = relay.leave(send, SECOND + stay)
            assert follow.port_number == send.port_number
            assert follow.message.correction_field == 1000 + stay + link
            assert follow.message.precise_origin_timestamp == ORIGIN
            assert (follow.message.tlvs, follow.message.source_port_identity) == (said.tlvs, MASTER)

    def test_and_its_follow_up_may_come_in_any_order(self) -> None:
        relay = Relay(ports=2)
        relay.receive(follow_up(3))
        (left,) = relay.receive(sync(3), SECOND)
        (follow,) = relay.leave(left, SECOND + STAY)
        assert follow.message.correction_field == STAY

    def test_takes_the_follow_up_of_its_own_port_when_another_came_first(self) -> None:
        relay = Relay(ports=3)
        relay.receive(follow_up(3))
        relay.receive(follow_up(3, correction_field=1000), port=OUT_TOO)
        left = relay.receive(sync(3), SECOND)
        (follow,) = relay.leave(left[0], SECOND + STAY)
        assert follow.message.correction_field == STAY

    @E2E_AND_P2P
    def test_of_a_one_step_master_becomes_a_two_step_one(self, make: Any, link: int) -> None:
        relay = make()
        came = sync(9, two_step=False, origin_timestamp=ORIGIN, correction_field=77)
        left = relay.receive(came, SECOND)
        assert {send.message.two_step_flag for send in left} == {True}
        assert {(send.message.origin_timestamp, send.message.correction_field) for send in left} == {(ORIGIN, 77)}
        (follow,) = relay.leave(left[0], SECOND + STAY)
        said = follow.message
        assert (said.precise_origin_timestamp, said.correction_field) == (ORIGIN, STAY + link)
        assert (said.sequence_id, said.source_port_identity, said.log_message_interval) == (9, MASTER, -3)
        assert said.flag_field == Flag.PTP_TIMESCALE

    def test_whose_egress_stamp_is_lost_ends_the_pair_there_and_only_there(self) -> None:
        relay = Relay()
        left = relay.receive(sync(), SECOND)
        relay.receive(follow_up())
        assert relay.leave(left[0], None) == []
        assert len(relay.leave(left[1], SECOND + STAY)) == 1
        assert [event.port_number for event in relay.events(TransmitStampLost)] == [OUT]

    def test_without_a_receive_stamp_is_not_handed_on(self) -> None:
        relay = Relay()
        assert relay.receive(sync()) == []
        assert relay.discarded() == {"no receive stamp": 1}

    def test_waits_for_the_delay_of_its_link(self) -> None:
        relay = Relay(DelayMechanism.P2P)
        assert relay.receive(sync(), SECOND) == []
        assert relay.discarded() == {"the delay of the link is not known yet": 1}

    def test_that_comes_round_a_ring_ends_there(self) -> None:
        relay = Relay()
        relay.receive(sync(), SECOND)
        assert relay.receive(sync(), SECOND + STAY, port=OUT) == []
        relay.receive(follow_up())
        assert relay.receive(follow_up(), port=OUT) == []
        assert relay.discarded(OUT) == {"came twice: a ring, or a duplicate": 2}

    def test_of_another_round_of_sequence_ids_passes(self) -> None:
        relay = Relay()
        relay.receive(sync(), SECOND)
        relay.wait(10 * SECOND)
        assert len(relay.receive(sync(), 11 * SECOND)) == 2

    def test_takes_the_asymmetry_of_the_link_it_came_by(self) -> None:
        relay = Relay(ports=2, delay_asymmetry=500)
        (left,) = relay.receive(sync(), SECOND)
        relay.receive(follow_up())
        (follow,) = relay.leave(left, SECOND + STAY)
        assert follow.message.correction_field == STAY + 500

    def test_takes_the_latencies_of_both_ports(self) -> None:
        relay = Relay(ports=2, ingress_latency=40, egress_latency=2)
        (left,) = relay.receive(sync(), SECOND)
        relay.receive(follow_up())
        (follow,) = relay.leave(left, SECOND + STAY)
        assert follow.message.correction_field == STAY + 42

    @pytest.mark.parametrize("correction", [CORRECTION_OVERFLOW, CORRECTION_OVERFLOW - 1])
    def test_whose_correction_is_too_big_goes_on_saying_so(self, correction: int) -> None:
        relay = Relay(ports=2)
        (left,) = relay.receive(sync(), SECOND)
        relay.receive(follow_up(correction_field=correction))
        (follow,) = relay.leave(left, SECOND + STAY)
        assert follow.message.correction_field == CORRECTION_OVERFLOW

    def test_that_never_gets_its_follow_up_is_counted_and_the_other_way_round(self) -> None:
        relay = Relay(ports=2)
        for number in range(3):
            relay.receive(sync(number), SECOND)
            relay.receive(follow_up(number + 100))
        relay.wait(3 * SECOND)
        relay.receive(sync(50), SECOND)
        relay.receive(follow_up(150))
        assert relay.discarded() == {"no Follow_Up": 3, "no Sync": 3}


class TestRate:
    @staticmethod
    def residences(ppm: int, seconds: int) -> list[int]:
        """Corrections of one Sync a second that stays for 1 ms of a clock that is *ppm* too fast."""
        relay = Relay(ports=2)
        corrections = []
        for n in range(seconds):
            master = n * SECOND
            local = master + master * ppm // 1_000_000
            (left,) = relay.receive(sync(n), local)
            (follow,) = relay.receive(follow_up(n, ORIGIN + master)) or relay.leave(left, local + MILLISECOND)
            corrections.append(follow.message.correction_field)
            relay.wait(SECOND)
        return corrections

    def test_a_stay_is_told_in_the_masters_seconds(self) -> None:
        *_, last = self.residences(100, 12)
        assert last == pytest.approx(MILLISECOND / 1.0001, abs=NANOSECOND / 100)

    def test_until_it_is_known_in_those_of_the_own_clock(self) -> None:
        assert self.residences(100, 2) == [MILLISECOND, MILLISECOND]

    def test_a_rate_that_no_oscillator_has_is_not_believed(self) -> None:
        assert set(self.residences(5000, 12)) == {MILLISECOND}


class TestDelayReq:
    def test_goes_to_the_other_ports_and_its_stay_into_the_answer(self) -> None:
        relay = Relay()
        came = delay_req(5, correction_field=-9)
        left = relay.receive(came, SECOND, port=OUT)
        assert [(send.port_number, send.message) for send in left] == [(IN, came), (OUT_TOO, came)]
        for send, stay in zip(left, (STAY, 2 * STAY), strict=True):
            relay.leave(send, SECOND + stay)
        (answer,) = relay.receive(delay_resp(5, correction_field=11), port=IN)
        assert answer.port_number == OUT
        assert answer.message.correction_field == 11 + STAY

    def test_may_be_answered_before_its_stamp_comes(self) -> None:
        relay = Relay(ports=2)
        (left,) = relay.receive(delay_req(), SECOND, port=OUT)
        assert relay.receive(delay_resp()) == []
        (answer,) = relay.leave(left, SECOND + STAY)
        assert answer.message.correction_field == STAY

    def test_whose_stamp_is_lost_gets_no_answer(self) -> None:
        relay = Relay(ports=2)
        (left,) = relay.receive(delay_req(), SECOND, port=OUT)
        relay.receive(delay_resp())
        assert relay.leave(left, None) == []

    def test_loses_the_asymmetry_of_the_link_it_leaves_by(self) -> None:
        relay = Relay(ports=2, delay_asymmetry=500)
        (left,) = relay.receive(delay_req(correction_field=3), SECOND, port=OUT)
        assert left.message.correction_field == 3 - 500

    def test_is_answered_once_by_each_master(self) -> None:
        relay = Relay(ports=2)
        relay.leave(relay.receive(delay_req(), SECOND, port=OUT)[0], SECOND + STAY)
        assert len(relay.receive(delay_resp())) == 1
        assert relay.receive(delay_resp()) == []

    def test_an_answer_to_nobody_ends_there(self) -> None:
        relay = Relay()
        assert relay.receive(delay_resp()) == []
        assert relay.discarded() == {"no such Delay_Req has passed": 1}

    @pytest.mark.parametrize("message", [delay_req(), delay_resp()], ids=["Delay_Req", "Delay_Resp"])
    def test_is_none_of_a_peer_to_peer_clocks(self, message: Message) -> None:
        relay = p2p()
        assert relay.receive(message, SECOND) == []
        assert sum(relay.discarded().values()) == 1


class TestPeerDelay:
    def test_is_answered_on_its_own_link_and_goes_no_farther(self) -> None:
        relay = p2p()
        (response,) = relay.receive(messages.PdelayReq(source_port_identity=PEER), SECOND)
        assert (response.port_number, type(response.message)) == (IN, messages.PdelayResp)
        (follow,) = relay.leave(response, SECOND + STAY)
        assert type(follow.message) is messages.PdelayRespFollowUp

    def test_ends_at_an_end_to_end_clock(self) -> None:
        relay = Relay()
        assert relay.receive(messages.PdelayReq(source_port_identity=PEER), SECOND) == []
        assert sum(relay.discarded().values()) == 1

    def test_is_asked_for_at_the_interval_while_the_link_is_up(self) -> None:
        relay = Relay(DelayMechanism.P2P, ports=1)
        for _ in range(3):
            deadline = relay.clock.next_deadline()
            assert deadline is not None
            relay.now = deadline
            relay._take(relay.clock.handle_deadline(relay.now))
        assert len(relay.sends(messages.PdelayReq)) == 3
        relay._take(relay.clock.link_changed(1, False, relay.now))
        assert relay.clock.next_deadline() is None


GENERAL = {
    "Announce": messages.Announce(source_port_identity=MASTER, steps_removed=4, tlvs=(UnknownTlv(0x0042, b"ab"),)),
    "Signaling": messages.Signaling(source_port_identity=MASTER, target_port_identity=SLAVE),
    "Management": messages.Management(source_port_identity=MASTER, target_port_identity=SLAVE, boundary_hops=3),
}


@pytest.mark.parametrize("message", GENERAL.values(), ids=GENERAL.keys())
@E2E_AND_P2P
def test_general_messages_pass_untouched_and_once(make: Any, link: int, message: Message) -> None:
    del link
    relay = make()
    assert [(send.port_number, send.message) for send in relay.receive(message)] == [(OUT, message), (OUT_TOO, message)]
    assert relay.receive(message, port=OUT_TOO) == []


class TestPorts:
    def test_without_a_link_get_and_give_nothing(self) -> None:
        relay = Relay()
        relay._take(relay.clock.link_changed(OUT, False, relay.now))
        assert [send.port_number for send in relay.receive(sync(), SECOND)] == [OUT_TOO]
        assert relay.receive(sync(1), SECOND, port=OUT) == []
        assert [(event.port_number, event.forwards) for event in relay.events(ForwardingChanged)][-1] == (OUT, False)
        relay._take(relay.clock.link_changed(OUT, True, relay.now))
        assert len(relay.receive(sync(2), SECOND)) == 2

    def test_of_a_clock_that_is_stopped_stay_shut_whatever_becomes_of_their_link(self) -> None:
        relay = Relay(ports=2)
        relay._take(relay.clock.stop(relay.now))
        relay._take(relay.clock.link_changed(IN, True, relay.now))
        relay._take(relay.clock.set_clock_problem(OUT, "", relay.now))
        assert relay.receive(sync(), SECOND) == []

    def test_without_a_link_from_the_beginning_wait_for_it(self) -> None:
        relay = Relay(ports=2)
        relay._take(relay.clock.stop(relay.now))
        relay._take(relay.clock.link_changed(OUT, False, relay.now))
        relay._take(relay.clock.start(relay.now))
        assert relay.receive(sync(), SECOND) == []
        relay._take(relay.clock.link_changed(OUT, True, relay.now))
        assert len(relay.receive(sync(1), SECOND)) == 1

    def test_that_lose_their_link_send_no_follow_up_to_it(self) -> None:
        relay = Relay(ports=2)
        (left,) = relay.receive(sync(), SECOND)
        relay._take(relay.clock.link_changed(OUT, False, relay.now))
        assert relay.receive(follow_up()) == []
        assert relay.leave(left, SECOND + STAY) == []

    def test_of_another_domain_are_not_these(self) -> None:
        relay = Relay()
        assert relay.receive(sync(domain_number=1), SECOND) == []

    def test_do_not_hand_on_what_this_clock_sent(self) -> None:
        relay = Relay()
        own = messages.Announce(source_port_identity=PortIdentity(OWN, OUT))
        assert relay.receive(own) == []
        assert relay.discarded() == {"sent by this clock": 1}


def test_no_stay_is_told_over_a_step_of_the_clock() -> None:
    relay = Relay()
    (left, _) = relay.receive(sync(), SECOND)
    relay.receive(delay_req(), SECOND, port=OUT)
    relay._take(relay.clock.clock_stepped(37 * SECOND, LocalTime(38 * SECOND), relay.now))
    relay.receive(follow_up())
    assert relay.leave(left, 38 * SECOND) == []
    assert relay.receive(delay_resp()) == []
    assert relay.sends(messages.FollowUp) == []


@pytest.mark.parametrize(
    ("flood", "capacity"),
    [
        (
            lambda relay, n: relay.receive(sync(source_port_identity=PortIdentity(GM, n)), n),
            SYNCS_CAPACITY,
        ),
        (lambda relay, n: relay.receive(follow_up(n)), SYNCS_CAPACITY),
        (lambda relay, n: relay.receive(delay_req(n), n), REQUESTS_CAPACITY),
    ],
    ids=["Sync", "Follow_Up", "Delay_Req"],
)
def test_a_flood_is_forgotten_beyond_a_bound(flood: Callable[[Relay, int], object], capacity: int) -> None:
    relay = Relay(ports=2)
    for n in range(capacity + 100):
        flood(relay, n)
    memories = relay.clock._syncs._syncs, relay.clock._syncs._early, relay.clock._delay_requests._requests
    assert max(map(len, memories)) == capacity
