"""The command line: `ptpstack COMMAND`. Only the module of the command that is called is loaded."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ptpstack import __version__
from ptpstack.errors import PtpstackError

COMMANDS = {
    "run": "run the daemon",
    "status": "is this machine synchronized, and how far off",
    "time": "what time it is, and how surely",
    "wait-sync": "wait until a clock is synchronized",
    "why": "the last decisions, and what led to them",
    "report": "how well does a clock keep time: MTIE, TDEV, masks",
    "sim": "simulate clocks and networks, plan, replay a field log",
    "conform": "does a port do what its profile requires",
    "check": "is this configuration file right",
    "nics": "what each network interface can do",
    "synce": "quality levels of Synchronous Ethernet, and which frequency is used",
    "phc": "look at a PTP hardware clock, or move it by hand",
}

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv* (default: the process's) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except PtpstackError as error:
        sys.stderr.write(f"ptpstack: {error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter flushes into it again
        return EXIT_FAILED
    return code


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ptpstack", description="The time appliance for Linux.")
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    called = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if name == called:
            import_module(_module_of(name)).add_arguments(command)
    args = parser.parse_args(arguments)
    if args.version:
        sys.stdout.write(f"ptpstack {__version__}\n")
        return 0
    if args.command is None:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    return int(import_module(_module_of(args.command)).run(args))


def _module_of(command: str) -> str:
    return f"ptpstack.cli.{command.replace('-', '_')}"
