"""Networks inside this machine: nodes in network namespaces of their own, joined by cables and bridges.

No namespace has a name. Each is held open by a file descriptor of this process, and each program in it
dies with this process, so the kernel removes everything at the end, also after ``kill -9``.

What lives here: namespaces, veth cables, bridges, addresses, programs started in a node, and becoming
root of a user namespace. What does not: the programs (`lab.peers`), and anything about PTP.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import ipaddress
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ptpstack.errors import PtpstackError

_T = TypeVar("_T")

_CLONE_NEWNET = 0x4000_0000
_CLONE_NEWUSER = 0x1000_0000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_IFA_F_NODAD = 0x02
_FORWARD_PEER_DELAY = 1 << 0xE  # group_fwd_mask bit of 01-80-C2-00-00-0E
_STOP_TIMEOUT_S = 5.0
_SETTLE_TIMEOUT_S = 10.0


class NamespaceError(PtpstackError):
    """The kernel refused a namespace."""


def enter() -> None:
    """Gain the right to make network namespaces: nothing to do for root, else become root of a user namespace.

    That comes with a network of its own, in which there is nothing but a loopback to use as root.
    Call it before anything starts a thread (numpy does when imported). Raises NamespaceError with what to change.
    """
    if os.geteuid() == 0:
        return
    uid, gid = os.getuid(), os.getgid()
    # A refusal half-way would leave this process as nobody: let a child try first.
    trial = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "true"], capture_output=True, text=True, check=False
    )
    if trial.returncode:
        raise _refusal(trial.stderr.strip())
    try:
        _system_call("unshare", _CLONE_NEWUSER | _CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    except OSError as error:
        raise _refusal(str(error)) from error


def why_unavailable() -> str:
    """Return why this process cannot make network namespaces, or nothing when it can."""
    try:
        os.close(_new_namespace())
    except NamespaceError as error:
        return str(error)
    return ""


def _refusal(why: str) -> NamespaceError:
    """Say which of the known switches makes the kernel refuse."""
    switches = (
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("user.max_user_namespaces", "0", "10000"),
    )
    next_step = "run the same command with sudo, or outside the container or sandbox that forbids it"
    for switch, refusing, allowing in switches:
        with contextlib.suppress(OSError):
            if Path("/proc/sys", *switch.split(".")).read_text().strip() == refusing:
                next_step = f"sudo sysctl -w {switch}={allowing}, or run the same command with sudo"
                break
    return NamespaceError("this kernel refuses network namespaces", why=why, next_step=next_step)


def _system_call(name: str, *arguments: int) -> None:
    """Call a function of the C library that Python offers only from 3.12 on; raise OSError when it fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _in_thread(function: Callable[[], _T]) -> _T:
    """Return what *function* returns in a thread that ends with it: namespaces belong to threads."""
    results: list[_T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 (raised again in the caller's thread)
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _new_namespace() -> int:
    """Return a descriptor of a new network namespace."""

    def work() -> int:
        _system_call("unshare", _CLONE_NEWNET)
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    try:
        return _in_thread(work)
    except OSError as error:
        raise _refusal(str(error)) from error


class Node:
    """A network namespace: one machine of the network."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.descriptor = _new_namespace()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.set_link("lo", up=True)

    def inside(self, function: Callable[[], _T]) -> _T:
        """Return what *function* returns in a thread inside the node (sockets opened there stay there)."""

        def work() -> _T:
            _system_call("setns", self.descriptor, _CLONE_NEWNET)
            return function()

        return _in_thread(work)

    def start(
        self,
        command: list[str],
        log: Path | None = None,
        environment: dict[str, str] | None = None,
        *,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start *command* in the node, its output into *log*.

        It is killed when the calling *thread* ends: call from one that lives as long as the program shall.
        """
        wrapper = ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/proc/self/fd/{self.descriptor}"]
        with log.open("wb") if log else open(os.devnull, "wb") as output:  # noqa: PTH123 (one `with` for both)
            process = subprocess.Popen(
                [*wrapper, *command],
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=[self.descriptor],
                start_new_session=True,  # a Ctrl-C at the terminal is for us; we stop what we started
            )
        self.processes.append(process)
        return process

    def run(self, command: list[str], timeout_s: float = 30) -> str:
        """Return what *command* prints in the node; raise CalledProcessError when it fails."""
        done = subprocess.run(
            ["nsenter", f"--net=/proc/self/fd/{self.descriptor}", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            pass_fds=[self.descriptor],
            timeout=timeout_s,
            check=True,
        )
        return done.stdout

    def add_address(self, interface: str, address: str) -> None:
        """Give *interface* an *address* such as ``10.0.0.1/24`` or ``fd00::1/64``, usable at once."""
        parsed = ipaddress.ip_interface(address)
        flags = {"flags": _IFA_F_NODAD} if parsed.version == 6 else {}
        self.netlink(
            lambda ip: ip.addr(
                "add",
                index=_index(ip, interface),
                address=str(parsed.ip),
                prefixlen=parsed.network.prefixlen,
                **flags,
            )
        )

    def set_link(self, interface: str, *, up: bool) -> None:
        """Set *interface* up or down."""
        self.netlink(lambda ip: ip.link("set", index=_index(ip, interface), state="up" if up else "down"))

    def netlink(self, function: Callable[[Any], _T]) -> _T:
        """Return ``function(IPRoute)`` of the node."""
        from pyroute2 import IPRoute  # noqa: PLC0415 (its import starts threads, which enter() must precede)

        def work() -> _T:
            with IPRoute() as ip:
                return function(ip)

        return self.inside(work)

    def close(self) -> None:
        """Stop every program and let go of the namespace."""
        stop(self.processes)
        os.close(self.descriptor)


class Cable:
    """A veth pair between two nodes."""

    def __init__(self, a: Node, a_interface: str, b: Node, b_interface: str) -> None:
        self.a, self.a_interface, self.b, self.b_interface = a, a_interface, b, b_interface
        a.netlink(
            lambda ip: ip.link(
                "add", ifname=a_interface, kind="veth", peer={"ifname": b_interface, "net_ns_fd": b.descriptor}
            )
        )
        self.restore()

    def cut(self) -> None:
        """Take the cable out: the second end goes down, the first sees its carrier lost."""
        self.b.set_link(self.b_interface, up=False)

    def restore(self) -> None:
        """Put the cable in again."""
        self.a.set_link(self.a_interface, up=True)
        self.b.set_link(self.b_interface, up=True)


class Network:
    """Nodes and cables that end together, also when the ``with`` block ends by an exception."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def node(self, name: str) -> Node:
        """Return a new node."""
        node = Node(name)
        self.nodes.append(node)
        return node

    def bridge(self, name: str = "bridge", *, forwards_peer_delay: bool = False) -> Node:
        """Return a new node with a bridge ``br0`` that floods multicast.

        Like a real bridge it keeps peer-delay frames (01-80-C2-00-00-0E) to one cable unless told to forward them.
        """
        node = self.node(name)
        mask = _FORWARD_PEER_DELAY if forwards_peer_delay else 0
        node.netlink(
            lambda ip: ip.link("add", ifname="br0", kind="bridge", br_mcast_snooping=0, br_group_fwd_mask=mask)
        )
        node.set_link("br0", up=True)
        return node

    def cable(self, a: Node, a_interface: str, b: Node, b_interface: str) -> Cable:
        """Return a new cable; an end in a bridge becomes a port of it."""
        cable = Cable(a, a_interface, b, b_interface)
        a.netlink(lambda ip: _join_bridge(ip, a_interface))
        b.netlink(lambda ip: _join_bridge(ip, b_interface))
        return cable

    def settle(self) -> None:
        """Wait until the kernel calls every link up, which it does up to a second after the cable is in."""
        deadline = time.monotonic() + _SETTLE_TIMEOUT_S
        while not all(node.netlink(_links_are_up) for node in self.nodes):
            if time.monotonic() > deadline:
                raise NamespaceError("a link does not come up", where=", ".join(node.name for node in self.nodes))
            time.sleep(0.05)

    def close(self) -> None:
        """Stop every program, then let go of every namespace."""
        stop([process for node in self.nodes for process in node.processes])
        while self.nodes:
            self.nodes.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End *processes* together: SIGTERM, and SIGKILL for those still there after five seconds."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _index(ip: Any, interface: str) -> int:  # noqa: ANN401 (pyroute2 has no types)
    found = ip.link_lookup(ifname=interface)
    if not found:
        raise NamespaceError(f"there is no interface {interface}")
    return int(found[0])


def _join_bridge(ip: Any, interface: str) -> None:  # noqa: ANN401 (pyroute2 has no types)
    bridge = ip.link_lookup(ifname="br0")
    if bridge:
        ip.link("set", index=_index(ip, interface), master=bridge[0])


def _links_are_up(ip: Any) -> bool:  # noqa: ANN401 (pyroute2 has no types)
    links = ((link.get("ifname"), link.get("operstate")) for link in ip.get_links())
    return all(state == "UP" for name, state in links if name.startswith("eth"))
