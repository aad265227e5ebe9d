"""Frames and stamps of every transport over a real link."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from hw.sockets import Transport
from ptpstack.errors import HardwareError
from tests.hw.socket_lab import (
    EVENT,
    EVENT_PORT,
    GENERAL,
    GROUPS,
    Ends,
    Link,
    nothing,
    veth_link,
    wait_for,
    warm_up,
)

pytestmark = pytest.mark.namespaces


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    with veth_link() as link:
        yield link


@pytest.fixture(autouse=True)
def every_test_leaves_the_ports_free(link: Link) -> Iterator[None]:
    yield
    link.close()


@pytest.fixture(scope="module", params=Transport, ids=lambda transport: transport.value)
def transport(request: pytest.FixtureRequest) -> Transport:
    return request.param


@pytest.fixture
def group(transport: Transport) -> str:
    return GROUPS[transport][0]


@pytest.fixture
def ends(link: Link, transport: Transport, group: str) -> Ends:
    a, b = link.open("a", transport), link.open("b", transport)
    warm_up(a, b, group)
    warm_up(b, a, group)
    return a, b


def test_an_event_frame_arrives_with_the_time_of_its_arrival(ends: Ends, group: str) -> None:
    a, b = ends
    before = time.time_ns()
    a.send_event(EVENT + b"sync", group)
    (frame,) = wait_for(b.receive_event, 1)
    assert frame.payload == EVENT + b"sync"
    assert before <= frame.stamp_ns <= time.time_ns()
    assert frame.vlan_id is None


def test_each_of_100_sends_gets_its_stamp(ends: Ends, group: str) -> None:
    a, _ = ends
    keys = [a.send_event(EVENT, group) for _ in range(100)]
    stamps = wait_for(a.transmit_stamps, 100)
    assert [stamp.key for stamp in stamps] == keys
    assert len(set(keys)) == 100


def test_several_outstanding_sends_match_their_stamps(ends: Ends, group: str) -> None:
    a, _ = ends
    sent = {}
    for _ in range(20):
        before = time.time_ns()
        key = a.send_event(EVENT, group)
        sent[key] = (before, time.time_ns())
    stamps = wait_for(a.transmit_stamps, 20)
    assert {stamp.key for stamp in stamps} == set(sent)
    assert all(sent[key][0] <= stamp_ns <= sent[key][1] for key, stamp_ns in stamps)


def test_event_and_general_frames_stay_apart(ends: Ends, group: str) -> None:
    a, b = ends
    a.send_event(EVENT + b"e", group)
    a.send_general(GENERAL + b"g", group)
    assert [frame.payload for frame in wait_for(b.receive_event, 1)] == [EVENT + b"e"]
    assert [frame.payload for frame in wait_for(b.receive_general, 1)] == [GENERAL + b"g"]
    assert nothing(b.receive_event)
    assert nothing(b.receive_general)


def test_every_group_is_joined(ends: Ends, transport: Transport) -> None:
    a, b = ends
    for group in GROUPS[transport]:
        a.send_event(EVENT + group.encode(), group)
    received = wait_for(b.receive_event, 2)
    assert [frame.payload[1:].decode() for frame in received] == list(GROUPS[transport])


def test_own_frames_are_not_received(ends: Ends, group: str) -> None:
    a, b = ends
    a.send_event(EVENT, group)
    a.send_general(GENERAL, group)
    assert wait_for(b.receive_general, 1)
    assert nothing(a.receive_event)
    assert nothing(a.receive_general)


def test_a_source_is_the_destination_of_a_unicast_answer(ends: Ends, group: str) -> None:
    a, b = ends
    a.send_event(EVENT + b"ask", group)
    (question,) = wait_for(b.receive_event, 1)
    b.send_event(EVENT + b"answer", question.source)
    b.send_general(GENERAL + b"answer", question.source)
    assert [frame.payload for frame in wait_for(a.receive_event, 1)] == [EVENT + b"answer"]
    assert [frame.payload for frame in wait_for(a.receive_general, 1)] == [GENERAL + b"answer"]


def test_a_burst_of_1000_frames_loses_neither_stamp_nor_frame(ends: Ends, group: str) -> None:
    a, b = ends
    keys = [a.send_event(EVENT + struct.pack(">H", number), group) for number in range(1000)]
    assert [stamp.key for stamp in wait_for(a.transmit_stamps, 1000)] == keys
    frames = wait_for(b.receive_event, 1000)
    assert [struct.unpack(">H", frame.payload[1:3])[0] for frame in frames] == list(range(1000))
    assert all(frame.stamp_ns is not None for frame in frames)


def test_general_frames_cost_no_transmit_stamp(ends: Ends, group: str) -> None:
    a, _ = ends
    a.send_general(GENERAL, group)
    assert nothing(a.transmit_stamps)


def test_software_stamps_are_granted_and_said_so(ends: Ends) -> None:
    assert str(ends[0].granted) == "software stamps (transmit: on, receive: all)"


@pytest.mark.parametrize("transport", [Transport.UDPV4, Transport.UDPV6], ids=lambda transport: transport.value)
def test_udp_frames_of_a_group_that_another_program_joined_are_not_received(link: Link, transport: Transport) -> None:
    primary, peer_delay = GROUPS[transport]
    a = link.open("a", transport)
    b = link.open("b", transport, groups=[primary])
    link.open("b", transport, groups=[peer_delay])
    a.send_event(EVENT + b"peer delay", peer_delay)
    a.send_event(EVENT + b"primary", primary)
    assert [frame.payload for frame in wait_for(b.receive_event, 1)] == [EVENT + b"primary"]


def tap_of(link: Link, protocol: int) -> socket.socket:
    return link.nodes["b"].inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(protocol)))


def test_ipv4_frames_carry_ttl_and_dscp(link: Link) -> None:
    a = link.open("a", Transport.UDPV4, ttl=3, dscp=46)
    with tap_of(link, 0x0800) as tap:
        a.send_event(EVENT, GROUPS[Transport.UDPV4][0])
        tap.settimeout(10)
        header = tap.recv(100)
    assert header[1] == 46 << 2
    assert header[8] == 3


def test_ipv6_frames_carry_hop_limit_and_dscp(link: Link) -> None:
    a = link.open("a", Transport.UDPV6, ttl=3, dscp=46)
    with tap_of(link, 0x86DD) as tap:
        a.send_event(EVENT, GROUPS[Transport.UDPV6][0])
        tap.settimeout(10)
        header = tap.recv(100)
    assert int.from_bytes(header[:2], "big") >> 4 & 0xFF == 46 << 2
    assert header[7] == 3


def test_general_frames_carry_a_code_point_of_their_own(link: Link) -> None:
    a = link.open("a", Transport.UDPV4, dscp=46, dscp_general=34)
    with tap_of(link, 0x0800) as tap:
        a.send_general(GENERAL, GROUPS[Transport.UDPV4][0])
        tap.settimeout(10)
        assert tap.recv(100)[1] == 34 << 2


def test_a_tag_of_our_own_is_on_every_frame_and_read_at_the_other_end(link: Link) -> None:
    tag = 4 << 13 | 100
    a, b = link.open("a", Transport.L2, vlan_tag=tag), link.open("b", Transport.L2)
    group = GROUPS[Transport.L2][0]
    key = a.send_event(EVENT + b"sync", group)
    a.send_general(GENERAL + b"announce", group)
    for receive, payload in ((b.receive_event, EVENT + b"sync"), (b.receive_general, GENERAL + b"announce")):
        (frame,) = wait_for(receive, 1)
        assert (frame.payload, frame.vlan_id) == (payload, 100)
    (stamp,) = wait_for(a.transmit_stamps, 1)
    assert stamp.key == key


def test_the_transmit_priority_is_set_whatever_dscp_implies(link: Link, transport: Transport) -> None:
    a = link.open("a", transport, dscp=46, priority=6)
    for fileno in (a.event_fileno(), a.general_fileno()):
        with socket.socket(fileno=socket.dup(fileno)) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY) == 6


def test_a_port_that_another_program_holds_is_an_error_with_a_next_step(link: Link) -> None:
    with link.nodes["a"].inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("", EVENT_PORT))
        with pytest.raises(HardwareError, match="another program holds the port"):
            link.open("a", Transport.UDPV4)
