"""What the tables of unicast negotiation must not say."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from msgspec import UNSET

from profiles.loader import TransportName, load_profile
from ptpstack.config.instance_table import Instance
from ptpstack.config.port_table import Port
from ptpstack.config.problems import Path, Problem
from ptpstack.config.source import Source

_FORMS: dict[TransportName, str] = {
    "l2": "a MAC address such as 02:00:00:00:00:01",
    "udpv4": "an IPv4 address such as 192.0.2.1",
    "udpv6": "an IPv6 address such as 2001:db8::1",
}


def unicast_problems(instance: Instance, port: Port, path: Path, source: Source) -> Iterator[Problem]:
    """Yield what *port* says of unicast that cannot be true, or has no effect."""
    if port.communication == "unicast" and not port.unicast_master and port.unicast_service is UNSET:
        yield source.problem(
            path,
            'has nobody to talk to: communication is "unicast"',
            why="it serves and hears no group, asks no master and grants nothing",
            next_step="write [[instance.NAME.port.unicast_master]] or [instance.NAME.port.unicast_service] below it",
        )
    if port.unicast_master:
        yield from _masters(instance, port, path, source)
    if port.unicast_service is not UNSET:
        yield from _service(instance, port, path, source)
    if port.interface_rate_tlv and not port.unicast_master and port.unicast_service is UNSET:
        why = "the TLV goes along with unicast grants"
        yield source.problem((*path, "interface_rate_tlv"), "has no effect", why=why)
    if port.unicast_master or port.unicast_service is not UNSET:
        if instance.instance_type != "auto":
            why = f'instance_type = "{instance.instance_type}" negotiates nothing'
            yield source.problem(path, "unicast negotiation has no effect", why=why)
        if port.delay_mechanism == "p2p":
            why = "peer delay is not negotiated"
            yield source.problem((*path, "delay_mechanism"), '"p2p" contradicts unicast negotiation', why=why)


def _masters(instance: Instance, port: Port, path: Path, source: Source) -> Iterator[Problem]:
    if port.master_only:
        why = "a port that is master only follows nobody"
        yield source.problem((*path, "unicast_master", 0), "has no effect", why=why)
    seen: dict[str, int] = {}
    ranks = "local_priority" in load_profile(instance.profile).attributes
    for index, master in enumerate(port.unicast_master):
        place: Path = (*path, "unicast_master", index)
        try:
            address = normal_address(master.address, port.transport or "udpv4")
        except ValueError as error:
            yield source.problem((*place, "address"), f'"{master.address}" is no address', why=str(error))
            continue
        if address in seen:
            why = f"as in unicast_master[{seen[address]}]"
            yield source.problem((*place, "address"), f"{address} is asked already", why=why)
        seen.setdefault(address, index)
        if master.local_priority is not UNSET and not ranks:
            why = f"profile {instance.profile} chooses the master by IEEE 1588-2019 9.3.4"
            yield source.problem((*place, "local_priority"), "has no effect", why=why)


def _service(instance: Instance, port: Port, path: Path, source: Source) -> Iterator[Problem]:
    place: Path = (*path, "unicast_service")
    if instance.slave_only:
        yield source.problem(place, "has no effect", why="the instance is slave_only, so this port is never a master")
    assert port.unicast_service is not UNSET
    for index, word in enumerate(port.unicast_service.allow):
        try:
            normal_entry(word)
        except ValueError as error:
            yield source.problem((*place, "allow", index), f'"{word}" is no network and no address', why=str(error))


def normal_address(text: str, transport: TransportName) -> str:
    """Return *text* as the sockets of *transport* write it. Raises ``ValueError``."""
    if transport == "l2":
        digits = text.translate(str.maketrans("", "", ":-.")).lower()
        if len(digits) != 12 or not all(digit in "0123456789abcdef" for digit in digits):
            raise ValueError(f"transport l2 wants {_FORMS[transport]}")
        return ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    try:
        address = ip_address(text)
    except ValueError as error:
        raise ValueError(f"transport {transport} wants {_FORMS[transport]}; names are not looked up") from error
    if address.version != (4 if transport == "udpv4" else 6):
        raise ValueError(f"transport {transport} wants {_FORMS[transport]}")
    if address.is_multicast or address.is_unspecified:
        raise ValueError("it is the address of no host")
    return address.compressed


def normal_entry(text: str) -> str:
    """Return a network, IP address or MAC address as the engine compares it. Raises ``ValueError``."""
    if "/" in text:
        return str(ip_network(text))
    for transport in _FORMS:
        try:
            return normal_address(text, transport)
        except ValueError:
            continue
    raise ValueError("allowed are networks such as 10.0.0.0/8, IP addresses and MAC addresses")
