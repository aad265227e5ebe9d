"""``ptpstack conform``: the requirements of a profile, tried on the simulator or on a running port."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import get_args

from profiles.loader import Profile, TransportName, load_profile
from ptpstack.cli.client import ask
from ptpstack.conform.data_sets import AssumedDataSets, DataSets, StatusDataSets
from ptpstack.conform.live import LivePort
from ptpstack.conform.port_under_test import negotiates
from ptpstack.conform.run import Outcome, Verdict
from ptpstack.conform.run import run as try_all
from ptpstack.conform.simulated import SimulatedPort
from ptpstack.errors import ConfigError, PtpstackError

EXIT_FAILED, EXIT_NOT_TRIED = 1, 2
OF_A_LINK = ("--interface", "interface"), ("--send", "send"), ("--address", "address"), ("--as", "own_addresses")
OF_A_DAEMON = ("--instance", "instance"), ("--port", "port")
OF_A_STRANGER = ("--transport", "transport"), ("--set", "set")
"""Options and their names as arguments."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Try each requirement of a profile and say pass, fail, or not testable and why."
    parser.epilog = "Exit code: 0 nothing failed, 1 something did, 2 nothing was tried. The list: docs/conformance.md."
    parser.add_argument("profile", metavar="PROFILE", help="by its name, as in `profile =`")
    on = parser.add_mutually_exclusive_group()
    on.add_argument("--simulate", action="store_true", help="on the engine, in virtual time")
    on.add_argument("--against", metavar="SOCKET", help="on the running daemon with this control socket")
    parser.add_argument("--interface", default="", metavar="NAME", help="one at the other end of the port's link")
    parser.add_argument("--address", default="", help="of the port, where the profile works by unicast")
    parser.add_argument(
        "--as",
        action="append",
        default=[],
        dest="own_addresses",
        metavar="ADDRESS",
        help="of the interface, and in the port's table of masters: so many masters are played by unicast",
    )
    parser.add_argument("--transport", choices=get_args(TransportName), help="of a clock that nobody can ask")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="MEMBER=VALUE",
        help="what a clock that nobody can ask has other than its profile: domainNumber, logSyncInterval, ...",
    )
    parser.add_argument("--send", action="store_true", help="send test frames from there: masters, neighbours, rogues")
    parser.add_argument("--instance", metavar="NAME", help="the daemon's instance (default: main)")
    parser.add_argument("--port", type=int, metavar="N", help="its port (default: 1)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="REQUIREMENT", help="try only this one; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="print the outcomes as JSON")


def run(args: argparse.Namespace) -> int:
    """Try everything, print each outcome as it comes, and return whether anything failed."""
    try:
        return _try(args)
    except PtpstackError as error:
        sys.stderr.write(f"ptpstack: {error}\n")
        return EXIT_NOT_TRIED


def _try(args: argparse.Namespace) -> int:
    profile = load_profile(args.profile)
    _refuse_what_has_no_effect(args)
    if args.simulate:
        return _print(try_all(SimulatedPort(profile), "simulated", only=args.only), as_json=args.json)
    if args.send and not args.interface:
        raise ConfigError(
            "--send needs --interface", where="conform", next_step="name one at the other end of the link"
        )

    if args.send and negotiates(profile) and not args.address:
        raise ConfigError(
            "--send needs --address",
            where="conform",
            why=f"{profile.ident} works by unicast",
            next_step="name the port's",
        )
    if args.own_addresses and not (args.send and negotiates(profile)):
        raise ConfigError(
            "--as has no effect", where="conform", why="only masters by unicast, played with --send, have addresses"
        )
    data_sets = _asked(args, profile) if args.against else _assumed(args, profile)
    port = LivePort(
        profile,
        data_sets,
        interface=args.interface,
        address=args.address,
        own_addresses=args.own_addresses,
        sends=args.send,
    )
    try:
        return _print(try_all(port, "live", only=args.only), as_json=args.json)
    finally:
        port.close()


def _refuse_what_has_no_effect(args: argparse.Namespace) -> None:
    """Raise ConfigError for options that are of another way to try a clock than the one that was chosen."""
    idle: Sequence[tuple[str, str]] = OF_A_DAEMON
    why = "there is no --against"
    if args.simulate:
        idle, why = (*OF_A_LINK, *OF_A_DAEMON, *OF_A_STRANGER), "--simulate needs no link and no daemon"
    elif args.against:
        idle, why = OF_A_STRANGER, "--against asks the clock itself"
    given = [option for option, name in idle if getattr(args, name)]
    if given:
        raise ConfigError(f"{' and '.join(given)}: no effect", where="conform", why=why)


def _asked(args: argparse.Namespace, profile: Profile) -> DataSets:
    """Return the data sets of a running daemon."""

    def status() -> dict[str, object]:
        return next(dict(answer["status"]) for answer in ask(args.against, {"get": "status"}) if "status" in answer)

    return StatusDataSets(profile, status, args.instance or "main", args.port or 1)


def _assumed(args: argparse.Namespace, profile: Profile) -> DataSets:
    """Return what is taken to be true of a clock that nobody can ask."""
    if not args.interface:
        raise ConfigError(
            "nothing to try it on", where="conform", next_step="add --simulate, --against SOCKET or --interface NAME"
        )
    changes = {}
    for word in args.set:
        name, _, value = word.partition("=")
        try:
            changes[name] = int(value)
        except ValueError as error:
            raise ConfigError(f"--set {word}: {value!r} is no number", where="conform") from error
    return AssumedDataSets(profile, args.transport, changes)


def _print(outcomes: Iterable[Outcome], *, as_json: bool) -> int:
    counts: Counter[Verdict] = Counter()
    rows: list[dict[str, object]] = []
    try:
        for outcome in outcomes:
            counts[outcome.verdict] += 1
            rows.append(_as_json(outcome))
            if not as_json:
                because = f": {outcome.reason}" if outcome.reason else ""
                name = f"{outcome.verdict.value:<12}  {outcome.requirement.ident:<20}"
                sys.stdout.write(f"{name}  {outcome.requirement.title}{because}\n")
                sys.stdout.flush()
    finally:  # also when somebody has seen enough, or the clock no longer answers
        if as_json:
            sys.stdout.write(json.dumps({"outcomes": rows}, indent=2) + "\n")
        else:
            sys.stdout.write(", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict) + "\n")
    if counts[Verdict.FAIL]:
        return EXIT_FAILED
    return 0 if counts[Verdict.PASS] else EXIT_NOT_TRIED


def _as_json(outcome: Outcome) -> dict[str, object]:
    requirement = outcome.requirement
    return {
        "requirement": requirement.ident,
        "title": requirement.title,
        "source": list(requirement.source),
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
    }
