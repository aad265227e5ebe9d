"""Local time for those who show it: the offset of a time zone, and its next change, by tzdata.

What tz2alt does beside linuxptp: DST is announced before it comes (IEEE 1588-2019 16.3, IEEE C37.238-2017 5.3).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from ptpstack.wire.tlvs.alternate_time_offset_indicator import AlternateTimeOffsetIndicator

KEY_FIELD = 1
LOOK_AHEAD = timedelta(days=400)
STEP = timedelta(days=7)
NAME_OCTETS = 10
LEAP_TOLD_BEFORE_S = 10


def alternate_time_offset(
    zone: tzinfo, utc_s: int, current_utc_offset_s: int, leap: int = 0
) -> AlternateTimeOffsetIndicator:
    """Return the TLV for *zone* at *utc_s* (POSIX seconds), relative to a PTP timescale that is TAI.

    ``time_of_next_jump`` is in PTP seconds, 0 where no change is known within some 400 days. *leap* is the second that
    the UTC day ends with more (1) or less (-1): the jump of the last ten seconds before (IEEE C37.238-2017 5.3).
    """
    now = datetime.fromtimestamp(utc_s, UTC)
    offset_s = _offset_s(zone, now)
    jump_seconds = time_of_next_jump = 0
    if (change := next_change(zone, now)) is not None:
        jump_seconds = _offset_s(zone, change) - offset_s
        time_of_next_jump = round(change.timestamp()) + current_utc_offset_s
    if leap_is_near(utc_s, leap):
        jump_seconds, time_of_next_jump = -leap, _day_end_s(utc_s) + leap + current_utc_offset_s
    return AlternateTimeOffsetIndicator(
        key_field=KEY_FIELD,
        current_offset=offset_s - current_utc_offset_s,
        jump_seconds=jump_seconds,
        time_of_next_jump=time_of_next_jump,
        display_name=(now.astimezone(zone).tzname() or "").encode()[:NAME_OCTETS],
    )


def leap_is_near(utc_s: int, leap: int) -> bool:
    """Whether the day of *utc_s* ends within ten seconds, and with a leap second."""
    return bool(leap) and 0 < _day_end_s(utc_s) + leap - utc_s <= LEAP_TOLD_BEFORE_S


def _day_end_s(utc_s: int) -> int:
    return (utc_s // 86_400 + 1) * 86_400


def next_change(zone: tzinfo, now: datetime) -> datetime | None:
    """Return the first second after *now* at which the offset of *zone* is another, if that is soon."""
    offset_s, before, end = _offset_s(zone, now), now, now + LOOK_AHEAD
    after = before + STEP
    while _offset_s(zone, after) == offset_s:
        before, after = after, after + STEP
        if before > end:
            return None
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if _offset_s(zone, middle) == offset_s else (before, middle)
    return after


def _offset_s(zone: tzinfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds())
