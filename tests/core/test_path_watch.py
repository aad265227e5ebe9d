"""Syncs that jump: a longer path, a clock that was stepped, a queue that held up one of them."""

import pytest

from ptpstack.core.path_watch import PathWatch
from ptpstack.core.sync_receiver import SyncPoint
from ptpstack.time import MICROSECOND, NANOSECOND, SECOND, LocalTime, PtpTime, TimeInterval

INTERVAL = SECOND // 8
DELAY = 5 * MICROSECOND
JUMP = 40 * MICROSECOND


def point(number: int, took: TimeInterval) -> SyncPoint:
    return SyncPoint(PtpTime(number * INTERVAL), LocalTime(number * INTERVAL + took))


def noise(number: int) -> TimeInterval:
    return (number * 7919 % 41 - 20) * NANOSECOND


def watch_of(tooks: list[TimeInterval], calm: int = 60) -> tuple[PathWatch, list[bool]]:
    """Feed calm Syncs, then those that took so much longer; return which of the latter begin a jump."""
    watch = PathWatch()
    assert not any(watch.add(point(number, DELAY + noise(number))) for number in range(calm))
    return watch, [watch.add(point(calm + n, DELAY + took + noise(n))) for n, took in enumerate(tooks)]


@pytest.mark.parametrize("jump", [JUMP, -JUMP, 400 * NANOSECOND])
def test_the_first_of_those_that_come_later_or_earlier_begins_a_jump(jump: TimeInterval) -> None:
    watch, begins = watch_of([jump, jump, jump])
    assert begins == [True, False, False]
    assert watch.jump == pytest.approx(jump, abs=50 * NANOSECOND)


@pytest.mark.parametrize(
    ("grown", "is_path"),
    [(1.0, True), (0.9, True), (1.2, True), (0.5, False), (0.0, False), (-0.5, False), (1.5, False)],
    ids=["both ways", "nearly", "nearly too", "one way", "a clock", "the other way", "something else"],
)
def test_the_delay_that_grew_with_the_jump_says_whose_it_is(grown: float, is_path: bool) -> None:
    for sign in (1, -1):
        watch, _ = watch_of([sign * JUMP] * 2)
        assert watch.path_changed(round(sign * grown * JUMP), LocalTime(61 * INTERVAL)) is is_path
        assert watch.jump == 0


def test_a_delay_measured_before_the_jump_says_nothing_of_it() -> None:
    watch, _ = watch_of([JUMP] * 2)
    assert not watch.path_changed(JUMP, LocalTime(59 * INTERVAL))
    assert watch.jump


def test_one_sync_that_a_queue_held_up_is_no_jump_and_no_base_for_a_delay() -> None:
    watch, begins = watch_of([JUMP, 0, 0])
    assert begins == [True, False, False]
    assert watch.jump == 0
    points = [point(60 + n, DELAY + took + noise(n)) for n, took in enumerate([JUMP, 0, 0])]
    assert watch.is_between_no_two(point(59, DELAY), points[0])
    assert watch.is_between_no_two(points[0], points[1])
    assert not watch.is_between_no_two(points[1], points[2])


def test_after_a_jump_that_stays_delays_are_measured_again_at_once() -> None:
    watch, _ = watch_of([JUMP, JUMP])
    first, second = (point(60 + n, DELAY + JUMP + noise(n)) for n in (0, 1))
    assert watch.is_between_no_two(point(59, DELAY), first)
    assert not watch.is_between_no_two(first, second)


def test_a_clock_that_is_steered_away_does_not_jump_with_each_sync() -> None:
    _, begins = watch_of([JUMP, JUMP, JUMP // 2, JUMP // 4, JUMP // 8, 0, 0])
    assert begins == [True] + [False] * 6


def test_another_parent_or_a_step_begins_anew() -> None:
    watch, _ = watch_of([])
    watch.forget()
    assert not any(watch.add(point(number, number % 2 * JUMP)) for number in range(20))
