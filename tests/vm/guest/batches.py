"""Many Syncs with one system call on hardware stamps: each has its own, to the nanosecond, or none."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address

import numpy as np

from hw.sockets import PortSocket, Transport, open_socket
from hw.sockets.base import set_common_options
from hw.sockets.datagrams import Datagrams, Outgoing
from hw.timestamping import SO_TIMESTAMPING, Timestamping, socket_flags, stamp_from
from lab.vptp import set_knob
from lab.vptp.debugfs import ROOT
from tests.vm.guest.bed import SYNC, clock_difference_ns, link, message, run
from tests.vm.guest.ports import packet_socket

CLIENTS, TURNS = 600, 3
GROUP = "224.0.1.129"
SEQUENCE_ID = 14 + 20 + 8 + 30
"""Where a frame of UDP has it."""
WIRE_NS = 500


def check_600_syncs_at_once_have_each_its_own_stamp_although_a_fifth_are_lost() -> None:
    set_knob("port0/stamp_loss_ppm", 200_000)
    lost_before = lost_stamps()
    run("ip", "address", "add", "10.8.0.1/24", "dev", "vptp0")
    with link(), closing(event_socket("vptp0")) as port, closing(packet_socket("vptp1")) as wire:
        wire.setsockopt(1, 33, 16 << 20)  # SO_RCVBUFFORCE
        set_common_options(wire, priority=None)
        wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, socket_flags(Timestamping.HARDWARE))
        ahead = clock_difference_ns(1, 0)
        sockets = Datagrams(port)
        out = Outgoing(CLIENTS, 44, sockets.name_size, keyed=sockets.gives_keys)
        out.names[:] = np.frombuffer(sockets.name(ip_address(GROUP).packed, event=True), np.uint8)
        left: dict[int, int] = {}
        for turn in range(TURNS):
            for row in range(CLIENTS):
                out.octets[row] = np.frombuffer(message(SYNC, turn * CLIENTS + row), np.uint8)
            runs, refused = sockets.send_event(out, CLIENTS, turn)
            assert refused is None
            assert sum(end - begin for _, begin, end in runs) == CLIENTS
            row_of = {key + place: begin + place for key, begin, end in runs for place in range(end - begin)}
            left |= {turn * CLIENTS + row_of[key]: stamp_ns for key, stamp_ns in stamps(sockets)}
        arrived = dict(frames(wire))
    assert len(arrived) == CLIENTS * TURNS
    lost = lost_stamps() - lost_before
    assert CLIENTS * TURNS * 0.15 < lost < CLIENTS * TURNS * 0.25
    assert len(left) == CLIENTS * TURNS - lost
    wrong = [number for number, stamp_ns in left.items() if abs(arrived[number] - stamp_ns - ahead - WIRE_NS) >= 2]
    assert not wrong, wrong


def lost_stamps() -> int:
    return int((ROOT / "port0/lost_stamps").read_text())


def event_socket(interface: str) -> PortSocket:
    return open_socket(
        interface,
        transport=Transport.UDPV4,
        timestamping=Timestamping.HARDWARE,
        groups=[GROUP],
        ethertype=0x88F7,
        event_port=319,
        general_port=320,
    )


def stamps(sockets: Datagrams) -> Iterator[tuple[int, int]]:
    """Give what comes, until nothing has for 50 ms."""
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        stamped = sockets.transmit_stamps()
        if len(stamped.keys):
            yield from zip(stamped.keys.tolist(), stamped.stamps_ns.tolist(), strict=True)
            end = time.monotonic() + 0.05


def frames(wire: socket.socket) -> Iterator[tuple[int, int]]:
    """Give the sequenceId and the ingress stamp of each Sync that was on the wire."""
    while True:
        try:
            octets, control, _, _ = wire.recvmsg(2048, 512)
        except BlockingIOError:
            return
        stamp_ns = stamp_from(control, Timestamping.HARDWARE)
        if stamp_ns is not None and len(octets) >= SEQUENCE_ID + 2 and octets[12:14] == b"\x08\0":
            yield int.from_bytes(octets[SEQUENCE_ID : SEQUENCE_ID + 2], "big"), stamp_ns
