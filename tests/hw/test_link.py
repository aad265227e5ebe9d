import ast
import platform
import select
import socket
import struct
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw import link
from hw.link import LinkChange, LinkMonitor, decode_link_messages
from lab.namespaces import Node
from ptpstack.errors import HardwareError
from tests.hw.carrier import wait_for_carrier
from tests.hw.refuse_netlink import SOCKET_NUMBER, without_netlink


def changes_until(monitor: LinkMonitor, wanted: int) -> list[LinkChange]:
    """Wait on the descriptor until ``wanted`` changes are read; a monitor that stays silent fails."""
    changes: list[LinkChange] = []
    while len(changes) < wanted:
        readable, _, _ = select.select([monitor], [], [], 10)
        assert readable, f"silent after {changes}"
        changes += monitor.read()
    return changes


def link_message(
    kind: int, index: int, flags: int, name: bytes, *, family: int = 0, extra_attribute: bytes = b""
) -> bytes:
    attributes = (
        extra_attribute + struct.pack("=HH", 5 + len(name), 3) + (name + b"\0").ljust((len(name) + 4) & ~3, b"\0")
    )
    body = struct.pack("=BxHiII", family, 1, index, flags, 0) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


UP_AND_RUNNING = 0x1 | 0x40


class TestQuestions:
    def test_loopback_is_the_first_interface_has_no_address_and_is_in_the_list(self) -> None:
        assert link.interface_index("lo") == 1
        assert link.interface_mac("lo") == bytes(6)
        assert "lo" in link.interface_names()

    def test_the_index_and_the_names_are_those_of_the_standard_library(self) -> None:
        assert {link.interface_index(name): name for name in link.interface_names()} == dict(socket.if_nameindex())

    @pytest.mark.parametrize("question", [link.interface_index, link.interface_mac, link.link_is_up])
    def test_an_interface_that_is_not_there_is_a_clear_error(self, question: Callable[[str], object]) -> None:
        with pytest.raises(HardwareError, match="nothere0: no such interface") as caught:
            question("nothere0")
        assert "ptpstack nics" in str(caught.value)

    @pytest.mark.parametrize("name", ["", "sixteen-letters0"])
    def test_what_cannot_be_a_name_is_said_so(self, name: str) -> None:
        with pytest.raises(HardwareError, match="cannot be an interface name"):
            link.interface_index(name)

    @pytest.mark.namespaces
    def test_an_interface_without_ethernet_has_no_address(self, node: Node) -> None:
        node.run(["ip", "tuntap", "add", "tun0", "mode", "tun"])
        with pytest.raises(HardwareError, match="tun0: no Ethernet address"):
            node.inside(lambda: link.interface_mac("tun0"))

    @pytest.mark.namespaces
    def test_a_link_is_up_when_both_ends_are(self, node: Node) -> None:
        node.run(["ip", "link", "add", "va", "address", "02:00:00:00:00:0a", "type", "veth", "peer", "name", "vb"])
        assert node.inside(lambda: link.interface_mac("va")) == bytes.fromhex("02000000000a")
        node.set_link("va", up=True)
        assert not node.inside(lambda: link.link_is_up("va"))
        node.set_link("vb", up=True)
        node.inside(lambda: wait_for_carrier("va", "vb"))


class TestDecoding:
    def test_a_new_link_is_up_with_both_flags_only(self) -> None:
        data = b"".join(link_message(16, index, flags, b"e") for index, flags in [(1, 0x1), (2, 0x40), (3, 0x41)])
        assert [change.up for change in decode_link_messages(data)] == [False, False, True]

    def test_a_deleted_link_does_not_exist_and_is_not_up(self) -> None:
        data = link_message(17, 7, UP_AND_RUNNING, b"eth7")
        assert list(decode_link_messages(data)) == [LinkChange("eth7", 7, up=False, exists=False)]

    def test_attributes_before_the_name_are_passed_over(self) -> None:
        mtu = struct.pack("=HHI", 8, 4, 1500)
        odd = struct.pack("=HHB3x", 5, 17, 1)
        (change,) = decode_link_messages(link_message(16, 2, 0, b"eth0", extra_attribute=mtu + odd))
        assert change.name == "eth0"

    @pytest.mark.parametrize(
        "other",
        [
            link_message(17, 7, 0, b"eth7", family=socket.AF_BRIDGE),  # it left its bridge
            link_message(20, 7, 0, b"eth7"),  # RTM_NEWADDR
            struct.pack("=IHHII", 16, 3, 0, 0, 0),  # NLMSG_DONE
        ],
    )
    def test_messages_that_tell_of_no_link_are_passed_over(self, other: bytes) -> None:
        after = link_message(16, 2, 0, b"eth0")
        assert [change.name for change in decode_link_messages(other + after)] == ["eth0"]

    @given(st.binary(max_size=200))
    def test_rubbish_ends_without_an_error(self, data: bytes) -> None:
        list(decode_link_messages(data))


