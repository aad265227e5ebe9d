"""Identities, time sources and addresses."""

from __future__ import annotations

import copy
import ipaddress
import pickle

import pytest

from ptpstack.wire import addresses
from ptpstack.wire.types import ALL_PORTS, ClockIdentity, PortIdentity, TimeSource

IDENTITY = ClockIdentity(bytes.fromhex("001122fffe334455"))


def test_a_mac_becomes_an_identity_with_fffe_in_the_middle() -> None:
    assert ClockIdentity.from_mac(bytes.fromhex("001122334455")) == IDENTITY


def test_identities_print_as_linuxptp_prints_them() -> None:
    assert str(IDENTITY) == "001122.fffe.334455"
    assert str(PortIdentity(IDENTITY, 1)) == "001122.fffe.334455-1"


@pytest.mark.parametrize(
    "text", ["001122.fffe.334455", "00:11:22:ff:fe:33:44:55", "00-11-22-FF-FE-33-44-55", "001122fffe334455"]
)
def test_an_identity_is_read_from_its_usual_spellings(text: str) -> None:
    assert ClockIdentity.from_text(text) == IDENTITY


@pytest.mark.parametrize("text", ["", "001122.fffe.3344", "001122.fffe.33445566", "001122.fffe.33445g", "clock"])
def test_other_text_is_no_identity(text: str) -> None:
    with pytest.raises(ValueError, match="not a clock identity such as"):
        ClockIdentity.from_text(text)


@pytest.mark.parametrize("length", [0, 7, 9])
def test_an_identity_has_eight_octets(length: int) -> None:
    with pytest.raises(ValueError, match="8 octets"):
        ClockIdentity(bytes(length))
    with pytest.raises(ValueError, match="6 octets"):
        ClockIdentity.from_mac(bytes(length))


def test_ports_order_by_clock_identity_and_then_by_number() -> None:
    low, high = ClockIdentity(b"\x00" * 7 + b"\xff"), ClockIdentity(b"\x01" + b"\x00" * 7)
    ports = [PortIdentity(high, 1), PortIdentity(low, 300), PortIdentity(low, 2), ALL_PORTS]
    assert sorted(ports) == [PortIdentity(low, 2), PortIdentity(low, 300), PortIdentity(high, 1), ALL_PORTS]


def test_identities_survive_copy_pickle_and_repr() -> None:
    for copied in (copy.deepcopy(IDENTITY), pickle.loads(pickle.dumps(IDENTITY)), eval(repr(IDENTITY))):
        assert copied == IDENTITY
        assert type(copied) is ClockIdentity


@pytest.mark.parametrize("octet", range(256))
def test_every_time_source_keeps_its_octet(octet: int) -> None:
    assert TimeSource(octet) == octet
    assert TimeSource(octet).name in (f"0x{octet:02X}", *TimeSource.__members__)


@pytest.mark.parametrize("value", [-1, 256, "GNSS"])
def test_what_is_no_octet_is_no_time_source(value: object) -> None:
    with pytest.raises(ValueError):
        TimeSource(value)


def test_groups_are_multicast_and_the_peer_delay_group_stays_on_the_link() -> None:
    assert addresses.MAC_PRIMARY.hex(":") == "01:1b:19:00:00:00"
    assert addresses.MAC_PEER_DELAY.hex(":") == "01:80:c2:00:00:0e"
    for group in (addresses.IPV4_PRIMARY, addresses.IPV6_PRIMARY, addresses.IPV4_PEER_DELAY, addresses.IPV6_PEER_DELAY):
        assert ipaddress.ip_address(group).is_multicast
    assert ipaddress.ip_address(addresses.IPV4_PEER_DELAY) in ipaddress.ip_network("224.0.0.0/24")
    assert addresses.IPV6_PEER_DELAY.startswith("ff02:")


def test_the_ipv6_primary_group_exists_in_every_scope() -> None:
    assert addresses.ipv6_primary(0xE) == addresses.IPV6_PRIMARY
    assert addresses.ipv6_primary(2) == "ff02::181"
    with pytest.raises(ValueError, match="1 to 14"):
        addresses.ipv6_primary(15)
