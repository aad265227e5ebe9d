"""Frames that an instance takes without decoding, known by their first octets."""

from collections.abc import Iterator

import pytest

from hw.sockets import Received
from ptpstack.daemon.events import InternalError
from ptpstack.wire import messages
from ptpstack.wire.message import encode
from tests.daemon.fakes import FakeReceiver
from tests.daemon.port_bench import SOURCE, Port

DOMAIN = 5
SYNC, OTHERS_SYNC = encode(messages.Sync(domain_number=DOMAIN)), encode(messages.Sync())
FOLLOW_UP = encode(messages.FollowUp(domain_number=DOMAIN))


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port()
    port.port_io.start()
    yield port
    port.port_io.close()
    port.shop.loop.close()


def taker(port: Port, *, refuses: tuple[str, ...] = ()) -> FakeReceiver:
    """An instance in a domain of its own that knows Syncs by their heads."""
    receiver = FakeReceiver()
    receiver.heads = frozenset({SYNC[:8]})
    port.port_io.attach(receiver, 8, sdo_id=0, domain_number=DOMAIN, refuses=refuses)
    return receiver


def test_a_frame_whose_head_is_known_is_not_decoded(port: Port) -> None:
    receiver = taker(port)
    for payload in (SYNC, OTHERS_SYNC, FOLLOW_UP):
        port.receive(payload)
    assert receiver.frames == [Received(SYNC, 5, SOURCE)]
    assert [type(message) for _, message, *_ in receiver.received] == [messages.FollowUp]
    assert [message.domain_number for _, message, *_ in port.receiver.received] == [0]


def test_what_the_instance_does_not_take_is_decoded(port: Port) -> None:
    receiver = taker(port)
    receiver.takes = False
    port.receive(SYNC)
    assert [message for _, message, *_ in receiver.received] == [messages.Sync(domain_number=DOMAIN)]


def test_a_frame_that_the_profile_forbids_is_not_taken(port: Port) -> None:
    receiver = taker(port, refuses=("unicast",))
    port.socket.events.append(Received(SYNC, 5, SOURCE, None, is_unicast=True))
    port.receive(SYNC)
    assert receiver.frames == [Received(SYNC, 5, SOURCE)]
    assert receiver.received == []
    assert port.port_io.counters == {"refused": 1}


def test_a_defect_is_told_and_the_next_frame_is_taken(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = taker(port)
    with monkeypatch.context() as broken:
        broken.setattr(receiver, "receive_octets", lambda *_: 1 / 0)
        port.receive(SYNC)
    assert port.port_io.counters == {"defect": 1}
    assert [event.error for event in port.shop.events(InternalError)] == ["ZeroDivisionError: division by zero"]
    port.receive(SYNC)
    assert len(receiver.frames) == 1
