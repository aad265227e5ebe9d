"""What the scenes of gPTP and of cars share: ptp4l's configuration, what is seen, and playing all scenes at once.

What lives here: no position and no claim; those are ``test_gptp`` and ``test_automotive``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.daemon import Daemon, soft_clock, true_offset_ns
from lab.peers.newer_linuxptp import newer_ptp4l
from lab.peers.ptp4l import Ptp4l
from lab.peers.tshark import Mark
from lab.vm.newer import NewerDebianError

LOCK_TIMEOUT_S = 60.0
SOFTWARE_STAMPS_NS = 10_000
"""What kernel stamps on one busy machine may differ by, generously: no measurement of accuracy."""

LINUXPTP = ("installed", "newer")
"""That of this machine's release, of the edition of 2011, and one of 4.2 or newer, which says minorVersionPTP 1."""

PTP4L: dict[str, float | str] = {
    "gmCapable": 1,
    "priority2": 248,
    "logSyncInterval": -3,
    "syncReceiptTimeout": 3,
    "neighborPropDelayThresh": 10_000_000,
    "min_neighbor_prop_delay": -20_000_000,
    "assume_two_step": 1,
    "path_trace_enabled": 1,
    "follow_up_info": 1,
    "transportSpecific": 1,
    "ptp_dst_mac": "01:80:C2:00:00:0E",
    "network_transport": "L2",
    "delay_mechanism": "P2P",
}
"""gPTP by ptp4l. neighborPropDelayThresh (800 ns) is made for hardware stamps, and is raised."""
LISTENS: dict[str, float | str] = {"freq_est_interval": 0, "summary_interval": -3}

SOFT_CLOCK = """
[clock.soft]
type = "soft"
offset_ns = {offset_ns}
frequency_error_ppb = {ppb}
"""


@dataclass
class Seen:
    """What was seen of a scene; statuses and events by the name of the daemon."""

    true_offsets_ns: list[float] = field(default_factory=list)
    peer_errors_ns: list[float] = field(default_factory=list)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    kinds: set[int] = field(default_factory=set)


def ptp4l_of(which: str) -> type[Ptp4l]:
    """Return the ptp4l that is meant, or skip where it cannot be had."""
    if which == "installed":
        return Ptp4l
    try:
        return newer_ptp4l()
    except NewerDebianError as error:
        pytest.skip(f"no newer Debian: {error}")


def wait_until_locked(daemon: Daemon, name: str = "main") -> None:
    """Wait until an instance steers its clock."""
    daemon.wait_until(lambda: daemon.status()["instances"][name]["state"] == "locked", LOCK_TIMEOUT_S, "locked")


def watch(daemon: Daemon, seconds: float) -> list[float]:
    """Return the true offsets of its clock for a while."""
    offsets_ns, end_s = [], time.monotonic() + seconds
    while time.monotonic() < end_s:
        offsets_ns.append(true_offset_ns(soft_clock(daemon.status()), time.time_ns()))
        time.sleep(0.1)
    return offsets_ns


def port_of(status: dict[str, Any], number: int = 1, instance: str = "main") -> dict[str, Any]:
    """Return what a status says of a port."""
    found: dict[str, Any] = status["instances"][instance]["ports"][number - 1]
    return found
