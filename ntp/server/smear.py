"""A leap second spread over the day around it: served time runs a little slower or faster from noon to noon.

Linear over 24 hours, as large operators do it, so that clients of several such servers agree. Sans-I/O.
"""

from __future__ import annotations

from typing import Final, NamedTuple

DAY_NS: Final = 86_400_000_000_000
HALF_NS: Final = DAY_NS // 2
SECOND_NS: Final = 1_000_000_000


class Smear(NamedTuple):
    """Served time - UTC, and how much faster served time runs (1: a second in a second)."""

    offset_ns: int
    rate: float


NOT_SMEARED = Smear(0, 0.0)


class LeapSmear:
    """Follows leap seconds as they are announced. Call :meth:`at` in order of time."""

    def __init__(self) -> None:
        self._midnight_ns: int | None = None
        self._seconds = 0
        self._is_behind = False
        self._ahead_ns: int | None = None

    def at(self, utc_ns: int, leap_s: int, monotonic_ns: int) -> Smear:
        """Return the smear at *utc_ns* (since 1970), when *leap_s* are inserted at the end of the UTC day (or -1, 0).

        UTC alone does not tell the two seconds apart of which one is inserted; that UTC moved against CLOCK_MONOTONIC
        does. One that is announced after noon is not begun half-way: served time jumps to where it should be by then.
        """
        ahead_ns = utc_ns - monotonic_ns
        moved_ns = 0 if self._ahead_ns is None else ahead_ns - self._ahead_ns
        self._ahead_ns = ahead_ns
        if leap_s and not self._is_behind:
            self._midnight_ns, self._seconds = (utc_ns // DAY_NS + 1) * DAY_NS, leap_s
        if self._midnight_ns is None:
            return NOT_SMEARED
        from_midnight_ns = utc_ns - self._midnight_ns
        leapt = abs(moved_ns + self._seconds * SECOND_NS) < SECOND_NS // 2
        if leapt and abs(from_midnight_ns) < 10 * SECOND_NS:
            self._is_behind = True
        elapsed_ns = from_midnight_ns + HALF_NS + (self._seconds * SECOND_NS if self._is_behind else 0)
        whole_ns = DAY_NS + self._seconds * SECOND_NS
        if elapsed_ns <= 0:
            return NOT_SMEARED
        if elapsed_ns >= whole_ns or (from_midnight_ns >= SECOND_NS and not self._is_behind):
            self._midnight_ns, self._is_behind = None, False  # it is over, or did not happen
            return NOT_SMEARED
        rate = -self._seconds * SECOND_NS / whole_ns
        return Smear(round(elapsed_ns * rate) + (self._seconds * SECOND_NS if self._is_behind else 0), rate)
