"""The keys of `[clock.NAME]`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ptpstack.config.port_table import LogInterval
from ptpstack.config.table import Table


class Clock(Table, frozen=True):
    """A clock of this host that follows another one, or is followed; or a virtual PHC over software stamps.

    NAME is what `clock` and `follows` elsewhere in the file may say.
    """

    type: Annotated[
        Literal["phc", "soft", "system"],
        Meta(description="A PTP hardware clock, a virtual one for tests and demos, or the system clock."),
    ]
    device: Annotated[str, Meta(description="The hardware clock, /dev/ptpN (type phc).")] = ""
    follows: Annotated[
        str,
        Meta(
            description=(
                "The clock that this one is kept on: auto (that of the first instance whose clock is locked), system, "
                "/dev/ptpN, or the NAME of another `[clock.NAME]`; empty: none (types phc and system)."
            )
        ),
    ] = ""
    log_interval: Annotated[
        LogInterval, Meta(description="How often the two are compared, log2 seconds (with follows).")
    ] = 0
    readings: Annotated[
        int, Meta(ge=1, le=25, description="Readings a comparison, the narrowest of which counts (with follows).")
    ] = 5
    reference: Annotated[
        bool,
        Meta(description="That it is right by itself, so that others may follow it while nothing here steers it."),
    ] = False
    allow_timescale_mismatch: Annotated[
        bool,
        Meta(
            description="Follow also over 30 to 45 s, which looks like TAI taken for UTC (type system); NTP always is."
        ),
    ] = False
    offset_ns: Annotated[
        int, Meta(ge=-(10**18), le=10**18, description="How far ahead of the system clock it starts (type soft).")
    ] = 0
    frequency_error_ppb: Annotated[
        float, Meta(ge=-1e6, le=1e6, description="How much faster than the system clock it runs, ppb (type soft).")
    ] = 0.0
