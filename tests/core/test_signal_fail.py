"""Packet timing signal fail: a master that announces well and is no use is not chosen, until it was in order again."""

from typing import Any

import pytest

from ptpstack.core.events import BestMasterSelected, SignalFailed, SignalRestored
from ptpstack.core.settings import SignalFailSettings
from ptpstack.core.signal_fail import SignalFail
from ptpstack.engine.port_state import PortState
from ptpstack.time import MILLISECOND, NANOSECOND, SECOND, PtpTime
from ptpstack.wire import messages
from ptpstack.wire.message import Flag
from ptpstack.wire.types import PortIdentity
from tests.core.bench import GM, OTHER, OWN, Bench

FIRST, SECOND_BEST = PortIdentity(GM, 1), PortIdentity(OTHER, 1)
DELAY = 500 * NANOSECOND


def settings(**changes: Any) -> SignalFailSettings:
    values: dict[str, Any] = {
        "sync_timeout": 2 * SECOND,
        "delay_resp_timeout": 3 * SECOND,
        "jitter_limit_ns": 0.0,
        "offset_limit_ns": 0.0,
        "heeds_uncertain": False,
        "wait_to_restore": 5 * SECOND,
    }
    return SignalFailSettings(**(values | changes))


class Two(Bench):
    """A clock with two ports; the better master is on the first. Both announce, and send Syncs unless told not to."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(
            2,
            signal_fail=settings(**changes),
            port={"log_announce_interval": -1, "log_sync_interval": -1, "log_min_delay_req_interval": -1},
        )
        self.syncing = {1, 2}
        self.answering = True
        self.announcing = {1, 2}
        self.uncertain = False
        self.jitter_ns = 0
        self.offset_ns = 0
        self.answered = 0

    def live(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self._half_second()

    def _half_second(self) -> None:
        self.jitter_ns = -self.jitter_ns
        for port, sender in ((1, FIRST), (2, SECOND_BEST)):
            if port in self.announcing:
                flags = Flag.PTP_TIMESCALE | Flag.SYNCHRONIZATION_UNCERTAIN * (self.uncertain and port == 1)
                self.announce(
                    sender,
                    port=port,
                    log_message_interval=-1,
                    flag_field=flags,
                    grandmaster_priority1=100 + port,
                )
            if port in self.syncing:
                t2 = int(self.now) + DELAY + (self.offset_ns + self.jitter_ns) * NANOSECOND
                sync = self.from_master(messages.Sync, sender, flag_field=0, origin_timestamp=PtpTime(self.now))
                before = len(self.measurements())
                self.receive(sync, t2, port=port)
                if len(self.measurements()) > before:
                    self._take(self.instance.servo_locked(True, self.now))
        self.run(0.5)
        self._answer()

    def _answer(self) -> None:
        requests = self.sends(messages.DelayReq)
        for send in requests[self.answered :]:
            self.stamp(send, int(self.now) - 100 * MILLISECOND + self.offset_ns * NANOSECOND)
            if self.answering:
                response = messages.DelayResp(
                    source_port_identity=FIRST if send.port_number == 1 else SECOND_BEST,
                    sequence_id=send.message.sequence_id,
                    requesting_port_identity=send.message.source_port_identity,
                    receive_timestamp=PtpTime(int(self.now) - 100 * MILLISECOND + DELAY),
                    log_message_interval=-1,
                )
                self.receive(response, port=send.port_number)
        self.answered = len(requests)

    @property
    def parent(self) -> PortIdentity:
        return self.instance.parent_ds.parent_port_identity


@pytest.fixture
def two() -> Two:
    return locked(Two())


def locked(two: Two) -> Two:
    two.live(5)
    assert two.parent == FIRST
    assert two.state(1) is PortState.SLAVE
    return two


def told(two: Two) -> list[tuple[str, PortIdentity]]:
    return [(event.signal_fail, event.port_identity) for event in two.events(SignalFailed)]


def test_nothing_fails_as_long_as_all_is_well(two: Two) -> None:
    two.live(60)
    assert told(two) == []


def test_a_master_whose_syncs_stop_gives_way_and_comes_back_after_the_time_to_restore(two: Two) -> None:
    two.syncing = {2}
    two.live(4)
    assert two.parent == SECOND_BEST
    assert told(two) == [("lossSync", FIRST)]
    assert "lossSync of 0000bb.fffe.000001-1: Syncs stopped" in str(two.events(SignalFailed)[0])
    two.live(60)
    assert two.parent == SECOND_BEST  # whatever time passes without a Sync
    two.syncing = {1, 2}
    two.live(4)
    assert two.parent == SECOND_BEST
    two.live(3)
    assert two.parent == FIRST
    assert two.events(SignalRestored) == [SignalRestored(port_number=1, port_identity=FIRST, signal_fail="lossSync")]


def test_syncs_that_stop_again_while_it_waits_begin_the_time_anew(two: Two) -> None:
    two.syncing = {2}
    two.live(4)
    two.syncing = {1, 2}
    two.live(3)
    two.syncing = {2}
    two.live(10)
    assert two.parent == SECOND_BEST
    two.syncing = {1, 2}
    two.live(4)
    assert two.parent == SECOND_BEST
    two.live(3)
    assert two.parent == FIRST


def test_a_master_that_answers_no_delay_req_gives_way(two: Two) -> None:
    two.answering = False
    two.live(4)
    assert told(two)[0] == ("lossDelayResp", FIRST)
    assert two.parent == SECOND_BEST


def test_each_failure_soon_after_the_last_doubles_the_time_to_restore(two: Two) -> None:
    two.answering = False
    two.live(60)
    waits = [event.wait_to_restore_s for event in two.events(SignalFailed) if event.port_identity == FIRST]
    assert waits[:3] == [5, 10, 20]


def test_a_master_that_fell_silent_waits_when_it_is_back(two: Two) -> None:
    two.announcing = {2}
    two.live(3)
    assert told(two) == [("lossAnnounce", FIRST)]
    two.announcing = {1, 2}
    two.live(4)
    assert two.parent == SECOND_BEST
    two.live(4)
    assert two.parent == FIRST


def test_offsets_that_jitter_too_much_make_a_master_unusable() -> None:
    two = locked(Two(jitter_limit_ns=1000.0))
    two.jitter_ns = 800
    two.live(20)
    assert told(two) == []
    two.jitter_ns = 3000
    for _ in range(40):
        two.live(0.5)
        if told(two):
            break
    assert told(two) == [("unusable", FIRST)]
    assert two.parent == SECOND_BEST


def test_an_offset_that_leaves_its_range_does_too_but_not_one_that_was_never_in_it() -> None:
    two = locked(Two(offset_limit_ns=1000.0))
    two.live(10)
    two.offset_ns = 5000
    two.live(5)
    assert told(two)[0] == ("unusable", FIRST)
    assert "ns, the limit is 1000 ns" in two.events(SignalFailed)[0].reason
    before = len(told(two))
    two.live(10)  # the other master is as far off from the start, and so is the first one when it is restored
    assert len(told(two)) == before
    assert two.parent == FIRST


def test_a_master_that_says_it_is_uncertain_is_left_only_where_that_is_heeded() -> None:
    for heeds, parent in ((False, FIRST), (True, SECOND_BEST)):
        two = locked(Two(heeds_uncertain=heeds))
        two.uncertain = True
        two.live(10)
        assert two.parent == parent
        two.uncertain = False
        two.live(7)
        assert two.parent == FIRST


def test_uncertainty_of_the_parent_is_handed_on() -> None:
    two = locked(Two())
    two.uncertain = True
    two.live(3)
    assert two.sent(messages.Announce)[-1].synchronization_uncertain
    two.uncertain = False
    two.live(3)
    assert not two.sent(messages.Announce)[-1].synchronization_uncertain


def test_without_another_master_the_clock_is_its_own_grandmaster(two: Two) -> None:
    two.announcing = two.syncing = {1}
    two.live(5)
    two.syncing = set()
    two.live(4)
    assert two.instance.parent_ds.grandmaster_identity == OWN
    assert two.events(BestMasterSelected)[-1].rule == "no other master is heard"


def test_a_link_that_goes_down_forgets_who_failed(two: Two) -> None:
    two.syncing = {2}
    two.live(4)
    assert two.instance.ports[1].signal_fails.as_list(two.now)
    two._take(two.instance.link_changed(1, False, two.now))
    assert two.instance.ports[1].signal_fails.as_list(two.now) == []


def test_what_fails_is_bounded() -> None:
    bench = Two()
    for number in range(100):
        sender = PortIdentity(GM, number + 1)
        bench.instance.ports[1].signal_fails.fail(sender, SignalFail.LOSS_SYNC, "made up", bench.now)
    assert len(bench.instance.ports[1].signal_fails.as_list(bench.now)) == 32
