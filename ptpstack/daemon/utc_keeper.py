"""What whoever steers CLOCK_REALTIME owes the system: TAI - UTC, leap seconds, and whether its time is kept.

A master's timescale may be TAI (ptpTimescale) or its own; CLOCK_REALTIME is UTC. Between them stands
currentUtcOffset: taken for granted it is the famous error of 37 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hw.realtime import Leap, RealtimeClock
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.daemon.leap_seconds import LeapSeconds, choose_tai_offset
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.events import Event, Severity
from ptpstack.observe.events import OffsetSample
from ptpstack.time import SECOND, MonotonicTime, TimeInterval, UtcTime

KEPT_IN_HOLDOVER: TimeInterval = 600 * SECOND
"""So long a clock that was locked still counts as kept; its maximum error grows meanwhile, as the kernel has it."""

LEAP_FLAG_DOWN: TimeInterval = 2 * SECOND
DAY, NEWS_FROM = 86_400 * SECOND, 6 * 3600 * SECOND
AMBIGUOUS_BEFORE, AMBIGUOUS_AFTER = 2 * SECOND, SECOND

_SECONDS = {Leap.INSERT: 1, Leap.NONE: 0, Leap.DELETE: -1}
_LEAPS = {seconds: leap for leap, seconds in _SECONDS.items()}


@dataclass(frozen=True, slots=True)
class UtcPlan:
    """TAI - UTC now, and what happens to it at the end of the day."""

    tai_offset_s: int
    leap: Leap = Leap.NONE


def plan(utc: UtcTime, properties: TimeProperties, before: UtcPlan) -> UtcPlan:
    """Return what holds at *utc* by *properties*, which may come somewhat late or early.

    A leap second is announced at most 12 hours ahead, and the announcement may end some Announces after it. So it
    counts between 06:00 and midnight; before 06:00 it is the one that has just been.
    """
    change_s = properties.leap61 - properties.leap59
    if int(utc) % DAY < NEWS_FROM:
        return UtcPlan(properties.current_utc_offset + change_s)
    already_s = before.tai_offset_s + _SECONDS[before.leap]
    if not change_s and before.leap is not Leap.NONE and properties.current_utc_offset == already_s:
        return before  # the new number was announced before its time
    return UtcPlan(properties.current_utc_offset, _LEAPS[change_s])


class TimescaleFollowed(Event, frozen=True, kw_only=True):
    """The system clock is read as PTP time by another TAI - UTC from now on."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    tai_offset_s: int
    previous_s: int
    rule: str

    def __str__(self) -> str:
        return f"{self.clock}: PTP time is UTC + {self.tai_offset_s} s (was {self.previous_s} s): {self.rule}"


class TaiOffsetAssumed(Event, frozen=True, kw_only=True):
    """Nobody tells TAI - UTC."""

    severity: ClassVar[Severity] = Severity.WARNING

    clock: str
    tai_offset_s: int

    def __str__(self) -> str:
        return (
            f"{self.clock}: TAI - UTC is assumed to be {self.tai_offset_s} s, nobody tells it; next: let the "
            "grandmaster announce currentUtcOffset as valid, or tell the kernel (`adjtimex`, chrony's leapsectz)"
        )


class LeapSecondPlanned(Event, frozen=True, kw_only=True):
    """The kernel was told what to do at the end of the UTC day."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    leap: str

    def __str__(self) -> str:
        what = {"INSERT": "a leap second is inserted", "DELETE": "the last second is left out"}
        return f"{self.clock}: at the end of the UTC day {what.get(self.leap, 'nothing happens')}"


class SystemTimeKept(Event, frozen=True, kw_only=True):
    """The kernel was told whether its clock is kept (STA_UNSYNC)."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    kept: bool
    rule: str

    def __str__(self) -> str:
        return f"{self.clock}: the kernel counts it as {'' if self.kept else 'not '}synchronized: {self.rule}"


