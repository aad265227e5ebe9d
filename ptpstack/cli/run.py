"""``ptpstack run``: the daemon, in the foreground."""

from __future__ import annotations

import argparse
import sys

import msgspec

from ptpstack.config.load import from_command_line, load
from ptpstack.config.model import Config
from ptpstack.errors import ConfigError

EXIT_INVALID = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Run the daemon in the foreground until SIGTERM or Ctrl-C."
    parser.epilog = "Exit code: 0 after an orderly end, 1 when it could not run, 2 when the configuration is wrong."
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("-c", "--config", metavar="FILE", help="the configuration, TOML")
    source.add_argument("-i", "--interface", metavar="IFACE", nargs="+", help="a port on each, without a file")
    parser.add_argument("--profile", metavar="NAME", help="the PTP profile (with -i; default: default-e2e)")
    parser.add_argument("--slave-only", action="store_true", help="never be a master (with -i)")
    parser.add_argument("--free-running", action="store_true", help="measure, never steer a clock (with -i)")
    parser.add_argument("--log", choices=("text", "json", "linuxptp"), help="how events are printed")
    parser.add_argument("--socket", metavar="PATH", help="where to serve status and events; empty: nowhere")
    parser.add_argument("--seconds", type=float, metavar="N", help="end after N seconds")


def run(args: argparse.Namespace) -> int:
    """Run until the end; 2 with every problem on stderr when the configuration is wrong."""
    try:
        config = _config(args)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_INVALID
    from ptpstack.daemon.supervisor import Supervisor  # noqa: PLC0415 (a wrong configuration is told at once)

    return Supervisor(config).run(args.seconds)


def _config(args: argparse.Namespace) -> Config:
    if args.config:
        if args.profile or args.slave_only or args.free_running:
            raise ConfigError(
                "--profile, --slave-only and --free-running go with -i",
                next_step=f"write them into {args.config}",
            )
        config = load(args.config)
    else:
        config = from_command_line(
            args.interface,
            args.profile or "default-e2e",
            slave_only=args.slave_only or None,
            free_running=args.free_running or None,
        )
    replace = msgspec.structs.replace
    if args.log:
        config = replace(config, log=replace(config.log, format=args.log))
    if args.socket is not None:
        config = replace(config, control=replace(config.control, socket=args.socket))
    return config
