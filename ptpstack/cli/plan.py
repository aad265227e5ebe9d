"""Plans of ``ptpstack sim``: files with a ``[plan]`` table, run over arrays of hops and seeds.

What lives here: the order of things, exit codes. What does not: the plan and its run (``ptpstack.sim.plan``), the
table and the JSON (``plan_table``), the picture (``plan_figure``), the arguments (``sim``).
"""

from __future__ import annotations

import argparse
import json
import os
import sys

import msgspec

from ptpstack.cli import plan_figure, plan_table, report_figure
from ptpstack.cli.sim import ProgressLine
from ptpstack.config.load import read
from ptpstack.config.source import Source
from ptpstack.sim.plan.load import plan_from_source
from ptpstack.sim.plan.model import PlanFile
from ptpstack.sim.plan.result import Outcome, simulate
from ptpstack.stability.mask import Verdict

EXIT_OK, EXIT_MASK_FAILED, EXIT_NOT_TESTABLE = 0, 1, 3


def run(source: Source, args: argparse.Namespace) -> int:
    """Plan what *source* says, as the arguments of ``ptpstack sim`` ask. Raises PtpstackError."""
    file = plan_from_source(source)
    given = {key: value for key in ("seed", "seeds") if (value := getattr(args, key)) is not None}
    file = msgspec.structs.replace(file, plan=msgspec.structs.replace(file.plan, **given))
    if args.check:
        sys.stdout.write("\n".join((f"{source.name}: OK", *plan_table.summary(file))) + "\n")
        return EXIT_OK
    return _plan(source.name, file, as_json=args.json, png=args.png)


def run_plan(path: str | os.PathLike[str], *, as_json: bool = False, png: str | None = None) -> int:
    """Plan what the file *path* says, print it and return the exit code. Raises PtpstackError."""
    source = read(path)
    return _plan(source.name, plan_from_source(source), as_json=as_json, png=png)


def _plan(name: str, file: PlanFile, *, as_json: bool, png: str | None) -> int:
    if png:
        report_figure.require_matplotlib()
    with ProgressLine(1) as progress:
        outcome = simulate(file, progress.take)
    if as_json:
        text = json.dumps(plan_table.as_json(name, outcome), indent=2)
    else:
        text = "\n".join(plan_table.as_text(name, outcome))
    sys.stdout.write(f"{text}\n")
    if png:
        plan_figure.draw(outcome, png)
    return _exit_code(outcome)


def _exit_code(outcome: Outcome) -> int:
    verdicts = {summary.verdict for summary in outcome.masks}
    if Verdict.FAIL in verdicts:
        return EXIT_MASK_FAILED
    return EXIT_NOT_TESTABLE if Verdict.NOT_TESTABLE in verdicts else EXIT_OK
