"""One cell of the matrix: our daemon and a ptp4l on a cable of their own, observed for a while.

What lives here: building and observing. What does not: what must come out (`test_matrix`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lab.daemon import Daemon, soft_clock, true_offset_ns, verdict
from lab.namespaces import Network
from lab.peers.ptp4l import Offset, Ptp4l
from lab.peers.tshark import Capture, Mark, field_values, marks
from tests.interop.scenes import address

LOCK_TIMEOUT_S = 60.0
OBSERVE_S = 10.0
SAMPLES_WANTED = 6
_TRANSPORTS = {"l2": "L2", "udpv4": "UDPv4", "udpv6": "UDPv6"}


class Cell(NamedTuple):
    """Who is the master, over which transport, by which delay mechanism."""

    role: str
    transport: str
    delay_mechanism: str

    is_hybrid: bool = False
    """Delay_Req and its answer by unicast, the rest by multicast."""

    def __str__(self) -> str:
        return f"{self.role}-{self.transport}-{'hybrid' if self.is_hybrid else self.delay_mechanism}"


@dataclass
class Outcome:
    """What was seen in a cell; the first thing that went wrong in *error*."""

    status: dict[str, Any] = field(default_factory=dict)
    true_offsets_ns: list[float] = field(default_factory=list)
    peer_offsets_ns: list[float] = field(default_factory=list)
    peer_errors_ns: list[float] = field(default_factory=list)
    peer_port_state: str = ""
    peer_parent: str = ""
    marks: list[Mark] = field(default_factory=list)
    messages_sent: set[int] = field(default_factory=set)
    unicast_sent: set[int] = field(default_factory=set)
    events: list[str] = field(default_factory=list)
    log: str = ""
    error: Exception | None = None


def observe(cell: Cell, directory: Path) -> Outcome:
    """Run *cell* and return what was seen."""
    outcome = Outcome()
    try:
        with Network() as net:
            _run(cell, directory, net, outcome)
    except Exception as error:  # noqa: BLE001 (raised by the test of this cell)
        outcome.error = error
    return outcome


def _run(cell: Cell, directory: Path, net: Network, outcome: Outcome) -> None:
    ours, theirs = net.node("ours"), net.node("theirs")
    net.cable(ours, "eth0", theirs, "eth0")
    for number, node in enumerate((ours, theirs), 1):
        node.add_address("eth0", f"10.0.0.{number}/24")
        node.add_address("eth0", f"fd00::{number}/64")
    net.settle()
    daemon = Daemon(ours, directory / "ours", _configuration(cell))
    peer = _peer(cell, theirs, directory / "theirs")
    capture = Capture(ours, "eth0", directory / "ours.pcap")
    try:
        peer.start()
        daemon.start()
        daemon.wait_until_ready()
        if cell.role == "slave":
            _observe_slave(daemon, peer, outcome)
        else:
            _observe_master(daemon, peer, outcome)
        outcome.status = daemon.status()
        outcome.events = [event["text"] for event in daemon.events()]
    finally:
        outcome.log = f"ours:\n{daemon.tail()}\nptp4l:\n{peer.text()[-1500:]}"
    daemon.stop()
    ours_only = f"ptp && eth.src == {address(ours, 'eth0')}"
    file = capture.stop()
    outcome.marks = marks(file, ours_only)
    sent = field_values(file, "ptp.v2.messagetype", "ptp.v2.flags.unicast", display_filter=ours_only)
    outcome.messages_sent = {int(kind, 16) for kind, _ in sent}
    outcome.unicast_sent = {int(kind, 16) for kind, unicast in sent if unicast in ("1", "True")}


def _observe_slave(daemon: Daemon, peer: Ptp4l, outcome: Outcome) -> None:
    """Wait for our lock, then compare our clock with the truth, which is what this ptp4l serves."""
    daemon.wait_until(lambda: verdict(daemon.status()) == "locked", LOCK_TIMEOUT_S, "locked")
    end = time.monotonic() + OBSERVE_S
    while time.monotonic() < end:
        clock = soft_clock(daemon.status())
        outcome.true_offsets_ns.append(true_offset_ns(clock, time.time_ns()))
        time.sleep(0.1)
    outcome.peer_port_state = peer.state()


def _observe_master(daemon: Daemon, peer: Ptp4l, outcome: Outcome) -> None:
    """Compare what ptp4l, on the true clock, says of its offset from us with our clock's true offset then."""
    peer.wait_for(r"offset .* path delay", LOCK_TIMEOUT_S)
    clock = soft_clock(daemon.status())
    time.sleep(OBSERVE_S)
    true_minus_monotonic_ns = time.time_ns() - time.monotonic_ns()
    for offset in peer.offsets():
        outcome.peer_offsets_ns.append(offset.offset_ns)
        outcome.peer_errors_ns.append(_error_ns(offset, clock, true_minus_monotonic_ns))
    outcome.peer_port_state = peer.state()
    outcome.peer_parent = peer.get("PARENT_DATA_SET")["PARENT_DATA_SET"]["grandmasterIdentity"]


def _error_ns(offset: Offset, clock: dict[str, Any], true_minus_monotonic_ns: int) -> float:
    """Return how wrong ptp4l's *offset* is: it is ahead of us by as much as we are behind the truth."""
    at_ns = round(offset.time_s * 1e9) + true_minus_monotonic_ns
    return offset.offset_ns + true_offset_ns(clock, at_ns)


def _configuration(cell: Cell) -> str:
    role = "slave_only = true" if cell.role == "slave" else "priority1 = 10\nclock_class = 6\nptp_timescale = false"
    wrong = (400_000_000, 40_000.0) if cell.role == "slave" else (-200_000_000, 5_000.0)
    request = "delay" if cell.delay_mechanism == "e2e" else "pdelay"
    return f"""
[instance.main]
profile = "default-{cell.delay_mechanism}"
enforce_profile = false
clock = "soft"
{role}

[clock.soft]
type = "soft"
offset_ns = {wrong[0]}
frequency_error_ppb = {wrong[1]}

[[instance.main.port]]
interface = "eth0"
transport = "{cell.transport}"
delay_mechanism = "{cell.delay_mechanism}"
log_announce_interval = -1
log_sync_interval = -3
log_min_{request}_req_interval = -2
{'delay_request = "unicast"' if cell.is_hybrid else ""}
"""


def _peer(cell: Cell, node: Any, directory: Path) -> Ptp4l:
    options: dict[str, float | str] = {
        "network_transport": _TRANSPORTS[cell.transport],
        "delay_mechanism": cell.delay_mechanism.upper(),
        "logAnnounceInterval": -1,
        "logSyncInterval": -3,
        "logMinDelayReqInterval": -2,
        "logMinPdelayReqInterval": -2,
        "hybrid_e2e": int(cell.is_hybrid),
    }
    if cell.role == "slave":
        options |= {"priority1": 10}
    else:
        options |= {"slaveOnly": 1, "freq_est_interval": 0, "summary_interval": -3}
    return Ptp4l(node, directory, "eth0", **options)
