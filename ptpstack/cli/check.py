"""``ptpstack check``: whether a configuration file is right, and what it comes to."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict

from ptpstack.config.effective import Effective, effective
from ptpstack.config.load import from_source, read
from ptpstack.config.model import Config, written
from ptpstack.config.problems import InvalidConfigError
from ptpstack.config.resolve import resolve
from ptpstack.config.schema import schema
from ptpstack.errors import ConfigError

EXIT_OK, EXIT_INVALID = 0, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Say OK and what the file comes to, or everything that is wrong with it."
    parser.epilog = "Exit code: 0 when the configuration can be used, 2 when it cannot."
    parser.add_argument("file", nargs="?", metavar="FILE", help="the configuration, TOML")
    parser.add_argument("--show", action="store_true", help="print every value that holds and who decided it")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the file and stop")


def run(args: argparse.Namespace) -> int:
    """Check the file: 0 if it can be used, else 2 with the problems on stderr (with ``--json`` on stdout)."""
    if args.schema:
        _print(json.dumps(schema(), indent=2))
        return EXIT_OK
    if args.file is None:
        sys.stderr.write("ptpstack check: which FILE?\n")
        return EXIT_INVALID
    try:
        source = read(args.file)
        config = from_source(source)
    except ConfigError as error:
        if args.json:
            _print(json.dumps({"ok": False, "problems": _problems(args.file, error)}, indent=2))
        else:
            sys.stderr.write(f"{error}\n")
        return EXIT_INVALID
    values = effective(config, source) if args.show else []
    if args.json:
        _print(json.dumps({"ok": True, "values": [asdict(value) for value in values]}, indent=2))
    else:
        _print("\n".join([*_summary(args.file, config), *_table(values)]))
    return EXIT_OK


def _problems(file: str, error: ConfigError) -> list[dict[str, object]]:
    if isinstance(error, InvalidConfigError):
        return [asdict(problem) for problem in error.problems]
    return [{"file": file, "line": None, "key": "", "what": error.what, "why": error.why, "next_step": error.next_step}]


def _summary(file: str, config: Config) -> Iterable[str]:
    yield f"{file}: OK"
    for instance in resolve(config):
        domain = instance.values.domain_number
        kind = "" if instance.values.instance_type == "auto" else f"{instance.values.instance_type}, "
        yield f"{instance.name}: {kind}profile {instance.profile.ident}, domain {domain}, clock {instance.clock}"
        for port, given in zip(instance.ports, instance.values.port, strict=True):
            yield f"  port {port.settings.port_number}: {port.interface}, {port.transport}, {given.delay_mechanism}"


def _table(values: Iterable[Effective]) -> Iterable[str]:
    rows = [(value.key, written(value.key, value.value), _origin(value)) for value in values]
    if rows:
        yield ""
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        yield from (f"{key:{widths[0]}}  {value:{widths[1]}}  {origin}" for key, value, origin in rows)


def _origin(value: Effective) -> str:
    text = f"{value.origin}, line {value.line}" if value.line else value.origin
    return f"{text} (unverified: {value.unverified})" if value.unverified else text


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
