"""Many datagrams with one call over a real link: addresses, stamps and keys are those of single frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from ipaddress import ip_address

import numpy as np
import pytest

from hw.sockets import PortSocket, Transport
from hw.sockets.datagrams import Datagrams, Outgoing
from hw.sockets.keys import StampedSends
from hw.timestamping import Timestamping
from tests.hw.socket_lab import EVENT, GROUPS, Link, veth_link, wait_for, warm_up

pytestmark = pytest.mark.namespaces

PEERS = {Transport.UDPV4: "10.9.0.2", Transport.UDPV6: "fd00::2"}
COUNT = 300
SIZE = 44


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    with veth_link() as link:
        yield link


@pytest.fixture(params=PEERS, ids=lambda transport: transport.value)
def transport(request: pytest.FixtureRequest) -> Transport:
    transport: Transport = request.param
    return transport


@pytest.fixture
def ends(link: Link, transport: Transport) -> Iterator[tuple[PortSocket, PortSocket]]:
    a, b = link.open("a", transport), link.open("b", transport)
    warm_up(a, b, GROUPS[transport][0])
    warm_up(b, a, GROUPS[transport][0])
    yield a, b
    link.close()


def frames(sockets: Datagrams, address: str, *, event: bool, keyed: bool = False) -> Outgoing:
    """COUNT frames to one address, numbered."""
    out = Outgoing(COUNT, SIZE, sockets.name_size, keyed=keyed)
    out.octets[:, 0] = 0 if event else 8
    out.octets[:, 1:3] = np.arange(COUNT, dtype=">u2").view(np.uint8).reshape(-1, 2)
    out.names[:] = np.frombuffer(sockets.name(ip_address(address).packed, event=event), np.uint8)
    return out


def keyed(port: PortSocket, transport: Transport, *, gives_keys: bool) -> tuple[Datagrams, Outgoing]:
    """Give the sockets of a port whose frames have keys of ours, or of the kernel, and COUNT event frames."""
    port.sends = StampedSends(port._event, Timestamping.SOFTWARE, give_keys=gives_keys)
    sockets = Datagrams(port)
    return sockets, frames(sockets, PEERS[transport], event=True, keyed=gives_keys)


def refuse(sockets: Datagrams, out: Outgoing, row: int, transport: Transport, *, event: bool) -> None:
    """Let one row go to where the kernel sends nothing."""
    nowhere = {Transport.UDPV4: "255.255.255.255", Transport.UDPV6: "2001:db8::1"}[transport]
    out.names[row] = np.frombuffer(sockets.name(ip_address(nowhere).packed, event=event), np.uint8)


def stamps(sockets: Datagrams, count: int) -> dict[int, int]:
    found: dict[int, int] = {}
    deadline = time.monotonic() + 5
    while len(found) < count and time.monotonic() < deadline:
        stamped = sockets.transmit_stamps()
        found |= dict(zip(stamped.keys.tolist(), stamped.stamps_ns.tolist(), strict=True))
    return found


KEYED = pytest.mark.parametrize("gives_keys", [True, False], ids=["the key goes with the frame", "the kernel counts"])


@KEYED
def test_every_event_frame_of_a_batch_has_its_stamp_by_its_key(
    ends: tuple[PortSocket, PortSocket], transport: Transport, gives_keys: bool
) -> None:
    port, peer = ends
    sockets, out = keyed(port, transport, gives_keys=gives_keys)
    receiver = Datagrams(peer)
    before = time.time_ns()
    single = port.send_event(EVENT, PEERS[transport])
    [(first, *rows)], refused = sockets.send_event(out, COUNT)
    after_batch = port.send_event(EVENT, PEERS[transport])
    after = time.time_ns()
    assert (rows, refused) == ([0, COUNT], None)
    found = stamps(sockets, COUNT + 2)
    assert set(found) == {single, *range(first, first + COUNT), after_batch}
    assert all(before <= stamp <= after for stamp in found.values())
    in_order = [found[key] for key in range(first, first + COUNT)]
    assert in_order == sorted(in_order)
    numbers: list[int] = []
    while len(arrived := receiver.receive_event().lengths):
        numbers += receiver._in.octets[: len(arrived), 1:3].copy().view(">u2").reshape(-1).tolist()
    assert [number for number in numbers if number][:10] == list(range(1, 11))
    assert len(numbers) == COUNT + 2


def test_what_arrives_has_its_sender_and_its_stamp(ends: tuple[PortSocket, PortSocket], transport: Transport) -> None:
    port, peer = ends
    sockets = Datagrams(port)
    before = time.time_ns()
    peer.send_event(EVENT * SIZE, {Transport.UDPV4: "10.9.0.1", Transport.UDPV6: "fd00::1"}[transport])
    deadline = time.monotonic() + 5
    while not len((arrived := sockets.receive_event()).lengths) and time.monotonic() < deadline:
        pass
    assert arrived.lengths.tolist() == [SIZE]
    assert before <= arrived.stamps_ns[0] <= time.time_ns()
    assert sockets.address(arrived.addresses[0].tobytes()) == PEERS[transport]
    assert sockets.packed(arrived.addresses)[0].tobytes() == ip_address(PEERS[transport]).packed


def test_an_answer_goes_to_the_port_of_general_frames(
    ends: tuple[PortSocket, PortSocket], transport: Transport
) -> None:
    port, peer = ends
    sockets = Datagrams(port)
    out = frames(sockets, PEERS[transport], event=True)
    out.names[:] = sockets.to_general(out.names)
    assert sockets.send_general(out, COUNT) == 0
    assert len(wait_for(peer.receive_general, COUNT)) == COUNT


def test_one_address_that_the_kernel_refuses_does_not_hold_up_the_others(
    ends: tuple[PortSocket, PortSocket], transport: Transport
) -> None:
    port, peer = ends
    sockets = Datagrams(port)
    out = frames(sockets, PEERS[transport], event=False)
    refuse(sockets, out, 7, transport, event=False)
    assert sockets.send_general(out, COUNT) == 1
    assert len(wait_for(peer.receive_general, COUNT - 1)) == COUNT - 1


@KEYED
def test_another_row_may_go_first_and_each_keeps_its_own_stamp(
    ends: tuple[PortSocket, PortSocket], transport: Transport, gives_keys: bool
) -> None:
    peer = ends[1]
    sockets, out = keyed(ends[0], transport, gives_keys=gives_keys)
    runs, refused = sockets.send_event(out, COUNT, 5)
    assert [run[1:] for run in runs] == [(5, COUNT), (0, 5)]
    assert refused is None
    found = stamps(sockets, COUNT)
    in_order = [found[key + row] for key, begin, end in runs for row in range(end - begin)]
    assert in_order == sorted(in_order)
    assert wait_for(peer.receive_event, COUNT)[0].payload[1:3] == (5).to_bytes(2, "big")


@KEYED
def test_whom_the_kernel_refuses_costs_the_others_neither_their_frame_nor_a_wrong_stamp(
    ends: tuple[PortSocket, PortSocket], transport: Transport, gives_keys: bool
) -> None:
    peer = ends[1]
    sockets, out = keyed(ends[0], transport, gives_keys=gives_keys)
    refuse(sockets, out, 7, transport, event=True)
    for first, went in ((0, [(0, 7), (8, COUNT)]), (7, [(8, COUNT), (0, 7)])):
        runs, refused = sockets.send_event(out, COUNT, first)
        assert ([run[1:] for run in runs], refused) == (went, 7)
        assert len(wait_for(peer.receive_event, COUNT - 1)) == COUNT - 1
        keys = [key + row for key, begin, end in runs for row in range(end - begin)]
        spoilt = 7 if first == 0 and not gives_keys else 0  # what had gone before the kernel's count was begun anew
        found = stamps(sockets, COUNT - 1 - spoilt)
        assert list(found) == keys[spoilt:]
        assert list(found.values()) == sorted(found.values())
