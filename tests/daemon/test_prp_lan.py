"""Trailers of PRP are counted by their LAN, and a port that hears both says so once."""

from collections.abc import Iterator

import pytest

from hw.sockets import Received
from ptpstack.daemon.events import PrpLanMixed
from ptpstack.daemon.port_io import PortIo
from ptpstack.wire.message import encode
from ptpstack.wire.messages import Sync
from tests.daemon.fakes import FakeReceiver, FakeSocket, Workshop
from tests.wire.test_redundancy_trailer import framed


class Port:
    def __init__(self) -> None:
        self.shop = Workshop()
        self.socket = FakeSocket()
        self.port_io = PortIo(
            self.shop.loop, self.shop.recorder, "fake0", "l2", open_socket=lambda: self.socket, link_is_up=lambda: True
        )
        self.receiver = FakeReceiver()
        self.port_io.attach(self.receiver, 1, sdo_id=0, domain_number=0)
        self.port_io.start()

    def hear(self, payload: bytes) -> None:
        self.socket.events.append(Received(payload, 5, "02:00:00:00:00:01", None, is_unicast=False))
        self.socket.wake()
        self.shop.run_for(0)


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port()
    yield port
    port.port_io.close()
    port.shop.loop.close()


def test_trailers_are_counted_and_every_message_is_taken(port: Port) -> None:
    for number in range(3):
        port.hear(framed(encode(Sync(sequence_id=number)), padding=2))
    port.hear(encode(Sync(sequence_id=3)))
    assert port.port_io.counters["PRP trailer of LAN A"] == 3
    assert port.port_io.counters["PRP LAN mixed"] == 0
    assert len(port.receiver.received) == 4


def test_a_port_that_hears_both_networks_says_so_once(port: Port) -> None:
    for lan in (0xA, 0xB, 0xA, 0xB):
        port.hear(framed(encode(Sync()), lan=lan))
    assert port.port_io.counters["PRP LAN mixed"] == 3
    [told] = port.shop.events(PrpLanMixed)
    assert (told.lan_before, told.lan) == ("A", "B")
