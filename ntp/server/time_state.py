"""What the timing process tells the workers of the time: a page of shared memory that it writes and they read.

The writer never waits. A reader looks at one word, and reads the rest only when that has changed; a checksum tells it
that it read while it was written, and then it goes on by what it knew. What lives here: the page, and what a worker
makes of it. What does not: what the clock is worth (``ptpstack.daemon.ntp_server``).
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from ntp.server.fixed_point import interval, timestamp
from ntp.wire.packet import Leap

SIZE = 4096
_HEAD = struct.Struct("<QI4x")
_BODY = struct.Struct("<BBbx4sdddqqqqqdqqdq")

STALE_NS = 10_000_000_000
"""A timing process that lives writes each second; what it wrote so long ago is worth less by the moment."""

DEAD_NS = 60_000_000_000
STALE_GROWTH_PPB = 15_000.0
"""By how much a clock may drift that nobody looks after (RFC 5905 7.2: PHI)."""

UNSYNCHRONIZED_STRATUM = 16


class Line(NamedTuple):
    """Served time by a stamping clock: *to_ns* when that reads *from_ns*, and *rate* faster (0.0: as fast)."""

    from_ns: int = 0
    to_ns: int = 0
    rate: float = 0.0

    def at(self, stamp_ns: int) -> int:
        """Return the served time of a stamp, in ns of UTC since 1970."""
        served_ns = stamp_ns - self.from_ns + self.to_ns
        return served_ns + round((stamp_ns - self.from_ns) * self.rate) if self.rate else served_ns

    @property
    def is_identity(self) -> bool:
        """Whether the stamps are served as they are."""
        return self.from_ns == self.to_ns and not self.rate


class TimeState(NamedTuple):
    """The header's facts, and how stamps become served time. Written at CLOCK_MONOTONIC ``monotonic_ns``."""

    leap: int = Leap.UNSYNCHRONIZED
    stratum: int = UNSYNCHRONIZED_STRATUM
    precision: int = -20
    reference_id: bytes = bytes(4)
    root_delay_ns: float = 0.0
    root_dispersion_ns: float = 0.0
    growth_ppb: float = STALE_GROWTH_PPB
    reference_ns: int = 0
    monotonic_ns: int = 0
    realtime_ahead_ns: int = 0
    """CLOCK_REALTIME - CLOCK_MONOTONIC, which changes only when CLOCK_REALTIME is stepped."""
    realtime: Line = Line()
    hardware: Line = Line()
    """For stamps of the NIC, if there are any."""
    has_hardware: bool = False

    def packed(self, sequence: int) -> bytes:
        """Return the page's content."""
        fields = [*self[:10], *self.realtime, *self.hardware, int(self.has_hardware)]
        body = _BODY.pack(*fields)
        return _HEAD.pack(sequence, zlib.crc32(body, sequence & 0xFFFF_FFFF)) + body

    @classmethod
    def unpack(cls, content: bytes) -> TimeState | None:
        """Return what *content* says; None while it is being written, or if nothing was."""
        sequence, checksum = _HEAD.unpack_from(content)
        body = content[_HEAD.size : _HEAD.size + _BODY.size]
        if zlib.crc32(body, sequence & 0xFFFF_FFFF) != checksum or not sequence:
            return None
        values = _BODY.unpack(body)
        return cls._make([*values[:10], Line(*values[10:13]), Line(*values[13:16]), bool(values[16])])


class TimePage:
    """The writer's end; ``fileno`` is what the workers inherit."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("ptpstack-ntp-time")
        os.ftruncate(self._fd, SIZE)
        self._map = mmap.mmap(self._fd, SIZE)
        self._sequence = 0

    def fileno(self) -> int:
        """Return the descriptor of the memory."""
        return self._fd

    def write(self, state: TimeState) -> None:
        """Tell *state* from now on."""
        self._sequence += 1
        content = state.packed(self._sequence)
        self._map[8 : len(content)] = content[8:]
        self._map[:8] = content[:8]

    def close(self) -> None:
        """Let go of it; who has mapped it keeps it."""
        self._map.close()
        os.close(self._fd)


@dataclass(slots=True)
class Heading:
    """What all replies of a moment have in common: their first 24 octets, with version and poll left 0."""

    octets: bytes
    state: TimeState

    FRESH_NS: ClassVar[int] = 100_000_000

    @classmethod
    def of(cls, state: TimeState, monotonic_ns: int) -> Heading:
        """Return the heading for *state*, some time after that was written."""
        age_ns = max(monotonic_ns - state.monotonic_ns, 0)
        growth_ppb = state.growth_ppb if age_ns <= STALE_NS else max(state.growth_ppb, STALE_GROWTH_PPB)
        leap, stratum, reference_id = state.leap, state.stratum, state.reference_id
        if age_ns > DEAD_NS or not 1 <= stratum < UNSYNCHRONIZED_STRATUM:
            leap, stratum, reference_id = Leap.UNSYNCHRONIZED, UNSYNCHRONIZED_STRATUM, b"INIT"
        octets = struct.pack(
            ">BBbbLL4sQ",
            leap << 6 | 4,  # mode 4: a server
            stratum,
            0,
            state.precision,
            interval(state.root_delay_ns),
            interval(state.root_dispersion_ns + age_ns * growth_ppb * 1e-9),
            reference_id,
            timestamp(state.reference_ns) if state.reference_ns else 0,
        )
        return cls(octets, state)


class TimeReader:
    """A worker's end: the heading of the moment."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, SIZE, prot=mmap.PROT_READ)
        self._words = memoryview(self._map).cast("Q")
        self._sequence = 0
        self._state = TimeState()
        self._heading = Heading.of(self._state, 0)
        self._made_ns = 0

    def heading(self, monotonic_ns: int) -> Heading:
        """Return what holds now. The same object as before means that nothing has changed."""
        sequence = self._words[0]
        if sequence != self._sequence and (state := TimeState.unpack(self._map[:SIZE])) is not None:
            self._sequence, self._state, self._made_ns = sequence, state, 0
        if monotonic_ns - self._made_ns > Heading.FRESH_NS:
            self._heading, self._made_ns = Heading.of(self._state, monotonic_ns), monotonic_ns
        return self._heading
