"""The time with its uncertainty, for applications. Needs the standard library only; this file may be copied.

    from ptpstack.client import Clock

    clock = Clock()  # the first one there is; or Clock("system"), Clock("/dev/ptp0")
    earliest, latest = clock.now()  # ns since 1970, UTC: the true time is between them

The daemon writes once a second, into a small file, how far off a clock may be and how fast that grows; asking maps the
file and reads the clock, and takes some microseconds. When the daemon is gone the interval goes on growing, faster,
until nothing is known any more: :class:`TimeUnknownError`. docs/holdover-and-uncertainty.md says what the bound holds.

What lives here: the layout of that file, and reading it. What does not: what a bound is made of (``daemon``).
"""

from __future__ import annotations

import mmap
import os
import struct
import time
import zlib
from pathlib import Path
from typing import NamedTuple

DIRECTORY = "/run/ptpstack/time"
MAGIC = b"ptptime1"

REALTIME, PHC, SOFT = 0, 1, 2
"""Kinds of clocks: CLOCK_REALTIME; a PTP hardware clock; a soft one, which is a line over CLOCK_REALTIME."""

NO_UTC = -(2**31)
"""As ``utc_offset_s``: nobody tells it."""

MOVED_NS, MOVED_SHARE = 1_000_000, 1e-3
"""A clock that differs by more from CLOCK_MONOTONIC's progress was moved since the bound was written."""

_HEAD = struct.Struct("<8sI")
_BODY = struct.Struct("<QBBBxiiqqqqQdddddd")
SIZE = _HEAD.size + _BODY.size


class TimeUnknownError(Exception):
    """Nobody knows now what time it is, or how well."""


class Bounds(NamedTuple):
    """The true time lies between, in ns since 1970."""

    earliest: int
    latest: int


class Publication(NamedTuple):
    """What the daemon says of a clock, at CLOCK_MONOTONIC ``monotonic_ns``, when it read ``reading_ns`` (PTP time)."""

    sequence: int
    is_known: bool
    is_against_reference: bool
    """The bound is against the grandmaster or other reference, whose own error nobody tells."""
    kind: int
    phc_index: int
    utc_offset_s: int
    """PTP time - UTC, or ``NO_UTC``."""
    monotonic_ns: int
    reading_ns: int
    line_true_ns: int
    line_local_ns: int
    line_rate: int
    """Of a soft clock: PTP time = line_local + (CLOCK_REALTIME - line_true) * line_rate / 2**48."""
    bound_ns: float
    growth_ppb: float
    fresh_s: float
    """So long the bound grows by ``growth_ppb``, then by ``drift_ppb``; after ``known_s`` nothing is known."""
    drift_ppb: float
    known_s: float
    outside_probability: float

    def packed(self) -> bytes:
        """Return the file's content."""
        body = _BODY.pack(*self)
        return _HEAD.pack(MAGIC, zlib.crc32(body)) + body

    def bound_after(self, elapsed_ns: int) -> float:
        """Return how far off the clock may be *elapsed_ns* later. Raises ``TimeUnknownError``."""
        elapsed_s = elapsed_ns / 1e9
        if not self.is_known:
            raise TimeUnknownError("the daemon does not know how far off the clock is")
        if not 0 <= elapsed_s <= self.known_s:
            raise TimeUnknownError(f"the daemon last wrote {elapsed_s:.0f} s ago")
        fresh_s = min(elapsed_s, self.fresh_s)
        return self.bound_ns + fresh_s * self.growth_ppb + (elapsed_s - fresh_s) * self.drift_ppb


def unpack(content: bytes) -> Publication | None:
    """Return what *content* says; None while it is being written. Raises ``TimeUnknownError`` for another file."""
    magic, checksum = _HEAD.unpack_from(content)
    body = content[_HEAD.size :]
    if magic != MAGIC:
        raise TimeUnknownError("this file is not of this program, or of another version of it")
    if zlib.crc32(body) != checksum:
        return None
    values = _BODY.unpack(body)
    return Publication(values[0], bool(values[1]), bool(values[2]), *values[3:])


