"""What a boundary clock hands on, and what it keeps to itself (IEEE 1588-2019 9.3.5, 9.5, Table 33, Table 52)."""

from __future__ import annotations

from typing import Any

import pytest

from ptpstack.core.events import SynchronizationLost, SyncsResumed, SyncsWithheld
from ptpstack.engine.port_state import PortState
from ptpstack.time import MILLISECOND, SECOND, LocalTime
from ptpstack.wire import messages
from ptpstack.wire.message import Flag
from ptpstack.wire.tlv import Tlv, UnknownTlv, encoded_size
from ptpstack.wire.tlvs.alternate_time_offset_indicator import AlternateTimeOffsetIndicator
from ptpstack.wire.tlvs.pad import Pad
from ptpstack.wire.tlvs.path_trace import PathTrace
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity, TimeSource
from tests.core.bench import GM, OTHER, OWN, Bench, slave

UPSTREAM, DOWNSTREAM = 1, 2
SLAVE_BELOW = PortIdentity(ClockIdentity.from_text("0000dd.fffe.000001"), 1)
STEP = 37 * SECOND


def boundary(*, locked: bool = True, announce: dict[str, Any] | None = None, **settings: Any) -> Bench:
    """A clock with two ports that follows a grandmaster on the first, and serves the second."""
    bench = Bench(ports=2, **settings)
    bench.hear(12, port=UPSTREAM, steps_removed=2, **(announce or {}))
    if locked:
        lock(bench)
    bench.outputs.clear()
    bench.hear(4, port=UPSTREAM, steps_removed=2, **(announce or {}))
    assert bench.state(UPSTREAM) is (PortState.SLAVE if locked else PortState.UNCALIBRATED)
    assert bench.state(DOWNSTREAM) is PortState.MASTER
    return bench


def lock(bench: Bench, *, locked: bool = True) -> None:
    bench.outputs += bench.instance.servo_locked(locked, bench.now)


def ask(bench: Bench) -> list[messages.DelayResp]:
    bench.receive(bench.from_master(messages.DelayReq, SLAVE_BELOW), 5 * SECOND, port=DOWNSTREAM)
    return bench.sent(messages.DelayResp)


class TestAnnounces:
    def test_carry_the_data_sets_of_the_parent(self) -> None:
        flags = Flag.PTP_TIMESCALE | Flag.LEAP61 | Flag.CURRENT_UTC_OFFSET_VALID | Flag.TIME_TRACEABLE
        announced = {
            "flag_field": flags,
            "current_utc_offset": 38,
            "grandmaster_identity": OTHER,
            "grandmaster_priority1": 7,
            "grandmaster_priority2": 9,
            "time_source": TimeSource.GNSS,
        }
        announce = boundary(announce=announced).sent(messages.Announce)[-1]
        assert {name: getattr(announce, name) for name in announced} == announced
        assert announce.grandmaster_clock_quality == ClockQuality(6, 0x21, 0x4E5D)
        assert announce.steps_removed == 3
        assert announce.source_port_identity == PortIdentity(OWN, DOWNSTREAM)

    def test_follow_a_change_of_the_parent_at_once(self) -> None:
        bench = boundary()
        bench.hear(2, port=UPSTREAM, steps_removed=5, grandmaster_clock_quality=ClockQuality(7, 0x22, 0x4E5D))
        announce = bench.sent(messages.Announce)[-1]
        assert (announce.steps_removed, announce.grandmaster_clock_quality.clock_class) == (6, 7)

    def test_of_another_grandmaster_are_those_of_the_new_parent(self) -> None:
        bench = boundary()
        second = PortIdentity(OTHER, 1)
        bench.hear(4, second, port=DOWNSTREAM, grandmaster_priority1=1)
        assert (bench.state(UPSTREAM), bench.state(DOWNSTREAM)) == (PortState.PRE_MASTER, PortState.UNCALIBRATED)
        bench.hear(4, second, port=DOWNSTREAM, grandmaster_priority1=1)
        assert bench.state(UPSTREAM) is PortState.MASTER
        announce = bench.sent(messages.Announce)[-1]
        assert (announce.source_port_identity.port_number, announce.grandmaster_identity) == (UPSTREAM, OTHER)
        assert (announce.steps_removed, announce.grandmaster_priority1) == (1, 1)

    def test_extend_the_path_trace(self) -> None:
        bench = boundary(path_trace_enabled=True, announce={"tlvs": (PathTrace((OTHER, GM)),)})
        assert bench.sent(messages.Announce)[-1].tlvs == (PathTrace((OTHER, GM, OWN)),)

    @pytest.mark.parametrize(
        ("tlv", "is_handed_on"),
        [
            (AlternateTimeOffsetIndicator(key_field=1, current_offset=3600, display_name=b"CET"), True),
            (UnknownTlv(0x4242, b"abcd"), True),
            (UnknownTlv(0x8242, b"abcd"), False),
            (UnknownTlv(0x2004, b"abcd"), False),
            (Pad(b"\0\0"), False),
            (PathTrace((GM,)), False),
        ],
        ids=lambda value: f"0x{value.tlv_type:04X}" if isinstance(value, Tlv) else "",
    )
    def test_hand_those_tlvs_on_that_propagate(self, tlv: Tlv, is_handed_on: bool) -> None:
        sent = boundary(announce={"tlvs": (tlv,)}).sent(messages.Announce)[-1]
        assert sent.tlvs == ((tlv,) if is_handed_on else ())

    def test_forget_the_tlvs_of_a_parent_that_is_gone(self) -> None:
        bench = boundary(announce={"tlvs": (UnknownTlv(0x4242, b"abcd"),)})
        bench.run(30)
        assert bench.sent(messages.Announce)[-1].grandmaster_identity == OWN
        assert bench.sent(messages.Announce)[-1].tlvs == ()

    def test_stay_within_a_frame_whatever_the_parent_sends(self) -> None:
        tlvs = (PathTrace((GM,) * 172), UnknownTlv(0x4242, bytes(400)), UnknownTlv(0x4243, bytes(8)))
        sent = boundary(path_trace_enabled=True, announce={"tlvs": tlvs}).sent(messages.Announce)[-1]
        assert sent.tlvs == (PathTrace((*(GM,) * 172, OWN)),)
        assert sum(map(encoded_size, sent.tlvs)) <= 1452 - 64


