"""Every event of the process passes here once: stamped, kept for ``ptpstack why``, handed to the sinks.

What lives here: the stamp, the ring and the fan-out. What does not: how an event looks (``observe/formats``).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from ptpstack.events import Event, Severity
from ptpstack.observe.events import OffsetSample
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime, TimeInterval, UtcTime

KEPT = 1000
"""How many events of at least INFO the ring keeps; single samples (DEBUG) are only handed on."""

BURST = 20
REFILL: TimeInterval = SECOND
"""Of one kind of event at one port, so many at once and one more for each interval; the rest is only counted."""


class Record(msgspec.Struct, frozen=True):
    """One event, when and for which PTP instance (empty: the process itself)."""

    sequence: int
    monotonic: MonotonicTime
    utc: UtcTime
    instance: str
    event: Event

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values: the stamp, the severity, then the event's own fields."""
        return {
            "sequence": self.sequence,
            "utc": iso_utc(self.utc),
            "monotonic_ns": int(self.monotonic) // NANOSECOND,
            "severity": self.event.severity.name,
            "instance": self.instance,
            **self.event.as_dict(),
            "text": str(self.event),
        }


class EventsSuppressed(Event, frozen=True, kw_only=True):
    """The same kind of event came too often to be worth its lines."""

    severity: ClassVar[Severity] = Severity.NOTICE

    kind: str
    port_number: int | None
    count: int

    def __str__(self) -> str:
        where = "" if self.port_number is None else f" on port {self.port_number}"
        return f"{self.count} more {self.kind}{where} not shown"


class LogLost(Event, frozen=True, kw_only=True):
    """What events were written to takes them no more."""

    severity: ClassVar[Severity] = Severity.WARNING

    log: str
    why: str
    next_step: str

    def __str__(self) -> str:
        return f"nothing more is written to {self.log}: {self.why}; next: {self.next_step}"


class _Allowance:
    """How many more events of one kind may pass (a token bucket), and how many did not."""

    __slots__ = ("refilled", "suppressed", "tokens")

    def __init__(self, now: MonotonicTime) -> None:
        self.tokens = BURST
        self.refilled = now
        self.suppressed = 0

    def take(self, now: MonotonicTime) -> bool:
        refills = (now - self.refilled) // REFILL
        if refills > 0:
            self.tokens = min(BURST, self.tokens + refills)
            self.refilled += refills * REFILL
        if self.tokens == 0:
            self.suppressed += 1
            return False
        self.tokens -= 1
        return True


Sink = Callable[[Record], None]


class Recorder:
    """Stamp events with both clocks, keep the last ones, call every sink.

    A flood of one kind is cut down and counted (:class:`EventsSuppressed`). A sink that fails with
    ``OSError`` (its reader is gone, the disk is full) is removed, and the others are told if it has a name: an
    unread log stops nothing.
    """

    def __init__(
        self, monotonic_now: Callable[[], MonotonicTime], utc_now: Callable[[], UtcTime], *, kept: int = KEPT
    ) -> None:
        self._monotonic_now = monotonic_now
        self._utc_now = utc_now
        self._sequence = 0
        self._ring: deque[Record] = deque(maxlen=kept)
        self._sinks: dict[Sink, tuple[str, str]] = {}
        self._allowances: dict[tuple[str, str, int | None], _Allowance] = {}

    def add_sink(self, sink: Sink, name: str = "", *, next_step: str = "") -> None:
        """Hand every further event to *sink*; *name* and *next_step* are told should it fail."""
        self._sinks[sink] = (name, next_step)

    def remove_sink(self, sink: Sink) -> None:
        """Stop handing events to *sink*; nothing happens when it is not there."""
        self._sinks.pop(sink, None)

    def record(self, event: Event, instance: str = "") -> None:
        """Take one event of *instance*."""
        now = self._monotonic_now()
        if not isinstance(event, OffsetSample):
            kind, port_number = type(event).__name__, getattr(event, "port_number", None)
            key = instance, kind, port_number
            allowance = self._allowances.get(key)
            if allowance is None:
                allowance = self._allowances[key] = _Allowance(now)
            if not allowance.take(now):
                return
            if allowance.suppressed:
                count, allowance.suppressed = allowance.suppressed, 0
                self._emit(EventsSuppressed(kind=kind, port_number=port_number, count=count), instance, now)
        self._emit(event, instance, now)

    def _emit(self, event: Event, instance: str, now: MonotonicTime) -> None:
        self._sequence += 1
        record = Record(self._sequence, now, self._utc_now(), instance, event)
        if event.severity < Severity.DEBUG:
            self._ring.append(record)
        for sink in tuple(self._sinks):
            try:
                sink(record)
            except OSError as error:
                self._lose(sink, error)

    def _lose(self, sink: Sink, error: OSError) -> None:
        name, next_step = self._sinks.pop(sink, ("", ""))
        if name:
            self.record(LogLost(log=name, why=error.strerror or str(error), next_step=next_step))

    def last(self, count: int = KEPT) -> list[Record]:
        """Return the newest *count* kept records, oldest first."""
        return list(self._ring)[-count:] if count > 0 else []


def iso_utc(utc: UtcTime) -> str:
    """Return *utc* as ``2026-01-31T23:59:59.123456789Z``."""
    seconds, nanoseconds = divmod(int(utc) // NANOSECOND, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09}Z"
