"""What time it is at least before anybody has told, and since when the system clock can be trusted.

A machine without a battery starts in the past. It cannot be earlier than when this program last knew the time, than
when it was installed, or than the newest of some files that systems write: that is the floor. A clock below it is
put on it; certificates are judged by the floor until a source has set the clock.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import ptpstack
from ptpstack.events import Event, Severity

SAVED_FILE = "time"
FILES = (
    Path("/var/lib/systemd/timesync/clock"),
    Path("/var/lib/chrony/drift"),
    Path("/var/lib/dpkg/status"),
    Path("/usr/lib/os-release"),
)
"""What else a system writes in passing: by other time daemons, by installing packages, by building the image."""

RTC = Path("/sys/class/rtc")
DECADE_S = 10 * 365 * 86_400


class Floor(NamedTuple):
    """It is *utc_s* at least, as *why* says."""

    utc_s: int
    why: str


class SystemClockSet(Event, frozen=True, kw_only=True):
    """The system clock was put on the floor: it read an instant that has been."""

    severity: ClassVar[Severity] = Severity.WARNING

    from_utc: str
    to_utc: str
    why: str

    def __str__(self) -> str:
        return f"system clock: set from {self.from_utc} to {self.to_utc}, the earliest that it can be: {self.why}"


class TimeUntrusted(Event, frozen=True, kw_only=True):
    """Nobody knows what time it is: what is logged now may have wrong times."""

    severity: ClassVar[Severity] = Severity.WARNING

    floor: str
    why: str

    def __str__(self) -> str:
        return f"the time is not trusted yet, {self.why}; it is {self.floor} at least, by which certificates are judged"


class TimeTrusted(Event, frozen=True, kw_only=True):
    """The system clock shows the right time from now on."""

    severity: ClassVar[Severity] = Severity.NOTICE

    by: str
    log_was_behind_s: float

    def __str__(self) -> str:
        behind = self.log_was_behind_s
        moved = f"; times in the log before this were {abs(behind):.3f} s {'early' if behind > 0 else 'late'}"
        return f"the time is trusted from now on, by {self.by}{moved if abs(behind) >= 0.001 else ''}"


class TimeTrustLost(Event, frozen=True, kw_only=True):
    """Nobody knows any more whether the system clock is right."""

    severity: ClassVar[Severity] = Severity.WARNING

    why: str
    trusted_since: str
    trusted_by: str

    def __str__(self) -> str:
        return f"the time is not trusted any more: {self.why}; it was since {self.trusted_since}, by {self.trusted_by}"


class TimeTrust:
    """The floor of the time, and whether *now_s*, CLOCK_REALTIME, is to be trusted.

    *directory* is where the time is kept over restarts ("": nowhere). *has_floor*: whether what is known counts.
    *kernel_says_kept*: whether another program keeps the clock, by the kernel's flag.
    """

    def __init__(
        self,
        directory: str,
        *,
        now_s: Callable[[], float],
        monotonic_s: Callable[[], float],
        kernel_says_kept: Callable[[], bool],
        files: Sequence[Path] = FILES,
        rtc: Path = RTC,
        has_floor: bool = True,
    ) -> None:
        self._saved = Path(directory) / SAVED_FILE if directory else None
        self._now_s, self._monotonic_s = now_s, monotonic_s
        self._kernel_says_kept = kernel_says_kept
        self.floor = _floor(self._saved, files) if has_floor else Floor(0, "none is asked for")
        self.trusted_since_s: float | None = None
        self.trusted_by = ""
        self._put_on_floor_at_s: float | None = None
        """On the monotonic clock; None: it never was, or something has set the clock since."""
        self._began = now_s() - monotonic_s()
        self.unset_why = self._why_unset(rtc)
        """Why the clock is not to be believed at the start; empty when it may be."""
        self._lost_why = ""
        """Why it is not trusted any more; empty when it is, or never was."""

    # -- at the start ------------------------------------------------------------------------------------------

    def start(self, step: Callable[[float], None] | None) -> list[Event]:
        """Put a clock that is below the floor on it by *step* (s; None: the clock is not ours to set), and tell."""
        events: list[Event] = []
        behind_s = self.floor.utc_s - self._now_s()
        if behind_s > 0 and step is not None:
            before = _text(self._now_s())
            step(behind_s)
            self._put_on_floor_at_s = self._monotonic_s()
            events.append(SystemClockSet(from_utc=before, to_utc=_text(self.floor.utc_s), why=self.floor.why))
        if self.unset_why:
            events.append(TimeUntrusted(floor=_text(self.floor.utc_s), why=self.unset_why))
        return events

    # -- what follows ------------------------------------------------------------------------------------------

    def is_open(self) -> bool:
        """Whether it is open what time it is: the clock was unset at the start, and nobody has set it since."""
        return bool(self.unset_why) and self.trusted_since_s is None and not self._kernel_says_kept()

    def window_s(self) -> tuple[int, int] | None:
        """Return between which UTC seconds it is now while that is open; None: the clock is right."""
        if not self.is_open():
            return None
        earliest_s = self.floor.utc_s + round(max(0.0, self._monotonic_s() - self._started_s))
        return earliest_s, self.floor.utc_s + DECADE_S

    def clock_became(self, *, locked: bool, lost: bool, by: str, why: str) -> list[Event]:
        """Take what became of the system clock: *by* whom it is locked, or *why* nobody knows it any more (*lost*)."""
        if lost and self.trusted_since_s is not None:
            event = TimeTrustLost(why=why, trusted_since=_text(self.trusted_since_s), trusted_by=self.trusted_by)
            self.trusted_since_s, self.trusted_by, self._lost_why = None, "", why
            return [event]
        if not locked or self.trusted_since_s is not None:
            return []
        self._put_on_floor_at_s = None
        now_s = self._now_s()
        behind_s = now_s - self._monotonic_s() - self._began
        self._began += behind_s
        self.trusted_since_s, self.trusted_by, self._lost_why = now_s, by, ""
        return [TimeTrusted(by=by, log_was_behind_s=behind_s)]

    def what_it_reads(self) -> str:
        """Return where the time of a clock comes from that nothing but the floor has set, and its age; else ""."""
        if self._put_on_floor_at_s is None or self._kernel_says_kept():
            return ""
        age_s = self._monotonic_s() - self._put_on_floor_at_s
        return f"its time is {_text(self.floor.utc_s)} ({self.floor.why}), counted on for {age_s:.0f} s by itself"

    def save(self) -> None:
        """Keep the time for the next start, while it is trusted. Raises ``OSError``."""
        if self._saved is None or self.trusted_since_s is None:
            return
        self._saved.parent.mkdir(parents=True, exist_ok=True)
        now_s = self._now_s()
        new = self._saved.with_suffix(".new")
        new.write_text(f"{_text(now_s)} by {self.trusted_by}\n", encoding="utf-8")
        os.utime(new, (now_s, now_s))
        new.replace(self._saved)

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        return {
            "trusted_since": None if self.trusted_since_s is None else _text(self.trusted_since_s),
            "trusted_by": self.trusted_by or None,
            "why_not": self._why_not(),
            "floor": _text(self.floor.utc_s),
            "floor_by": self.floor.why,
            "reads": self.what_it_reads() or None,
        }

    def _why_not(self) -> str:
        if self.trusted_since_s is not None:
            return ""
        if self._lost_why:
            return self._lost_why
        if self._kernel_says_kept():
            return "another program keeps the system clock, by the kernel's flag"
        return self.unset_why or "nothing has measured the system clock yet"

    def _why_unset(self, rtc: Path) -> str:
        self._started_s = self._monotonic_s()
        if self._now_s() < self.floor.utc_s:
            return f"the clock reads {_text(self._now_s())}, which has been"
        has_rtc = any(rtc.glob("rtc*"))
        if not has_rtc and not self._kernel_says_kept():
            return "there is no battery-backed clock (/sys/class/rtc), and no program says that it keeps the time"
        return ""


def _floor(saved: Path | None, files: Sequence[Path]) -> Floor:
    """Return the latest of the instants that have been for sure."""
    known = [(Path(ptpstack.__file__), "this program was installed then")]
    known += [(saved, "this program knew the time then")] if saved else []
    known += [(path, f"{path} was written then") for path in files]
    found = []
    for path, why in known:
        with contextlib.suppress(OSError):
            found.append(Floor(int(path.stat().st_mtime), why))
    return max(found, default=Floor(0, "nothing is known"))


def _text(utc_s: float) -> str:
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
