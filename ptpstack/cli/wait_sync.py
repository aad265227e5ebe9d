"""``ptpstack wait-sync``: return when a clock is right, or when there was no time to wait any longer."""

from __future__ import annotations

import argparse
import re
import sys
import time
from typing import Any

from ptpstack.cli.client import DEFAULT_SOCKET, NotReachableError, ask
from ptpstack.errors import PtpstackError

EXIT_SYNCHRONIZED, EXIT_TIMEOUT, EXIT_USAGE = 0, 1, 2
LOOK_EVERY_S = 0.2
_UNITS_NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Wait until a clock of the running daemon is locked, and as exact as asked for."
    parser.epilog = "Exit code: 0 synchronized, 1 not within the time. A daemon that does not run yet is waited for."
    parser.add_argument("--clock", default="system", metavar="NAME", help="default: system; or as in the file")
    parser.add_argument("--timeout", type=float, metavar="N", help="wait N seconds at most; default: for ever")
    parser.add_argument("--accuracy", metavar="A", help="also wait until it is within ± A of true time, as 10ms")
    parser.add_argument("--quiet", action="store_true", help="print nothing")
    parser.add_argument("--socket", default=DEFAULT_SOCKET, metavar="PATH", help=f"default: {DEFAULT_SOCKET}")


def run(args: argparse.Namespace) -> int:
    """Wait, and say in one line what came of it."""
    accuracy_ns = None if args.accuracy is None else accuracy_of(args.accuracy)
    end = None if args.timeout is None else time.monotonic() + args.timeout
    while True:
        synchronized, why = _look(args.socket, args.clock, accuracy_ns)
        late = end is not None and time.monotonic() >= end
        if synchronized or late:
            break
        time.sleep(LOOK_EVERY_S)
    if not args.quiet:
        out = sys.stdout if synchronized else sys.stderr
        out.write(f"{args.clock}: {why}\n" if synchronized else f"ptpstack: {args.clock} is not synchronized: {why}\n")
    return EXIT_SYNCHRONIZED if synchronized else EXIT_TIMEOUT


def accuracy_of(text: str) -> float:
    """Return nanoseconds of *text*, such as ``10ms``. Raises ``PtpstackError``."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(ns|us|ms|s)", text)
    if match is None:
        raise PtpstackError(f'"{text}" is no accuracy', next_step="write a number and ns, us, ms or s, as 10ms")
    return float(match[1]) * _UNITS_NS[match[2]]


def _look(socket: str, clock: str, accuracy_ns: float | None) -> tuple[bool, str]:
    """Return whether *clock* is synchronized now, and what there is to say about it."""
    try:
        answer = next((found["status"] for found in ask(socket, {"get": "status"}) if "status" in found), None)
    except NotReachableError as error:
        return False, str(error)
    clocks: dict[str, Any] = answer["clocks"] if answer else {}
    found = clocks.get(clock) or next((one for one in clocks.values() if one["name"] == clock), None)
    if found is None:
        return False, f"the daemon keeps {', '.join(clocks) or 'no clock'}"
    if found["state"] != "locked":
        return False, f"it is {found['state']}: {found['state_why'] if found['writer'] else found['why']}"
    if accuracy_ns is None:
        return True, f"locked, steered by {found['writer']}"
    uncertainty = found["uncertainty"]
    if uncertainty is None:
        return False, "it is locked, and how far off it may be is not known yet"
    within = f"within ± {uncertainty['total_ns']:.0f} ns"
    return uncertainty["total_ns"] <= accuracy_ns, f"locked, {within}"
