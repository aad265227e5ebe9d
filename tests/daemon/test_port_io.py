"""Shared sockets: rubbish is counted, a lost stamp costs one sample, frames go where they belong."""

import pytest

from hw.sockets import InterfaceGone, Received, TransmitFailed, TransmitStamp
from ptpstack.daemon import awaited_stamps
from ptpstack.daemon.awaited_stamps import TRANSMIT_STAMP_TIMEOUT
from ptpstack.daemon.events import (
    DomainUnknown,
    InterfaceLost,
    InternalError,
    MalformedFrame,
    SendFailed,
    SocketOpened,
)
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.port_io import DOMAINS_TOLD
from ptpstack.engine.outputs import Destination
from ptpstack.time import MILLISECOND
from ptpstack.wire import messages
from ptpstack.wire.message import encode
from tests.daemon.fakes import FakeReceiver
from tests.daemon.port_bench import SOURCE, Port


def test_opening_tells_what_was_granted(port: Port) -> None:
    assert port.port_io.is_open
    assert port.shop.events(SocketOpened) == [
        SocketOpened(interface="fake0", transport="l2", granted="software stamps (transmit: on, receive: all)")
    ]


def test_event_and_general_messages_reach_the_instance_with_stamp_and_source(port: Port) -> None:
    port.receive(encode(messages.Sync()))
    port.socket.generals.append(Received(encode(messages.Announce()), None, SOURCE))
    port.socket.wake(general=True)
    port.shop.run_for(0)
    assert [(n, type(m), stamp, source) for n, m, stamp, source in port.receiver.received] == [
        (7, messages.Sync, 5, SOURCE),
        (7, messages.Announce, None, SOURCE),
    ]


def test_domains_and_sdo_ids_are_routed_apart_on_the_same_sockets(port: Port) -> None:
    others = {}
    for sdo_id, domain in ((0, 4), (0x100, 0)):
        others[sdo_id, domain] = FakeReceiver()
        port.port_io.attach(others[sdo_id, domain], 1, sdo_id=sdo_id, domain_number=domain)
    for major_sdo_id, domain in ((0, 0), (0, 4), (1, 0), (0, 9), (2, 0)):
        port.receive(encode(messages.Sync(major_sdo_id=major_sdo_id, domain_number=domain)))
    assert len(port.receiver.received) == 1
    assert [len(receiver.received) for receiver in others.values()] == [1, 1]
    assert port.port_io.counters == {"other domain": 2}
    told = port.shop.events(DomainUnknown)
    assert [(event.domain_number, event.sdo_id, event.message) for event in told] == [
        (9, 0, "Sync"),
        (0, 0x200, "Sync"),
    ]
    assert len(port.sockets) == 1


def test_a_domain_that_nobody_is_of_is_told_once_and_a_flood_of_domains_is_not(port: Port) -> None:
    for domain in (*range(1, 128), 1, 2, 3):
        port.receive(encode(messages.Sync(domain_number=domain)))
    assert [event.domain_number for event in port.shop.events(DomainUnknown)] == list(range(1, DOMAINS_TOLD + 1))
    assert port.port_io.counters == {"other domain": 130}


def test_two_ports_of_one_domain_on_one_interface_are_refused(port: Port) -> None:
    with pytest.raises(ValueError, match="two ports in domain 0"):
        port.port_io.attach(FakeReceiver(), 2, sdo_id=0, domain_number=0)


SYNC = encode(messages.Sync())
ANNOUNCE = encode(messages.Announce())

