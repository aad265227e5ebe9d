"""``ptpstack why``: the last decisions of the running daemon, with the inputs and rules that led to them."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ptpstack.cli.client import DEFAULT_SOCKET, NotReachableError, ask

EXIT_OK, EXIT_NOT_REACHABLE = 0, 3
KEPT = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Print the last decisions: states, masters, steps, and why."
    parser.epilog = "Exit code: 0, or 3 when no daemon is reachable."
    parser.add_argument("-n", "--number", type=int, default=30, metavar="N", help="how many (default: 30)")
    parser.add_argument("--instance", metavar="NAME", help="only of this instance")
    parser.add_argument("--port", type=int, metavar="N", help="only of this port number")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what happens from now on")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--socket", default=DEFAULT_SOCKET, metavar="PATH", help=f"default: {DEFAULT_SOCKET}")


def run(args: argparse.Namespace) -> int:
    """Print the events that pass the filters."""
    try:
        kept = [answer["event"] for answer in ask(args.socket, {"get": "events", "last": KEPT}) if "event" in answer]
        wanted = [event for event in kept if _is_wanted(event, args)]
        for event in wanted[-args.number :] if args.number > 0 else []:
            _print(event, as_json=args.json)
        if args.follow:
            for answer in ask(args.socket, {"get": "events", "follow": True}, wait_forever=True):
                if "event" in answer and _is_wanted(answer["event"], args):
                    _print(answer["event"], as_json=args.json)
    except NotReachableError as error:
        sys.stderr.write(f"ptpstack: {error}\n")
        return EXIT_NOT_REACHABLE
    return EXIT_OK


def _is_wanted(event: dict[str, Any], args: argparse.Namespace) -> bool:
    if args.instance is not None and event["instance"] != args.instance:
        return False
    if args.port is not None and event.get("port_number") != args.port:
        return False
    return bool(event["severity"] != "DEBUG")


def _print(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    else:
        who = f"{event['instance']}: " if event["instance"] else ""
        line = f"{event['utc'][:23]}Z {who}{event['text']}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
