"""The interfaces and PTP hardware clocks of this machine, and how they hang together.

What lives here: one look at everything (``discover``), through netlink, or through ioctl and /proc where netlink is
refused; each ``Interface`` says which. What does not: what to think of it (verdict.py) and later changes (link.py,
udev.py). pyroute2 is loaded inside the functions that need it: let a process that is to stay small call ``discover``
in a child.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hw.ethtool import Driver, TimestampingInfo, driver, link_speed_mbps, timestamping_info
from hw.link import (
    ARPHRD_ETHER,
    ARPHRD_LOOPBACK,
    IFF_LOOPBACK,
    IFF_RUNNING,
    IFF_UP,
    interface_flags,
    interface_index,
    interface_mac,
    interface_names,
)
from hw.phc import read_capabilities
from ptpstack.errors import HardwareError

NETLINK = "netlink"
IOCTL = "ioctl"

# linux/if_bonding.h: the number netlink gives, the words of bonding's documentation, and those of /proc/net/bonding
BOND_MODES = {
    0: ("balance-rr", "load balancing (round-robin)"),
    1: ("active-backup", "fault-tolerance (active-backup)"),
    2: ("balance-xor", "load balancing (xor)"),
    3: ("broadcast", "fault-tolerance (broadcast)"),
    4: ("802.3ad", "IEEE 802.3ad Dynamic link aggregation"),
    5: ("balance-tlb", "transmit load balancing"),
    6: ("balance-alb", "adaptive load balancing"),
}
KIND_BY_DRIVER = {"802.1Q VLAN Support": "vlan", "bonding": "bond"}
NOT_A_BUS = ("", "N/A", "tap", "tun")  # what virtual drivers write where others name a bus address


@dataclass(frozen=True)
class PhcDevice:
    """A PTP hardware clock; ``access`` is read-write, read-only, refused, or missing (no such device node).

    ``adjust_phase``: whether it can slew a phase away by itself; None where it cannot be asked.
    """

    index: int
    device: str
    clock_name: str = ""
    access: str = "missing"
    adjust_phase: bool | None = None


@dataclass(frozen=True)
class Bond:
    """A bond: its mode in the words of ``ip link``, its members, and the active one where the mode has one."""

    mode: str
    members: tuple[str, ...] = ()
    active: str = ""


@dataclass(frozen=True)
class Interface:
    """One network interface as found. ``mac`` is empty where there is none; ``carrier`` needs ``up``."""

    name: str
    index: int
    mac: bytes = b""
    kind: str = "physical"  # or veth, bridge, vlan, bond, loopback, ... as in `ip -d link`
    driver: str = ""
    up: bool = True
    carrier: bool = True
    speed_mbps: int | None = None
    timestamping: TimestampingInfo = TimestampingInfo()  # noqa: RUF009 (frozen)
    phc: PhcDevice | None = None
    vlan_of: str = ""
    vlan_id: int | None = None
    parent_elsewhere: bool = False  # the parent is in another network namespace
    master: str = ""  # the bond or bridge it belongs to
    bond: Bond | None = None
    links_by: str = NETLINK
    timestamping_by: str = NETLINK
    refused: str = ""  # why netlink was not used


def discover(root: Path = Path("/")) -> list[Interface]:
    """All interfaces of this network namespace, by index. ``root`` is where /proc, /sys and /dev are."""
    refused = ""
    try:
        links = _links_by_netlink()
    except Exception as error:  # noqa: BLE001 (pyroute2's errors share no base; whatever it is, ioctl can answer)
        links, refused = _links_by_ioctl(root), _reason(error)
    with ExitStack() as stack:
        try:
            ask, asked_by = _timestamping_by_netlink(stack), NETLINK
        except Exception as error:  # noqa: BLE001 (the same)
            ask, asked_by, refused = _timestamping_by_ioctl, IOCTL, refused or _reason(error)
        found = [_with_timestamping(link, ask, root) for link in sorted(links, key=lambda link: link.index)]
    return [replace(interface, timestamping_by=asked_by, refused=refused) for interface in found]


def _with_timestamping(link: Interface, ask: Callable[[Interface], TimestampingInfo], root: Path) -> Interface:
    try:
        info = ask(link)
    except Exception:  # noqa: BLE001 (the interface is gone since, or has nothing to say)
        info = TimestampingInfo()
    phc = _phc(info.phc_index, root) if info.phc_index >= 0 else None
    return replace(link, speed_mbps=link_speed_mbps(link.name), timestamping=info, phc=phc)


def find_phcs(root: Path = Path("/")) -> list[PhcDevice]:
    """The PTP hardware clocks in sysfs, with or without an interface (as ptp_kvm), by index."""
    names = (path.name.removeprefix("ptp") for path in (root / "sys/class/ptp").glob("ptp*"))
    return [_phc(index, root) for index in sorted(int(name) for name in names if name.isdecimal())]


def _phc(index: int, root: Path) -> PhcDevice:
    node = root / f"dev/ptp{index}"
    if not node.exists():
        access = "missing"
    elif not os.access(node, os.R_OK):
        access = "refused"
    else:
        access = "read-write" if os.access(node, os.W_OK) else "read-only"
    name_file = root / f"sys/class/ptp/ptp{index}/clock_name"
    name = name_file.read_text().strip() if name_file.exists() else ""
    return PhcDevice(index, f"/dev/ptp{index}", name, access, _adjusts_phase(node) if "read" in access else None)


def _adjusts_phase(node: Path) -> bool | None:
    try:
        with node.open("rb", buffering=0) as device:
            return read_capabilities(device.fileno()).adjust_phase
    except OSError:
        return None


def _timestamping_by_netlink(stack: ExitStack) -> Callable[[Interface], TimestampingInfo]:
    from hw.netlink import EthtoolSocket  # noqa: PLC0415 (pyroute2 costs 0.25 s and 20 MB)

    sock = stack.enter_context(EthtoolSocket())
    sock.bind_ethtool()
    return lambda link: sock.timestamping_info(link.index)


def _timestamping_by_ioctl(link: Interface) -> TimestampingInfo:
    return timestamping_info(link.name)


def _links_by_netlink() -> list[Interface]:
    from pyroute2 import IPRoute  # noqa: PLC0415 (as above)

    with IPRoute() as route:
        return interfaces_from_messages(list(route.link("dump")))


def interfaces_from_messages(messages: list[Any]) -> list[Interface]:
    """The interfaces that a dump of RTM_NEWLINK messages tells of, as pyroute2 decoded it."""
    names = {message["index"]: str(message.get_attr("IFLA_IFNAME")) for message in messages}
    return [_interface_from_message(message, names, messages) for message in messages]


def _interface_from_message(message: Any, names: dict[int, str], messages: list[Any]) -> Interface:  # noqa: ANN401 (pyroute2 is untyped)
    name, flags, index = names[message["index"]], message["flags"], message["index"]
    parent_index = message.get_attr("IFLA_LINK")
    elsewhere = message.get_attr("IFLA_LINK_NETNSID") is not None
    mac = message.get_attr("IFLA_ADDRESS") if message["ifi_type"] in (ARPHRD_ETHER, ARPHRD_LOOPBACK) else None
    own_driver = driver(name)
    kind = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or _kind(own_driver, flags)
    data = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    vlan, bond = kind == "vlan", None
    if kind == "bond" and data is not None:
        members = tuple(names[other["index"]] for other in messages if other.get_attr("IFLA_MASTER") == index)
        mode = data.get_attr("IFLA_BOND_MODE")
        active = names.get(data.get_attr("IFLA_BOND_ACTIVE_SLAVE"), "")
        bond = Bond(BOND_MODES[mode][0] if mode in BOND_MODES else f"mode {mode}", members, active)
    return Interface(
        name,
        index,
        mac=bytes.fromhex(mac.replace(":", "")) if mac else b"",
        kind=kind,
        driver=own_driver.name,
        up=bool(flags & IFF_UP),
        carrier=flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING,
        vlan_of=names.get(parent_index, "") if vlan and not elsewhere else "",
        vlan_id=data.get_attr("IFLA_VLAN_ID") if vlan and data is not None else None,
        parent_elsewhere=vlan and elsewhere,
        master=names.get(message.get_attr("IFLA_MASTER"), ""),
        bond=bond,
    )


def _links_by_ioctl(root: Path) -> list[Interface]:
    vlans, bonds = read_vlans(root / "proc"), read_bonds(root / "proc")
    masters = {member: name for name, bond in bonds.items() for member in bond.members}
    links = []
    for name in interface_names(root / "proc"):
        try:
            flags, index = interface_flags(name), interface_index(name)
        except HardwareError:  # gone between the list and the question
            continue
        try:
            mac = interface_mac(name)
        except HardwareError:
            mac = b""
        own_driver = driver(name)
        parent, vlan_id = vlans.get(name, ("", None))
        links.append(
            Interface(
                name,
                index,
                mac=mac,
                kind=_kind(own_driver, flags),
                driver=own_driver.name,
                up=bool(flags & IFF_UP),
                carrier=flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING,
                vlan_of=parent,
                vlan_id=vlan_id,
                master=masters.get(name) or _bridge_of(name, mac, root),
                bond=bonds.get(name),
                links_by=IOCTL,
            )
        )
    return links


def read_vlans(proc: Path) -> dict[str, tuple[str, int]]:
    """Parent and VLAN identifier of each VLAN interface, from /proc/net/vlan/config."""
    table = proc / "thread-self/net/vlan/config"
    rows = [line.split("|") for line in table.read_text().splitlines()] if table.exists() else []
    return {
        row[0].strip(): (row[2].strip(), int(row[1])) for row in rows if len(row) == 3 and row[1].strip().isdecimal()
    }


def read_bonds(proc: Path) -> dict[str, Bond]:
    """The bonds in /proc/net/bonding."""
    return {path.name: _bond(path.read_text().splitlines()) for path in (proc / "thread-self/net/bonding").glob("*")}


def _bond(lines: Iterable[str]) -> Bond:
    pairs = [[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]
    first = dict(reversed(pairs))  # before the members' own paragraphs
    words, active = first.get("Bonding Mode", ""), first.get("Currently Active Slave", "None")
    mode = next((name for name, in_proc in BOND_MODES.values() if words.startswith(in_proc)), words)
    members = tuple(value for key, value in pairs if key == "Slave Interface")
    return Bond(mode, members, "" if active == "None" else active)


def _kind(own_driver: Driver, flags: int) -> str:
    if flags & IFF_LOOPBACK:
        return "loopback"
    if own_driver.bus not in NOT_A_BUS:
        return "physical"
    return KIND_BY_DRIVER.get(own_driver.name, own_driver.name) or "virtual"


def _bridge_of(name: str, mac: bytes, root: Path) -> str:
    """From sysfs, which may show another namespace's interface of that name: the address tells."""
    folder = root / "sys/class/net" / name
    try:
        same = (folder / "address").read_text().strip() == mac.hex(":")
        return (folder / "master").readlink().name if same else ""
    except OSError:
        return ""


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
