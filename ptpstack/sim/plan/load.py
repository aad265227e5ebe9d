"""From TOML to a checked :class:`PlanFile`, or to one error that lists every problem."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from ptpstack.config.load import read
from ptpstack.config.problems import InvalidConfigError, Problem, nearest
from ptpstack.config.source import Source
from ptpstack.config.structure import structure_problems
from ptpstack.sim.plan.model import TABLES, PlanFile
from ptpstack.stability.mask import mask_names

KEPT_SAMPLES = 100_000_000
"""Time errors of the last clock that are kept for MTIE and TDEV: 0.8 GB."""

VALUES_AT_ONCE = 20_000_000
"""Numbers in one array: 0.2 GB, of which there are some ten."""

ONLY_OF = {
    "frequency_error_ppm": ("transparent",),
    "syntonized": ("transparent",),
    "residence_ms": ("transparent",),
    "turnaround_ms": ("transparent",),
    "servo": ("boundary", "ordinary"),
    "bandwidth_hz": ("boundary", "ordinary"),
    "synce": ("boundary", "ordinary"),
    "synce_bandwidth_hz": ("boundary", "ordinary"),
}
"""Keys that mean something for these kinds of node only."""
ONLY_OF_PARTS = (
    "constant_error_ns",
    "jitter_ns",
    "resolution_ns",
    "frequency_error_ppm",
    "residence_ms",
    "turnaround_ms",
)


def load_plan(path: str | os.PathLike[str]) -> PlanFile:
    """Return the plan in the file *path*; raise :class:`~ptpstack.errors.ConfigError` with every problem found."""
    return plan_from_source(read(path))


def plan_from_source(source: Source) -> PlanFile:
    """Return the plan in *source*; raises as :func:`load_plan`."""
    try:
        plan = msgspec.convert(source.table, PlanFile)
    except msgspec.ValidationError as error:
        problems = list(structure_problems(source, PlanFile, TABLES)) or [source.problem((), str(error))]
    else:
        problems = list(_contradictions(plan, source))
        if not problems:
            return plan
    raise InvalidConfigError(source.name, problems)


def _contradictions(plan: PlanFile, source: Source) -> Iterator[Problem]:
    """Yield what each key allows and all of them together do not."""
    if not plan.hop:
        yield source.problem(("hop",), "is empty", next_step="add at least one [[hop]]")
        return
    last = ("hop", len(plan.hop) - 1, "kind")
    if not plan.hop[-1].is_clock:
        yield source.problem(
            last,
            "a transparent clock is the last",
            why="it keeps no time",
            next_step="end with a boundary or ordinary one",
        )
    if plan.hop[-1].kind == "ordinary" and plan.hop[-1].count > 1:
        yield source.problem(
            last, "more than one ordinary clock", why="nothing follows one", next_step="make it boundary"
        )
    for number, hop in enumerate(plan.hop):
        place = ("hop", number)
        if hop.kind == "ordinary" and number < len(plan.hop) - 1:
            yield source.problem((*place, "kind"), "an ordinary clock is not the last", next_step="make it boundary")
        if hop.kind == "transparent" and hop.device.startswith("g8273.2"):
            yield source.problem(
                (*place, "device"), f"{hop.device} is a boundary clock", next_step="use iec-61850-9-3 or parts"
            )
        yield from _without_meaning(plan, number, source)
    yield from _in_plan(plan, source)


def _without_meaning(plan: PlanFile, number: int, source: Source) -> Iterator[Problem]:
    hop = plan.hop[number]
    for key in hop.__struct_fields__:
        path = ("hop", number, key)
        if not source.gives(path):
            continue
        if hop.kind not in ONLY_OF.get(key, (hop.kind,)):
            yield source.problem(path, f"means nothing for a {hop.kind} clock", next_step="remove it")
        elif key in ONLY_OF_PARTS and hop.device != "parts":
            yield source.problem(
                path,
                f"means nothing for a device at the limits of {hop.device}",
                next_step='remove it, or device = "parts"',
            )


def _in_plan(plan: PlanFile, source: Source) -> Iterator[Problem]:
    general = plan.plan
    if general.delay_mechanism == "e2e" and any(hop.kind == "transparent" for hop in plan.hop):
        yield source.problem(
            ("plan", "delay_mechanism"),
            "transparent clocks here need p2p",
            why="each of them adds the delay of its link",
            next_step='set delay_mechanism = "p2p"',
        )
    if general.log_delay_interval < general.log_sync_interval:
        yield source.problem(
            ("plan", "log_delay_interval"),
            f"{general.log_delay_interval} is below log_sync_interval {general.log_sync_interval}",
            why="a delay is used by the Sync after it at the earliest",
        )
    for number, name in enumerate(general.masks):
        if name not in mask_names():
            yield source.problem(
                ("plan", "masks", number),
                f'no mask is called "{name}"',
                why=f"there are {', '.join(mask_names())}",
                next_step=nearest(name, mask_names()),
            )
    nodes = sum(hop.count for hop in plan.hop)
    syncs_a_delay = 2.0 ** (general.log_delay_interval - general.log_sync_interval)
    if nodes * general.seeds * max(1.0, syncs_a_delay) > VALUES_AT_ONCE:
        yield source.problem(
            ("plan", "seeds"),
            f"{general.seeds} seeds of {nodes} nodes with {syncs_a_delay:g} Syncs to a delay are too many at once",
            why=f"their product may be {VALUES_AT_ONCE:.0e}",
            next_step="take fewer seeds",
        )
    samples = general.seconds * 2.0**-general.log_sync_interval * general.seeds
    if samples > KEPT_SAMPLES:
        yield source.problem(
            ("plan", "seeds"),
            f"{general.seeds} seeds of {general.seconds:g} s are {samples:.2g} samples",
            why=f"at most {KEPT_SAMPLES:.0e} are kept",
            next_step="take fewer seeds or seconds",
        )
