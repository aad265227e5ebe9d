"""Slot by slot and message by message, every octet is the same and goes to the same client."""

from collections.abc import Sequence
from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.core.unicast_transmitter import FEW
from ptpstack.engine.outputs import Output, Send, UnicastBatch
from ptpstack.time import NANOSECOND, LocalTime, interval_from_ns
from ptpstack.wire.message import Flag, encode
from ptpstack.wire.messages import Announce, DelayReq, DelayResp, FollowUp, Sync
from ptpstack.wire.tlvs import Pad
from ptpstack.wire.types import MessageType, PortIdentity
from tests.core.bench import OWN
from tests.core.unicast_bench import ANNOUNCE, DELAY_RESP, SYNC, ServiceBench, client_identity

CLIENTS = 6
Sent = list[tuple[str, bytes]]
SLOTS = 4
"""Slots in a second: one for each rate that is faster, so that clients meet in it."""

LATENCIES = {"ingress_latency": interval_from_ns(31), "egress_latency": interval_from_ns(17.25)}


def address(number: int) -> str:
    return f"10.0.0.{number + 1}" if number % 3 else f"fd00::{number + 1}"


def stamp_of(where: str, octets: bytes) -> LocalTime:
    """A stamp that depends on the frame alone, with a fraction of a nanosecond."""
    return LocalTime((1_700_000_000 << 46) + int.from_bytes(octets[20:32], "big") % (1 << 40) * 997 + len(where))


class OneByOne(ServiceBench):
    """Message by message; what was sent by kind."""

    def __init__(self, **limits: object) -> None:
        super().__init__(slots_per_second=SLOTS, port=LATENCIES, **limits)

    def collect(self, outputs: Sequence[Output]) -> Sent:
        sent: Sent = []
        for output in outputs:
            if isinstance(output, Send) and isinstance(output.message, Announce | Sync | FollowUp | DelayResp):
                where, octets = str(output.address), encode(output.message)
                sent.append((where, octets))
                if output.context is not None:
                    stamp = stamp_of(where, octets)
                    follow_ups = self.instance.transmitted(1, output.context, stamp, self.now)
                    sent += self.collect(follow_ups)
        return sent

    def requests(self, asked: Sequence[tuple[str, bytes, DelayReq]], stamp: int) -> Sent:
        sent: Sent = []
        for where, _, request in asked:
            sent += self.collect(self.receive(request, stamp, address=where))
        return sent


class SlotBySlot(OneByOne):
    """As a daemon does that was told to batch; Syncs to few are left to be sent one by one."""

    def __init__(self) -> None:
        super().__init__(batched=True)
        self.batches = 0
        port = self.instance.ports[1]
        assert port.negotiation is not None
        self.codec = port.negotiation.batch_codec(port)

    def collect(self, outputs: Sequence[Output]) -> Sent:
        sent: Sent = []
        for output in outputs:
            assert not isinstance(output, Send) or not isinstance(output.message, Announce)
            if isinstance(output, Send):
                sent += super().collect([output])
            elif isinstance(output, UnicastBatch):
                self.batches += 1
                assert output.message_type is MessageType.ANNOUNCE or len(output.slot.grants) > FEW
                rows = self.codec.messages(output.message_type, output.slot, output.turn)
                places = [grant.address for grant in output.slot.grants]
                due = [(where, row.tobytes()) for where, row in zip(places, rows, strict=True)]
                sent += due
                if output.message_type is MessageType.SYNC:
                    numbers = np.array([int.from_bytes(octets[30:32], "big") for _, octets in due], np.int64)
                    follow_ups = self.codec.follow_ups(numbers, [stamp_of(*one) for one in due])
                    sent += [(where, row.tobytes()) for where, row in zip(places, follow_ups, strict=True)]
        return sent

    def requests(self, asked: Sequence[tuple[str, bytes, DelayReq]], stamp: int) -> Sent:
        sent: Sent = []
        for size in (4, 16):
            family = [one for one in asked if len(ip_address(one[0]).packed) == size]
            if not family:
                continue
            octets = np.zeros((len(family), 128), np.uint8)
            for row, (_, frame, _) in enumerate(family):
                octets[row, : len(frame)] = np.frombuffer(frame, np.uint8)
            packed = np.frombuffer(b"".join(ip_address(one[0]).packed for one in family), np.uint8).reshape(-1, size)
            lengths = np.array([len(frame) for _, frame, _ in family], np.int64)
            stamps = [LocalTime(stamp)] * len(family)
            answers, rows = self.codec.answers(octets, lengths, packed, stamps, self.now)
            sent += [(family[row][0], answer.tobytes()) for row, answer in zip(rows.tolist(), answers, strict=True)]
            for row in sorted(set(range(len(family))) - set(rows.tolist())):
                outputs = self.receive(family[row][2], stamp, address=family[row][0])
                sent += [(str(o.address), encode(o.message)) for o in outputs if isinstance(o, Send)]
        return sent


