"""What happens when the interface goes down, goes away, or a send fails."""

from __future__ import annotations

import errno
import struct
import sys
import textwrap
import time
from collections.abc import Iterator

import pytest

from hw.sockets import InterfaceDown, InterfaceGone, TransmitFailed, Transport
from hw.sockets.keys import StampedSends, TransmitStamp
from hw.timestamping import SO_TIMESTAMPING, SocketFlags, Timestamping
from ptpstack.errors import HardwareError
from tests.hw.socket_lab import EVENT, GROUPS, Link, veth_link, wait_for, warm_up


@pytest.fixture
def link() -> Iterator[Link]:
    with veth_link() as link:
        yield link


@pytest.fixture(params=Transport, ids=lambda transport: transport.value)
def transport(request: pytest.FixtureRequest) -> Transport:
    return request.param


@pytest.mark.namespaces
def test_no_such_interface_is_told_on_opening(link: Link, transport: Transport) -> None:
    link.delete("a")
    with pytest.raises(InterfaceGone, match=r"a: no such interface[\s\S]*ip link"):
        link.open("a", transport)


@pytest.mark.namespaces
def test_an_interface_that_is_down_is_told_on_opening(link: Link, transport: Transport) -> None:
    link.set("a", state="down")
    with pytest.raises(InterfaceDown, match="ip link set a up"):
        link.open("a", transport)


@pytest.mark.namespaces
def test_a_program_without_the_right_to_open_is_told_which_it_needs(link: Link, transport: Transport) -> None:
    attempt = f"""
        from hw.sockets import Transport, open_socket
        from hw.timestamping import Timestamping
        from ptpstack.errors import HardwareError
        try:
            open_socket("a", transport=Transport.{transport.name}, timestamping=Timestamping.SOFTWARE, groups=[],
                        ethertype=0x88f7, event_port=319, general_port=320)
        except HardwareError as error:
            print(error)
    """
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    said = link.nodes["a"].run([*powerless, sys.executable, "-c", textwrap.dedent(attempt)])
    assert "a: cannot open a socket" in said
    assert "run as root or grant CAP_NET_RAW" in said


@pytest.mark.namespaces
def test_hardware_stamps_are_refused_with_a_next_step_where_there_are_none(link: Link, transport: Transport) -> None:
    with pytest.raises(HardwareError, match=r"no hardware timestamping[\s\S]*use software timestamping"):
        link.open("a", transport, timestamping=Timestamping.HARDWARE)


@pytest.mark.namespaces
def test_sending_on_a_deleted_interface_says_that_it_is_gone(link: Link, transport: Transport) -> None:
    port = link.open("a", transport)
    link.delete("a")
    with pytest.raises(InterfaceGone):
        port.send_event(EVENT, GROUPS[transport][0])
    with pytest.raises(InterfaceGone):
        port.send_general(EVENT, GROUPS[transport][0])


@pytest.mark.namespaces
def test_receiving_on_a_deleted_ethernet_interface_says_that_it_is_gone(link: Link) -> None:
    port = link.open("a", Transport.L2)
    link.delete("a")
    with pytest.raises(InterfaceGone):
        port.receive_event()
    with pytest.raises(InterfaceGone):
        port.receive_general()


@pytest.mark.namespaces
def test_another_interface_of_the_same_name_is_not_taken_for_the_old_one(link: Link, transport: Transport) -> None:
    port = link.open("a", transport)
    link.delete("a")
    link.connect()
    with pytest.raises(InterfaceGone, match="was replaced"):
        port.send_event(EVENT, GROUPS[transport][0])


@pytest.mark.namespaces
def test_a_socket_outlives_its_interface_being_down(link: Link, transport: Transport) -> None:
    group = GROUPS[transport][0]
    port, peer = link.open("a", transport), link.open("b", transport)
    warm_up(port, peer, group)
    link.set("a", state="down")
    with pytest.raises(InterfaceDown):
        port.send_event(EVENT, group)
    link.set("a", state="up")
    link.add_ipv6_addresses("a", 1)
    if transport is Transport.L2:
        with pytest.raises(InterfaceDown, match="was down"):
            port.receive_event()
    key = port.send_event(EVENT, group)
    assert [stamp.key for stamp in wait_for(port.transmit_stamps, 1)] == [key]
    peer.send_event(EVENT, group)
    assert wait_for(port.receive_event, 1)


