"""The `[sink.NAME]` table of the configuration file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ptpstack.config.table import Table


class Sink(Table, frozen=True):
    """Where the time is told to another program of this host, which keeps the system clock; NAME is free.

    Samples say by how much the system clock is off: by a hardware clock that is kept here, or by what a free-running
    instance or NTP measures of the system clock itself.
    """

    type: Annotated[
        Literal["sock", "shm"],
        Meta(description="To chronyd's socket (refclock SOCK), or by shared memory (refclock SHM, ntpd's driver 28)."),
    ]
    clock: Annotated[
        str, Meta(min_length=1, description="The clock: system, /dev/ptpN, or the NAME of a `[clock.NAME]`.")
    ] = "system"
    path: Annotated[str, Meta(description="The socket that the other program makes (sock).")] = ""
    unit: Annotated[int, Meta(ge=0, le=255, description="Number of the shared segment (shm); 0 and 1 are root's.")] = 2
    mode: Annotated[int, Meta(ge=0, le=0o777, description="File mode of the segment, where it is made here (shm).")] = (
        0o600
    )
    log_interval: Annotated[
        int, Meta(ge=-4, le=6, description="How often a hardware clock is compared and told, log2 seconds.")
    ] = 0
