"""``ptpstack report``: how well a clock keeps time, from a log, a measurement file or the running daemon.

What lives here: the arguments, where offsets come from, what is written where. What does not: formats and
statistics (``ptpstack.stability``), the table (``report_table``), the picture (``report_figure``).
"""

from __future__ import annotations

import argparse
import json
import math
import stat
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ptpstack.cli import report_figure, report_table
from ptpstack.cli.report_follow import follow
from ptpstack.stability.analysis import Analysis
from ptpstack.stability.mask import Mask, Verdict, judge, load_mask, mask_names
from ptpstack.stability.records import FORMATS, Record, RecordError, read
from ptpstack.stability.series import UnusableRecordError, resample
from ptpstack.words import counted

EXIT_OK, EXIT_MASK_FAILED, EXIT_NOT_TESTABLE = 0, 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = (
        "Say how well a clock keeps time: offset statistics, MTIE, TDEV, and whether masks are kept.\n"
        "Every offset is local - master in ns: negative when the local clock is behind."
    )
    parser.epilog = "\n".join(
        (
            _wrapped(f"Formats: {', '.join(FORMATS)}."),
            _wrapped(f"Masks: {', '.join(mask_names())}."),
            "Exit code: 0; with masks 1 when one is failed, 3 when none is failed but one cannot be tested.",
        )
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="a file, - (standard input), or a control socket")
    parser.add_argument("--mask", action="append", default=[], metavar="NAME", help="hold the record against this mask")
    parser.add_argument("--format", choices=list(FORMATS), metavar="NAME", help="how to read it (default: by content)")
    parser.add_argument("--seconds", type=_positive, default=60.0, help="how long to follow a daemon (default: 60)")
    parser.add_argument("--skip", type=_positive, default=0.0, metavar="SECONDS", help="leave out the beginning")
    parser.add_argument("--tau0", type=_positive, metavar="SECONDS", help="the sampling interval (default: as found)")
    parser.add_argument("--negate", action="store_true", help="the source says master - local: change every sign")
    parser.add_argument("--png", metavar="FILE", help="draw TE, MTIE and TDEV (needs matplotlib)")
    parser.add_argument("--csv", metavar="FILE", help="write MTIE, TDEV and the Allan deviations over tau")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the report. Raises PtpstackError for a source, mask or output that cannot be used."""
    masks = [load_mask(name) for name in args.mask]
    if args.png:
        report_figure.require_matplotlib()
    reports = [_report(source, record, masks, args) for source in args.sources for record in _records(source, args)]
    if args.json:
        text = json.dumps({"reports": [report_table.as_json(report) for report in reports]}, indent=2)
    else:
        text = "\n\n".join("\n".join(report_table.as_text(report)) for report in reports)
    sys.stdout.write(f"{text}\n")
    if args.csv:
        with _output(args.csv) as file:
            report_table.write_csv(reports, file)
    if args.png:
        report_figure.draw(reports, args.png)
    return _exit_code(reports, masks)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, subsequent_indent="  ", break_on_hyphens=False)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def _records(source: str, args: argparse.Namespace) -> list[Record]:
    if source == "-":
        return read(sys.stdin, "standard input", args.format, tau0_s=args.tau0)
    try:
        if stat.S_ISSOCK(Path(source).stat().st_mode):
            return read(follow(source, args.seconds), source, "events")
        with Path(source).open(encoding="utf-8", errors="replace") as lines:
            return read(_text(lines, source), source, args.format, tau0_s=args.tau0)
    except OSError as error:
        raise RecordError("cannot be read", where=source, why=error.strerror or str(error)) from error


def _text(lines: Iterable[str], source: str) -> Iterator[str]:
    """Yield *lines* as long as they are text."""
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise RecordError("not text", where=f"{source}:{number}", why="a zero byte", next_step="export it as text")
        yield line


def _report(source: str, record: Record, masks: Sequence[Mask], args: argparse.Namespace) -> report_table.Report:
    times_s, offsets_ns = record.times_s, record.offsets_ns
    notes = list(record.notes)
    if args.skip and times_s:
        first = next((i for i, time_s in enumerate(times_s) if time_s >= times_s[0] + args.skip), len(times_s))
        notes.append(f"the first {args.skip:g} s were left out ({counted(first, 'sample')})")
        times_s, offsets_ns = times_s[first:], offsets_ns[first:]
    if record.unlocked and args.skip < _locked_after_s(record):
        notes.append(_unlocked(record))
    if record.times_s and record.extremes:
        notes.append(f"{len(record.extremes)} summary lines (rms, max) were left out: they have no single offsets")
    try:
        series = resample(times_s, offsets_ns, args.tau0)
    except UnusableRecordError as error:
        notes += [] if record.extremes else [f"{error.what} ({error.why})"]
        notes += ["no mask can be tested"] if masks else []
        return report_table.Report(source, record, None, (), notes)
    if args.negate:
        series.values_ns[:] *= -1
        notes.append("every sign was changed (--negate)")
    analysis = Analysis(series)
    return report_table.Report(source, record, analysis, tuple(judge(mask, analysis) for mask in masks), notes)


def _locked_after_s(record: Record) -> float:
    """Return how long after its beginning the servo is locked for good; infinity: never."""
    if record.locked_from_s is None:
        return math.inf
    return round(record.locked_from_s - record.times_s[0], 3)


def _unlocked(record: Record) -> str:
    text = f"the servo was not locked at {record.unlocked} of {counted(len(record.times_s), 'sample')}"
    after_s = _locked_after_s(record)
    return text if math.isinf(after_s) else f"{text}; --skip {after_s:g} leaves them out"


@contextmanager
def _output(path: str) -> Iterator[TextIO]:
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise RecordError("cannot be written", where=path, why=error.strerror or str(error)) from error


def _exit_code(reports: Sequence[report_table.Report], masks: Sequence[Mask]) -> int:
    verdicts = {result.verdict for report in reports for result in report.masks}
    if Verdict.FAIL in verdicts:
        return EXIT_MASK_FAILED
    unjudged = masks and any(report.analysis is None for report in reports)
    return EXIT_NOT_TESTABLE if unjudged or Verdict.NOT_TESTABLE in verdicts else EXIT_OK
