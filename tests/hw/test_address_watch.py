"""Word of new addresses, and silence about those that are only renewed."""

from __future__ import annotations

import platform
import select
import socket
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.address_watch import AddressWatch
from lab.namespaces import Node
from tests.hw.refuse_netlink import SOCKET_NUMBER, without_netlink

NEW, DELETED = 20, 21
TENTATIVE = 0x40
UNIVERSE, HOST = 0, 254


def address_message(kind: int, host: str, *, flags: int = 0, scope: int = UNIVERSE, index: int = 2) -> bytes:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    packed = socket.inet_pton(family, host)
    body = struct.pack("=BBBBI", family, 24, flags, scope, index) + struct.pack("=HH", 4 + len(packed), 1) + packed
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


@pytest.fixture
def watch() -> AddressWatch:
    made = AddressWatch()
    made.close()
    return made


def test_an_address_is_new_once_and_again_after_it_went(watch: AddressWatch) -> None:
    come, gone = address_message(NEW, "192.0.2.1"), address_message(DELETED, "192.0.2.1")
    assert [watch._take(octets) for octets in (come, come, gone, come)] == [True, False, False, True]


def test_one_on_another_interface_is_another(watch: AddressWatch) -> None:
    assert watch._take(address_message(NEW, "fe80::1"))
    assert watch._take(address_message(NEW, "fe80::1", index=3))


def test_what_cannot_be_used_is_none_yet(watch: AddressWatch) -> None:
    assert not watch._take(address_message(NEW, "2001:db8::1", flags=TENTATIVE))
    assert watch._take(address_message(NEW, "2001:db8::1"))
    assert not watch._take(address_message(NEW, "127.0.0.1", scope=HOST))


@given(st.binary(max_size=200))
def test_rubbish_ends_without_an_error(octets: bytes) -> None:
    watch = AddressWatch()
    watch.close()
    watch._take(octets)


@pytest.mark.namespaces
def test_the_kernel_tells_of_an_address_and_renewing_it_is_none(node: Node) -> None:
    node.run(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"])
    node.set_link("va", up=True)
    watch = node.inside(AddressWatch)
    assert not watch.read()
    node.run(["ip", "address", "add", "192.0.2.1/24", "dev", "va"])
    assert select.select([watch], [], [], 10)[0]
    assert watch.read()
    node.run(["ip", "address", "change", "192.0.2.1/24", "dev", "va", "valid_lft", "1000", "preferred_lft", "500"])
    assert select.select([watch], [], [], 10)[0]
    assert not watch.read()
    watch.close()


@pytest.mark.skipif(platform.machine() not in SOCKET_NUMBER, reason="this kernel's machine has no filter here")
def test_where_netlink_is_refused_nothing_is_told() -> None:
    code = "from hw.address_watch import AddressWatch\nwatch = AddressWatch()\nprint(watch.fileno(), watch.read())"
    done = subprocess.run(without_netlink(code), capture_output=True, text=True, check=True)
    assert done.stdout == "-1 False\n"
