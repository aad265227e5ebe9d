"""``ptpstack time``: what time it is, at the earliest and at the latest."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ptpstack.cli.client import DEFAULT_SOCKET, NotReachableError, ask

EXIT_OK, EXIT_UNKNOWN, EXIT_NOT_REACHABLE = 0, 2, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Say what time it is by the clocks of the running daemon: the true time is between two bounds."
    parser.epilog = "Exit code: 0, 2 when a clock's bound is unknown, 3 when no daemon is reachable."
    parser.add_argument("--clock", metavar="NAME", help="only this one: system, /dev/ptpN, or its name in the file")
    parser.add_argument("--json", action="store_true", help="print integers, ns since 1970, PTP time and UTC")
    parser.add_argument("--socket", default=DEFAULT_SOCKET, metavar="PATH", help=f"default: {DEFAULT_SOCKET}")


def run(args: argparse.Namespace) -> int:
    """Print the bounds of every clock and return what they come to."""
    try:
        answers = ask(args.socket, {"get": "time", "clock": args.clock})
        clocks = next((answer["time"] for answer in answers if "time" in answer), None)
    except NotReachableError as error:
        sys.stderr.write(f"ptpstack: {error}\n")
        return EXIT_NOT_REACHABLE
    if not clocks:
        sys.stderr.write(f"ptpstack: the daemon has no clock {args.clock or ''}; next: ptpstack status\n")
        return EXIT_UNKNOWN
    text = json.dumps(clocks, indent=2) if args.json else "\n".join(_lines(clocks))
    sys.stdout.write(text + "\n")
    return EXIT_OK if all(clock["uncertainty"] for clock in clocks.values()) else EXIT_UNKNOWN


def _lines(clocks: dict[str, Any]) -> Iterator[str]:
    for name, clock in clocks.items():
        uncertainty = clock["uncertainty"]
        if uncertainty is None:
            yield f"{name}: unknown: {clock['why']}"
            continue
        yield f"{name}: {clock['state']}, within ± {uncertainty['total_ns']:.0f} ns"
        for scale, label in (("utc", "UTC"), ("ptp", "PTP")):
            if bounds := clock.get(scale):
                yield f"  {label}  {_instant(bounds['earliest_ns'])} … {_instant(bounds['latest_ns'])}"
        reference_ns = uncertainty["reference_ns"]
        reference = "unknown, and not counted" if reference_ns is None else f"{reference_ns:.0f} ns"
        yield (
            f"  measured {uncertainty['measured_ns']:.0f} ns, asymmetry of path {uncertainty['asymmetry_ns']:.0f} ns, "
            f"reference {reference}; outside with a probability of {uncertainty['outside_probability']:g}"
        )


def _instant(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}"
