"""Writes once a second how far off each clock may be, where applications read it (``ptpstack.client``)."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET

from hw.clock import Clock
from hw.phc import Phc
from hw.realtime import RealtimeClock
from hw.soft_clock import SoftClock
from ptpstack.client import NO_UTC, PHC, REALTIME, SIZE, SOFT, Publication, file_name
from ptpstack.config.holdover_table import Time as TimeConfig
from ptpstack.daemon.events import Unavailable
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.time_bounds import TimeBounds
from ptpstack.errors import HardwareError
from ptpstack.observe.recorder import Recorder
from ptpstack.servo.holdover import OUTSIDE_PROBABILITY
from ptpstack.time import MICROSECOND, NANOSECOND, SECOND, MonotonicTime, TimeInterval

if TYPE_CHECKING:
    from ptpstack.daemon.clock_driver import ClockDriver

INTERVAL: TimeInterval = SECOND
FRESH_S = 5.0
"""So long what was written holds as it stands; a daemon that is alive writes again before."""
KNOWN_S = 600.0
"""A daemon that did not write for so long is dead, and somebody else may keep the clock."""
TRIES, TOGETHER = 5, 100 * MICROSECOND
"""A clock and CLOCK_MONOTONIC are read within this time, or else again."""
SOFT_UNREST_PPB = 1000.0
"""A soft clock is a line over another clock, which may have been bent since it was written."""


class TimePublisher:
    """Writes of *drivers*, by the configuration's name for each, what *bounds* knows; from :meth:`start` on.

    Where the configuration names no directory it is *beside* the control socket, if there is one.
    """

    def __init__(
        self,
        bounds: TimeBounds,
        drivers: Mapping[str, ClockDriver],
        config: TimeConfig,
        *,
        beside: str,
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self._bounds = bounds
        self._drivers = drivers
        self._config = config
        self._directory = config.directory
        if self._directory is UNSET:
            self._directory = str(Path(beside).with_name("time")) if beside else ""
        self._recorder = recorder
        self._timer = loop.timer(self._on_tick)
        self._maps: dict[str, mmap.mmap] = {}
        self._sequence = 0

    def start(self) -> None:
        """Begin to write; where that is not allowed it is told, and the rest goes on."""
        if not self._directory:
            return
        directory = Path(self._directory)
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o755)
            self._maps = {word: _mapped(directory / file_name(word)) for word in self._drivers}
        except OSError as error:
            self._recorder.record(Unavailable(what=f"time for applications in {directory}", why=str(error.strerror)))
            return
        self._on_tick()

    def stop(self) -> None:
        """Leave behind that nothing is known any more."""
        self._timer.close()
        for word, mapped in self._maps.items():
            mapped[:] = self._publication(word, ended=True).packed()
            mapped.close()
        self._maps.clear()

    def _on_tick(self) -> None:
        self._timer.set(monotonic_now() + INTERVAL)
        self._sequence += 1
        for word, mapped in self._maps.items():
            mapped[:] = self._publication(word).packed()

    def _publication(self, word: str, *, ended: bool = False) -> Publication:
        driver = self._drivers[word]
        clock = driver.clock
        try:
            now, reading_ns = _read_together(clock)
            utc_offset_s = driver.utc_offset_s()
        except HardwareError:
            now, reading_ns, utc_offset_s, ended = monotonic_now(), 0, None, True
        bound = None if ended else self._bounds.of(word, now)
        later = None if ended else self._bounds.of(word, now, FRESH_S)
        # The system clock's own kind of time needs the number, so that nothing is known without it.
        is_known = bound is not None and not (isinstance(clock, RealtimeClock) and utc_offset_s is None)
        growth_ppb = (later.total_ns - bound.total_ns) / FRESH_S if bound and later else 0.0
        line = clock.segments()[-1] if isinstance(clock, SoftClock) else None
        return Publication(
            sequence=self._sequence,
            is_known=is_known,
            is_against_reference=bound is not None and bound.reference_ns is None,
            kind=SOFT if line else PHC if isinstance(clock, Phc) else REALTIME,
            phc_index=int(clock.name.removeprefix("/dev/ptp")) if isinstance(clock, Phc) else -1,
            utc_offset_s=NO_UTC if utc_offset_s is None else utc_offset_s,
            monotonic_ns=int(now) // NANOSECOND,
            reading_ns=reading_ns,
            line_true_ns=line.true_epoch_ns if line else 0,
            line_local_ns=line.local_epoch // NANOSECOND if line else 0,
            line_rate=line.rate if line else 0,
            bound_ns=bound.total_ns if bound else 0.0,
            growth_ppb=growth_ppb + driver.discipline.prediction.unrest_ppb + (SOFT_UNREST_PPB if line else 0.0),
            fresh_s=FRESH_S,
            drift_ppb=self._config.max_drift_ppb,
            known_s=KNOWN_S,
            outside_probability=OUTSIDE_PROBABILITY,
        )


def _read_together(clock: Clock) -> tuple[MonotonicTime, int]:
    """Return CLOCK_MONOTONIC and what *clock* read then, in ns: of some tries the one that was not put off."""
    tries = []
    for _ in range(TRIES):
        now = monotonic_now()
        reading_ns = int(clock.time()) // NANOSECOND
        tries.append((monotonic_now() - now, now, reading_ns))
        if tries[-1][0] < TOGETHER:
            break
    return min(tries)[1:]


def _mapped(path: Path) -> mmap.mmap:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(fd, SIZE)
        return mmap.mmap(fd, SIZE)
    finally:
        os.close(fd)
