"""Two nodes joined by a cable, and the sockets of this package on its ends."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, TypeVar

import pytest

from hw.sockets import PortSocket, Received, TransmitStamp, Transport, open_socket
from hw.timestamping import Timestamping
from lab import namespaces

T = TypeVar("T")
Ends: TypeAlias = tuple[PortSocket, PortSocket]

ETHERTYPE = 0x88F7
EVENT_PORT, GENERAL_PORT = 319, 320
EVENT, GENERAL = b"\x00", b"\x08"
GROUPS = {
    Transport.L2: ("01:1b:19:00:00:00", "01:80:c2:00:00:0e"),
    Transport.UDPV4: ("224.0.1.129", "224.0.0.107"),
    Transport.UDPV6: ("ff0e::181", "ff02::6b"),
}


class Link:
    """A veth pair: interface ``a`` in one node, interface ``b`` in another."""

    def __init__(self, network: namespaces.Network) -> None:
        self.nodes = {end: network.node(end) for end in ("a", "b")}
        self._network = network
        self._open: list[PortSocket] = []
        self.connect()

    def connect(self) -> None:
        self._network.cable(self.nodes["a"], "a", self.nodes["b"], "b")
        for number, (end, node) in enumerate(self.nodes.items(), start=1):
            node.add_address(end, f"10.9.0.{number}/24")
            self.add_ipv6_addresses(end, number)

    def add_ipv6_addresses(self, end: str, number: int) -> None:
        """Give addresses that are usable at once; the kernel removes them when the link goes down."""
        for address in (f"fe80::{number}/64", f"fd00::{number}/64"):
            self.nodes[end].add_address(end, address)

    def set(self, end: str, **settings: object) -> None:
        """Change a link setting (IFLA_… names in lower case)."""
        self.nodes[end].netlink(lambda ip: ip.link("set", index=ip.link_lookup(ifname=end)[0], **settings))

    def delete(self, end: str) -> None:
        self.nodes[end].netlink(lambda ip: ip.link("del", index=ip.link_lookup(ifname=end)[0]))

    def open(self, end: str, transport: Transport, **options: object) -> PortSocket:
        settings: dict[str, Any] = {
            "transport": transport,
            "timestamping": Timestamping.SOFTWARE,
            "groups": GROUPS[transport],
            "ethertype": ETHERTYPE,
            "event_port": EVENT_PORT,
            "general_port": GENERAL_PORT,
        }
        port = self.nodes[end].inside(lambda: open_socket(end, **(settings | options)))
        self._open.append(port)
        return port

    def close(self) -> None:
        for port in self._open:
            port.close()


@contextlib.contextmanager
def veth_link() -> Iterator[Link]:
    if why := namespaces.why_unavailable():
        pytest.skip(f"this kernel gives no network namespaces: {why}")
    with namespaces.Network() as network, contextlib.closing(Link(network)) as link:
        yield link


def wait_for(collect: Callable[[], list[T]], count: int, seconds: float = 10.0) -> list[T]:
    """Call *collect* until it gave *count* items; what came until *seconds* passed otherwise."""
    items = collect()
    deadline = time.monotonic() + seconds
    while len(items) < count and time.monotonic() < deadline:
        time.sleep(0.001)
        items += collect()
    return items


def nothing(collect: Callable[[], list[T]]) -> bool:
    """Tell whether nothing comes within a while that was enough for everything else."""
    return wait_for(collect, 1, seconds=0.1) == []


def warm_up(sender: PortSocket, receiver: PortSocket, group: str) -> None:
    """Return once received frames carry stamps: the kernel switches them on a little after the first asks."""
    for _ in range(1000):
        sender.send_event(EVENT, group)
        frames: list[Received] = wait_for(receiver.receive_event, 1)
        stamps: list[TransmitStamp] = wait_for(sender.transmit_stamps, 1)
        if frames and stamps and frames[-1].stamp_ns is not None:
            return
    raise AssertionError("no received frame got a stamp")
