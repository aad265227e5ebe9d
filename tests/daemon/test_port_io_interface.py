"""The interface of shared sockets may fail, go and come, and others may change how it stamps."""

import pytest

from hw.link import LinkChange
from hw.sockets import InterfaceDown, InterfaceGone
from hw.timestamping import Granted, RxFilter, Timestamping, TxType
from ptpstack.daemon import port_io as port_io_module
from ptpstack.daemon.events import (
    InterfaceLost,
    LinkChanged,
    StampingChanged,
)
from ptpstack.errors import HardwareError
from ptpstack.time import MILLISECOND
from ptpstack.wire import messages
from ptpstack.wire.message import encode
from tests.daemon.fakes import FakeSocket
from tests.daemon.port_bench import Port


def change(*, up: bool, exists: bool = True) -> LinkChange:
    return LinkChange("fake0", 2, up, exists)


@pytest.mark.parametrize("error", [InterfaceGone("no such interface"), InterfaceDown("the interface is down")])
@pytest.mark.parametrize("doing", ["sending", "receiving"])
def test_an_interface_that_fails_is_closed_told_and_opened_again_when_it_is_back(
    port: Port, error: HardwareError, doing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_io_module, "REOPEN_INTERVAL", 5 * MILLISECOND)
    port.send(messages.Sync(), 99)
    first = port.socket
    first.fails_with = port.refusal = error
    if doing == "sending":
        port.send(messages.Sync(), 100)
    else:
        first.wake()
        port.shop.run_for(0)
    lost = [(7, 99, None), (7, 100, None)] if doing == "sending" else [(7, 99, None)]
    assert port.receiver.stamps == lost
    assert first.closed
    assert not port.port_io.is_open
    assert port.receiver.links == [(7, False)]
    assert [event.reason for event in port.shop.events(InterfaceLost)] == [error.what]
    port.shop.run_for(0.02)
    assert port.receiver.links == [(7, False)]
    port.refusal = None
    port.shop.run_for(0.02)
    assert port.receiver.links == [(7, False), (7, True)]
    assert port.shop.events(LinkChanged) == [LinkChanged(interface="fake0", up=True)]
    port.receive(encode(messages.Sync()))
    assert len(port.receiver.received) == 1


def test_while_an_interface_is_lost_sends_are_counted_and_their_stamps_lost(port: Port) -> None:
    port.port_io.take_link_change(change(up=False, exists=False))
    port.send(messages.Sync(), 100)
    port.send(messages.Announce())
    assert port.receiver.stamps == [(7, 100, None)]
    assert port.port_io.counters["not sent"] == 2


def test_the_link_monitor_is_quicker_than_the_retry(port: Port) -> None:
    port.port_io.take_link_change(change(up=False))
    port.port_io.take_link_change(change(up=False))
    port.port_io.take_link_change(change(up=True))
    port.port_io.take_link_change(change(up=True))
    assert port.receiver.links == [(7, False), (7, True)]
    assert len(port.sockets) == 2
    assert port.sockets[0].closed


def test_an_interface_that_is_removed_after_its_link_went_down_is_told(port: Port) -> None:
    port.port_io.take_link_change(change(up=False))
    port.port_io.take_link_change(change(up=False, exists=False))
    assert port.receiver.links == [(7, False)]
    reasons = [event.reason for event in port.shop.events(InterfaceLost)]
    assert reasons == ["the link is down", "the interface was removed"]


def test_a_link_that_is_down_at_start_is_waited_for() -> None:
    port = Port()
    port.link_up = False
    port.port_io.start()
    assert port.receiver.links == [(7, False)]
    assert port.sockets == []
    port.link_up = True
    port.port_io.take_link_change(change(up=True))
    assert port.receiver.links == [(7, False), (7, True)]
    port.port_io.close()


@pytest.mark.parametrize("error", [InterfaceGone("no such interface"), HardwareError("not permitted")])
def test_an_interface_that_cannot_work_at_start_is_an_error(error: HardwareError) -> None:
    port = Port()
    port.refusal = error
    with pytest.raises(HardwareError) as caught:
        port.port_io.start()
    assert caught.value is error
    port.port_io.close()


HARDWARE = Granted(Timestamping.HARDWARE, TxType.ON, RxFilter.PTP_V2_EVENT)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Granted(Timestamping.HARDWARE, TxType.OFF, RxFilter.NONE), "hardware stamps (transmit: off, receive: none)"),
        (HardwareError("cannot turn on hardware timestamping"), "cannot turn on hardware timestamping"),
    ],
)
def test_stamping_that_another_program_changed_is_noticed_and_told(
    monkeypatch: pytest.MonkeyPatch, found: object, said: str
) -> None:
    monkeypatch.setattr(port_io_module, "STAMPING_CHECK_INTERVAL", 5 * MILLISECOND)
    monkeypatch.setattr(FakeSocket, "stamps_as", HARDWARE)
    port = Port()
    port.port_io.start()
    port.shop.run_for(0.02)
    assert port.shop.events(StampingChanged) == []
    port.socket.found_stamping = found
    port.shop.run_for(0.02)
    (event,) = port.shop.events(StampingChanged)
    assert event.found == said
    assert port.port_io.counters == {"stamping changed by others": 1}
    port.shop.run_for(0.02)
    assert port.port_io.granted == str(HARDWARE)
    port.port_io.close()
