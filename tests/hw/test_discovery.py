import json
import platform
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from hw import discovery
from hw.discovery import (
    Bond,
    Interface,
    PhcDevice,
    discover,
    find_phcs,
    interfaces_from_messages,
    read_bonds,
    read_vlans,
)
from hw.ethtool import SOFTWARE_STAMPS, TimestampingInfo
from lab.namespaces import Node
from tests.hw.carrier import wait_for_carrier
from tests.hw.refuse_netlink import SOCKET_NUMBER, without_netlink

UP, RUNNING, LOOPBACK = 0x1, 0x40, 0x8
NESTED = 0x8000


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload.ljust((len(payload) + 3) & ~3, b"\0")


def number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def new_link(index: int, name: str, *attributes: bytes, flags: int = UP | RUNNING, hardware_type: int = 1) -> ifinfmsg:
    """An RTM_NEWLINK message as the kernel lays it out (linux/if_link.h), decoded by pyroute2."""
    body = struct.pack("=BxHiII", 0, hardware_type, index, flags, 0) + attribute(3, name.encode() + b"\0")
    body += b"".join(attributes)
    message = ifinfmsg(struct.pack("=IHHII", 16 + len(body), 16, 0, 1, 0) + body)
    message.decode()
    return message


def link_info(kind: bytes, *data: bytes) -> bytes:
    return attribute(18 | NESTED, attribute(1, kind + b"\0") + attribute(2 | NESTED, b"".join(data)))


