"""What makes a process fit for timing: real-time scheduling, locked memory, a garbage collector that stays away."""

from __future__ import annotations

import ctypes
import gc
import os

from ptpstack.config.process_tables import Realtime
from ptpstack.daemon.events import Unavailable

_MCL_CURRENT, _MCL_FUTURE = 1, 2


def harden(realtime: Realtime) -> list[Unavailable]:
    """Do what *realtime* asks for; return what the system refused."""
    refused = []
    if realtime.priority:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(realtime.priority))
        except OSError as error:
            refused.append(
                Unavailable(
                    what=f"SCHED_FIFO priority {realtime.priority}",
                    why=str(error.strerror),
                    next_step="run as root or grant CAP_SYS_NICE; containers may forbid it",
                )
            )
    if realtime.lock_memory and ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT | _MCL_FUTURE):
        refused.append(
            Unavailable(
                what="locking memory",
                why=os.strerror(ctypes.get_errno()),
                next_step="run as root, grant CAP_IPC_LOCK or raise LimitMEMLOCK",
            )
        )
    return refused


def freeze_garbage() -> None:
    """Keep what was built at start out of every later collection: a full one over it would take milliseconds."""
    gc.collect()
    gc.freeze()