class UtcKeeper:
    """Keeps *clock*, and the kernel, on the right UTC, by a master or what *leap_seconds* knows.

    Every method raises ``HardwareError``.
    """

    def __init__(self, clock: RealtimeClock, leap_seconds: LeapSeconds | None = None) -> None:
        self._clock = clock
        self._leap_seconds = leap_seconds
        self._leap = Leap.NONE
        self._said_assumed = False
        self._kept_at: MonotonicTime | None = None
        self._was_kept = False
        self._stepped_at = UtcTime(0)

    @property
    def tai_offset_s(self) -> int:
        """TAI - UTC by which the clock is read now."""
        return self._clock.tai_offset_s

    def follow(
        self, properties: TimeProperties | None, *, tell_kernel: bool = False
    ) -> tuple[TimeInterval, list[Event]]:
        """Read the clock on the timescale of *properties* (None: nobody tells); return how far its reading moved by it.

        With *tell_kernel* the kernel learns TAI - UTC as announced valid, and, while it is kept, of leap seconds.
        """
        clock, events = self._clock, list[Event]()
        if self.is_ambiguous():
            return 0, events
        kernel_s = clock.kernel_tai_offset_s()
        chosen = choose_tai_offset(properties, kernel_s, self._leap_seconds, int(self._utc()) // SECOND)
        if chosen.assumed and not self._said_assumed:
            events.append(TaiOffsetAssumed(clock=clock.name, tai_offset_s=chosen.seconds))
        self._said_assumed = chosen.assumed
        announced = properties is not None and properties.ptp_timescale and properties.current_utc_offset_valid
        before = UtcPlan(clock.tai_offset_s, self._leap)
        wanted = UtcPlan(chosen.seconds)
        if properties and announced and self._was_kept:  # until then the time of day may be anything
            wanted = plan(self._utc(), properties, before)
        if tell_kernel and announced and wanted.tai_offset_s != kernel_s:
            clock.set_tai_offset(wanted.tai_offset_s)
        clock.tai_offset_s = wanted.tai_offset_s
        if tell_kernel and self._may_set_leap():
            events += self._set_leap(wanted.leap)
        change_s = wanted.tai_offset_s - before.tai_offset_s
        if not change_s:
            return 0, events
        events.append(
            TimescaleFollowed(
                clock=clock.name, tai_offset_s=wanted.tai_offset_s, previous_s=before.tai_offset_s, rule=chosen.rule
            )
        )
        leapt = before.leap is not Leap.NONE and change_s == _SECONDS[before.leap]
        return 0 if leapt else change_s * SECOND, events  # a leap second moves UTC, not PTP time

    def stepped(self) -> None:
        """Take that the clock was set: the kernel then counts it as not kept, and forgets a leap second it was told.

        It hears of the leap second again only when its flag was down for a second.
        """
        self._kept_at = None
        self._stepped_at = self._utc()
        self._set_leap(Leap.NONE)

    def is_ambiguous(self) -> bool:
        """Whether a leap second is so near that UTC may mean two instants."""
        at = int(self._utc()) % DAY
        return self._leap is not Leap.NONE and (at >= DAY - AMBIGUOUS_BEFORE or at < AMBIGUOUS_AFTER)

    def say_synchronized(self, sample: OffsetSample, now: MonotonicTime) -> list[Event]:
        """Tell the kernel that its clock is kept, and how well."""
        error_us = 1 + round(abs(sample.offset_ns) / 1000)
        delay_us = round(abs(sample.mean_delay_ns) / 1000)
        self._clock.set_synchronized(max_error_us=error_us + delay_us, estimated_error_us=error_us)
        first, self._kept_at, self._was_kept = self._kept_at is None, now, True
        return [SystemTimeKept(clock=self._clock.name, kept=True, rule="the servo is locked")] if first else []

    def watch(self, state: ClockState, now: MonotonicTime) -> list[Event]:
        """Tell the kernel when its clock is not kept any more: *state* is not locked for too long, or never will be."""
        if self._kept_at is None:
            return []
        if state is ClockState.LOCKED:
            self._kept_at = now
        elif state is ClockState.FREE_RUNNING or now - self._kept_at >= KEPT_IN_HOLDOVER:
            return self.give_up(f"it is {state.label}")
        return []

    def give_up(self, rule: str) -> list[Event]:
        """Take back what the kernel was told, but for TAI - UTC, which stays true."""
        events = self._set_leap(Leap.NONE)
        if self._kept_at is not None:
            self._clock.set_unsynchronized()
            self._kept_at = None
            events.append(SystemTimeKept(clock=self._clock.name, kept=False, rule=rule))
        return events

    def _may_set_leap(self) -> bool:
        return self._kept_at is not None and abs(self._utc() - self._stepped_at) >= LEAP_FLAG_DOWN

    def _set_leap(self, leap: Leap) -> list[Event]:
        if leap is self._leap:
            return []
        self._clock.set_leap(leap)
        self._leap = leap
        return [LeapSecondPlanned(clock=self._clock.name, leap=leap.name)]

    def _utc(self) -> UtcTime:
        return UtcTime(int(self._clock.time()) - self._clock.tai_offset_s * SECOND)
