"""``ptpstack why``: the last decisions of the running daemon, or of an event file, with what led to them."""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from pathlib import Path
from typing import Any

from ptpstack.cli.client import DEFAULT_SOCKET, NotReachableError, ask
from ptpstack.errors import PtpstackError

EXIT_OK, EXIT_NOT_REACHABLE = 0, 3


class EventFileError(PtpstackError):
    """An event file that cannot be read."""


KEPT = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Print the last decisions: states, masters, steps, and why."
    parser.epilog = "Exit code: 0, or 3 when no daemon is reachable."
    parser.add_argument("file", nargs="?", metavar="EVENTS", help="an event file, instead of the running daemon")
    parser.add_argument("-n", "--number", type=int, default=30, metavar="N", help="how many (default: 30)")
    parser.add_argument("--instance", metavar="NAME", help="only of this instance")
    parser.add_argument("--port", type=int, metavar="N", help="only of this port number")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what happens from now on")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--socket", default=DEFAULT_SOCKET, metavar="PATH", help=f"default: {DEFAULT_SOCKET}")


def run(args: argparse.Namespace) -> int:
    """Print the events that pass the filters."""
    try:
        if args.file:
            kept = _events_in(args.file)
        else:
            answers = ask(args.socket, {"get": "events", "last": KEPT})
            kept = [answer["event"] for answer in answers if "event" in answer]
        wanted = [event for event in kept if _is_wanted(event, args)]
        for event in wanted[-args.number :] if args.number > 0 else []:
            _print(event, as_json=args.json)
        if args.follow and not args.file:
            for answer in ask(args.socket, {"get": "events", "follow": True}, wait_forever=True):
                if "event" in answer and _is_wanted(answer["event"], args):
                    _print(answer["event"], as_json=args.json)
    except NotReachableError as error:
        sys.stderr.write(f"ptpstack: {error}\n")
        return EXIT_NOT_REACHABLE
    return EXIT_OK


def _events_in(path: str) -> list[dict[str, Any]]:
    """Return the events of an event file (``log.event_file``, ``ptpstack sim --events``). Raises PtpstackError."""
    kept = deque[dict[str, Any]](maxlen=KEPT)
    line_number = 0
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                line_number += 1
                event = json.loads(line)
                if event["severity"] != "DEBUG":
                    kept.append(event)
    except OSError as error:
        raise EventFileError("cannot be read", where=path, why=error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise EventFileError("is no event of the daemon", where=f"{path}:{line_number}", why=str(error)) from error
    return list(kept)


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
