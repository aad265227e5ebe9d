"""What to think of an interface as a PTP port: one line that says what it can do, what is wrong, what to change.

What lives here: the rules, as a table; every rule that applies is told, in the table's order. What does not: finding
out (discovery.py). Texts are filled from the ``Interface``, as ``{i.name}``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from hw.discovery import Interface
from hw.ethtool import Capability, ethtool_word
from hw.timestamping import L2_FILTERS, L4_FILTERS


class Use(IntEnum):
    """What an interface is good for, best first."""

    READY = 0
    LIMITED = 1
    UNUSABLE = 2


@dataclass(frozen=True)
class Rule:
    """Where ``applies``, it is at best good for ``use``; ``verdict`` and ``advice`` say why and what to do."""

    name: str
    applies: Callable[[Interface], bool]
    use: Use
    verdict: str
    advice: str = ""


@dataclass(frozen=True)
class Finding:
    """A rule that applied, its texts filled in."""

    rule: str
    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.text} ({self.advice})" if self.advice else self.text


@dataclass(frozen=True)
class Verdict:
    """The worst use of all rules that apply, and what they found."""

    use: Use
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        """One line."""
        line = "; ".join(map(str, self.findings))
        return f"{line}: ready" if self.use == Use.READY else line


def _stamps_departures(i: Interface) -> bool:
    return bool(i.timestamping.capabilities & (Capability.TX_HARDWARE | Capability.TX_SOFTWARE))


def _can_be_port(i: Interface) -> bool:
    return i.kind not in ("loopback", "bridge") and _stamps_departures(i)


def _in_hardware(i: Interface) -> bool:
    return _can_be_port(i) and i.timestamping.stamps_in_hardware


def _filters(i: Interface) -> tuple[bool, bool]:
    return i.timestamping.receives(*L2_FILTERS), i.timestamping.receives(*L4_FILTERS)


def _access(i: Interface) -> str:
    return i.phc.access if i.phc else "missing"


RULES = (
    # What it can do: one of these applies, up to the last, which worsens those before.
    Rule(
        "loopback",
        lambda i: i.kind == "loopback",
        Use.UNUSABLE,
        "loopback: nothing outside this machine; fine for tests",
    ),
    Rule("bridge", lambda i: i.kind == "bridge", Use.UNUSABLE, "bridge: cannot be a PTP port", "use its ports"),
    Rule(
        "no transmit stamps",
        lambda i: i.kind not in ("loopback", "bridge") and not _stamps_departures(i),
        Use.UNUSABLE,
        "no transmit stamps: cannot be a PTP port",
        "another interface, or a driver that stamps",
    ),
    Rule(
        "ready",
        lambda i: _in_hardware(i) and _filters(i) == (True, True) and _access(i) == "read-write",
        Use.READY,
        "hardware timestamps, PHC {i.timestamping.phc_index} ({clock})",
    ),
    Rule(
        "UDP only",
        lambda i: _in_hardware(i) and _filters(i) == (False, True) and _access(i) == "read-write",
        Use.LIMITED,
        "hardware timestamps over UDP only, PHC {i.timestamping.phc_index} ({clock})",
        "the hardware has no filter for layer 2: use a UDP transport",
    ),
    Rule(
        "layer 2 only",
        lambda i: _in_hardware(i) and _filters(i) == (True, False) and _access(i) == "read-write",
        Use.LIMITED,
        "hardware timestamps over layer 2 only, PHC {i.timestamping.phc_index} ({clock})",
        "the hardware has no filter for UDP: use the layer 2 transport",
    ),
    Rule(
        "no event filter",
        lambda i: _in_hardware(i) and _filters(i) == (False, False),
        Use.LIMITED,
        "hardware cannot stamp PTP version 2 on arrival (filters: {filters})",
        "use software timestamps, or a driver with ptpv2-event",
    ),
    Rule(
        "PHC missing",
        lambda i: _in_hardware(i) and _filters(i) != (False, False) and _access(i) == "missing",
        Use.LIMITED,
        "hardware timestamps, but no {device}",
        "in a container pass the device in (--device {device}); else start udevd",
    ),
    Rule(
        "PHC refused",
        lambda i: _in_hardware(i) and _filters(i) != (False, False) and _access(i) == "refused",
        Use.LIMITED,
        "hardware timestamps, but {device} is not readable",
        "run as root, or join the group that a udev rule gives it to",
    ),
    Rule(
        "PHC read-only",
        lambda i: _in_hardware(i) and _filters(i) != (False, False) and _access(i) == "read-only",
        Use.LIMITED,
        "hardware timestamps, but {device} cannot be set",
        "run as root, or let a udev rule give write access",
    ),
    Rule(
        "software only",
        lambda i: _can_be_port(i) and not i.timestamping.stamps_in_hardware and i.timestamping.stamps_in_software,
        Use.LIMITED,
        "software timestamps only: microseconds, not nanoseconds; fine for tests",
    ),
    Rule(
        "half of the stamps",
        lambda i: _can_be_port(i) and not i.timestamping.stamps_in_hardware and not i.timestamping.stamps_in_software,
        Use.UNUSABLE,
        "neither hardware nor software can stamp both ways",
        "see `ethtool -T {i.name}`; another interface, or a newer driver",
    ),
    Rule(
        "no fallback",
        lambda i: (
            _in_hardware(i)
            and (_filters(i) == (False, False) or _access(i) in ("missing", "refused"))
            and not i.timestamping.stamps_in_software
        ),
        Use.UNUSABLE,
        "no software timestamps either",
    ),
    # What stands in the way, or is good to know: any number of these.
    Rule("no address", lambda i: _can_be_port(i) and not i.mac, Use.UNUSABLE, "no Ethernet address"),
    Rule("down", lambda i: _can_be_port(i) and not i.up, Use.UNUSABLE, "down", "ip link set {i.name} up"),
    Rule(
        "no carrier",
        lambda i: _can_be_port(i) and i.up and not i.carrier,
        Use.UNUSABLE,
        "no carrier",
        "plug in the cable, or bring the other end up",
    ),
    Rule("VLAN", lambda i: bool(i.vlan_of), Use.READY, "VLAN {i.vlan_id} on {i.vlan_of}, which does the stamping"),
    Rule(
        "VLAN from elsewhere",
        lambda i: i.kind == "vlan" and i.parent_elsewhere,
        Use.LIMITED,
        "VLAN {i.vlan_id} on an interface of another network namespace",
        "hardware timestamping can only be switched on there",
    ),
    Rule(
        "bond active-backup",
        lambda i: bool(i.bond and i.bond.mode == "active-backup" and i.bond.active),
        Use.READY,
        "bond active-backup, active slave {i.bond.active}",
    ),
    Rule(
        "bond without an active slave",
        lambda i: bool(i.bond and i.bond.mode == "active-backup" and not i.bond.active),
        Use.UNUSABLE,
        "bond active-backup without an active slave",
        "bring one of its members up",
    ),
    Rule(
        "bond of another mode",
        lambda i: bool(i.bond and i.bond.mode != "active-backup"),
        Use.LIMITED,
        "bond {i.bond.mode}: requests and answers may take different members",
        "use active-backup, or run PTP on one member",
    ),
    Rule("member", lambda i: bool(i.master), Use.READY, "part of {i.master}"),
)


def judge(interface: Interface) -> Verdict:
    """What to think of ``interface``: all rules that apply, and the worst use among them."""
    rules = [rule for rule in RULES if rule.applies(interface)]
    words = {
        "i": interface,
        "clock": (interface.phc.clock_name if interface.phc else "") or interface.driver or "unnamed",
        "device": interface.phc.device if interface.phc else "",
        "filters": ", ".join(ethtool_word(kind) for kind in sorted(interface.timestamping.rx_filters)) or "none",
    }
    return Verdict(
        max(rule.use for rule in rules),
        tuple(Finding(rule.name, rule.verdict.format(**words), rule.advice.format(**words)) for rule in rules),
    )
