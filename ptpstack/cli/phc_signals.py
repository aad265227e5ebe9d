"""`ptpstack phc pins|extts|perout`: what goes into a PTP hardware clock and comes out of it by wire."""

from __future__ import annotations

import argparse
import select
import sys
from collections.abc import Iterator
from typing import Any, TypeAlias

from hw.external_timestamps import Edges, ExternalTimestamp, ExternalTimestamps
from hw.periodic_output import start_periodic_output, stop_periodic_output
from hw.phc import Phc
from hw.pins import Pin, PinFunction, assign_pin, find_pin, read_pins
from ptpstack.cli.durations import (
    date_text,
    nominal_duration,
    parse_duration,
    round_to_ns,
    seconds_text,
    signed_duration,
)
from ptpstack.time import SECOND

Answer: TypeAlias = tuple[str, dict[str, Any]]

_PATIENCE_S = 3.0


def add_pins_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``phc pins``."""
    functions = [function.name.lower() for function in PinFunction]
    parser.add_argument("pin", metavar="PIN", nargs="?", help="the driver's name of a pin, or its index")
    parser.add_argument("function", metavar="FUNCTION", nargs="?", choices=functions, help=", ".join(functions))
    parser.add_argument("channel", metavar="CHANNEL", nargs="?", type=int, default=0, help="of the function (0)")


def add_extts_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``phc extts``."""
    parser.add_argument("--channel", metavar="N", type=int, default=0, help="the input (0)")
    parser.add_argument("--edge", choices=("rising", "falling", "both"), default="rising", help="which edges (rising)")
    parser.add_argument("--pin", metavar="PIN", help="connect this pin to the input first")
    parser.add_argument("--count", metavar="N", type=int, help="stop after N edges")


def add_perout_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``phc perout``."""
    parser.add_argument("--channel", metavar="N", type=int, default=0, help="the output (0)")
    parser.add_argument("--pin", metavar="PIN", help="connect this pin to the output first")
    parser.add_argument("--period", metavar="DURATION", type=parse_duration, default=SECOND, help="a pulse every (1s)")
    parser.add_argument(
        "--phase", metavar="DURATION", type=parse_duration, default=0, help="after the full second (0s)"
    )
    parser.add_argument("--width", metavar="DURATION", type=parse_duration, help="of a pulse (default: the driver's)")
    parser.add_argument("--off", action="store_true", help="send no more pulses")


def pins(phc: Phc, args: argparse.Namespace) -> Iterator[Answer]:
    """Every pin, or the one that was asked for, after giving it a function."""
    if args.function is not None:
        pin = assign_pin(phc, find_pin(phc, args.pin), PinFunction[args.function.upper()], args.channel)
        yield f"{_pin_text(pin)} now", _pin_data(pin)
        return
    found = read_pins(phc) if args.pin is None else [find_pin(phc, args.pin)]
    if not found and not args.json:
        yield "no pins: its inputs and outputs are wired", {}
    for pin in found:
        yield _pin_text(pin), _pin_data(pin)


def extts(phc: Phc, args: argparse.Namespace) -> Iterator[Answer]:
    """Each edge as it comes, until ``--count`` or Ctrl-C."""
    if args.pin is not None:
        assign_pin(phc, find_pin(phc, args.pin), PinFunction.EXTTS, args.channel)
    with ExternalTimestamps(phc) as edges:
        if not edges.enable(args.channel, Edges[args.edge.upper()]):
            sys.stderr.write(f"note: the driver does not promise to stamp {args.edge} edges only\n")
        left = args.count
        while left is None or left > 0:
            for edge in _wait_for(edges, phc)[:left]:
                yield _edge_answer(edge)
                left = None if left is None else left - 1


def perout(phc: Phc, args: argparse.Namespace) -> Iterator[Answer]:
    """Begin or end the pulses of an output, which go on when the command has ended."""
    if args.off:
        stop_periodic_output(phc, args.channel)
        yield f"output {args.channel} sends no more pulses", {"channel": args.channel, "period_ns": None}
        return
    if args.pin is not None:
        assign_pin(phc, find_pin(phc, args.pin), PinFunction.PEROUT, args.channel)
    output = start_periodic_output(phc, args.channel, period=args.period, phase=args.phase, width=args.width)
    start = "" if output.start is None else f", from {seconds_text(int(output.start))} s ({date_text(output.start)}) on"
    phase = f", {nominal_duration(output.phase)} after the full second" if output.phase else ""
    width = "" if output.width is None else f", {nominal_duration(output.width)} wide"
    yield (
        f"output {output.channel} sends a pulse every {nominal_duration(output.period)}{phase}{width}{start}",
        {
            "channel": output.channel,
            "period_ns": round_to_ns(output.period),
            "phase_ns": round_to_ns(output.phase),
            "width_ns": None if output.width is None else round_to_ns(output.width),
            "start_ns": None if output.start is None else round_to_ns(int(output.start)),
        },
    )


def _wait_for(edges: ExternalTimestamps, phc: Phc) -> list[ExternalTimestamp]:
    """Wait for edges, and after some seconds of silence say so, once for each wait."""
    if not select.select([edges], [], [], _PATIENCE_S)[0]:
        sys.stderr.write(
            f"note: no edge for {_PATIENCE_S:g} s; `ptpstack phc pins {phc.name}` shows what is connected\n"
        )
        select.select([edges], [], [])
    return edges.read()


def _edge_answer(edge: ExternalTimestamp) -> Answer:
    from_second = (int(edge.time) + SECOND // 2) % SECOND - SECOND // 2
    where = f"{seconds_text(int(edge.time))} s, {signed_duration(from_second)} from the full second"
    data = {
        "channel": edge.channel,
        "time_ns": round_to_ns(int(edge.time)),
        "from_full_second_ns": round_to_ns(from_second),
    }
    return f"input {edge.channel}: edge at {where}", data


def _pin_text(pin: Pin) -> str:
    function = "unused" if pin.function is PinFunction.NONE else f"{pin.function.name.lower()} channel {pin.channel}"
    return f"pin {pin.index} {pin.name}: {function}"


def _pin_data(pin: Pin) -> dict[str, Any]:
    return {"index": pin.index, "pin": pin.name, "function": pin.function.name.lower(), "channel": pin.channel}