class TestBeforeTheOwnClockIsLocked:
    def test_a_master_port_announces_that_it_is_uncertain_and_sends_no_sync(self) -> None:
        bench = boundary(locked=False)
        assert {message.synchronization_uncertain for message in bench.sent(messages.Announce)} == {True}
        assert bench.instance.current_ds.synchronization_uncertain
        assert not bench.sent(messages.Sync)
        assert not ask(bench)
        assert bench.instance.delay_responder(DOWNSTREAM) is None

    def test_it_says_so_once_and_when_it_is_over(self) -> None:
        bench = Bench(ports=2)
        bench.hear(30, port=UPSTREAM)
        lock(bench)
        bench.hear(10, port=UPSTREAM)
        assert [event.port_number for event in bench.events(SyncsWithheld)] == [DOWNSTREAM]
        assert [event.port_number for event in bench.events(SyncsResumed)] == [DOWNSTREAM]

    def test_lock_lets_the_syncs_out(self) -> None:
        bench = boundary()
        assert len(bench.sent(messages.Sync)) == 4
        assert {message.synchronization_uncertain for message in bench.sent(messages.Announce)} == {False}
        assert len(ask(bench)) == 1
        assert bench.instance.delay_responder(DOWNSTREAM) is not None

    def test_syncs_are_sent_all_the_same_where_that_is_configured(self) -> None:
        bench = boundary(locked=False, sync_while_uncalibrated=True)
        assert len(bench.sent(messages.Sync)) == 4
        assert {message.synchronization_uncertain for message in bench.sent(messages.Announce)} == {True}
        assert len(ask(bench)) == 1

    def test_a_clock_of_its_own_serves_its_own_time(self) -> None:
        bench = Bench(ports=2)
        bench.run(20)
        assert bench.sent(messages.Sync)
        assert not bench.sent(messages.Announce)[-1].synchronization_uncertain


class TestAfterTheOwnClockWasLocked:
    def test_a_lost_lock_is_announced_while_syncs_go_on(self) -> None:
        bench = boundary()
        lock(bench, locked=False)
        bench.outputs.clear()
        bench.hear(4, port=UPSTREAM)
        assert bench.state(UPSTREAM) is PortState.UNCALIBRATED
        assert bench.sent(messages.Announce)[-1].synchronization_uncertain
        assert len(bench.sent(messages.Sync)) == 4

    def test_a_step_stops_them_until_the_next_lock(self) -> None:
        bench = boundary()
        bench.outputs += bench.instance.clock_stepped(STEP, LocalTime(1000 * SECOND), bench.now)
        lock(bench, locked=False)
        bench.outputs.clear()
        bench.hear(4, port=UPSTREAM)
        assert not bench.sent(messages.Sync)
        lock(bench)
        bench.hear(4, port=UPSTREAM)
        assert bench.sent(messages.Sync)

    def test_a_step_while_it_stays_locked_stops_them_for_one_sample(self) -> None:
        bench = boundary()
        bench.outputs += bench.instance.clock_stepped(MILLISECOND, LocalTime(1000 * SECOND), bench.now)
        lock(bench)
        bench.outputs.clear()
        bench.hear(4, port=UPSTREAM)
        assert len(bench.sent(messages.Sync)) == 4

    def test_an_offset_of_another_grandmaster_stops_them_while_the_clock_slews(self) -> None:
        bench = boundary()
        bench.instance.current_ds.offset_from_master = -500 * MILLISECOND
        lock(bench)
        bench.outputs.clear()
        bench.hear(4, port=UPSTREAM)
        assert not bench.sent(messages.Sync)
        bench.instance.current_ds.offset_from_master = MILLISECOND // 2
        lock(bench)
        bench.hear(4, port=UPSTREAM)
        assert bench.sent(messages.Sync)

    def test_a_parent_that_is_gone_leaves_a_clock_that_serves(self) -> None:
        bench = boundary(locked=False)
        bench.run(20)
        assert bench.state(UPSTREAM) is PortState.MASTER
        assert {message.source_port_identity.port_number for message in bench.sent(messages.Sync)} == {1, 2}
        assert not bench.sent(messages.Announce)[-1].synchronization_uncertain


def test_what_an_uncertain_parent_says_is_handed_on_and_explains_its_silence() -> None:
    uncertain = {"flag_field": Flag.PTP_TIMESCALE | Flag.SYNCHRONIZATION_UNCERTAIN}
    bench = boundary(announce=uncertain)
    assert bench.sent(messages.Announce)[-1].synchronization_uncertain
    below = slave()
    below.hear(14, **uncertain)
    reason = "no Sync received; the parent says that it is not synchronized itself"
    assert below.events(SynchronizationLost)[0].reason == reason


def test_a_port_that_is_master_only_follows_nobody() -> None:
    bench = Bench(ports=1, port={"master_only": True})
    bench.hear(20, grandmaster_priority1=1)
    assert bench.state() is PortState.MASTER
    assert bench.instance.ports[1].counters.discarded["this port is master only"] == 10
