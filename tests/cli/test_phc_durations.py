import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.cli.durations import date_text, nominal_duration, parse_duration, seconds_text, signed_duration
from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("37s", 37 * SECOND),
        ("-250ns", -250 * NANOSECOND),
        ("+1.5ms", 3 * MILLISECOND // 2),
        (".5us", MICROSECOND // 2),
        ("2. µs", 2 * MICROSECOND),
        (" 3 ns ", 3 * NANOSECOND),
        ("0.0000152587890625ns", 1),
        ("1767225637.123456789s", 1_767_225_637_123_456_789 * NANOSECOND),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, interval: int) -> None:
    assert parse_duration(text) == interval


@pytest.mark.parametrize(
    "text", ["", "37", "s", "1h", "1,5s", "--1s", "1e3s", "nans", "infs", "1 S", "0x10ns", "1s2ms"]
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="as in 37s or -250ns"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (0, "+0.0 ns"),
        (-250 * NANOSECOND, "-250.0 ns"),
        (NANOSECOND // 2, "+0.5 ns"),
        (SECOND - NANOSECOND, "+999999999.0 ns"),
        (37 * SECOND + 123 * NANOSECOND, "+37.000000123 s"),
        (-37 * SECOND - 123 * NANOSECOND, "-37.000000123 s"),
    ],
)
def test_a_measured_duration_is_said_with_its_sign(interval: int, text: str) -> None:
    assert signed_duration(interval) == text


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (0, "0 s"),
        (SECOND, "1 s"),
        (-1500 * MILLISECOND, "-1500 ms"),
        (100 * MILLISECOND, "100 ms"),
        (30 * MICROSECOND, "30 us"),
        (-250 * NANOSECOND, "-250 ns"),
        (NANOSECOND // 2, "0.500 ns"),
    ],
)
def test_a_nominal_duration_is_said_as_it_was_typed(interval: int, text: str) -> None:
    assert nominal_duration(interval) == text


@given(st.integers(-(10**9), 10**9), st.sampled_from(["s", "ms", "us", "ns"]))
def test_a_nominal_duration_can_be_typed_again(count: int, unit: str) -> None:
    interval = parse_duration(f"{count}{unit}")
    assert parse_duration(nominal_duration(interval)) == interval


@given(st.integers(-(2**63), 2**63))
def test_seconds_lose_no_nanosecond(ns: int) -> None:
    assert parse_duration(seconds_text(ns * NANOSECOND) + "s") == ns * NANOSECOND


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000"),
        (1_767_225_637 * SECOND + 5 * NANOSECOND, "2026-01-01T00:00:37.000000005"),
        (-NANOSECOND, "1969-12-31T23:59:59.999999999"),
        (10**12 * SECOND, ""),
    ],
)
def test_an_instant_has_a_date_where_the_calendar_reaches(instant: int, text: str) -> None:
    assert date_text(instant) == text