def file_name(clock: str) -> str:
    """Return the name of the file for *clock*."""
    return clock.replace("/", "_").strip("_")


class Clock:
    """The clock *name* as the configuration calls it (``system``, ``/dev/ptp0``, …; empty: the first there is).

    Raises ``TimeUnknownError`` when no daemon has written of it, ``OSError`` when the clock cannot be opened.
    """

    def __init__(self, name: str = "", directory: str = DIRECTORY) -> None:
        path = Path(directory) / file_name(name) if name else min(Path(directory).glob("*"), default=Path(directory))
        self._phc_fd = -1
        try:
            fd = os.open(path, os.O_RDONLY)
            try:
                self._map = mmap.mmap(fd, SIZE, prot=mmap.PROT_READ)
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            raise TimeUnknownError(f"{path}: no daemon tells the time here ({error})") from None
        self._clock_id = time.CLOCK_REALTIME
        self._content = b""
        self._publication: Publication | None = None
        publication = self.publication()
        if publication.kind == PHC:
            self._phc_fd = os.open(f"/dev/ptp{publication.phc_index}", os.O_RDONLY)
            self._clock_id = (~self._phc_fd << 3) | 3

    def close(self) -> None:
        """Let go of the file and the clock."""
        self._map.close()
        if self._phc_fd >= 0:
            os.close(self._phc_fd)
            self._phc_fd = -1

    def now(self) -> Bounds:
        """Return the bounds of UTC. Raises ``TimeUnknownError``."""
        publication, reading_ns, bound_ns = self._ask()
        if publication.utc_offset_s == NO_UTC:
            raise TimeUnknownError("nobody tells how far UTC is from PTP time; now_ptp() is known")
        utc_ns = reading_ns - publication.utc_offset_s * 1_000_000_000
        return Bounds(utc_ns - bound_ns, utc_ns + bound_ns)

    def now_ptp(self) -> Bounds:
        """Return the bounds of PTP time, which is TAI unless the grandmaster has its own. Raises the same."""
        _, reading_ns, bound_ns = self._ask()
        return Bounds(reading_ns - bound_ns, reading_ns + bound_ns)

    def publication(self) -> Publication:
        """Return what the daemon wrote last. Raises ``TimeUnknownError``."""
        content = self._map[:SIZE]
        if content == self._content and self._publication is not None:
            return self._publication
        for _ in range(1000):
            if publication := unpack(content):
                self._content, self._publication = content, publication
                return publication
            content = self._map[:SIZE]
        raise TimeUnknownError("the daemon died while it wrote")

    def _ask(self) -> tuple[Publication, int, int]:
        publication = self.publication()
        before_ns = time.monotonic_ns()
        reading_ns = self._read(publication)
        after_ns = time.monotonic_ns()
        elapsed_ns = after_ns - publication.monotonic_ns
        bound_ns = publication.bound_after(elapsed_ns)
        moved_ns = abs(reading_ns - publication.reading_ns - elapsed_ns)
        if moved_ns > MOVED_NS + elapsed_ns * MOVED_SHARE + (
            after_ns - before_ns
        ):  # the process may be put off between
            raise TimeUnknownError(f"the clock was moved by {moved_ns} ns since the daemon last wrote")
        return publication, reading_ns, int(bound_ns) + 1

    def _read(self, publication: Publication) -> int:
        """Return PTP time by the clock."""
        now_ns = time.clock_gettime_ns(self._clock_id)
        if publication.kind == REALTIME:
            return now_ns + publication.utc_offset_s * 1_000_000_000
        if publication.kind == SOFT:
            return publication.line_local_ns + ((now_ns - publication.line_true_ns) * publication.line_rate >> 48)
        return now_ns


def now(clock: str = "") -> Bounds:
    """Return the bounds of UTC by *clock*, which is opened and closed for it; keep a :class:`Clock` to ask often."""
    opened = Clock(clock)
    try:
        return opened.now()
    finally:
        opened.close()
