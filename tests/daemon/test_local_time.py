"""A time zone as ALTERNATE_TIME_OFFSET_INDICATOR: what holds now, and what comes (IEEE 1588-2019 16.3)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ptpstack.daemon.local_time import alternate_time_offset

TAI_MINUS_UTC = 37


def utc(*when: int) -> int:
    return round(datetime(*when, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("zone", "now", "told", "jump_s", "at"),
    [
        ("Europe/Berlin", (2026, 1, 15), (3600, b"CET"), 3600, (2026, 3, 29, 1)),
        ("Europe/Berlin", (2026, 7, 15), (7200, b"CEST"), -3600, (2026, 10, 25, 1)),
        ("Europe/Berlin", (2026, 3, 29, 0, 59, 59), (3600, b"CET"), 3600, (2026, 3, 29, 1)),
        ("Europe/Berlin", (2026, 3, 29, 1), (7200, b"CEST"), -3600, (2026, 10, 25, 1)),
        ("America/New_York", (2026, 1, 15), (-18000, b"EST"), 3600, (2026, 3, 8, 7)),
        ("Australia/Lord_Howe", (2026, 1, 15), (39600, b"+11"), -1800, (2026, 4, 4, 15)),
        ("Asia/Kolkata", (2026, 1, 15), (19800, b"IST"), 0, None),
        ("UTC", (2026, 1, 15), (0, b"UTC"), 0, None),
    ],
)
def test_it_tells_the_offset_from_ptp_time_and_the_next_change(
    zone: str, now: tuple[int, ...], told: tuple[int, bytes], jump_s: int, at: tuple[int, ...] | None
) -> None:
    tlv = alternate_time_offset(ZoneInfo(zone), utc(*now), TAI_MINUS_UTC)
    assert (tlv.key_field, tlv.current_offset + TAI_MINUS_UTC, tlv.display_name) == (1, *told)
    assert (tlv.jump_seconds, tlv.time_of_next_jump) == (jump_s, utc(*at) + TAI_MINUS_UTC if at else 0)


def test_whoever_adds_it_reads_the_clock_on_the_wall() -> None:
    now = utc(2026, 7, 15, 12)
    tlv = alternate_time_offset(ZoneInfo("Europe/Berlin"), now, TAI_MINUS_UTC)
    ptp_s = now + TAI_MINUS_UTC
    on_the_wall = datetime.fromtimestamp(ptp_s + tlv.current_offset, UTC)
    assert (on_the_wall.hour, on_the_wall.minute, on_the_wall.second) == (14, 0, 0)


@pytest.mark.parametrize("year", range(2024, 2034))
def test_every_change_that_is_told_comes_and_none_before(year: int) -> None:
    zone, now = ZoneInfo("Europe/Berlin"), utc(year, 1, 1)
    for _ in range(2):
        before = alternate_time_offset(zone, now, TAI_MINUS_UTC)
        change = before.time_of_next_jump - TAI_MINUS_UTC
        assert alternate_time_offset(zone, change - 1, TAI_MINUS_UTC).current_offset == before.current_offset
        after = alternate_time_offset(zone, change, TAI_MINUS_UTC)
        assert after.current_offset == before.current_offset + before.jump_seconds
        now = change


@pytest.mark.parametrize(
    ("leap", "now", "jump_s", "at"),
    [
        (1, (2026, 12, 31, 23, 59, 49), 3600, (2027, 3, 28, 1)),
        (1, (2026, 12, 31, 23, 59, 51), -1, (2027, 1, 1, 0, 0, 1)),
        (1, (2026, 12, 31, 23, 59, 59), -1, (2027, 1, 1, 0, 0, 1)),
        (-1, (2026, 12, 31, 23, 59, 50), 1, (2026, 12, 31, 23, 59, 59)),
        (0, (2026, 12, 31, 23, 59, 59), 3600, (2027, 3, 28, 1)),
    ],
)
def test_a_leap_second_is_told_in_the_ten_seconds_before(
    leap: int, now: tuple[int, ...], jump_s: int, at: tuple[int, ...]
) -> None:
    tlv = alternate_time_offset(ZoneInfo("Europe/Berlin"), utc(*now), TAI_MINUS_UTC, leap)
    assert (tlv.jump_seconds, tlv.time_of_next_jump) == (jump_s, utc(*at) + TAI_MINUS_UTC)