RUBBISH = {
    "nothing": b"",
    "one octet": b"\0",
    "half a header": SYNC[:20],
    "a header without its body": SYNC[:34],
    "an IPv4 packet": bytes.fromhex("45000054") + bytes(80),
    "all ones": b"\xff" * 100,
    "version 1": bytes([SYNC[0], 0x01]) + SYNC[2:],
    "version 3": bytes([SYNC[0], 0x03]) + SYNC[2:],
    "a reserved messageType": b"\x04" + SYNC[1:],
    "messageLength longer than the frame": SYNC[:2] + b"\xff\xff" + SYNC[4:],
    "messageLength shorter than the body": SYNC[:2] + b"\x00\x22" + SYNC[4:],
    "a TLV that ends outside": ANNOUNCE[:2] + b"\x00\x46" + ANNOUNCE[4:] + bytes.fromhex("00080040") + b"\0\0",
    "half a TLV header": ANNOUNCE[:2] + b"\x00\x42" + ANNOUNCE[4:] + b"\0\x08",
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_is_dropped_counted_and_told_and_the_port_goes_on(port: Port, kind: str) -> None:
    port.receive(RUBBISH[kind])
    assert port.port_io.counters == {"malformed": 1}
    (event,) = port.shop.events(MalformedFrame)
    assert (event.interface, event.source, event.length) == ("fake0", SOURCE, len(RUBBISH[kind]))
    port.receive(SYNC)
    assert len(port.receiver.received) == 1


def test_a_frame_that_meets_a_defect_is_told_and_the_next_one_is_taken(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_arguments: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as broken:
        broken.setattr(port.receiver, "receive", defect)
        port.receive(SYNC)
    assert port.port_io.counters == {"defect": 1}
    assert [event.error for event in port.shop.events(InternalError)] == ["RuntimeError: a defect"]
    port.receive(SYNC)
    assert len(port.receiver.received) == 1


def test_a_flood_of_rubbish_is_counted_in_full_and_told_in_part(port: Port) -> None:
    port.socket.events = [Received(b"rubbish", 5, SOURCE)] * 1000
    port.socket.wake()
    port.shop.run_for(0)
    assert port.port_io.counters == {"malformed": 1000}
    assert 0 < len(port.shop.events(MalformedFrame)) < 50


def test_a_frame_of_another_vlan_that_the_parent_sees_is_not_ours(port: Port) -> None:
    port.receive(SYNC, vlan_id=100)
    port.receive(SYNC, vlan_id=0)
    assert port.port_io.counters == {"other VLAN": 1}
    assert len(port.receiver.received) == 1


def test_messages_go_to_their_group_or_to_the_address_of_the_question(port: Port) -> None:
    port.send(messages.Announce())
    port.send(messages.PdelayRespFollowUp(), destination=Destination.PEER_DELAY)
    port.send(messages.DelayResp(), address=SOURCE)
    assert [destination for _, destination in port.socket.sent_generals] == [
        "01:1b:19:00:00:00",
        "01:80:c2:00:00:0e",
        SOURCE,
    ]


def test_a_transmit_stamp_is_matched_by_its_key(port: Port) -> None:
    for context in (100, 101, 102):
        port.send(messages.Sync(), context)
    port.socket.stamps = [TransmitStamp(2, 12), TransmitStamp(0, 10)]
    port.socket.wake()
    port.shop.run_for(0)
    assert port.receiver.stamps == [(7, 102, 12), (7, 100, 10)]


def test_the_latency_of_transmit_stamps_is_told(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    now = monotonic_now()
    monkeypatch.setattr(awaited_stamps, "monotonic_now", lambda: now)
    assert port.port_io.stamp_latency.as_dict() == {"median_us": None, "max_us": None}
    for number, latency in enumerate((50 * MILLISECOND, MILLISECOND, 2 * MILLISECOND)):
        port.send(messages.Sync(), 100 + number)
        now += latency
        port.socket.stamps = [TransmitStamp(number, 10)]
        port.socket.wake()
        port.port_io._on_event()
    assert port.port_io.stamp_latency.as_dict() == {"median_us": 2000, "max_us": 50_000}


def test_a_one_step_sync_goes_out_as_an_event_and_no_stamp_is_awaited(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaited_stamps, "TRANSMIT_STAMP_TIMEOUT", 5 * MILLISECOND)
    port.send(messages.Sync())
    port.shop.run_for(0.02)
    assert len(port.socket.sent_events) == 1
    assert port.receiver.stamps == []
    assert port.port_io.counters == {}


def test_a_stamp_that_does_not_come_is_reported_lost_once_and_later_ones_arrive(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaited_stamps, "TRANSMIT_STAMP_TIMEOUT", 10 * MILLISECOND)
    port.send(messages.Sync(), 100)
    port.shop.run_for(0.02)
    assert port.receiver.stamps == [(7, 100, None)]
    port.send(messages.Sync(), 101)
    port.socket.stamps = [TransmitStamp(0, 10), TransmitStamp(1, 11)]
    port.socket.wake()
    port.shop.run_for(0.02)
    assert port.receiver.stamps == [(7, 100, None), (7, 101, 11)]
    assert port.port_io.counters == {"transmit stamp lost": 1, "late transmit stamp": 1}


def test_each_lost_stamp_has_its_own_deadline(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    now = monotonic_now()
    monkeypatch.setattr(awaited_stamps, "monotonic_now", lambda: now)
    port.send(messages.Sync(), 100)
    now += 15 * MILLISECOND
    port.send(messages.Sync(), 101)
    now += TRANSMIT_STAMP_TIMEOUT - 10 * MILLISECOND
    port.port_io._awaited.give_up()
    assert port.receiver.stamps == [(7, 100, None)]
    now += 10 * MILLISECOND
    port.port_io._awaited.give_up()
    assert port.receiver.stamps == [(7, 100, None), (7, 101, None)]


def test_a_frame_that_was_not_sent_costs_its_stamp_and_nothing_else(port: Port) -> None:
    port.socket.fails_with = TransmitFailed("frame not sent", where="fake0", why="the transmit queue is full")
    port.send(messages.Sync(), 100)
    port.send(messages.Announce())
    port.socket.fails_with = None
    port.send(messages.Sync(), 101)
    assert port.receiver.stamps == [(7, 100, None)]
    assert port.shop.events(SendFailed) == [
        SendFailed(interface="fake0", message="SYNC", reason="the transmit queue is full"),
        SendFailed(interface="fake0", message="ANNOUNCE", reason="the transmit queue is full"),
    ]
    assert len(port.socket.sent_events) == 1
    assert port.port_io.is_open


def test_a_message_that_cannot_be_encoded_is_not_sent_and_told(port: Port) -> None:
    port.send(messages.Sync(correction_field=1 << 70), 100)
    assert port.receiver.stamps == [(7, 100, None)]
    assert len(port.shop.events(SendFailed)) == 1


def test_an_error_that_is_no_fault_of_the_interface_changes_nothing(port: Port) -> None:
    port.socket.fails_with = TransmitFailed("frame not sent", why="connection refused")
    port.socket.wake()
    port.shop.run_for(0)
    port.socket.fails_with = None
    assert port.port_io.is_open
    assert port.port_io.counters["socket error"] >= 1


def test_what_an_instance_can_answer_at_once_is_answered_to_the_primary_group_and_not_decoded(port: Port) -> None:
    request = encode(messages.DelayReq())
    port.receiver.answers[request] = encode(messages.DelayResp(sequence_id=9))
    port.socket.events += [Received(request, 5, SOURCE), Received(encode(messages.Sync()), 5, SOURCE)]
    port.socket.wake()
    port.shop.run_for(0)
    assert port.socket.sent_generals == [(encode(messages.DelayResp(sequence_id=9)), "01:1b:19:00:00:00")]
    assert [type(message) for _, message, *_ in port.receiver.received] == [messages.Sync]


def test_an_answer_that_cannot_be_sent_is_counted_and_told(port: Port) -> None:
    request = encode(messages.DelayReq())
    port.receiver.answers[request] = encode(messages.DelayResp())
    port.socket.fails_to_send_with = TransmitFailed("frame not sent", why="the queue is full")
    port.receive(request)
    assert port.port_io.counters == {"not sent": 1}
    assert port.shop.events(SendFailed) == [
        SendFailed(interface="fake0", message="DELAY_RESP", reason="the queue is full")
    ]


def test_answers_after_the_interface_went_away_are_counted(port: Port) -> None:
    request = encode(messages.DelayReq())
    port.receiver.answers[request] = encode(messages.DelayResp())
    port.socket.fails_to_send_with = InterfaceGone("no such interface")
    port.socket.events += [Received(request, 5, SOURCE)] * 3
    port.socket.wake()
    port.shop.run_for(0)
    assert port.port_io.counters == {"not sent": 3}
    assert [event.reason for event in port.shop.events(InterfaceLost)] == ["no such interface"]


def test_a_frame_of_a_vlan_is_not_answered(port: Port) -> None:
    request = encode(messages.DelayReq())
    port.receiver.answers[request] = encode(messages.DelayResp())
    port.receive(request, vlan_id=5)
    assert port.socket.sent_generals == []
    assert port.port_io.counters == {"other VLAN": 1}


def test_a_defect_in_answering_is_told_and_the_frame_goes_the_long_way(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port.receiver, "answer", lambda *_: 1 / 0)
    port.receive(encode(messages.DelayReq()))
    assert port.port_io.counters == {"defect": 1}
    assert port.shop.events(InternalError)[0].error == "ZeroDivisionError: division by zero"
    assert len(port.receiver.received) == 1
