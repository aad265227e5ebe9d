"""Make docs/conformance.md from the list and the simulator: ``python -m ptpstack.conform.docs docs/conformance.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from profiles.loader import load_profile, profile_names
from ptpstack.conform.requirements import Requirement, all_requirements
from ptpstack.conform.run import Verdict, run
from ptpstack.conform.simulated import SimulatedPort

INTRODUCTION = """\
# What is required, and how it is tried

Made from `ptpstack/conform/requirements.toml` and a run against the simulator by
`python -m ptpstack.conform.docs docs/conformance.md`.

```sh
ptpstack conform default-p2p --simulate                             # the engine, in virtual time
ptpstack conform default-p2p --against SOCKET                       # a running daemon: its data sets
ptpstack conform default-p2p --against SOCKET --interface eth1      # and what it sends
ptpstack conform default-p2p --against SOCKET --interface eth1 --send   # and what it makes of test frames
ptpstack conform g8275-2 --against SOCKET --interface eth1 --send --address 192.0.2.7   # by unicast, to that port
ptpstack conform g8275-2 ... --as 192.0.2.1 --as 192.0.2.2          # as two masters of its table, or more
ptpstack conform gptp --interface eth1 --send                       # somebody else's clock, which nobody can ask
```

Without `--simulate` and `--against` a clock is tried by what it sends alone: what needs its data sets is not testable,
its intervals are taken to be the profile's, or those that are given as `--set logSyncInterval=-4` (domainNumber too).

All of it takes a few seconds simulated, and some ten minutes on a port that announces once a second.

`eth1` is an interface of this machine at the other end of the port's link: one cable, nothing else on it. With `--send`
the command plays masters, neighbours and rogues there; the clock under test follows them, so keep it off a plant in
service. `--json` prints the outcomes for programs. The exit code is 1 if anything failed, 2 if
nothing could be tried.

**This is no certificate.** The test plans of UNH-IOL are public by title only, so a check tries what the title and the
standard say. Each outcome is `pass`, `fail`, or `not testable` with the reason. Every check is itself tested: on a
clock that breaks one of its rules it must fail, on one that is right but set otherwise it must not (`tests/conform`).

In the columns: how it is tried (s: simulated, l: on a running port), and the simulator's outcome for each profile.
Profiles that negotiate unicast (G.8275.2, G.8265.1) are tried as a client of the port, and as masters of its table: on
a running port as many as `--as` names addresses, which the interface has; most checks need one or two, one needs five.
A check that needs a clock of another role (slave only, masterOnly, clockClass 6) runs on a running port that has it.
Profiles of gPTP are tried as far as the wire shows them.
"""


def document() -> str:
    """Return the text of docs/conformance.md."""
    outcomes = {
        name: {outcome.requirement.ident: outcome for outcome in run(SimulatedPort(load_profile(name)), "simulated")}
        for name in profile_names()
    }
    marks = {Verdict.PASS: "pass", Verdict.FAIL: "**fail**", Verdict.NOT_TESTABLE: "-"}
    head = ("requirement", "what", "from", "tried", *outcomes)
    rows = [head, tuple("---" for _ in head)]
    for requirement in all_requirements():
        verdicts = [
            marks[found[requirement.ident].verdict] if requirement.ident in found else "" for found in outcomes.values()
        ]
        rows.append(
            (
                f"`{requirement.ident}`",
                requirement.title,
                "; ".join(requirement.source),
                " ".join(way[0] for way in requirement.ways) if requirement.check else "-",
                *verdicts,
            )
        )
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([INTRODUCTION, table, "", "## Not testable here", "", *_untestable(), ""])


def _untestable() -> Iterator[str]:
    for requirement in all_requirements():
        if requirement.not_testable:
            yield f"- `{requirement.ident}`: {_sentence(requirement)}"


def _sentence(requirement: Requirement) -> str:
    return f"{requirement.not_testable}."


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/conformance.md").write_text(document(), encoding="utf-8")
