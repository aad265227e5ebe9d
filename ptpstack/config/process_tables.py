"""The tables of the configuration file that concern the process: `[log]`, `[control]`, `[state]`, `[realtime]`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

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

    directory: Annotated[str, Meta(description="Where learnt frequencies are kept; empty: nowhere.")] = (
        "/var/lib/ptpstack"
    )


class Realtime(Table, frozen=True):
    """How the timing process is scheduled."""

    priority: Annotated[
        int, Meta(ge=0, le=99, description="SCHED_FIFO priority of the timing loop; 0: normal scheduling.")
    ] = 0
    lock_memory: Annotated[bool, Meta(description="Lock the process in memory (mlockall).")] = False
