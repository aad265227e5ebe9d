"""Client sockets on the loopback: fresh ports, stamps, and what the network says when nobody is there."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator

import pytest

from hw.timestamping import Timestamping
from ntp.transport import Address, ClientSocket, NotSentError, Received, StampKeeper


@pytest.fixture(params=["127.0.0.1", "::1"])
def server(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock, StampKeeper():
        try:
            sock.bind((request.param, 0))
        except OSError:
            pytest.skip("this kernel has no IPv6 on its loopback")
        sock.settimeout(10)
        yield sock


def client_of(server: socket.socket) -> ClientSocket:
    return ClientSocket(Address(server.family, server.getsockname()), Timestamping.SOFTWARE)


@pytest.fixture(autouse=True, scope="module")
def kernel_stamps() -> Iterator[None]:
    """The kernel begins to stamp a while after the first socket asks for it."""
    keeper = StampKeeper()
    time.sleep(0.2)
    yield
    keeper.close()


def wait(client: ClientSocket) -> None:
    poll = select.poll()
    poll.register(client.fileno(), select.POLLIN)
    assert poll.poll(10_000)


def receive(client: ClientSocket) -> list[Received]:
    received: list[Received] = []
    while not received:
        wait(client)
        client.transmit_stamp_ns()
        received = client.receive()
    return received


def test_request_and_reply_are_stamped(server: socket.socket) -> None:
    client = client_of(server)
    client.send(b"request")
    octets, port = server.recvfrom(100)
    assert octets == b"request"
    wait(client)
    left_ns = client.transmit_stamp_ns()
    assert left_ns is not None
    server.sendto(b"reply", port)
    (reply,) = receive(client)
    assert reply.octets == b"reply"
    assert reply.stamp_ns is not None
    assert 0 < reply.stamp_ns - left_ns < 10_000_000_000
    client.close()


def test_every_request_has_a_port_of_its_own(server: socket.socket) -> None:
    ports = set()
    for _ in range(20):
        client = client_of(server)
        client.send(b"request")
        ports.add(server.recvfrom(100)[1][1])
        client.close()
    assert len(ports) > 10


def test_others_are_not_heard(server: socket.socket) -> None:
    client = client_of(server)
    client.send(b"request")
    _, port = server.recvfrom(100)
    with socket.socket(server.family, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"forged", port)
    server.sendto(b"reply", port)
    assert [received.octets for received in receive(client)] == [b"reply"]
    client.close()


def test_a_port_where_nothing_listens_says_so(server: socket.socket) -> None:
    client = client_of(server)
    server.close()
    client.send(b"request")
    with pytest.raises(NotSentError) as refusal:
        receive(client)
    assert refusal.value.why == "nothing listens on the server's port"
    client.close()


def test_an_interface_that_is_not_there_is_told() -> None:
    with pytest.raises(NotSentError) as refusal:
        ClientSocket(Address(socket.AF_INET, ("127.0.0.1", 123)), Timestamping.SOFTWARE, "nowhere0")
    assert refusal.value.where == "127.0.0.1"
