"""Which Ethernet frames the raw sockets let in, sent byte for byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from hw.sockets import PortSocket, Transport
from tests.hw.socket_lab import EVENT, GENERAL, GROUPS, Link, nothing, veth_link, wait_for

pytestmark = pytest.mark.namespaces

GROUP_MAC = bytes.fromhex("011b19000000")
SOURCE_MAC = bytes.fromhex("020000000001")
PTP = b"\x88\xf7"
ETH_P_ALL = 3
IFF_PROMISC = 0x100


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    with veth_link() as link:
        yield link


@pytest.fixture(scope="module")
def wire(link: Link) -> Iterator[socket.socket]:
    """A plain socket that sends what it is told."""
    with link.nodes["a"].inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)) as sock:
        sock.bind(("a", 0))
        yield sock


@pytest.fixture
def port(link: Link) -> Iterator[PortSocket]:
    port = link.open("b", Transport.L2)
    yield port
    port.close()


@pytest.mark.parametrize(
    ("tags", "vlan_id"),
    [
        pytest.param("", None, id="untagged"),
        pytest.param("8100 0005", 5, id="one VLAN tag"),
        pytest.param("8100 e000", 0, id="priority tag"),
        pytest.param("88a8 0007", 7, id="service tag"),
        pytest.param("88a8 0007 8100 0005", 7, id="service and customer tag"),
        pytest.param("8100 0007 8100 0005", 7, id="two VLAN tags"),
    ],
)
def test_frames_come_in_with_and_without_vlan_tags(
    wire: socket.socket, port: PortSocket, tags: str, vlan_id: int | None
) -> None:
    header = GROUP_MAC + SOURCE_MAC + bytes.fromhex(tags) + PTP
    wire.send(header + EVENT + b"e")
    wire.send(header + GENERAL + b"g")
    (event,) = wait_for(port.receive_event, 1)
    (general,) = wait_for(port.receive_general, 1)
    assert (event.payload, event.source, event.vlan_id) == (EVENT + b"e", "02:00:00:00:00:01", vlan_id)
    assert (general.payload, general.source, general.vlan_id) == (GENERAL + b"g", "02:00:00:00:00:01", vlan_id)


def test_a_frame_without_a_payload_comes_in_to_be_counted(wire: socket.socket, port: PortSocket) -> None:
    wire.send(GROUP_MAC + SOURCE_MAC + PTP)
    (general,) = wait_for(port.receive_general, 1)
    assert general.payload == b""
    assert nothing(port.receive_event)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(GROUP_MAC + SOURCE_MAC + b"\x88\xcc" + EVENT, id="another ethertype"),
        pytest.param(GROUP_MAC + SOURCE_MAC + b"\x81\x00\x00\x05\x88\xcc" + EVENT, id="another ethertype in a VLAN"),
        pytest.param(bytes.fromhex("020000000099") + SOURCE_MAC + PTP + EVENT, id="unicast for another host"),
    ],
)
def test_other_frames_do_not_come_in(link: Link, wire: socket.socket, port: PortSocket, frame: bytes) -> None:
    link.set("b", flags=IFF_PROMISC, change=IFF_PROMISC)
    wire.send(frame)
    assert nothing(port.receive_event)
    assert nothing(port.receive_general)


def test_nothing_from_before_the_filter_comes_in(link: Link, wire: socket.socket) -> None:
    """A socket never sees an unfiltered frame, however busy the wire is while it opens."""
    enough = threading.Event()

    def flood() -> None:
        while not enough.is_set():
            wire.send(GROUP_MAC + SOURCE_MAC + b"\x88\xcc" + EVENT)

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        for _ in range(50):
            port = link.open("b", Transport.L2)
            assert port.receive_event() == port.receive_general() == []
            port.close()
    finally:
        enough.set()
        flooding.join()


def test_frames_go_out_untagged_unpadded_and_from_the_interface_s_own_address(link: Link) -> None:
    port = link.open("b", Transport.L2)
    with link.nodes["a"].inside(
        lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    ) as tap:
        tap.settimeout(10)
        port.send_event(EVENT + b"payload", GROUPS[Transport.L2][0])
        frame = tap.recv(100)
        while frame[12:14] != PTP:  # whatever else the kernel says on a fresh link
            frame = tap.recv(100)
    assert frame == GROUP_MAC + port._own_mac + PTP + EVENT + b"payload"
    port.close()
