"""``python3 -m lab bench [CASE[:PART] …] [--json FILE] [--rounds N]``."""

from __future__ import annotations

import argparse
import compileall
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias, cast

from lab import namespaces
from lab.bench import rows
from lab.bootstrap import CHECKOUT
from ptpstack.errors import PtpstackError

Measure: TypeAlias = Callable[[int], Iterator[rows.Row]]

CASES = {
    "codec": "decode and encode, and the whole path from a Sync to a servo command",
    "start": "from process start to the first Sync handled, and memory",
    "serve": "Delay_Req answered: CPU time of a master per request",
    "follow": "Sync followed: CPU time of a slave per Sync",
    "ntp": "NTP and NTS requests answered: CPU time of our server and of chronyd, under several loads (minutes)",
    "servo": "true offset of simulated clocks under each servo, beside the PI that linuxptp uses",
    "masks": "a simulated T-BC against the masks of G.8273.2, and a chain against G.8271.1 (minutes)",
    "masks_vm": "the same by hardware stamps on the virtual NIC, with a noise transfer and holdover (long)",
    "plan": "a day of a chain of 20 clocks as arrays, and one link beside the message level (minutes)",
    "sim": "the simulator: CPU time of an event, and of a slave's second, with 50 and 1000 slaves",
    "unicast": "a unicast grandmaster: CPU time per client at 16 Syncs and 16 Delay_Reqs a second, memory per client",
    "ecu": "an automotive end station: from process start to the time, memory, CPU (a minute a round)",
    "slave": "a slave on software stamps: true offset and time to lock",
    "boundary": "boundary and transparent clocks, against the truth, in the VM and simulated (minutes a round)",
    "ntp_client": "NTP clients, with NTS and without: memory and CPU (some four minutes a round)",
    "ntp_accuracy": "NTP clients: how well each knows the time (some four minutes a round)",
    "gptp": "gPTP against the truth, in the VM: seven hops, one relay, hot standby, a car's link (minutes a round)",
    "hardware": "hardware stamps on the virtual NIC, against the truth (half an hour a round; parts: e2e, p2p-walk, …)",
}
EXIT_INTERRUPTED = 130
QUICK = ["codec", "start", "serve", "follow", "slave"]
"""What runs without being named: some minutes, and nothing but namespaces."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m lab bench",
        description="Measure, side by side with ptp4l and chronyd; smaller is better everywhere.",
        epilog="\n".join(f"  {name:<8} {text}" for name, text in CASES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "case",
        nargs="*",
        default=QUICK,
        help=f"default: {' '.join(QUICK)}; of one with parts only one, as unicast:300 (clients)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to FILE")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per case, ours and peer in turn (default 5)")
    options = parser.parse_args(arguments)
    unknown = [word for word in options.case if word.partition(":")[0] not in CASES]
    if unknown:
        parser.error(f"there is no case {unknown[0]!r}; choose from {', '.join(CASES)}")
    table: list[rows.Row] = []
    missing: list[str] = []
    load = [os.getloadavg()]
    try:
        cases = {word: _case(word) for word in options.case}
        compile_sources()
        namespaces.enter()
        print(rows.HEADING, flush=True)
        for word, measure in cases.items():
            missing += _measured(word, measure, options.rounds, table)
    except PtpstackError as error:
        print(f"lab bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab bench: stopped before the end", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:  # what was measured stays, however it ends
        if options.json and table:
            rows.write_json(options.json, table, [*load, os.getloadavg()], missing)
    return 1 if missing else 0


def _measured(word: str, measure: Measure, rounds: int, table: list[rows.Row]) -> list[str]:
    """Print the rows of one case and add them to the *table*; return what is missing of it."""
    missing = []
    try:
        for row in measure(rounds):
            if not row.ours:
                missing.append(f"{row.case}: {row.metric}")
                continue
            table.append(row)
            print(row.as_text(), flush=True)
    except PtpstackError as error:
        print(f"lab bench: {word}: {error}", file=sys.stderr, flush=True)
        missing.append(f"{word}: {error}")
    for each in missing:
        print(f"missing: {each.partition(chr(10))[0]}", flush=True)
    return missing


def _case(word: str) -> Measure:
    """Return what measures the case, or the one part of it, that *word* names. Raises ``PtpstackError``."""
    name, _, part = word.partition(":")
    module = importlib.import_module(f"lab.bench.{name}")
    if not part:
        return cast("Measure", module.measure)
    parts = getattr(module, "PARTS", ())
    if part not in parts:
        there_are = f"there are {', '.join(parts)}" if parts else "it is measured whole"
        raise PtpstackError(f"the case {name} has no part {part!r}", where="lab bench", why=there_are)
    return partial(module.measure, parts=(part,))


def compile_sources() -> None:
    """Compile what was edited since the installation, as an installed package always is."""
    for name in ("ptpstack", "hw", "ntp", "profiles", "lab"):
        compileall.compile_dir(CHECKOUT / name, quiet=2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
