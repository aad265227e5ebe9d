import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import namespaces

pytestmark = pytest.mark.namespaces

LISTEN = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as listener:
    listener.bind((sys.argv[1], 4000))
    listener.settimeout(10)
    print(listener.recv(100).decode(), flush=True)
"""
SEND = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as sender:
    for _ in range(20):
        sender.sendto(b"hello", (sys.argv[1], 4000))
        time.sleep(0.05)
"""
RAW_LISTEN = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88F7)) as listener:
    listener.bind(("eth0", 0x88F7))
    listener.settimeout(2)
    try:
        print(listener.recv(100)[14:].decode(), flush=True)
    except TimeoutError:
        print("nothing", flush=True)
"""
RAW_SEND = """
import socket, time
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
    sender.bind(("eth0", 0))
    for _ in range(10):
        sender.send(bytes.fromhex("0180c200000e 020000000001 88f7") + b"hello")
        time.sleep(0.05)
"""


@pytest.fixture
def net() -> Iterator[namespaces.Network]:
    why = namespaces.why_unavailable()
    if why:
        pytest.skip(f"this kernel gives no network namespaces: {why}")
    with namespaces.Network() as net:
        yield net


@pytest.mark.parametrize("address", ["10.0.0.2", "fd00::2"])
def test_two_nodes_on_a_cable_reach_each_other(net: namespaces.Network, tmp_path: Path, address: str) -> None:
    a, b = net.node("a"), net.node("b")
    net.cable(a, "eth0", b, "eth0")
    for node, number in ((a, 1), (b, 2)):
        node.add_address("eth0", f"10.0.0.{number}/24")
        node.add_address("eth0", f"fd00::{number}/64")
    log = tmp_path / "log"
    listener = b.start([sys.executable, "-c", LISTEN, address], log)
    time.sleep(0.2)
    a.run([sys.executable, "-c", SEND, address])
    assert listener.wait(10) == 0, log.read_text()
    assert log.read_text() == "hello\n"


@pytest.mark.parametrize(("forwards", "heard"), [(False, "nothing"), (True, "hello")])
def test_a_bridge_keeps_peer_delay_frames_to_one_cable_unless_told_otherwise(
    net: namespaces.Network, tmp_path: Path, forwards: bool, heard: str
) -> None:
    a, b, bridge = net.node("a"), net.node("b"), net.bridge(forwards_peer_delay=forwards)
    net.cable(a, "eth0", bridge, "a")
    net.cable(b, "eth0", bridge, "b")
    log = tmp_path / "log"
    listener = b.start([sys.executable, "-c", RAW_LISTEN], log)
    time.sleep(0.2)
    a.run([sys.executable, "-c", RAW_SEND])
    listener.wait(10)
    assert log.read_text() == f"{heard}\n"


def test_a_cut_cable_takes_the_carrier_away_and_its_restoring_brings_it_back(net: namespaces.Network) -> None:
    a, bridge = net.node("a"), net.bridge()
    cable = net.cable(a, "eth0", bridge, "a")
    assert carrier(a)
    cable.cut()
    assert not carrier(a)
    cable.restore()
    assert carrier(a)


def test_a_settled_network_has_every_link_up(net: namespaces.Network) -> None:
    a, bridge = net.node("a"), net.bridge()
    net.cable(a, "eth0", bridge, "a")
    net.settle()
    assert a.netlink(lambda ip: next(iter(ip.get_links(ifname="eth0"))).get("operstate")) == "UP"


def test_a_link_that_never_comes_up_is_told(net: namespaces.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = net.node("a"), net.node("b")
    net.cable(a, "eth0", b, "eth0").cut()
    monkeypatch.setattr(namespaces, "_SETTLE_TIMEOUT_S", 0.2)
    with pytest.raises(namespaces.NamespaceError, match="does not come up"):
        net.settle()


def test_a_node_sees_its_own_interfaces_only(net: namespaces.Network) -> None:
    names = set(net.node("alone").netlink(lambda ip: {link.get("ifname") for link in ip.get_links()}))
    assert "lo" in names
    assert not {name for name in names if name.startswith(("eth", "en"))}


def test_programs_end_with_the_network(net: namespaces.Network, tmp_path: Path) -> None:
    process = net.node("a").start(["sleep", "1000"], tmp_path / "log")
    net.close()
    assert process.returncode == -signal.SIGTERM


@pytest.mark.usefixtures("net")
def test_programs_and_namespaces_end_with_the_process_even_when_it_is_killed() -> None:
    code = (
        "import time; from lab.namespaces import Network\n"
        "net = Network(); node = net.node('a'); process = node.start(['sleep', '1000'])\n"
        "print(process.pid, flush=True); time.sleep(1000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        sleeper = int(owner.stdout.readline())
        wait_until_it_is(sleeper, "sleep")  # before, it may not yet have asked to end with its parent
        owner.kill()
    deadline = time.monotonic() + 10
    while is_running(sleeper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(sleeper)


def test_a_refusal_names_the_switch_that_causes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}

    def read_text(path: Path) -> str:
        if str(path) not in values:
            raise FileNotFoundError(path)
        return values[str(path)]

    monkeypatch.setattr(namespaces.Path, "read_text", read_text)
    said = str(namespaces._refusal("Operation not permitted"))
    assert "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in said


def test_an_interface_that_is_not_there_is_named(net: namespaces.Network) -> None:
    with pytest.raises(namespaces.NamespaceError, match="no interface eth7"):
        net.node("a").set_link("eth7", up=True)


def carrier(node: namespaces.Node) -> bool:
    return node.netlink(lambda ip: next(iter(ip.get_links(ifname="eth0"))).get("carrier")) == 1


def wait_until_it_is(pid: int, program: str) -> None:
    """Wait until *pid* has become *program*, which others start it as."""
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}/comm").read_text().strip() != program:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether the process still runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
