"""Timestamps wrap every 136 years: instants come from them by a pivot, exactly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.wire.timestamp import interval_from_log2, interval_from_short, ntp_from_utc, utc_from_ntp
from ptpstack.time import NANOSECOND, SECOND, UtcTime


def utc(*fields: int) -> UtcTime:
    return UtcTime(int(datetime(*fields, tzinfo=UTC).timestamp()) * SECOND)


NOW = utc(2026, 11, 23)


@pytest.mark.parametrize(
    ("instant", "timestamp"),
    [
        (utc(1970, 1, 1), 2_208_988_800 << 32),
        (utc(2000, 1, 1), 3_155_673_600 << 32),
        (utc(2036, 2, 7, 6, 28, 15), 0xFFFF_FFFF << 32),
        (utc(2036, 2, 7, 6, 28, 16), 0),
        (utc(2040, 1, 1), 0x0754_FD00 << 32),
        (UtcTime(utc(2000, 1, 1) + SECOND // 2), (3_155_673_600 << 32) + (1 << 31)),
    ],
)
def test_known_instants(instant: UtcTime, timestamp: int) -> None:
    assert ntp_from_utc(instant) == timestamp
    assert utc_from_ntp(timestamp, instant) == instant


@given(st.integers(0, (1 << 64) - 1), st.integers(-100 * 366 * 86_400, 500 * 366 * 86_400))
def test_a_timestamp_is_within_half_an_era_of_the_pivot_and_comes_back(timestamp: int, pivot_s: int) -> None:
    pivot = UtcTime(pivot_s * SECOND)
    instant = utc_from_ntp(timestamp, pivot)
    assert abs(instant - pivot) <= (1 << 31) * SECOND
    assert ntp_from_utc(instant) == timestamp


@given(st.integers(0, 1 << 80), st.integers(-(60 * 366 * 86_400), 60 * 366 * 86_400))
def test_an_instant_comes_back_to_a_quarter_of_a_nanosecond(scaled_ns: int, away_s: int) -> None:
    instant = UtcTime(scaled_ns)
    assert abs(utc_from_ntp(ntp_from_utc(instant), instant + away_s * SECOND) - instant) <= NANOSECOND // 4


@given(st.integers(0, (1 << 64) - 1))
def test_differences_survive_the_end_of_an_era(timestamp: int) -> None:
    later = (timestamp + (1 << 32)) % (1 << 64)
    assert utc_from_ntp(later, NOW + SECOND) - utc_from_ntp(timestamp, NOW) in (SECOND, SECOND - (SECOND << 32))


def test_timestamps_are_those_nearest_to_the_pivot() -> None:
    assert utc_from_ntp(ntp_from_utc(NOW), utc(1970, 1, 1)) == NOW
    assert utc_from_ntp(ntp_from_utc(utc(2045, 1, 1)), NOW) == utc(2045, 1, 1)


@pytest.mark.parametrize(("short", "interval"), [(0, 0), (1 << 16, SECOND), (1, 15259 * NANOSECOND - 51712)])
def test_short_intervals(short: int, interval: int) -> None:
    assert interval_from_short(short) == pytest.approx(interval, abs=NANOSECOND)


@pytest.mark.parametrize(("exponent", "interval"), [(0, SECOND), (6, 64 * SECOND), (-1, SECOND // 2), (-128, 1)])
def test_powers_of_two(exponent: int, interval: int) -> None:
    assert interval_from_log2(exponent) == interval
