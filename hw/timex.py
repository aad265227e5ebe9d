"""``clock_adjtime`` and its ``struct timex``, with names for the bits that this package uses (<linux/timex.h>)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from enum import IntFlag
from typing import TypeAlias

from ptpstack.time import NANOSECOND, TimeInterval

SCALED_PPM_PER_PPB = 65.536
"""``timex.freq`` counts 2**-16 ppm."""


class Modes(IntFlag):
    """``ADJ_…``: which members of ``timex`` to write."""

    READ = 0
    OFFSET = 0x0001
    FREQUENCY = 0x0002
    MAXERROR = 0x0004
    ESTERROR = 0x0008
    STATUS = 0x0010
    TAI = 0x0080
    SETOFFSET = 0x0100
    NANO = 0x2000
    TICK = 0x4000


class Status(IntFlag):
    """``STA_…``: the state of the kernel's clock discipline."""

    INS = 0x0010
    DEL = 0x0020
    UNSYNC = 0x0040


class Timex(ctypes.Structure):
    """``struct timex`` in the C library's layout."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("tv_sec", ctypes.c_long),
        ("tv_usec", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


AdjTime: TypeAlias = Callable[[int, Timex], int]
"""``clock_adjtime`` or a test's stand-in: (clock id, timex in and out) → state, raising ``OSError``."""

_libc = ctypes.CDLL(None, use_errno=True)


def clock_adjtime(clock_id: int, timex: Timex) -> int:
    """Read or adjust a clock (clock_adjtime(2))."""
    state: int = _libc.clock_adjtime(ctypes.c_int(clock_id), ctypes.byref(timex))
    if state < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return state


def frequency_timex(ppb: float) -> Timex:
    """Return the request to run *ppb* faster than nominal."""
    return Timex(modes=Modes.FREQUENCY, freq=round(ppb * SCALED_PPM_PER_PPB))


def step_timex(delta: TimeInterval) -> Timex:
    """Return the request to add *delta*, rounded to 1 ns, at once."""
    seconds, nanoseconds = divmod((delta + NANOSECOND // 2) // NANOSECOND, 1_000_000_000)
    return Timex(modes=Modes.SETOFFSET | Modes.NANO, tv_sec=seconds, tv_usec=nanoseconds)