REQUEST = st.builds(
    lambda who, elsewhere, number, correction, flags, minor, port, tlvs: (
        address((who + elsewhere) % CLIENTS),
        DelayReq(
            source_port_identity=PortIdentity(client_identity(who).clock_identity if who else OWN, port),
            sequence_id=number,
            correction_field=correction,
            flag_field=flags,
            minor_version_ptp=minor,
            tlvs=tlvs,
        ),
    ),
    st.integers(0, CLIENTS),
    st.sampled_from([0, 0, 0, 1]),
    st.integers(0, 0xFFFF),
    st.sampled_from([0, 1, -1, 1 << 40, -(1 << 40), (1 << 63) - 1, (1 << 63) - 70_000, -(1 << 63) + 70_000]),
    st.sampled_from([Flag.UNICAST, Flag.UNICAST, Flag.UNICAST, 0, Flag.UNICAST | Flag.TWO_STEP]),
    st.sampled_from([0, 1, 1, 2]),
    st.sampled_from([1, 1, 1, 2]),
    st.sampled_from([(), (), (Pad(b"\0\0"),)]),
)
STAMP = st.integers(1, 1 << 40).map(lambda number: (1 << 70) + number * 0x9E37_79B9_7F4A_7C15 % (1 << 69))
"""Times of any fraction of a nanosecond: whole ones would be drawn most."""

STEP = st.one_of(
    st.tuples(
        st.just("ask"), st.integers(0, CLIENTS), st.sampled_from([ANNOUNCE, SYNC, DELAY_RESP]), st.integers(-4, 1)
    ),
    st.tuples(st.just("run"), st.integers(1, 20)),
    st.tuples(st.just("requests"), st.lists(REQUEST, max_size=12), STAMP),
)


def ask_both(benches: Sequence[ServiceBench], who: int, kind: MessageType, log: int) -> None:
    for bench in benches:
        bench.ask(kind, log=log, duration_s=13, address=address(who), sender=client_identity(who))


@given(st.lists(STEP, max_size=25))
def test_slot_by_slot_is_message_by_message(steps: list[tuple[object, ...]]) -> None:
    one, many = OneByOne(), SlotBySlot()
    for who in range(1, CLIENTS - 1):
        ask_both((one, many), who, DELAY_RESP, -4)
    for what, *details in steps:
        match what, details:
            case "ask", [int() as who, MessageType() as kind, int() as log]:
                ask_both((one, many), who, kind, log)
            case "run", [int() as quarters]:
                sent = []
                for bench in (one, many):
                    end = bench.now + quarters * 250_000_000 * NANOSECOND
                    collected: Sent = []
                    while (due := bench.instance.next_deadline()) is not None and due <= end:
                        bench.now = max(bench.now, due)
                        collected += bench.collect(bench.instance.handle_deadline(bench.now))
                    bench.now = end
                    sent.append(sorted(collected))
                assert sent[0] == sent[1]
            case "requests", [list() as requests, int() as stamp]:
                asked = [(where, encode(request), request) for where, request in requests]
                assert sorted(one.requests(asked, stamp)) == sorted(many.requests(asked, stamp))
    counters = [bench.instance.ports[1].counters for bench in (one, many)]
    assert counters[0].sent == counters[1].sent
    assert counters[0].received == counters[1].received


@pytest.mark.parametrize(("clients", "batches"), [(FEW, 0), (FEW + 1, 16)])
def test_syncs_to_more_than_a_few_leave_together(clients: int, batches: int) -> None:
    many = SlotBySlot()
    for who in range(1, clients + 1):
        many.ask(SYNC, log=-4, address=address(who), sender=client_identity(who))
    end = many.now + 1_000_000_000 * NANOSECOND
    while (due := many.instance.next_deadline()) is not None and due < end:
        many.now = due
        many.collect(many.instance.handle_deadline(due))
    assert many.batches == pytest.approx(batches, abs=1)


def test_a_port_that_is_no_master_answers_nobody_this_way_either() -> None:
    many = SlotBySlot()
    many.ask(DELAY_RESP, address=address(1), sender=client_identity(1))
    request = DelayReq(source_port_identity=client_identity(1), flag_field=Flag.UNICAST)
    asked = [(address(1), encode(request), request)]
    assert len(many.requests(asked, 1 << 70)) == 1
    many.instance.stop(many.now)
    assert many.requests(asked, 1 << 70) == []
    assert len(many.codec.follow_ups(np.array([1]), [LocalTime(1 << 70)])) == 0


def test_after_a_step_of_the_clock_frames_of_before_are_not_answered() -> None:
    many = SlotBySlot()
    many.ask(DELAY_RESP, address=address(1), sender=client_identity(1))
    many.instance.clock_stepped(1 << 60, LocalTime(1 << 71), many.now)
    request = DelayReq(source_port_identity=client_identity(1), flag_field=Flag.UNICAST)
    assert many.requests([(address(1), encode(request), request)], 1 << 70) == []


@pytest.mark.parametrize("size", [0, 1, 43])
def test_what_is_shorter_than_a_request_is_left(size: int) -> None:
    many = SlotBySlot()
    octets = np.zeros((1, 128), np.uint8)
    _, rows = many.codec.answers(octets, np.array([size]), np.zeros((1, 4), np.uint8), [LocalTime(0)], many.now)
    assert len(rows) == 0
