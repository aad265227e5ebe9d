"""Message interval requests: what a neighbour may ask for, and how a port obeys (10.6.4.3, 10.6.4.5)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ptpstack.gptp.events import IntervalRequested
from ptpstack.time import SECOND
from ptpstack.wire.message import Message
from ptpstack.wire.messages import Announce, PdelayReq, Signaling, Sync
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import GptpCapable, GptpCapableIntervalRequest, MessageIntervalRequest
from ptpstack.wire.tlvs.ieee_802_1as import INITIAL_INTERVAL, NO_CHANGE, STOP
from ptpstack.wire.types import PortIdentity
from tests.gptp.rig import OWN, STRANGER, Rig


def serving(**settings: object) -> Rig:
    rig = Rig(gptp_capable_state_machines_enabled=False, settings={"priority1": 50}, **settings)
    rig.run(3.05)
    return rig


def ask(rig: Rig, **intervals: int) -> None:
    rig.receive(Signaling(**rig.header(), tlvs=(MessageIntervalRequest(**intervals),)), stamped=False)


def rate(rig: Rig, kind: type, seconds: float = 4) -> float:
    since = rig.now
    rig.run(seconds)
    return len(rig.sent_of(kind, since=since)) / seconds


@pytest.mark.parametrize(
    ("key", "kind", "usual"),
    [("time_sync_interval", Sync, 8), ("announce_interval", Announce, 1), ("link_delay_interval", PdelayReq, 1)],
)
class TestEachInterval:
    def test_a_shorter_one_holds_from_the_next_message_on(self, key: str, kind: type, usual: int) -> None:
        rig = serving()
        ask(rig, **{key: -5})
        rig.run(1)
        assert rate(rig, kind) == pytest.approx(32, abs=1) != usual

    def test_the_initial_one_comes_back(self, key: str, kind: type, usual: int) -> None:
        rig = serving()
        ask(rig, **{key: -5})
        rig.run(1)
        ask(rig, **{key: INITIAL_INTERVAL})
        rig.run(4)
        assert rate(rig, kind, 8) == pytest.approx(usual, abs=0.3)

    def test_no_change_is_none(self, key: str, kind: type, usual: int) -> None:
        rig = serving()
        ask(rig, **{key: NO_CHANGE})
        assert rig.events_of(IntervalRequested) == []
        assert rate(rig, kind) == pytest.approx(usual, abs=0.3)

    def test_a_neighbour_may_ask_for_silence_and_for_more(self, key: str, kind: type, usual: int) -> None:
        rig = serving()
        ask(rig, **{key: STOP})
        rig.run(1.1)
        assert rate(rig, kind) == 0
        ask(rig, **{key: -1})
        assert rate(rig, kind) == pytest.approx(2, abs=0.5) != usual

    @pytest.mark.parametrize("requested", [-8, 6, 100])
    def test_what_is_out_of_bounds_is_refused_and_told(self, key: str, kind: type, usual: int, requested: int) -> None:
        rig = serving()
        ask(rig, **{key: requested})
        (event,) = rig.events_of(IntervalRequested)
        assert event.rule.startswith("refused: it is not within")
        assert rate(rig, kind) == pytest.approx(usual, abs=0.3)


def test_a_longer_sync_interval_holds_after_as_many_syncs_as_a_timeout_has() -> None:
    rig = serving()
    since = rig.now
    ask(rig, time_sync_interval=0)
    rig.run(3.5)
    times = [(at - since) / SECOND for at, message in rig.sent if isinstance(message, Sync) and at > since]
    gaps = [later - earlier for earlier, later in pairwise([0.0, *times])]
    assert gaps[1] == pytest.approx(0.125)
    assert gaps[2] == pytest.approx(0.125)
    assert gaps[-1] == pytest.approx(1.0)


def test_requests_to_others_and_of_this_system_do_not_count() -> None:
    rig = serving()
    tlvs = (MessageIntervalRequest(time_sync_interval=0),)
    rig.receive(Signaling(**rig.header(), target_port_identity=STRANGER, tlvs=tlvs), stamped=False)
    rig.receive(Signaling(**rig.header(PortIdentity(OWN, 3)), tlvs=tlvs), stamped=False)
    assert rig.events_of(IntervalRequested) == []


def test_the_interval_of_saying_that_a_port_is_capable() -> None:
    rig = Rig()
    rig.run(20)
    assert len(rig.sent_of(Signaling)) in (3, 4)
    rig.receive(Signaling(**rig.header(), tlvs=(GptpCapableIntervalRequest(-1),)), stamped=False)
    rig.run(8)  # until the one that was due
    since = rig.now
    rig.run(4)
    said = rig.sent_of(Signaling, since=since)
    assert len(said) == pytest.approx(8, abs=1)
    assert said[-1].tlvs == (GptpCapable(-1),)


def test_a_neighbour_may_ask_for_silence_about_that_and_for_more() -> None:
    rig = Rig(log_gptp_capable_message_interval=-1)
    for wish, expected in ((STOP, 0), (INITIAL_INTERVAL, 8), (STOP, 0), (-2, 16)):
        rig.receive(Signaling(**rig.header(), tlvs=(GptpCapableIntervalRequest(wish),)), stamped=False)
        rig.run(1.1)
        assert rate(rig, Signaling) * 4 == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    ("kind", "request_tlv"),
    [
        (Sync, MessageIntervalRequest(time_sync_interval=0)),
        (Announce, MessageIntervalRequest(announce_interval=0)),
        (Signaling, GptpCapableIntervalRequest(0)),
    ],
)
def test_who_slows_down_says_so_at_once(kind: type, request_tlv: Tlv) -> None:
    rig = Rig(
        settings={"priority1": 50},
        log_sync_interval=-3,
        log_announce_interval=-3,
        log_gptp_capable_message_interval=-3,
        sync_receipt_timeout=3,
        announce_receipt_timeout=3,
        gptp_capable_receipt_timeout=3,
    )
    rig.says_capable(log_interval=3)
    rig.run(3.05)
    since = rig.now
    rig.receive(Signaling(**rig.header(), tlvs=(request_tlv,)), stamped=False)
    rig.run(3)
    told = [_told_interval(message) for message in rig.sent_of(kind, since=since)]
    assert len(told) in (6, 7)  # three more at the old interval, so that losing one is no timeout
    assert set(told) == {0}


def _told_interval(message: Message) -> int:
    told = [tlv.log_gptp_capable_message_interval for tlv in message.tlvs if isinstance(tlv, GptpCapable)]
    return told[0] if told else message.log_message_interval


@pytest.mark.parametrize(("edition", "flags"), [("2011", 0x06), ("2020", 0x07)])
def test_a_port_asks_its_neighbour_for_what_was_set_by_the_edition_that_was_set(edition: str, flags: int) -> None:
    rig = Rig(
        requested_log_sync_interval=-4,
        requested_log_announce_interval=1,
        interval_request_edition=edition,
        gptp_capable_state_machines_enabled=False,
    )
    rig.run(3)
    (request,) = [tlv for message in rig.sent_of(Signaling) for tlv in message.tlvs]
    assert request == MessageIntervalRequest(NO_CHANGE, -4, 1, flags)
