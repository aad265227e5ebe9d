"""Frames that a profile forbids are counted and told, and where frames go on Ethernet is a setting."""

from collections.abc import Iterator

import pytest

from hw.sockets import Received
from ptpstack.daemon.events import FrameRefused
from ptpstack.daemon.port_io import PortIo
from ptpstack.engine.outputs import Send
from ptpstack.wire import messages
from ptpstack.wire.message import Message, encode
from tests.daemon.fakes import FakeReceiver, FakeSocket, Workshop

SOURCE = "02:00:00:00:00:01"
DOMAIN = 24


class Port:
    """A port of a profile that refuses VLAN tags and unicast in its domain; one in domain 0 refuses nothing."""

    def __init__(self) -> None:
        self.shop = Workshop()
        self.socket = FakeSocket()
        self.port_io = PortIo(
            self.shop.loop,
            self.shop.recorder,
            "fake0",
            "l2",
            "non_forwardable",
            open_socket=lambda: self.socket,
            link_is_up=lambda: True,
        )
        self.telecom, self.other = FakeReceiver(), FakeReceiver()
        refuses = ("vlan_tag", "unicast")
        self.attachment = self.port_io.attach(self.telecom, 1, sdo_id=0, domain_number=DOMAIN, refuses=refuses)
        self.port_io.attach(self.other, 1, sdo_id=0, domain_number=0)
        self.port_io.start()

    def receive(self, message: Message, *, vlan_id: int | None = None, is_unicast: bool = False) -> None:
        self.socket.events.append(Received(encode(message), 5, SOURCE, vlan_id, is_unicast))
        self.socket.wake()
        self.shop.run_for(0)


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port()
    yield port
    port.port_io.close()
    port.shop.loop.close()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [({"vlan_id": 0}, "VLAN tag (VLAN 0)"), ({"vlan_id": 7}, "VLAN tag (VLAN 7)"), ({"is_unicast": True}, "unicast")],
)
@pytest.mark.parametrize("kind", [messages.Sync, messages.DelayReq])
def test_a_forbidden_frame_is_counted_and_told(
    port: Port, frame: dict[str, int], reason: str, kind: type[Message]
) -> None:
    port.receive(kind(domain_number=DOMAIN), **frame)
    assert port.telecom.received == []
    assert port.port_io.counters["refused"] == 1
    (event,) = port.shop.events(FrameRefused)
    assert reason in str(event)


def test_a_frame_as_the_profile_wants_it_comes_in(port: Port) -> None:
    port.receive(messages.Sync(domain_number=DOMAIN))
    assert len(port.telecom.received) == 1


def test_another_domain_on_the_same_sockets_may_be_unicast(port: Port) -> None:
    port.receive(messages.Sync(), is_unicast=True)
    assert len(port.other.received) == 1
    assert port.port_io.counters["refused"] == 0


def test_everything_goes_to_the_address_that_bridges_do_not_forward(port: Port) -> None:
    for message in (messages.Announce(), messages.Sync()):
        port.port_io.send(port.attachment, Send(1, message))
    port.port_io._send_answer(encode(messages.DelayResp()))
    sent = [destination for _, destination in (*port.socket.sent_events, *port.socket.sent_generals)]
    assert set(sent) == {"01:80:c2:00:00:0e"}
    assert len(sent) == 3
