"""The `[holdover]` and `[time]` tables of the configuration file."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.table import Table


class Holdover(Table, frozen=True):
    """What a clock is worth when measurements stop. How it is learnt: docs/holdover-and-uncertainty.md."""

    bound_ns: Annotated[
        Annotated[float, Meta(gt=0, le=1e9)] | UnsetType,
        Meta(
            description=(
                "Holdover is in spec while the clock is off by less, nanoseconds; unset: as the strictest profile on "
                "the clock says (1500; IEC/IEEE 61850-9-3: 250, unverified)."
            )
        ),
    ] = UNSET
    seconds: Annotated[
        int, Meta(ge=0, le=10_000_000, description="And while the last measurement is not older than this.")
    ] = 14_400
    degraded_bound_ns: Annotated[
        float,
        Meta(
            gt=0,
            le=1e9,
            description=(
                "Out of spec a clock of a power profile is degraded by alternative A (class 52) while it is off by "
                "less, nanoseconds, then by alternative B (187). No standard's number: unverified."
            ),
        ),
    ] = 10_000.0
    degraded_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="And while the last measurement is not older than this. Unverified as well.",
        ),
    ] = 86_400
    temperature: Annotated[
        str,
        Meta(
            description=(
                "A temperature sensor near the oscillator, of which it learns the influence: CHIP/LABEL as `sensors` "
                "shows them, or a path to a file with thousandths of a degree; empty: none."
            )
        ),
    ] = ""


class Time(Table, frozen=True):
    """What applications are told of the time and its uncertainty (`ptpstack time`, ptpstack.client)."""

    directory: Annotated[
        str | UnsetType,
        Meta(
            description=(
                "Where there is one small file for each clock, which clients map; empty: nowhere; unset: `time` beside "
                "the control socket, if there is one."
            )
        ),
    ] = UNSET
    max_asymmetry_ns: Annotated[
        Annotated[float, Meta(ge=0, le=1e9)] | UnsetType,
        Meta(
            description=(
                "By how much the path from the reference may differ from the mean of both ways, nanoseconds; unset: by "
                "the whole path delay, which is always true, but for boundary clocks further up."
            )
        ),
    ] = UNSET
    reference_accuracy_ns: Annotated[
        Annotated[float, Meta(ge=0, le=1e9)] | UnsetType,
        Meta(description="How far off the reference is at most, where it does not tell; unset: bounds are against it."),
    ] = UNSET
    max_drift_ppb: Annotated[
        float, Meta(gt=0, le=1e6, description="How fast a clock may drift that nobody looks after any more, ppb.")
    ] = 1000.0
