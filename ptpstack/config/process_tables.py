"""The tables of the configuration file that concern the process: `[log]`, `[control]`, `[state]`, `[realtime]`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.table import Table


class Log(Table, frozen=True):
    """What is written about decisions."""

    format: Annotated[
        Literal["text", "json", "linuxptp"], Meta(description="Lines for people, JSON objects, or ptp4l's lines.")
    ] = "text"
    level: Annotated[
        Literal["error", "warning", "notice", "info", "debug"], Meta(description="The least severity written.")
    ] = "info"
    event_file: Annotated[
        str,
        Meta(description="Also append every event to this file as JSON lines; SIGHUP opens it again; empty: no."),
    ] = ""


class Control(Table, frozen=True):
    """The socket of `ptpstack status`."""

    socket: Annotated[str, Meta(description="Path of the UNIX socket; empty: none.")] = "/run/ptpstack/control.sock"
    mode: Annotated[int, Meta(ge=0, le=0o777, description="Its file mode (0o660: owner and group).")] = 0o660


class State(Table, frozen=True):
    """What is kept over restarts."""

    directory: Annotated[str, Meta(description="Where frequencies, samples and the time are kept; empty: nowhere.")] = (
        "/var/lib/ptpstack"
    )
    time_floor: Annotated[
        bool,
        Meta(
            description=(
                "Put a system clock that is kept here on the earliest instant that it can be, should it read less; "
                "false for a network that lives in the past."
            )
        ),
    ] = True
    floor_files: Annotated[
        tuple[str, ...] | UnsetType,
        Meta(
            description=(
                "Files that a system writes in passing: it is not earlier than the newest of them was. Unset: those of "
                "systemd-timesyncd, chrony, dpkg and os-release."
            )
        ),
    ] = UNSET


class LeapSeconds(Table, frozen=True):
    """Where leap seconds are known from, beside grandmasters, receivers and NTP servers."""

    file: Annotated[
        str | UnsetType,
        Meta(
            description=(
                "leap-seconds.list, or tzdata's leapseconds; unset: that of the system below /usr/share/zoneinfo; "
                "empty: none."
            )
        ),
    ] = UNSET


class Realtime(Table, frozen=True):
    """How the timing process is scheduled."""

    priority: Annotated[
        int, Meta(ge=0, le=99, description="SCHED_FIFO priority of the timing loop; 0: normal scheduling.")
    ] = 0
    lock_memory: Annotated[bool, Meta(description="Lock the process in memory (mlockall).")] = False
