"""``ptpstack sim``: a scenario of clocks and networks in virtual time, or a field log under another servo.

What lives here: the arguments, the order of things, exit codes. What does not: the scenario and its run
(``ptpstack.sim``), the table and the JSON (``sim_table``), the event log (``sim_events``), replays (``sim_replay``),
planning over long chains (``plan``).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Self

import msgspec

from ptpstack.cli import report_figure, report_table, sim_replay, sim_table
from ptpstack.cli.sim_events import EventLog, open_for_writing
from ptpstack.config.load import read
from ptpstack.config.problems import nearest
from ptpstack.config.source import Source
from ptpstack.errors import ConfigError
from ptpstack.servo.registry import SERVOS
from ptpstack.sim import experiment
from ptpstack.sim.experiment import Run, violations
from ptpstack.sim.scenario.load import from_source
from ptpstack.sim.scenario.model import Scenario
from ptpstack.stability.mask import Verdict
from ptpstack.stability.records import FORMATS, Record

EXIT_OK, EXIT_LIMIT_FAILED, EXIT_INVALID, EXIT_NOT_TESTABLE = 0, 1, 2, 3

SHIPPED = Path(__file__).parent.parent / "sim" / "scenarios"
SHIPPED_PLANS = Path(__file__).parent.parent / "sim" / "plan" / "examples"
DRAWN = 12
"""So many clocks at most are drawn: the worst."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = (
        "Run a scenario in virtual time with the daemon's own engine and servos, and say how far each clock was off.\n"
        "Every error is local - reference in ns: negative when the clock is behind."
    )
    parser.epilog = (
        f"Ready-made scenarios, by name: {', '.join(shipped_names())}.\n"
        f"Ready-made plans, whose files have a [plan] table: {', '.join(shipped_names(SHIPPED_PLANS))}.\n"
        "Exit code: 0; 1 when a limit or mask of [report] is not kept; 2 when the scenario cannot be used;\n"
        "3 when no mask is failed but one cannot be tested."
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("scenario", nargs="?", metavar="SCENARIO", help="a TOML file, or the name of a ready-made one")
    parser.add_argument("--check", action="store_true", help="only say whether the scenario is right")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of scenarios and stop")
    parser.add_argument("--seed", type=_count, metavar="N", help="the first seed (default: the scenario's)")
    parser.add_argument("--seeds", type=_count, metavar="N", help="how many runs, each with the next seed")
    parser.add_argument("--all", action="store_true", help="print every host, not only the worst of many")
    parser.add_argument("--events", metavar="FILE", help="write what happened with the first seed, as the daemon's log")
    parser.add_argument("--png", metavar="FILE", help="draw TE, MTIE and TDEV of the first seed (needs matplotlib)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--replay", metavar="EVENTS", help="run the offsets of a daemon's event file through a servo")
    parser.add_argument("--servo", choices=list(SERVOS), help="that servo (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Do what *args* say. Raises PtpstackError for a file that cannot be read or written."""
    if args.schema:
        sys.stdout.write(json.dumps(msgspec.json.schema(Scenario), indent=2) + "\n")
        return EXIT_OK
    if args.replay:
        return sim_replay.run(args)
    if args.scenario is None:
        sys.stderr.write("ptpstack sim: which SCENARIO? `ptpstack sim --help` names the ready-made ones\n")
        return EXIT_INVALID
    try:
        source = read(_file(args.scenario))
        if "plan" in source.table:
            return _plan(source, args)
        scenario = _with_seeds(from_source(source), args)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_INVALID
    return _simulate(source.name, scenario, args)


def _simulate(name: str, scenario: Scenario, args: argparse.Namespace) -> int:
    if args.check:
        sys.stdout.write("\n".join(sim_table.summary(name, scenario)) + "\n")
        return EXIT_OK
    if args.png:
        report_figure.require_matplotlib()
    runs = _run(scenario, args)
    if args.json:
        text = json.dumps(sim_table.as_json(Path(name).name, scenario, runs), indent=2)
    else:
        text = "\n".join(sim_table.as_text(name, scenario, runs, everything=args.all))
    sys.stdout.write(f"{text}\n")
    if args.png:
        report_figure.draw(_reports(Path(name).name, runs[0]), args.png)
    return _exit_code(scenario, runs)


def shipped_names(folder: Path = SHIPPED) -> list[str]:
    """Return the names of the scenarios, or of the plans, that come with the program."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _file(word: str) -> Path:
    path = Path(word)
    if path.exists() or "/" in word or word.endswith(".toml"):
        return path
    for folder in (SHIPPED, SHIPPED_PLANS):
        if word in shipped_names(folder):
            return folder / f"{word}.toml"
    names = [*shipped_names(), *shipped_names(SHIPPED_PLANS)]
    why = f"no such file, and the ready-made ones are {', '.join(names)}"
    raise ConfigError("no such scenario", where=word, why=why, next_step=nearest(word, names))


def _plan(source: Source, args: argparse.Namespace) -> int:
    return int(import_module("ptpstack.cli.plan").run(source, args))


def _with_seeds(scenario: Scenario, args: argparse.Namespace) -> Scenario:
    given = {key: value for key in ("seed", "seeds") if (value := getattr(args, key)) is not None}
    return msgspec.structs.replace(scenario, **given)


def _run(scenario: Scenario, args: argparse.Namespace) -> list[Run]:
    runs = []
    with ExitStack() as stack:
        progress = stack.enter_context(ProgressLine(scenario.seeds))
        log = EventLog(stack.enter_context(open_for_writing(args.events))) if args.events else None
        for number in range(scenario.seeds):
            logged = log if number == 0 else None
            runs.append(
                experiment.run(
                    scenario,
                    scenario.seed + number,
                    keep_analyses=number == 0,
                    on_event=logged.on_event if logged else None,
                    on_sample=logged.on_sample if logged else None,
                    progress=progress.take,
                )
            )
            progress.done(runs[-1])
    return runs


def _reports(source: str, run: Run) -> list[report_table.Report]:
    """Return the worst clocks of *run* in the shape of ``ptpstack report``."""
    worst = sorted(run.hosts, key=lambda host: host.max_abs_te_ns, reverse=True)[:DRAWN]
    return [
        report_table.Report(source, Record(host.host, FORMATS["events"]), *run.analyses[host.host])
        for host in run.hosts
        if host in worst
    ]


def _exit_code(scenario: Scenario, runs: Sequence[Run]) -> int:
    if any(violations(scenario.report, runs)):
        return EXIT_LIMIT_FAILED
    verdicts = {verdict for each in runs for host in each.hosts for verdict in host.masks.values()}
    return EXIT_NOT_TESTABLE if Verdict.NOT_TESTABLE in verdicts else EXIT_OK


class ProgressLine:
    """How far the runs are, on standard error: a bar on a terminal, else one line for each run."""

    WIDTH = 40

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._finished = 0
        self._began = time.monotonic()
        self._shown = self._began
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._terminal:
            sys.stderr.write("\r\x1b[K")

    def take(self, share: float) -> None:
        """Show that *share* of the present run is done."""
        now = time.monotonic()
        if not self._terminal or now - self._shown < 0.1:
            return
        self._shown = now
        done = (self._finished + share) / self._runs
        bar = "#" * round(done * self.WIDTH)
        left_s = (now - self._began) * (1 / done - 1)
        sys.stderr.write(f"\r[{bar:<{self.WIDTH}}] {done:4.0%}  about {left_s:.0f} s left\x1b[K")
        sys.stderr.flush()

    def done(self, run: Run) -> None:
        """Show that *run* is done."""
        self._finished += 1
        if not self._terminal:
            elapsed_s = time.monotonic() - self._began
            of = f"{self._finished} of {self._runs}: " if self._runs > 1 else ""
            sys.stderr.write(f"{of}seed {run.seed}, {run.scheduler_events} events, {elapsed_s:.1f} s since the start\n")
