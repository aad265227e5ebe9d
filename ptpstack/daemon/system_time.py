"""What whoever steers CLOCK_REALTIME owes the system: TAI - UTC, and the flag that its time is kept.

A master's timescale may be TAI (ptpTimescale) or its own; CLOCK_REALTIME is UTC. Between them stands
currentUtcOffset: taken for granted it is the famous error of 37 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hw.clock import Clock
from hw.realtime import RealtimeClock
from ptpstack.core.settings import TimeProperties
from ptpstack.events import Event, Severity
from ptpstack.observe.events import OffsetSample
from ptpstack.time import SECOND, TimeInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class TimescaleFollowed(Event):
    """The system clock is read as PTP time by another TAI - UTC from now on."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    tai_offset_s: int
    previous_s: int
    rule: str

    def __str__(self) -> str:
        return f"{self.clock}: PTP time is UTC + {self.tai_offset_s} s (was {self.previous_s} s): {self.rule}"


def follow_timescale(
    clock: RealtimeClock, properties: TimeProperties, *, tell_kernel: bool
) -> tuple[RealtimeClock, TimeInterval, TimescaleFollowed | None]:
    """Return the clock on the master's timescale, how far its reading moved by that, and the event to tell if it did.

    The kernel learns an offset that is announced as valid. Raises ``HardwareError`` if it refuses.
    """
    if not properties.ptp_timescale:
        wanted_s, rule = 0, "the master's timescale is its own, taken as UTC"
    elif properties.current_utc_offset_valid:
        wanted_s, rule = properties.current_utc_offset, "the master announces currentUtcOffset as valid"
    else:
        wanted_s, rule = properties.current_utc_offset, "the master's currentUtcOffset, not said to be valid"
    previous_s = int(clock.local_time(0)) // SECOND
    if wanted_s == previous_s:
        return clock, 0, None
    followed = RealtimeClock(tai_offset_s=wanted_s)
    if tell_kernel and properties.ptp_timescale and properties.current_utc_offset_valid:
        followed.set_tai_offset(wanted_s)
    event = TimescaleFollowed(clock=clock.name, tai_offset_s=wanted_s, previous_s=previous_s, rule=rule)
    return followed, (wanted_s - previous_s) * SECOND, event


def say_synchronized(clock: Clock, sample: OffsetSample) -> None:
    """Tell the kernel that CLOCK_REALTIME is kept, if that is the clock. Raises ``HardwareError``."""
    if isinstance(clock, RealtimeClock):
        error_us = 1 + round(abs(sample.offset_ns) / 1000)
        delay_us = round(abs(sample.mean_delay_ns) / 1000)
        clock.set_synchronized(max_error_us=error_us + delay_us, estimated_error_us=error_us)
