"""`ptpstack nics`: the interfaces and PTP hardware clocks of this machine, with a one-line verdict each.

What lives here: the table and its JSON twin. What does not: finding (hw.discovery) and judging (hw.verdict).
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from hw.discovery import NETLINK, Interface, PhcDevice, discover, find_phcs
from hw.dpll import Found, find_dplls
from hw.ethtool import CAPABILITY_WORDS, ethtool_word
from hw.time_daemons import TimeDaemon, find_time_daemons
from hw.verdict import Use, Verdict, judge
from ptpstack.errors import HardwareError

HEADINGS = ("interface", "kind", "driver", "link", "PHC", "verdict")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Show what each network interface can do as a PTP port, what is wrong, and what to change."
    parser.epilog = "Exit code: 0 when at least one interface shown is usable as a PTP port, else 1."
    parser.add_argument("interfaces", nargs="*", metavar="INTERFACE", help="show only these")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table, or JSON. Raises HardwareError for an interface that is not there."""
    interfaces = _select(discover(), args.interfaces)
    verdicts = [judge(interface) for interface in interfaces]
    phcs, daemons, dplls = find_phcs(), find_time_daemons(), find_dplls()
    lines = (
        [json.dumps(as_json(interfaces, verdicts, phcs, daemons, dplls), indent=2)]
        if args.json
        else [
            *table(interfaces, verdicts),
            *notes(interfaces, phcs, daemons),
            *dpll_notes(dplls),
        ]
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if any(verdict.use < Use.UNUSABLE for verdict in verdicts) else 1


def table(interfaces: Sequence[Interface], verdicts: Sequence[Verdict]) -> list[str]:
    """A line for each interface, below a line of headings, in aligned columns."""
    rows = [HEADINGS]
    for interface, verdict in zip(interfaces, verdicts, strict=True):
        phc = str(interface.phc.index) if interface.phc else "-"
        rows.append((interface.name, interface.kind, interface.driver or "-", _link(interface), phc, str(verdict)))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def notes(interfaces: Iterable[Interface], phcs: Iterable[PhcDevice], daemons: Iterable[TimeDaemon]) -> list[str]:
    """What concerns more than one interface: clocks of their own, a second-best way to look, other time daemons."""
    phcs = tuple(phcs)
    used = {interface.phc.index for interface in interfaces if interface.phc}
    lines = [
        f"{phc.device} ({phc.clock_name}): a clock without an interface here" for phc in phcs if phc.index not in used
    ]
    lines += [
        f"{phc.device} slews offsets by itself (adjphase): write_phase in [servo] lets it"
        for phc in phcs
        if phc.adjust_phase
    ]
    ways = {(interface.links_by, interface.timestamping_by, interface.refused) for interface in interfaces}
    lines += [
        f"links read by {links_by}, timestamping by {timestamping_by}: netlink was refused ({refused})"
        for links_by, timestamping_by, refused in sorted(ways)
        if (links_by, timestamping_by) != (NETLINK, NETLINK)
    ]
    lines += [
        f"{daemon.name} (pid {daemon.pid}) runs and steers {daemon.steers}: stop it before ptpstack steers the same"
        for daemon in daemons
    ]
    return [f"note: {line}" for line in lines]


def dpll_notes(dplls: Found) -> list[str]:
    """What can lock the frequency of the physical layer, or why nothing can (Synchronous Ethernet)."""
    if not dplls.devices:
        return [f"note: no DPLL for Synchronous Ethernet: {dplls.reason}"]
    lines = []
    for device in dplls.devices:
        kind = device.kind.name if device.kind else "unknown"
        status = device.lock_status.name.lower() if device.lock_status else "unknown"
        pins = [pin.name for pin in dplls.pins if any(on.device_id == device.device_id for on in pin.devices)]
        lines.append(
            f"note: DPLL {device.clock_id} ({device.module}), type {kind}, {status}; pins: {', '.join(pins) or 'none'}"
        )
    return lines


def as_json(
    interfaces: Iterable[Interface],
    verdicts: Iterable[Verdict],
    phcs: Iterable[PhcDevice],
    daemons: Iterable[TimeDaemon],
    dplls: Found,
) -> dict[str, Any]:
    """The same as plain data; capabilities, modes and filters in the words of ``ethtool -T``."""
    return {
        "interfaces": [
            _interface_as_json(interface, verdict) for interface, verdict in zip(interfaces, verdicts, strict=True)
        ],
        "phcs": [asdict(phc) for phc in phcs],
        "time_daemons": [asdict(daemon) for daemon in daemons],
        "dplls": asdict(dplls),
    }


def _interface_as_json(interface: Interface, verdict: Verdict) -> dict[str, Any]:
    info = interface.timestamping
    return asdict(interface) | {
        "mac": interface.mac.hex(":"),
        "timestamping": {
            "capabilities": [word for flag, word in CAPABILITY_WORDS.items() if flag in info.capabilities],
            "phc_index": info.phc_index if info.phc_index >= 0 else None,
            "tx_types": [ethtool_word(kind) for kind in sorted(info.tx_types)],
            "rx_filters": [ethtool_word(kind) for kind in sorted(info.rx_filters)],
        },
        "use": verdict.use.name.lower(),
        "verdict": str(verdict),
        "findings": [asdict(finding) for finding in verdict.findings],
    }


def _link(interface: Interface) -> str:
    if not interface.carrier:
        return "no carrier" if interface.up else "down"
    return f"{interface.speed_mbps} Mbit/s" if interface.speed_mbps else "up"


def _select(interfaces: list[Interface], names: Sequence[str]) -> list[Interface]:
    by_name = {interface.name: interface for interface in interfaces}
    for name in names:
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, n=1)
            raise HardwareError(
                "no such interface",
                where=name,
                why=f"there are {', '.join(by_name)}",
                next_step=f"did you mean {near[0]}?" if near else "",
            )
    return [by_name[name] for name in dict.fromkeys(names)] if names else interfaces
