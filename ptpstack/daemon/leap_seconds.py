"""Leap seconds, and TAI - UTC: who is asked in which order, and the list of the system kept fresh.

The order, for the number: a grandmaster that announces it as valid (``utc_keeper``), the system's list while it has
not expired, a receiver, the kernel, the list though it has expired, the calendar. For what happens at the end of the
day: the grandmaster, the list while it has not expired, else what the NTP sources announce together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from ptpstack.arbiter.leap_list import DAY_S, FIRST_TAI_OFFSET_S, LeapList, parse_leap_list
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import WireError
from ptpstack.events import Event, Severity
from ptpstack.wire.types import TimeSource

FILES = (Path("/usr/share/zoneinfo/leap-seconds.list"), Path("/usr/share/zoneinfo/leapseconds"))
"""Where systems keep it (tzdata)."""

ASSUMED_TAI_OFFSET_S = 37
"""Since 2017-01-01 (IERS Bulletin C)."""

WARN_DAYS = 30
LOOK_EVERY_S = 3600
ANNOUNCED_FROM_S = DAY_S // 2
"""A leap second is told at most 12 hours ahead (IEEE 1588-2019 9.4), and only on the last day of a month."""


class LeapListRead(Event, frozen=True, kw_only=True):
    """The system's list of leap seconds was read; another one than before."""

    file: str
    tai_offset_s: int
    expires: str

    def __str__(self) -> str:
        return f"leap seconds by {self.file}: TAI - UTC is {self.tai_offset_s} s; it holds until {self.expires}"


class LeapListDoubted(Event, frozen=True, kw_only=True):
    """The list of leap seconds expires soon, has expired, or cannot be read."""

    severity: ClassVar[Severity] = Severity.WARNING

    file: str
    why: str

    def __str__(self) -> str:
        return f"leap seconds by {self.file}: {self.why}; next: update the package tzdata"


class LeapSecondHeard(Event, frozen=True, kw_only=True):
    """The NTP sources together announce a leap second, or do so no more, and whether that counts."""

    severity: ClassVar[Severity] = Severity.NOTICE

    change_s: int
    rule: str

    def __str__(self) -> str:
        what = {1: "a second is inserted", -1: "a second is left out", 0: "nothing happens"}[self.change_s]
        return f"by the NTP sources, at the end of the day {what}: {self.rule}"


@dataclass(frozen=True, slots=True)
class TaiOffset:
    """TAI - UTC, why that, and whether it is a guess."""

    seconds: int
    rule: str
    assumed: bool = False


