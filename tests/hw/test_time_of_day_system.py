"""The system clock as time of day. The kernel here is a stand-in."""

from __future__ import annotations

import time

import pytest

from hw.time_of_day import PulseSecond, TimeOfDay
from hw.time_of_day_system import SystemTimeOfDay
from hw.timex import Status, Timex
from ptpstack.time import MILLISECOND, SECOND

NOW = 1_767_225_600 * SECOND  # the pulse is at 100 s of the monotonic clock, the question comes 3 ms later


def time_of_day(error_ms: int = 0, *, status: int = 0, state: int = 0, refusal: int = 0) -> SystemTimeOfDay:
    def adjtime(_clock: int, timex: Timex) -> int:
        if refusal:
            raise OSError(refusal, "Operation not permitted")
        timex.status = status
        return state

    return SystemTimeOfDay(
        adjtime=adjtime, clocks=lambda: (NOW + (error_ms + 3) * MILLISECOND, 100 * SECOND + 3 * MILLISECOND)
    )


@pytest.mark.parametrize("error_ms", [0, 399, -399])
def test_a_pulse_is_the_nearest_second_of_the_clock(error_ms: int) -> None:
    assert time_of_day(error_ms).second_of(100 * SECOND) == PulseSecond(NOW // SECOND)


@pytest.mark.parametrize("error_ms", [410, -410])
def test_half_way_between_two_seconds_it_may_mean_either(error_ms: int) -> None:
    assert "it may mean either" in time_of_day(error_ms).second_of(100 * SECOND).doubt


def test_a_clock_that_nobody_keeps_is_doubted() -> None:
    assert "STA_UNSYNC" in time_of_day(status=int(Status.UNSYNC)).second_of(100 * SECOND).doubt


def test_a_kernel_that_says_nothing_is_doubted() -> None:
    assert "not permitted" in time_of_day(refusal=1).second_of(100 * SECOND).doubt


def test_a_leap_second_which_the_kernel_shows_as_the_second_before_is_told_apart() -> None:
    second = time_of_day(-1000, state=3).second_of(100 * SECOND)
    assert (second.utc_s, second.leap_second) == (NOW // SECOND, True)


def test_it_asks_the_real_clock_and_waits_for_nothing() -> None:
    source: TimeOfDay = SystemTimeOfDay()
    now = time.monotonic_ns() * (SECOND // 10**9)
    source.receive(now)
    assert abs((source.second_of(now).utc_s or 0) - time.time()) < 5
    assert (source.fileno(), source.wake_at) == (-1, None)
    source.close()
