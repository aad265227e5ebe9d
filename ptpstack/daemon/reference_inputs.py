"""Reference clocks of this host: their sockets, devices and segments watched, what they say handed to their sources.

What lives here: wiring, and which readings are too old to mean anything. What does not: decoding
(``ntp.reference``), and what is made of readings (``ntp.reference.clock``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from ntp.candidate import SourceClass
from ntp.client.events import SourceEvent
from ntp.ensemble import Ensemble, SourceOptions
from ntp.reference.clock import Expected, ReferenceClock
from ntp.reference.reading import Reading, ReferenceInput
from ptpstack.config.ntp_reference_table import NtpReference
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.loop import Loop, Timer, monotonic_now
from ptpstack.events import Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import NANOSECOND, SECOND, LocalTime, MonotonicTime, TimeInterval, UtcTime

OLDEST: TimeInterval = 4 * SECOND
"""A reading of a longer ago, or of the future, is one of a clock that was set meanwhile."""


class ReferenceFailed(SourceEvent, frozen=True, kw_only=True):
    """A reference clock says nothing, and why; or says something again."""

    severity: ClassVar[Severity] = Severity.WARNING

    reason: str

    def __str__(self) -> str:
        return f"reference clock {self.source}: {self.reason or 'is there again'}"


@dataclass(slots=True)
class Reference:
    """One configured reference clock: where its readings come from, and the source that they make."""

    config: NtpReference
    input: ReferenceInput
    clock: ReferenceClock
    timer: Timer | None = None
    watched_fd: int = -1
    fault: str = ""
    too_old: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows beside what all sources have."""
        return {
            "type": self.config.type,
            "address": self.input.name,
            "kind": self.clock.kind,
            "readings": self.clock.readings,
            "dropped": self.input.dropped,
            "too_old": self.too_old,
        }


def inputs_of(
    references: Sequence[Reference],
    ensemble: Ensemble,
    driver: ClockDriver,
    utc: Callable[[LocalTime], UtcTime],
    *,
    loop: Loop,
    recorder: Recorder,
) -> ReferenceInputs | None:
    """Return what reads *references* for *driver*'s clock, which takes a reading for *utc*; None: there are none."""
    if not references:
        return None
    return ReferenceInputs(
        references,
        ensemble,
        utc_of=lambda system_ns: utc(driver.local_time(system_ns)),
        local_utc=lambda: utc(driver.clock.time()),
        heard_tai_offset=driver.leap_seconds.receiver_says,
        loop=loop,
        recorder=recorder,
    )


class ReferenceInputs:
    """*references*, which become members of *ensemble* when they start.

    *utc_of* tells what the kept clock took for UTC when CLOCK_REALTIME read so many ns; *local_utc* what it takes now.
    *heard_tai_offset* is told TAI - UTC as a receiver believes.
    """

    def __init__(
        self,
        references: Sequence[Reference],
        ensemble: Ensemble,
        *,
        utc_of: Callable[[int], UtcTime],
        local_utc: Callable[[], UtcTime],
        heard_tai_offset: Callable[[int], None],
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.references = {reference.config.name: reference for reference in references}
        self._ensemble = ensemble
        self._utc_of = utc_of
        self._local_utc = local_utc
        self._heard_tai_offset = heard_tai_offset
        self._loop = loop
        self._recorder = recorder
        self._stepped_at: MonotonicTime | None = None

    def start(self) -> None:
        """Read from now on."""
        now = monotonic_now()
        for name, reference in self.references.items():
            config = reference.config
            options = SourceOptions(
                prefer=config.prefer,
                trust=config.trust,
                require=config.require,
                noselect=config.noselect,
                source_class=SourceClass.REFERENCE,
            )
            self._ensemble.add(name, reference.clock, options)
            reference.clock.start(now)
            reference.timer = self._loop.timer(partial(self._receive, reference))
            self._tell_fault(reference)
            self._watch(reference)

    def stop(self) -> None:
        """Read no more."""
        for reference in self.references.values():
            if reference.timer is not None:
                reference.timer.close()
            self._loop.unwatch(reference.watched_fd)
            reference.input.close()

    def clock_stepped(self) -> None:
        """Take that the clock was moved: what was stamped before is not read any more."""
        self._stepped_at = monotonic_now()

    def _watch(self, reference: Reference) -> None:
        reference.watched_fd = reference.input.fileno()
        if reference.watched_fd >= 0:
            self._loop.watch(reference.watched_fd, partial(self._receive, reference))
        assert reference.timer is not None
        reference.timer.set(reference.input.wake_at)

    def _receive(self, reference: Reference) -> None:
        self._loop.unwatch(reference.watched_fd)  # receiving may close it, and another may get its number
        now = monotonic_now()
        try:
            for reading in reference.input.receive(now):
                if self._is_fresh(reading, now):
                    self._take(reference, reading, now)
                else:
                    reference.too_old += 1
            self._tell_fault(reference)
            if (tai_offset_s := getattr(reference.input, "tai_offset_s", None)) is not None:
                self._heard_tai_offset(tai_offset_s)
        finally:
            self._watch(reference)

    def _is_fresh(self, reading: Reading, now: MonotonicTime) -> bool:
        age = (time.time_ns() - reading.system_ns) * NANOSECOND
        if not -SECOND < age < OLDEST:
            return False
        return self._stepped_at is None or now - age > self._stepped_at

    def _take(self, reference: Reference, reading: Reading, now: MonotonicTime) -> None:
        local = self._utc_of(reading.system_ns)
        expected = self._expected(reference.config.name, now) if reading.is_pulse else None
        reference.clock.take(reading, local, now, expected)

    def _expected(self, name: str, now: MonotonicTime) -> Expected | None:
        """Return what all other sources say together."""
        combined = self._ensemble.select(self._local_utc(), now, without=name).combined
        return None if combined is None else Expected(combined.offset, combined.bound)

    def _tell_fault(self, reference: Reference) -> None:
        fault = reference.input.fault
        if fault:
            reference.clock.failed(fault)
        if fault != reference.fault:
            reference.fault = fault
            self._recorder.record(ReferenceFailed(source=reference.config.name, reason=fault))
