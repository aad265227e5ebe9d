"""Counting seconds from statements: which second each pulse is, and when that must be doubted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.time_of_day import Backoff, PulseSecond, SecondCounter, UtcSecond, utc_second
from ptpstack.errors import WireError
from ptpstack.time import MILLISECOND, SECOND

T = 1_767_225_600 + 86_400 * 9  # 2026-01-10, far from any month's end
HALF = SECOND // 2


def counter_that_heard(*statements: tuple[int, int], delay: int = HALF) -> SecondCounter:
    """A counter that was told *second* at monotonic *heard*, for each of the statements."""
    counter = SecondCounter()
    for utc_s, heard in statements:
        counter.state(UtcSecond(utc_s), heard, delay=delay)
    return counter


def two_statements() -> SecondCounter:
    """Pulses at 10.0 s, 11.0 s, … of the monotonic clock, their sentences 0.3 s later."""
    return counter_that_heard((T, 10_300 * MILLISECOND), (T + 1, 11_300 * MILLISECOND))


@pytest.mark.parametrize(
    ("pulse_ms", "utc_s"),
    [
        pytest.param(11_000, T + 1, id="the pulse that the last sentence was about"),
        pytest.param(11_002, T + 1, id="read a little late"),
        pytest.param(12_000, T + 2, id="the next, before its sentence"),
        pytest.param(16_000, T + 6, id="as long as sentences are not stale"),
        pytest.param(10_000, T, id="the one before"),
    ],
)
def test_a_pulse_is_counted_from_the_last_statement(pulse_ms: int, utc_s: int) -> None:
    second = two_statements().second_of(pulse_ms * MILLISECOND)
    assert (second.utc_s, second.is_valid, second.leap_second) == (utc_s, True, False)


@given(
    delay_ms=st.integers(30, 960), pulse_ms=st.integers(0, 4), elapsed=st.integers(0, 4), start_ms=st.integers(0, 10**9)
)
def test_sentences_may_come_any_time_between_two_pulses(
    delay_ms: int, pulse_ms: int, elapsed: int, start_ms: int
) -> None:
    heard = (start_ms + delay_ms) * MILLISECOND
    counter = counter_that_heard((T - 1, heard - SECOND), (T, heard))
    second = counter.second_of((start_ms + 1000 * elapsed + pulse_ms) * MILLISECOND)
    assert second.utc_s == T + elapsed
    assert second.is_valid


def test_the_age_is_that_of_the_last_statement() -> None:
    assert two_statements().second_of(12 * SECOND).age == 700 * MILLISECOND
    assert two_statements().second_of(11 * SECOND).age == 0


def test_nothing_is_known_before_the_first_statement() -> None:
    assert SecondCounter().second_of(SECOND) == PulseSecond(None, doubt="no time of day yet")


def test_one_statement_is_not_enough() -> None:
    second = counter_that_heard((T, SECOND)).second_of(2 * SECOND)
    assert second.utc_s is not None
    assert "one only" in second.doubt


def test_a_statement_that_disagrees_is_doubted_until_the_next_agrees() -> None:
    counter = two_statements()
    counter.state(UtcSecond(T + 900), 12_300 * MILLISECOND, delay=HALF)
    assert "disagree" in counter.second_of(13 * SECOND).doubt
    counter.state(UtcSecond(T + 901), 13_300 * MILLISECOND, delay=HALF)
    assert counter.second_of(14 * SECOND) == PulseSecond(T + 902, 700 * MILLISECOND)


def test_a_backlog_that_comes_at_once_is_not_believed() -> None:
    counter = counter_that_heard((T, 20 * SECOND), (T + 1, 20 * SECOND), (T + 2, 20 * SECOND))
    assert not counter.second_of(20 * SECOND).is_valid


def test_after_five_seconds_without_a_statement_it_is_stale() -> None:
    counter = two_statements()
    assert counter.second_of(16 * SECOND).is_valid
    assert counter.second_of(17 * SECOND).doubt == "no time of day for 5.7 s"


def test_what_the_source_says_against_itself_counts_first() -> None:
    counter = two_statements()
    counter.fault = "no fix"
    assert counter.second_of(12 * SECOND) == PulseSecond(T + 2, 700 * MILLISECOND, doubt="no fix")


@pytest.mark.parametrize("delay_ms", [5, 995])
def test_a_statement_close_to_a_pulse_may_mean_either(delay_ms: int) -> None:
    heard = 10 * SECOND + delay_ms * MILLISECOND
    counter = counter_that_heard((T, heard), (T + 1, heard + SECOND))
    assert "set its delay" in counter.second_of(12 * SECOND).doubt


def test_a_known_delay_settles_it_even_beyond_a_second() -> None:
    counter = counter_that_heard((T, 11_400 * MILLISECOND), (T + 1, 12_400 * MILLISECOND), delay=1400 * MILLISECOND)
    assert counter.second_of(12 * SECOND) == PulseSecond(T + 2)


def test_a_date_before_this_program_is_a_receiver_s_rollover() -> None:
    rolled = T - 1024 * 7 * 86_400
    counter = counter_that_heard((rolled, SECOND), (rolled + 1, 2 * SECOND))
    assert counter.second_of(2_700 * MILLISECOND).doubt.startswith(
        "2006-05-27 is past: a receiver that has lost count of 1024"
    )


def test_a_date_beyond_all_calendars_is_left_out() -> None:
    last = 253_402_300_799  # 9999-12-31T23:59:59Z
    counter = counter_that_heard((last, SECOND), (last + 1, 2 * SECOND))
    assert counter.second_of(2_700 * MILLISECOND).doubt == "no time of day yet"


def test_statements_within_a_second_are_left_out() -> None:
    counter = two_statements()
    counter.state(UtcSecond(T + 1, fraction=0.2), 11_500 * MILLISECOND, delay=HALF)
    assert counter.second_of(12 * SECOND) == PulseSecond(T + 2, 700 * MILLISECOND)


def test_the_better_kind_of_statement_counts_until_it_is_stale() -> None:
    counter = SecondCounter()
    for number in range(2):
        counter.state(UtcSecond(T + number), number * SECOND, delay=0, rank=1)
    counter.state(UtcSecond(T + 500), 2 * SECOND, delay=0, rank=0)
    assert counter.second_of(2 * SECOND) == PulseSecond(T + 2, SECOND)
    counter.state(UtcSecond(T + 500), 6 * SECOND, delay=0, rank=0)
    assert counter.second_of(6 * SECOND).utc_s == T + 500


# Leap seconds

MIDNIGHT = 1_483_228_800  # 2017-01-01, behind the last leap second so far


@pytest.fixture
def in_2016(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hw.time_of_day._NOT_BEFORE_S", 0)


@pytest.mark.usefixtures("in_2016")
def test_tai_runs_on_through_a_leap_second() -> None:
    counter = SecondCounter()
    seconds = [
        UtcSecond(MIDNIGHT - 2),
        UtcSecond(MIDNIGHT - 1),
        UtcSecond(MIDNIGHT, leap_second=True),
        UtcSecond(MIDNIGHT),
        UtcSecond(MIDNIGHT + 1),
    ]
    tai = []
    for number, second in enumerate(seconds):
        counter.state(second, number * SECOND + 300 * MILLISECOND, delay=HALF)
        numbered = counter.second_of(number * SECOND)
        assert numbered.is_valid or number == 0
        tai.append(numbered.ptp_time(37 if number >= 3 else 36))
    assert [later - earlier for earlier, later in pairwise(tai)] == [SECOND] * 4


@pytest.mark.usefixtures("in_2016")
def test_counting_across_the_end_of_a_month_is_doubted_until_it_is_said() -> None:
    counter = counter_that_heard((MIDNIGHT - 2, SECOND), (MIDNIGHT - 1, 2 * SECOND))
    before, after = counter.second_of(1_700 * MILLISECOND), counter.second_of(2_700 * MILLISECOND)
    assert (before.utc_s, before.doubt) == (MIDNIGHT - 1, "")
    assert (after.utc_s, "leap second may be" in after.doubt) == (MIDNIGHT, True)


@pytest.mark.usefixtures("in_2016")
def test_the_second_after_a_leap_second_is_midnight_by_count_too() -> None:
    counter = counter_that_heard((MIDNIGHT - 1, SECOND))
    counter.state(UtcSecond(MIDNIGHT, leap_second=True), 2 * SECOND, delay=HALF)
    leap, next_one = counter.second_of(1_700 * MILLISECOND), counter.second_of(2_700 * MILLISECOND)
    assert (leap.utc_s, leap.leap_second, leap.doubt) == (MIDNIGHT, True, "")
    assert (next_one.utc_s, next_one.leap_second, next_one.doubt) == (MIDNIGHT, False, "")


# Dates


@pytest.mark.parametrize(
    ("date", "clock", "second"),
    [
        ((2026, 1, 1), "000000", UtcSecond(1_767_225_600)),
        ((2026, 1, 1), "000001.00", UtcSecond(1_767_225_601)),
        ((2026, 1, 1), "000001.25", UtcSecond(1_767_225_601, 0.25)),
        ((2024, 2, 29), "235959.", UtcSecond(1_709_251_199)),
        ((2016, 12, 31), "235960.00", UtcSecond(MIDNIGHT, leap_second=True)),
    ],
)
def test_a_date_and_a_time_name_a_second(date: tuple[int, int, int], clock: str, second: UtcSecond) -> None:
    assert utc_second(date, clock) == second


@pytest.mark.parametrize(
    ("date", "clock"),
    [
        ((2026, 2, 29), "000000"),
        ((2026, 13, 1), "000000"),
        ((2026, 1, 0), "000000"),
        ((0, 1, 1), "000000"),
        ((2026, 1, 1), "240000"),
        ((2026, 1, 1), "006000"),
        ((2026, 1, 1), "000060"),
        ((2026, 1, 1), "00000"),
        ((2026, 1, 1), "000000,0"),
        ((2026, 1, 1), "-10000"),
        ((2026, 1, 1), chr(0x660) * 6),
        ((2026, 1, 1), ""),
    ],
)
def test_what_is_no_date_and_time_is_refused(date: tuple[int, int, int], clock: str) -> None:
    with pytest.raises(WireError):
        utc_second(date, clock)


def test_tries_come_at_twice_the_distance_up_to_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.next_try(0) // SECOND for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.reset()
    assert backoff.next_try(5 * SECOND) == 6 * SECOND
