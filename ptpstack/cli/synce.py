"""`ptpstack synce`: the quality levels and the frequency source of the running daemon, and an operator's commands."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from ptpstack.cli.client import DEFAULT_SOCKET, NotReachableError, ask

EXIT_OK, EXIT_REFUSED, EXIT_NOT_REACHABLE = 0, 1, 3
COMMANDS = {
    "lockout": "never use SOURCE",
    "clear-lockout": "use SOURCE again",
    "forced-switch": "use SOURCE whatever others are worth",
    "manual-switch": "use SOURCE as long as no other is of a better level",
    "clear": "end a forced or manual switch",
    "clear-wait-to-restore": "use SOURCE without waiting any longer",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Show Synchronous Ethernet's sources, or command which one is used."
    parser.epilog = "commands: " + "; ".join(f"{name}: {text}" for name, text in COMMANDS.items())
    parser.add_argument("do", nargs="?", choices=list(COMMANDS), metavar="COMMAND", help="without one: show")
    parser.add_argument("source", nargs="?", default="", metavar="SOURCE", help="an interface, or the name of an input")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--socket", default=DEFAULT_SOCKET, metavar="PATH", help=f"default: {DEFAULT_SOCKET}")


def run(args: argparse.Namespace) -> int:
    """Show, or carry out the command."""
    try:
        if args.do:
            answer = next(ask(args.socket, {"do": "synce", "command": args.do, "source": args.source}))
            if "error" in answer:
                sys.stderr.write(f"ptpstack: {answer['error']}\n")
                return EXIT_REFUSED
        status = next(ask(args.socket, {"get": "status"}))["status"].get("synce")
    except NotReachableError as error:
        sys.stderr.write(f"ptpstack: {error}\n")
        return EXIT_NOT_REACHABLE
    if status is None:
        sys.stderr.write("ptpstack: the daemon has no [synce] in its configuration\n")
        return EXIT_REFUSED
    sys.stdout.write((json.dumps(status, indent=2) if args.json else "\n".join(lines(status))) + "\n")
    return EXIT_OK


def lines(synce: dict[str, Any]) -> Iterator[str]:
    """Yield what `ptpstack status` and this command show."""
    source = synce["selected"] or "the own oscillator"
    yield f"SyncE: {synce['qualityLevel']} leaves this machine; selected {source}: {synce['rule']}"
    yield f"  frequency       {synce['frequencyAssistance']}"
    if dpll := synce["dpll"]:
        yield f"  DPLL            {dpll['lockStatus']}, {dpll['mode']} ({dpll['module']})"
    for name, one in synce["sources"].items():
        yield "  " + "  ".join(_cells(name, one)).rstrip()


def _cells(name: str, one: dict[str, Any]) -> Iterator[str]:
    yield f"{name:<14}"
    if "qualityLevel" in one:
        yield f"hears {one['qualityLevel']:<10} priority {one['priority']}"
    else:
        yield "not a source           "
    if "sends" in one:
        yield f"told {one['sends']}" if one["link"] else "link down"
    if one.get("lockedOut"):
        yield "locked out"
    if one.get("waitToRestore_s") is not None:
        yield f"waits {one['waitToRestore_s']:.0f} s to be restored"
    elif one.get("reason"):
        yield one["reason"]
