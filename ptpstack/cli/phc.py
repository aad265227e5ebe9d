"""`ptpstack phc`: look at a PTP hardware clock and move it by hand, for people who debug drivers.

What lives here: the arguments, and the commands on the clock itself. What does not: its pins, inputs and outputs
(phc_signals.py). A command yields answers; each is a sentence for people and the same as data for ``--json``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeAlias

from hw.cross_timestamp import CrossTimestamp
from hw.discovery import find_phcs
from hw.ethtool import timestamping_info
from hw.phc import Phc
from hw.realtime import RealtimeClock
from hw.time_daemons import find_time_daemons
from ptpstack.cli import phc_signals
from ptpstack.cli.durations import (
    date_text,
    nominal_duration,
    parse_duration,
    round_to_ns,
    seconds_text,
    signed_duration,
)
from ptpstack.errors import HardwareError, PtpstackError
from ptpstack.time import SECOND, LocalTime, TimeInterval

Answer: TypeAlias = tuple[str, dict[str, Any]]

_DURATION_HELP = "a signed duration: 37s, -250ns, 1.5ms (positive: forward)"
_SIGNED_NUMBER = re.compile(r"-[\d.]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Look at a PTP hardware clock and move it by hand. Offsets are PHC - CLOCK_REALTIME."
    commands = parser.add_subparsers(dest="phc_command", metavar="COMMAND", required=True)
    _command(commands, "get", "read the clock")
    setting = _command(commands, "set", "set the clock")
    setting.add_argument("to", metavar="TIME", help="now, an ISO time (UTC unless it says else), or seconds since 1970")
    setting.add_argument("--utc", action="store_true", help="let the clock keep UTC, not TAI (not with seconds)")
    _tai_offset(setting)
    step = _command(commands, "adj", "step the clock by a duration, and measure the step")
    step.add_argument("delta", metavar="DURATION", type=parse_duration, help=_DURATION_HELP)
    frequency = _command(commands, "freq", "show or set the frequency adjustment")
    frequency.add_argument("ppb", metavar="PPB", nargs="?", type=float, help="positive: the clock runs faster")
    compare = _command(commands, "cmp", "compare with CLOCK_REALTIME")
    compare.add_argument(
        "--watch", metavar="SECONDS", type=float, nargs="?", const=1.0, help="again every so often (1)"
    )
    compare.add_argument("--count", metavar="N", type=int, help="with --watch: stop after N lines")
    _tai_offset(compare)
    _command(commands, "caps", "what the clock can do")
    phc_signals.add_pins_arguments(_command(commands, "pins", "show the pins, or give one a function"))
    phc_signals.add_extts_arguments(_command(commands, "extts", "print the edges on an input, stamped by the clock"))
    phc_signals.add_perout_arguments(_command(commands, "perout", "send pulses on an output"))


def run(args: argparse.Namespace) -> int:
    """Carry the command out and print its answers. Raises HardwareError."""
    phc = Phc(clock_path(args.clock))
    try:
        for text, data in COMMANDS[args.phc_command](phc, args):
            answer = json.dumps({"clock": phc.name, **data}, ensure_ascii=False) if args.json else f"{phc.name}: {text}"
            sys.stdout.write(f"{answer}\n")
            sys.stdout.flush()
    finally:
        phc.close()
    return 0


def clock_path(name: str) -> str:
    """Return the device of the clock that is named by its path, by ptpN, or by an interface that it stamps for."""
    if "/" in name:
        return name
    try:
        index = timestamping_info(name).phc_index
    except HardwareError:
        if re.fullmatch(r"ptp\d+", name):
            return f"/dev/{name}"
        raise
    if index < 0:
        raise HardwareError(
            "no PTP hardware clock",
            where=name,
            why="the driver names none",
            next_step="`ptpstack nics` lists the clocks and the interfaces that have one",
        )
    return f"/dev/ptp{index}"


def _get(phc: Phc, _args: argparse.Namespace) -> Iterator[Answer]:
    now = phc.time()
    date = date_text(now)
    yield f"{seconds_text(int(now))} s since 1970, {date or 'no date'} on its own timescale", _instant(now)


def _set(phc: Phc, args: argparse.Namespace) -> Iterator[Answer]:
    _tell_of_others()
    before = phc.time()
    if args.to == "now":
        tai_s = 0 if args.utc else _known_tai_offset(args)
        both = phc.cross_timestamp()
        phc.step(int(both.system) + tai_s * SECOND - int(both.phc))
        scale = "UTC by CLOCK_REALTIME" if args.utc else f"TAI: CLOCK_REALTIME + {tai_s} s"
    elif (seconds := _seconds(args.to)) is not None:
        phc.set_time(seconds)
        scale = "as given"
    else:
        utc = _iso_instant(args.to)
        tai_s = 0 if args.utc else _known_tai_offset(args)
        phc.set_time(LocalTime(int(utc) + tai_s * SECOND))
        scale = "UTC as given" if args.utc else f"TAI: the UTC given + {tai_s} s"
    now = phc.time()
    text = f"was {seconds_text(int(before))} s, set to {seconds_text(int(now))} s, {date_text(now)} ({scale})"
    yield text, {"before_ns": round_to_ns(int(before)), **_instant(now), "timescale": scale}


def _adj(phc: Phc, args: argparse.Namespace) -> Iterator[Answer]:
    _tell_of_others()
    before = phc.cross_timestamp()
    phc.step(args.delta)
    after = phc.cross_timestamp()
    measured = _offset(after) - _offset(before)
    uncertainty_ns = before.uncertainty_ns + after.uncertainty_ns
    text = (
        f"stepped by {nominal_duration(args.delta)}; against CLOCK_REALTIME it moved by {signed_duration(measured)}"
        f" ± {uncertainty_ns:.1f} ns ({after.method.value})"
    )
    yield (
        text,
        {
            "step_ns": round_to_ns(args.delta),
            "measured_step_ns": round_to_ns(measured),
            "uncertainty_ns": uncertainty_ns,
            "method": after.method.value,
        },
    )


def _freq(phc: Phc, args: argparse.Namespace) -> Iterator[Answer]:
    before = phc.frequency_ppb()
    if args.ppb is None:
        yield f"frequency adjustment {before:+.3f} ppb (positive: runs faster)", {"frequency_ppb": before}
        return
    _tell_of_others()
    phc.set_frequency(args.ppb)
    now = phc.frequency_ppb()
    yield (
        f"frequency adjustment was {before:+.3f} ppb, set to {args.ppb:+.3f} ppb, reads {now:+.3f} ppb",
        {"before_ppb": before, "asked_ppb": args.ppb, "frequency_ppb": now},
    )


def _cmp(phc: Phc, args: argparse.Namespace) -> Iterator[Answer]:
    tai_s = RealtimeClock().kernel_tai_offset_s() if args.tai_offset is None else args.tai_offset
    previous: CrossTimestamp | None = None
    left = args.count if args.watch is not None else 1
    while left is None or left > 0:
        if previous is not None:
            time.sleep(args.watch)
        both = phc.cross_timestamp()
        yield _comparison(both, previous, tai_s)
        previous = both
        left = None if left is None else left - 1


def _comparison(both: CrossTimestamp, previous: CrossTimestamp | None, tai_s: int) -> Answer:
    offset = _offset(both)
    from_tai = offset - tai_s * SECOND
    text = f"PHC - CLOCK_REALTIME {signed_duration(offset)} ± {both.uncertainty_ns:.1f} ns ({both.method.value})"
    if tai_s:
        text += f"; without the TAI - UTC of {tai_s} s in it {signed_duration(from_tai)}"
    else:
        text += "; the kernel knows no TAI - UTC, none is taken off"
    data: dict[str, Any] = {
        "offset_ns": round_to_ns(offset),
        "uncertainty_ns": both.uncertainty_ns,
        "method": both.method.value,
        "tai_minus_utc_s": tai_s or None,
        "offset_from_tai_ns": round_to_ns(from_tai) if tai_s else None,
    }
    if previous is not None:
        drift_ppb = (offset - _offset(previous)) * 1e9 / ((both.system - previous.system) or 1)
        text += f"; drift {drift_ppb:+.1f} ppb"
        data["drift_ppb"] = drift_ppb
    return text, data


def _caps(phc: Phc, _args: argparse.Namespace) -> Iterator[Answer]:
    can = phc.capabilities
    both = phc.cross_timestamp()
    name = next((device.clock_name for device in find_phcs() if device.device == str(Path(phc.name).resolve())), "")
    lines = {
        "name by its driver": name or "none",
        "frequency": f"adjustable by ±{can.max_adj_ppb} ppb",
        "phase": _phase_text(can.adjust_phase, can.max_phase_adj_ns),
        "cross-timestamps": f"{both.method.value}, ± {both.uncertainty_ns:.1f} ns just now",
        "pins": str(can.n_pins),
        "external timestamps": f"{can.n_ext_ts} inputs",
        "periodic outputs": str(can.n_per_out),
        "alarms": str(can.n_alarm),
        "PPS to the kernel": "yes" if can.pps else "no",
    }
    width = max(map(len, lines))
    yield (
        "\n" + "\n".join(f"  {what.ljust(width)}  {value}" for what, value in lines.items()),
        {
            "name": name,
            "max_adj_ppb": can.max_adj_ppb,
            "adjust_phase": can.adjust_phase,
            "max_phase_adj_ns": can.max_phase_adj_ns,
            "cross_timestamping": can.cross_timestamping,
            "cross_method": both.method.value,
            "cross_uncertainty_ns": both.uncertainty_ns,
            "n_pins": can.n_pins,
            "n_ext_ts": can.n_ext_ts,
            "n_per_out": can.n_per_out,
            "n_alarm": can.n_alarm,
            "pps": can.pps,
        },
    )


COMMANDS = {
    "get": _get,
    "set": _set,
    "adj": _adj,
    "freq": _freq,
    "cmp": _cmp,
    "caps": _caps,
    "pins": phc_signals.pins,
    "extts": phc_signals.extts,
    "perout": phc_signals.perout,
}


def _command(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:  # noqa: ANN401 (argparse hides the type)
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
    parser._negative_number_matcher = _SIGNED_NUMBER  # noqa: SLF001 (or "-250ns" is taken for an option)
    parser.add_argument("clock", metavar="CLOCK", help="/dev/ptpN, or an interface that it stamps for")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    return parser


def _tai_offset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tai-offset", metavar="S", type=int, help="TAI - UTC (default: what the kernel knows)")


def _known_tai_offset(args: argparse.Namespace) -> int:
    """TAI - UTC, which must not be guessed: a clock that is wrong by 37 s looks right."""
    offset_s: int = RealtimeClock().kernel_tai_offset_s() if args.tai_offset is None else args.tai_offset
    if offset_s == 0:
        raise PtpstackError(
            "cannot set the clock to TAI",
            why="the kernel knows no TAI - UTC",
            next_step="give it (--tai-offset 37 since 2017), or let the clock keep UTC (--utc)",
        )
    return offset_s


def _seconds(text: str) -> LocalTime | None:
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        return None
    return LocalTime(round(seconds * SECOND)) if seconds.is_finite() else None


def _iso_instant(text: str) -> LocalTime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise PtpstackError(
            f"{text!r} is no time",
            next_step="say now, 2026-01-01T00:00:00, or seconds since 1970 with or without places",
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return LocalTime((since.days * 86_400 + since.seconds) * SECOND + since.microseconds * (SECOND // 1_000_000))


def _offset(both: CrossTimestamp) -> TimeInterval:
    return int(both.phc) - int(both.system)


def _instant(now: LocalTime) -> dict[str, Any]:
    return {"time_ns": round_to_ns(int(now)), "date": date_text(now)}


def _phase_text(adjustable: bool, limit_ns: int) -> str:
    if not adjustable:
        return "not adjustable by the hardware"
    return f"adjustable by the hardware, by ±{limit_ns} ns" if limit_ns else "adjustable by the hardware"


def _tell_of_others() -> None:
    for daemon in find_time_daemons():
        if "PHC" in daemon.steers:
            sys.stderr.write(f"note: {daemon.name} (pid {daemon.pid}) runs, and may steer this clock back\n")
