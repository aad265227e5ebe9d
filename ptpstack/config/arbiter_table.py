"""The `[arbiter]` table of the configuration file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.table import Table


class Arbiter(Table, frozen=True):
    """Who may steer a clock when, and what a clock does that meets another time.

    A source of pulses stands first, then the instances in this order, then NTP (docs/arbiter.md); `[ntp]` `watch` and
    `refuse_departed` add agreement to it.
    """

    order: (
        Annotated[
            Literal["configuration", "quality"],
            Meta(
                description=(
                    "Lets several instances of one port steer one clock: the first of the file that measures, or the "
                    "one whose grandmaster is better (clockClass, clockAccuracy, stepsRemoved). Unset: only one may."
                )
            ),
        ]
        | UnsetType
    ) = UNSET
    return_after_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description=(
                "How long a preferred source must measure without a break before it takes a clock back from another; "
                "0: at once."
            ),
        ),
    ] = 5.0
    timescale_change: Annotated[
        Literal["step", "refuse"],
        Meta(
            description=(
                "What happens when that which steers a clock is on another timescale than the clock so far (TAI, or a "
                "grandmaster's own): one step, or the source is refused."
            )
        ),
    ] = "step"
    step_on_new_grandmaster: Annotated[
        Literal["untraceable", "always", "never"],
        Meta(
            description=(
                "Whether first_step_threshold_ns counts again when another grandmaster is followed: as long as the "
                "clock was never locked to a traceable one, always, or never."
            )
        ),
    ] = "untraceable"