@pytest.mark.namespaces
class TestMonitor:
    def test_a_cable_added_cut_restored_and_removed_is_told_in_order(self, node: Node) -> None:
        with node.inside(LinkMonitor) as monitor:
            assert (monitor.reason, monitor.poll_interval_s) == ("", None)
            node.run(["ip", "link", "add", "va", "index", "10", "type", "veth", "peer", "name", "vb", "index", "11"])
            assert changes_until(monitor, 2) == [LinkChange("vb", 11, up=False), LinkChange("va", 10, up=False)]
            node.set_link("va", up=True)
            node.set_link("vb", up=True)
            assert {(c.name, c.up) for c in changes_until(monitor, 2)} == {("va", True), ("vb", True)}
            node.set_link("vb", up=False)
            assert {(c.name, c.up) for c in changes_until(monitor, 2)} == {("va", False), ("vb", False)}
            node.run(["ip", "link", "del", "va"])
            assert sorted((c.name, c.index, c.exists) for c in changes_until(monitor, 2)) == [
                ("va", 10, False),
                ("vb", 11, False),
            ]

    def test_an_interface_that_comes_back_under_its_name_has_another_index(self, node: Node) -> None:
        node.run(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"])
        with node.inside(LinkMonitor) as monitor:
            before = node.inside(lambda: link.interface_index("va"))
            node.run(["ip", "link", "del", "va"])
            node.run(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"])
            changes = changes_until(monitor, 4)
            after = {change.index for change in changes if change.name == "va" and change.exists}
            assert before not in after
            assert after == {node.inside(lambda: link.interface_index("va"))}

    def test_a_new_name_is_a_change(self, node: Node) -> None:
        node.run(["ip", "link", "add", "va", "index", "10", "type", "veth", "peer", "name", "vb"])
        with node.inside(LinkMonitor) as monitor:
            node.run(["ip", "link", "set", "va", "name", "eth9"])
            assert changes_until(monitor, 1) == [LinkChange("eth9", 10, up=False)]

    def test_what_is_no_change_of_link_or_name_is_not_told(self, node: Node) -> None:
        node.run(["ip", "link", "add", "va", "index", "10", "type", "veth", "peer", "name", "vb", "index", "11"])
        with node.inside(LinkMonitor) as monitor:
            node.run(["ip", "link", "set", "va", "mtu", "1400"])
            node.run(["ip", "link", "set", "va", "address", "02:00:00:00:00:01"])
            node.run(["ip", "link", "del", "va"])
            assert all(not change.exists for change in changes_until(monitor, 2))

    def test_lost_messages_cost_a_fresh_look_and_no_state(self, node: Node) -> None:
        node.run(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"])
        node.set_link("va", up=True)
        with node.inside(LinkMonitor) as monitor:
            monitor._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            for _ in range(20):
                node.set_link("vb", up=True)
                node.set_link("vb", up=False)
            node.run(["ip", "link", "del", "va"])
            node.run(["ip", "link", "add", "vc", "index", "20", "type", "veth", "peer", "name", "vd", "index", "21"])
            state = {}
            for change in node.inside(monitor.read):
                state[change.index] = change
            assert {change.name for change in state.values() if change.exists} == {"vc", "vd"}
            assert node.inside(monitor.read) == []

    @pytest.mark.skipif(platform.machine() not in SOCKET_NUMBER, reason="this kernel's machine has no filter here")
    def test_polling_tells_the_same_where_netlink_is_refused(self, node: Node) -> None:
        code = """
import sys
from hw.link import LinkMonitor
monitor = LinkMonitor()
print(monitor.fileno(), monitor.poll_interval_s, monitor.reason, flush=True)
for _ in sys.stdin:
    print([(change.name, change.index, change.up, change.exists) for change in monitor.read()], flush=True)
"""
        network = f"--net=/proc/self/fd/{node.descriptor}"
        steps = (  # the command, and each interface with its state and whether it exists, after it
            ("add va index 10 type veth peer name vb index 11", {("va", 10, False, True), ("vb", 11, False, True)}),
            ("set va up", set()),
            ("set vb up", {("va", 10, True, True), ("vb", 11, True, True)}),
            ("del va", {("va", 10, False, False), ("vb", 11, False, False)}),
        )
        with subprocess.Popen(
            ["nsenter", network, *without_netlink(code)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[node.descriptor],
        ) as child:
            assert child.stdout.readline() == ("-1 1.0 netlink refused: Address family not supported by protocol\n")
            for command, expected in steps:
                node.run(["ip", "link", *command.split()])
                told: set[tuple[object, ...]] = set()
                while told != expected:  # a carrier comes a moment later
                    child.stdin.write("read\n")
                    child.stdin.flush()
                    told |= set(ast.literal_eval(child.stdout.readline()))
                    assert told <= expected
            child.stdin.close()
