"""The bed of the checks: four ports, ``vptp0 — vptp1`` and ``vptp2 — vptp3``; the last two share a clock."""

import array
import fcntl
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hw.phc import Phc
from hw.realtime import RealtimeClock
from hw.sockets.base import PortSocket
from hw.sockets.open import Transport, open_socket
from hw.timestamping import Timestamping
from lab.vptp import read_truth, set_knob
from lab.vptp.debugfs import ROOT
from ptpstack.time import NANOSECOND, LocalTime

PARAMETERS = "ports=4 phc=0,1,2,2 segment=0,0,1,1"
PTP_MULTICAST = "01:1b:19:00:00:00"
SIOCSHWTSTAMP, SIOCGHWTSTAMP = 0x89B0, 0x89B1
SYNC, DELAY_REQ, FOLLOW_UP, ANNOUNCE = 0x0, 0x1, 0x8, 0xB


def fresh_card(parameters: str) -> None:
    """Load the virtual card anew, its interfaces in no namespace; nothing where the guest has none."""
    if os.environ["VPTP"]:
        if ROOT.exists():
            run("rmmod", "vptp")
        run("ip", "-all", "netns", "delete")
        insert_card(parameters)


def insert_card(parameters: str) -> None:
    run("insmod", os.environ["VPTP"], *parameters.split())


def read_knobs() -> dict[str, int]:
    knobs = (path for path in ROOT.glob("*/*") if not path.name.startswith("lost_"))
    return {str(path.relative_to(ROOT)): int(path.read_text()) for path in knobs}


def reset(knobs: dict[str, int]) -> None:
    """Every check begins with these knobs, and with clocks that run free from (nearly) the same time."""
    RealtimeClock(tai_offset_s=0).set_frequency(0.0)
    for name, value in knobs.items():
        if int((ROOT / name).read_text()) != value:
            set_knob(name, value)
    for truth in read_truth().clocks if ROOT.exists() else ():
        with opened(truth.device) as phc:
            phc.set_frequency(0.0)
            phc.set_time(LocalTime(read_truth().realtime_ns * NANOSECOND))


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_until(true: Callable[[], Any], seconds: float) -> Any:
    """Wait, in the guest's time, until there is something, and return that."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"nothing within {seconds} s"
        time.sleep(0.005)
    return found


def all_of(collect: Callable[[], list[Any]]) -> list[Any]:
    """Return everything that waits now."""
    found: list[Any] = []
    while more := collect():
        found += more
    return found


def soon(true: Callable[[], Any], seconds: float) -> Any:
    """Wait for what costs to look for."""

    def look() -> Any:
        if not (found := true()):
            time.sleep(0.1)
        return found

    return wait_until(look, seconds)


def clock(number: int) -> closing[Phc]:
    return opened(read_truth().clocks[number].device)


def opened(device: str) -> closing[Phc]:
    return closing(Phc(device))


@contextmanager
def link(sender: str = "vptp0", receiver: str = "vptp1") -> Iterator[tuple[PortSocket, PortSocket]]:
    """Two sockets with hardware stamps on the ends of a link."""
    for interface in (sender, receiver):
        run("ip", "link", "set", interface, "up")
    wait_until(lambda: has_carrier(sender) and has_carrier(receiver), 5)
    sockets = open_event_socket(sender), open_event_socket(receiver)
    try:
        yield sockets
    finally:
        for port_socket in sockets:
            port_socket.close()
            set_stamping(port_socket.interface, 0, 0)


def open_event_socket(interface: str) -> PortSocket:
    return open_socket(
        interface,
        transport=Transport.L2,
        timestamping=Timestamping.HARDWARE,
        groups=[PTP_MULTICAST],
        ethertype=0x88F7,
        event_port=319,
        general_port=320,
    )


def has_carrier(interface: str) -> bool:
    return Path(f"/sys/class/net/{interface}/carrier").read_text().strip() == "1"


def message(message_type: int, sequence_id: int = 0) -> bytes:
    """A PTP message: version 2, length, an empty identity, and an empty originTimestamp."""
    return struct.pack(">BBH24x2xHBb", message_type, 2, 44, sequence_id, 0, 0x7F).ljust(44, b"\0")


def send_one(sender: PortSocket, receiver: PortSocket, payload: bytes) -> tuple[int, int]:
    """Send an event frame and return both its stamps, in ns of each clock."""
    key = sender.send_event(payload, PTP_MULTICAST)
    (sent,) = wait_until(sender.transmit_stamps, 1)
    (received,) = wait_until(receiver.receive_event, 1)
    assert sent.key == key
    assert received.stamp_ns is not None
    return sent.stamp_ns, received.stamp_ns


def clock_difference_ns(clock: int, other: int) -> float:
    clocks = read_truth().clocks
    return clocks[clock].minus_ns(clocks[other])


def set_stamping(interface: str, tx_type: int, rx_filter: int) -> tuple[int, int]:
    """SIOCSHWTSTAMP; returns what was granted."""
    return _hwtstamp(SIOCSHWTSTAMP, interface, tx_type, rx_filter)


def get_stamping(interface: str) -> tuple[int, int]:
    return _hwtstamp(SIOCGHWTSTAMP, interface, 0, 0)


def _hwtstamp(request: int, interface: str, tx_type: int, rx_filter: int) -> tuple[int, int]:
    config = array.array("i", [0, tx_type, rx_filter])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, request, struct.pack("16sP16x", interface.encode(), config.buffer_info()[0]))
    return config[1], config[2]