@pytest.fixture(autouse=True)
def _drivers(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Interfaces that are only bytes have no driver to ask."""
    if request.node.get_closest_marker("namespaces") is None:
        monkeypatch.setattr(discovery, "driver", lambda _: discovery.Driver())


class TestNetlinkMessages:
    def test_a_vlan_is_told_with_its_parent_and_identifier(self) -> None:
        vlan = new_link(5, "eth0.7", number(5, 2), link_info(b"vlan", attribute(1, struct.pack("=H", 7))))
        _, found = interfaces_from_messages([new_link(2, "eth0"), vlan])
        assert (found.kind, found.vlan_of, found.vlan_id, found.parent_elsewhere) == ("vlan", "eth0", 7, False)

    def test_a_vlan_of_an_interface_in_another_namespace_has_no_parent_here(self) -> None:
        identifier = link_info(b"vlan", attribute(1, struct.pack("=H", 7)))
        vlan = new_link(5, "v7", number(5, 2), number(37, 0), identifier)
        _, found = interfaces_from_messages([new_link(2, "someone-else"), vlan])
        assert (found.vlan_of, found.vlan_id, found.parent_elsewhere) == ("", 7, True)

    @pytest.mark.parametrize(
        ("mode", "active", "bond"),
        [
            (1, 3, Bond("active-backup", ("eth0", "eth1"), "eth1")),
            (1, None, Bond("active-backup", ("eth0", "eth1"), "")),
            (4, None, Bond("802.3ad", ("eth0", "eth1"), "")),
            (9, None, Bond("mode 9", ("eth0", "eth1"), "")),
        ],
    )
    def test_a_bond_is_told_with_mode_members_and_active_slave(self, mode: int, active: int | None, bond: Bond) -> None:
        data = [attribute(1, bytes([mode])), *([number(2, active)] if active else [])]
        found = interfaces_from_messages(
            [
                new_link(2, "eth0", number(10, 4)),
                new_link(3, "eth1", number(10, 4)),
                new_link(4, "bond0", link_info(b"bond", *data)),
            ]
        )
        assert found[2].bond == bond
        assert [member.master for member in found] == ["bond0", "bond0", ""]

    def test_a_veth_is_no_vlan_of_its_peer(self) -> None:
        (found,) = interfaces_from_messages([new_link(2, "va", number(5, 3), link_info(b"veth"))])
        assert (found.kind, found.vlan_of) == ("veth", "")

    @pytest.mark.parametrize(
        ("flags", "up", "carrier"), [(UP | RUNNING, True, True), (UP, True, False), (RUNNING, False, False)]
    )
    def test_a_carrier_counts_only_when_up(self, flags: int, up: bool, carrier: bool) -> None:
        (found,) = interfaces_from_messages([new_link(2, "eth0", flags=flags)])
        assert (found.up, found.carrier) == (up, carrier)

    def test_an_address_that_is_not_ethernets_is_none(self) -> None:
        infiniband = new_link(2, "ib0", attribute(1, bytes(20)), hardware_type=32)
        (found,) = interfaces_from_messages([infiniband])
        assert found.mac == b""


class TestProc:
    def test_vlans_are_read_from_the_kernels_table(self, tmp_path: Path) -> None:
        table = tmp_path / "thread-self/net/vlan/config"
        table.parent.mkdir(parents=True)
        table.write_text(
            "VLAN Dev name    | VLAN ID\n"
            "Name-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n"
            "eth0.7         | 7  | eth0\n"
            "voice          | 100  | eth1\n"
        )
        assert read_vlans(tmp_path) == {"eth0.7": ("eth0", 7), "voice": ("eth1", 100)}

    @pytest.mark.parametrize(
        ("mode", "active", "bond"),
        [
            ("fault-tolerance (active-backup)", "eth1", Bond("active-backup", ("eth0", "eth1"), "eth1")),
            ("fault-tolerance (active-backup) (fail_over_mac active)", "None", Bond("active-backup", ("eth0", "eth1"))),
            ("IEEE 802.3ad Dynamic link aggregation", None, Bond("802.3ad", ("eth0", "eth1"))),
            ("something new", None, Bond("something new", ("eth0", "eth1"))),
        ],
    )
    def test_bonds_are_read_from_the_kernels_text(
        self, tmp_path: Path, mode: str, active: str | None, bond: Bond
    ) -> None:
        folder = tmp_path / "thread-self/net/bonding"
        folder.mkdir(parents=True)
        lines = ["Ethernet Channel Bonding Driver: v6.12", "", f"Bonding Mode: {mode}"]
        lines += [f"Currently Active Slave: {active}"] if active else []
        for member in ("eth0", "eth1"):
            lines += ["", f"Slave Interface: {member}", "MII Status: up", "Permanent HW addr: 02:00:00:00:00:01"]
        (folder / "bond0").write_text("\n".join(lines) + "\n")
        assert read_bonds(tmp_path) == {"bond0": bond}

    def test_a_kernel_without_either_has_none(self, tmp_path: Path) -> None:
        assert read_vlans(tmp_path) == {}
        assert read_bonds(tmp_path) == {}


class TestPhcs:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for index, name in [(10, "KVM virtual PTP"), (2, "igb")]:
            folder = tmp_path / f"sys/class/ptp/ptp{index}"
            folder.mkdir(parents=True)
            (folder / "clock_name").write_text(f"{name}\n")
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev/ptp2").touch()
        return tmp_path

    def test_clocks_are_in_the_order_of_their_index_with_or_without_a_node(self, root: Path) -> None:
        assert find_phcs(root) == [
            PhcDevice(2, "/dev/ptp2", "igb", "read-write"),
            PhcDevice(10, "/dev/ptp10", "KVM virtual PTP", "missing"),
        ]

    @pytest.mark.parametrize(
        ("granted", "access"),
        [({4, 2}, "read-write"), ({4}, "read-only"), ({2}, "refused"), (set(), "refused")],
    )
    def test_access_is_what_this_user_has(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, granted: set[int], access: str
    ) -> None:
        monkeypatch.setattr("os.access", lambda _, mode: mode in granted)
        assert find_phcs(root)[0].access == access

    def test_a_machine_without_clocks_has_none(self, tmp_path: Path) -> None:
        assert find_phcs(tmp_path) == []

    def test_an_interface_gets_the_clock_that_its_driver_names(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def ask(link: Interface) -> TimestampingInfo:
            return TimestampingInfo(phc_index={"eth0": 2, "eth1": 5}.get(link.name, -1))

        links = [Interface("eth1", 3), Interface("eth0", 2), Interface("eth2", 4)]
        monkeypatch.setattr(discovery, "_links_by_netlink", lambda: links)
        monkeypatch.setattr(discovery, "_timestamping_by_netlink", lambda _: ask)
        found = discover(root)
        assert [interface.name for interface in found] == ["eth0", "eth1", "eth2"]
        assert found[0].phc == PhcDevice(2, "/dev/ptp2", "igb", "read-write")
        assert found[1].phc == PhcDevice(5, "/dev/ptp5", "", "missing")
        assert found[2].phc is None

    def test_an_interface_that_vanishes_meanwhile_has_nothing_to_say(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(discovery, "_links_by_netlink", lambda: [Interface("nothere0", 99)])
        monkeypatch.setattr(discovery, "_timestamping_by_netlink", lambda _: discovery._timestamping_by_ioctl)
        assert [interface.timestamping for interface in discover()] == [TimestampingInfo()]


def without_way(interface: Interface) -> Interface:
    return replace(interface, links_by="", timestamping_by="", refused="")


@pytest.fixture
def populated(node: Node) -> Node:
    """A veth pair with one end in a bridge, macvlan, tap and tun."""
    for arguments in (
        "link add va address 02:00:00:00:00:0a type veth peer name vb",
        "link add br0 type bridge",
        "link set vb master br0",
        "link set va up",
        "link set vb up",
        "link add mv0 link va type macvlan",
        "tuntap add tap0 mode tap",
        "tuntap add tun0 mode tun",
    ):
        node.run(["ip", *arguments.split()])
    node.inside(lambda: wait_for_carrier("va", "vb"))
    return node


@pytest.mark.namespaces
class TestThisKernel:
    def test_kinds_relations_and_stamps_of_real_interfaces(self, populated: Node) -> None:
        found = {interface.name: interface for interface in populated.inside(discover)}
        assert {name: interface.kind for name, interface in found.items()} == {
            "lo": "loopback",
            "va": "veth",
            "vb": "veth",
            "br0": "bridge",
            "mv0": "macvlan",
            "tap0": "tun",
            "tun0": "tun",
        }
        assert found["vb"].master == "br0"
        assert found["va"].mac == bytes.fromhex("02000000000a")
        assert found["tun0"].mac == b""
        assert found["va"].timestamping == TimestampingInfo(SOFTWARE_STAMPS)
        assert (found["va"].up, found["va"].carrier, found["va"].speed_mbps) == (True, True, 10_000)
        assert (found["br0"].up, found["br0"].carrier) == (False, False)
        assert {(i.links_by, i.timestamping_by, i.refused) for i in found.values()} == {("netlink", "netlink", "")}

    def test_netlink_and_ioctl_agree_on_everything(self, populated: Node, monkeypatch: pytest.MonkeyPatch) -> None:
        by_netlink = populated.inside(discover)

        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(discovery, "_links_by_netlink", refuse)
        monkeypatch.setattr(discovery, "_timestamping_by_netlink", refuse)
        by_ioctl = populated.inside(discover)
        assert {(i.links_by, i.timestamping_by, i.refused) for i in by_ioctl} == {
            ("ioctl", "ioctl", "Operation not permitted")
        }
        # sysfs, the only other place that tells of bridge ports, shows the namespace in which it was mounted
        assert [without_way(replace(interface, master="")) for interface in by_ioctl] == [
            without_way(replace(interface, master="")) for interface in by_netlink
        ]

    def test_links_by_netlink_and_stamps_by_ioctl_where_only_ethtool_is_refused(
        self, populated: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: object) -> Callable[[Interface], TimestampingInfo]:
            raise OSError(2, "no such family")

        before = populated.inside(discover)
        monkeypatch.setattr(discovery, "_timestamping_by_netlink", refuse)
        found = populated.inside(discover)
        assert {(i.links_by, i.timestamping_by, i.refused) for i in found} == {("netlink", "ioctl", "no such family")}
        assert list(map(without_way, found)) == list(map(without_way, before))

    @pytest.mark.skipif(platform.machine() not in SOCKET_NUMBER, reason="this kernel's machine has no filter here")
    def test_a_process_without_netlink_finds_the_same_interfaces(self, populated: Node) -> None:
        code = """
import json
from hw.discovery import discover
print(json.dumps([[i.name, i.index, i.kind, i.links_by, i.timestamping_by, i.refused] for i in discover()]))
"""
        network = f"--net=/proc/self/fd/{populated.descriptor}"
        done = subprocess.run(
            ["nsenter", network, *without_netlink(code)],
            pass_fds=[populated.descriptor],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        way = ["ioctl", "ioctl", "Address family not supported by protocol"]
        assert found == [[i.name, i.index, i.kind, *way] for i in populated.inside(discover)]

    @pytest.mark.parametrize(("kind", "arguments"), [("vlan", "link va type vlan id 7"), ("bond", "type bond mode 1")])
    def test_a_real_vlan_and_bond(self, populated: Node, kind: str, arguments: str) -> None:
        try:
            populated.run(["ip", "link", "add", "x0", *arguments.split()])
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this kernel has no {kind}: {error.stderr.strip()}")
        found = {interface.name: interface for interface in populated.inside(discover)}["x0"]
        assert found.kind == kind
        assert (found.vlan_of, found.vlan_id) == (("va", 7) if kind == "vlan" else ("", None))
        assert (found.bond is not None) == (kind == "bond")
        ioctl = {link.name: link for link in populated.inside(lambda: discovery._links_by_ioctl(Path("/")))}["x0"]
        assert (ioctl.kind, ioctl.vlan_of, ioctl.vlan_id, ioctl.bond) == (
            found.kind,
            found.vlan_of,
            found.vlan_id,
            found.bond,
        )

    def test_a_bridge_port_is_found_in_sysfs_when_it_is_this_namespaces(self, tmp_path: Path) -> None:
        folder = tmp_path / "sys/class/net/vb"
        folder.mkdir(parents=True)
        (folder / "address").write_text("02:00:00:00:00:0b\n")
        (folder / "master").symlink_to("../../../virtual/net/br0")
        assert discovery._bridge_of("vb", bytes.fromhex("02000000000b"), tmp_path) == "br0"
        assert discovery._bridge_of("vb", bytes.fromhex("020000000001"), tmp_path) == ""
        assert discovery._bridge_of("va", bytes.fromhex("020000000001"), tmp_path) == ""


def test_pyroute2_is_loaded_only_by_discovering() -> None:
    code = "import sys, hw.discovery, hw.link, hw.ethtool, hw.udev, hw.verdict; print('pyroute2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