@pytest.mark.namespaces
@pytest.mark.parametrize("give_keys", [True, False], ids=["the key goes with the frame", "the kernel counts"])
def test_a_failed_send_does_not_shift_the_keys(link: Link, transport: Transport, give_keys: bool) -> None:
    group = GROUPS[transport][0]
    port = link.open("a", transport)
    port.sends = StampedSends(port._event, Timestamping.SOFTWARE, give_keys=give_keys)
    sent = {}
    for _ in range(20):
        with pytest.raises(TransmitFailed):
            port.send_event(bytes(70_000), group)
        before = time.time_ns()
        key = port.send_event(EVENT, group)
        sent[key] = (before, time.time_ns())
        ((stamped_key, stamp_ns),) = wait_for(port.transmit_stamps, 1)
        assert stamped_key == key
        assert before <= stamp_ns <= sent[key][1]
    assert len(sent) == 20


class KernelThatCounts:
    """An event socket of an old kernel: it numbers frames itself, and stamps come when the test says."""

    def __init__(self) -> None:
        self.count = 0
        self.queue: list[int] = []
        self.failure: OSError | None = None
        self.counts_failures = False

    def setsockopt(self, _level: int, option: int, value: int) -> None:
        assert option == SO_TIMESTAMPING
        if not value & SocketFlags.OPT_ID:
            self.count = 0

    def sendmsg(self, _buffers: list[bytes], control: list[object], _flags: int, _address: object) -> None:
        assert control == []
        if self.failure is None or self.counts_failures:
            self.count += 1
        if self.failure is not None:
            raise self.failure

    def recvmsg(self, _size: int, _control_size: int, _flags: int) -> tuple[bytes, list[object], int, None]:
        if not self.queue:
            raise BlockingIOError
        number = self.queue.pop(0)
        error = struct.pack("=IBBBBII", errno.ENOMSG, 4, 0, 0, 0, 0, number)
        stamp = struct.pack("@6l", 1, 500 + number, 0, 0, 0, 0)
        return b"", [(1, SO_TIMESTAMPING, stamp), (263, 16, error)], 0, None


@pytest.mark.parametrize("counted", [True, False], ids=["the failure was counted", "the failure was not counted"])
def test_on_an_old_kernel_a_late_stamp_is_not_given_to_a_frame_sent_after_a_failure(counted: bool) -> None:
    kernel = KernelThatCounts()
    sends = StampedSends(kernel, Timestamping.SOFTWARE, give_keys=False)
    assert [sends.send([b""]) for _ in range(2)] == [0, 1]
    kernel.queue = [0]
    assert [stamp.key for stamp in sends.stamps()] == [0]
    kernel.failure, kernel.counts_failures = OSError(errno.ENOBUFS, "full"), counted
    with pytest.raises(OSError, match="full"):
        sends.send([b""])
    kernel.failure = None
    assert [sends.send([b""]) for _ in range(3)] == [2, 3, 4]
    kernel.queue = [1, 0, 1, 2]  # the first is that of key 1, from before the failure
    assert [stamp.key for stamp in sends.stamps()] == [2, 3, 4]


def test_keys_wrap_with_the_kernel_s_32_bits() -> None:
    kernel = KernelThatCounts()
    sends = StampedSends(kernel, Timestamping.SOFTWARE, give_keys=False)
    sends._next_key = 0xFFFF_FFFF
    sends._restart_count()
    assert [sends.send([b""]) for _ in range(2)] == [0xFFFF_FFFF, 0]
    kernel.queue = [0, 1]
    assert sends.stamps() == [TransmitStamp(0xFFFF_FFFF, 1_000_000_500), TransmitStamp(0, 1_000_000_501)]