class LeapSeconds:
    """What is known of leap seconds beside a grandmaster's word; the first of *files* that is there is the list."""

    def __init__(self, files: Sequence[Path] = FILES) -> None:
        self._files = tuple(files)
        self._list: LeapList | None = None
        self._file = ""
        self._read: tuple[str, float] | None = None
        self._next_look_s = 0
        self._doubt = ""
        self._receiver: int | None = None
        self._peers_s = 0
        self._passed: tuple[int, int] | None = None

    # -- who says what ---------------------------------------------------------------------------------------

    def look(self, utc_s: int) -> list[Event]:
        """Read the list if it is another one than before, and warn before it expires; once for each reason."""
        if self._next_look_s - LOOK_EVERY_S <= utc_s < self._next_look_s:
            return []
        self._next_look_s = utc_s + LOOK_EVERY_S
        return [*self._read_list(utc_s), *self._expiry(utc_s)]

    def receiver_says(self, tai_offset_s: int) -> None:
        """Take TAI - UTC as a receiver believes."""
        self._receiver = tai_offset_s

    def sources_say(self, change_s: int, utc_s: int) -> list[Event]:
        """Take what the NTP sources together announce for the end of the day (1, -1, 0) at *utc_s*."""
        counts = change_s if self._may_leap(utc_s) else 0
        if self._peers_s and utc_s // DAY_S != self._peers_day:
            self._passed = (self._peers_day + 1) * DAY_S, self._peers_s
        elif counts == self._peers_s:
            return []
        before, self._peers_s, self._peers_day = self._peers_s, counts, utc_s // DAY_S
        if before == counts:
            return []
        listed = self._list is not None and not self._list.is_expired(utc_s)
        rule = "the system's list goes before them" if listed else "a majority says so, and no list that holds"
        return [LeapSecondHeard(change_s=counts, rule=rule)]

    # -- what holds --------------------------------------------------------------------------------------------

    def tai_offset(self, utc_s: int) -> TaiOffset | None:
        """Return TAI - UTC by the list or a receiver, None where neither knows."""
        if self._list is not None and not self._list.is_expired(utc_s):
            return TaiOffset(self._list.tai_offset_s(utc_s), f"{self._file} has it")
        if self._receiver is not None:
            return TaiOffset(self._receiver, "a receiver has it")
        return None

    def guess(self, utc_s: int) -> TaiOffset:
        """Return TAI - UTC by what may be out of date."""
        seconds, rule = ASSUMED_TAI_OFFSET_S, "neither a valid currentUtcOffset nor the kernel tells"
        if self._list is not None:
            seconds, rule = self._list.tai_offset_s(utc_s), f"{self._file} had it, and has expired"
        if self._passed is not None and utc_s >= self._passed[0]:
            seconds, rule = seconds + self._passed[1], f"{rule}; the sources announced a leap second since"
        return TaiOffset(seconds, rule, assumed=True)

    def change_s(self, utc_s: int) -> int:
        """Return by how much TAI - UTC changes at the end of this UTC day, as far as that is to be told now."""
        if not self._may_leap(utc_s):
            return 0
        if self._list is not None and not self._list.is_expired(utc_s):
            return self._list.change_s(utc_s)
        return self._peers_s if utc_s // DAY_S == self._peers_day else 0

    def properties(self, utc_s: int, kernel_s: int) -> TimeProperties | None:
        """Return the timescale of UTC sources; None: nobody tells TAI - UTC, and no leap second is near."""
        known = choose_tai_offset(None, kernel_s, self, utc_s)
        change_s = self.change_s(utc_s)
        if known.assumed and not change_s and self._passed is None:
            return None
        return TimeProperties(
            current_utc_offset=known.seconds,
            current_utc_offset_valid=True,
            leap61=change_s > 0,
            leap59=change_s < 0,
            time_traceable=True,
            time_source=TimeSource.NTP,
        )

    def as_dict(self, utc_s: int) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        known = self.tai_offset(utc_s) or self.guess(utc_s)
        return {
            "file": self._file or None,
            "expires": None if self._list is None else _day(self._list.expires_s),
            "expired": self._list is not None and self._list.is_expired(utc_s),
            "tai_offset_s": known.seconds,
            "rule": known.rule,
            "change_s": self.change_s(utc_s),
        }

    # -- the list ------------------------------------------------------------------------------------------------

    _peers_day = -1

    def _may_leap(self, utc_s: int) -> bool:
        tomorrow = datetime.fromtimestamp((utc_s // DAY_S + 1) * DAY_S, UTC)
        return tomorrow.day == 1 and utc_s % DAY_S >= ANNOUNCED_FROM_S

    def _read_list(self, utc_s: int) -> list[Event]:
        for path in self._files:
            try:
                identity = str(path), path.stat().st_mtime
                if identity == self._read:
                    return []
                self._read = identity
                found = parse_leap_list(path.read_text(encoding="ascii", errors="replace"))
            except FileNotFoundError:
                continue
            except (OSError, WireError) as error:
                why = error.what if isinstance(error, WireError) else str(error.strerror)
                return [LeapListDoubted(file=str(path), why=f"it cannot be used: {why}")]
            self._list, self._file, self._doubt = found, str(path), ""
            offset_s = found.tai_offset_s(utc_s)
            return [LeapListRead(file=self._file, tai_offset_s=offset_s, expires=_day(found.expires_s))]
        return []

    def _expiry(self, utc_s: int) -> list[Event]:
        if self._list is None:
            return []
        days = (self._list.expires_s - utc_s) // DAY_S
        doubt = "it expires soon" if days < WARN_DAYS else ""
        doubt = "it has expired" if self._list.is_expired(utc_s) else doubt
        if doubt == self._doubt:
            return []
        self._doubt = doubt
        day = _day(self._list.expires_s)
        return [LeapListDoubted(file=self._file, why=f"{doubt}, on {day}")] if doubt else []


def choose_tai_offset(
    properties: TimeProperties | None, kernel_s: int, leap_seconds: LeapSeconds | None = None, utc_s: int = 0
) -> TaiOffset:
    """Return TAI - UTC at *utc_s* by what a master's (None: nobody's) *properties* say, else in the order above.

    0 where the master's timescale is its own.
    """
    if properties and not properties.ptp_timescale:
        return TaiOffset(0, "the master's timescale is its own, taken as UTC")
    if properties and properties.current_utc_offset_valid:
        return TaiOffset(properties.current_utc_offset, "currentUtcOffset, announced as valid")
    if leap_seconds is not None and (known := leap_seconds.tai_offset(utc_s)) is not None:
        return known
    if kernel_s >= FIRST_TAI_OFFSET_S:  # a leap second makes 1 of the 0 that nobody has set
        return TaiOffset(kernel_s, "the kernel has it, and nobody announces a valid one")
    return (leap_seconds or LeapSeconds(())).guess(utc_s)


def _day(utc_s: int) -> str:
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d}"
