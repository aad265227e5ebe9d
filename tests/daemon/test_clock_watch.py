"""A clock that another hand moves is seen; one that only runs badly, or is read slowly, is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.daemon.clock_watch import ClockWatch
from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND, LocalTime, MonotonicTime, TimeInterval

BEGIN = 1_800_000_000 * SECOND


def second_look(
    *,
    moved: TimeInterval = 0,
    elapsed: TimeInterval = SECOND,
    error_ppb: float = 0.0,
    set_ppb: float = 0.0,
    bracket: TimeInterval = MICROSECOND,
    stepped: TimeInterval = 0,
) -> TimeInterval:
    watch = ClockWatch()
    watch.set_frequency(set_ppb, MonotonicTime(-SECOND), 0)
    assert watch.look(LocalTime(BEGIN), MonotonicTime(0), MICROSECOND) == 0
    if stepped:
        watch.stepped(stepped)
    progress = elapsed + round(elapsed * (error_ppb + set_ppb) * 1e-9)
    return watch.look(LocalTime(BEGIN + progress + moved + stepped), MonotonicTime(elapsed), bracket)


@pytest.mark.parametrize("elapsed", [MILLISECOND, SECOND // 8, SECOND, 16 * SECOND])
@pytest.mark.parametrize("moved_s", [37, -37, 1, -1, 0.1])
def test_a_step_by_another_hand_is_seen_and_measured(moved_s: float, elapsed: TimeInterval) -> None:
    moved = round(moved_s * SECOND)
    assert second_look(moved=moved, elapsed=elapsed) == moved


@given(
    elapsed=st.integers(NANOSECOND, 100 * SECOND),
    error_ppb=st.floats(-500_000, 500_000),
    set_ppb=st.floats(-10_000_000, 10_000_000),
)
def test_a_clock_left_alone_is_never_called_moved(elapsed: int, error_ppb: float, set_ppb: float) -> None:
    assert second_look(elapsed=elapsed, error_ppb=error_ppb, set_ppb=set_ppb) == 0


def test_a_slow_reading_is_no_move() -> None:
    assert second_look(moved=10 * MILLISECOND, bracket=20 * MILLISECOND) == 0
    assert second_look(moved=30 * MILLISECOND, bracket=20 * MILLISECOND) == 30 * MILLISECOND


def test_our_own_step_is_no_move() -> None:
    assert second_look(stepped=37 * SECOND) == 0
    assert second_look(stepped=37 * SECOND, moved=-SECOND) == -SECOND


def test_nothing_is_judged_after_a_reset() -> None:
    watch = ClockWatch()
    watch.look(LocalTime(BEGIN), MonotonicTime(0), 0)
    watch.reset()
    assert watch.look(LocalTime(BEGIN + 37 * SECOND), MonotonicTime(1), 0) == 0


def test_what_the_hardware_slews_by_itself_is_no_move_whenever_it_does_it() -> None:
    watch, phase = ClockWatch(), 20 * MILLISECOND
    watch.look(LocalTime(BEGIN), MonotonicTime(0), 0)
    watch.slews(phase)
    assert watch.look(LocalTime(BEGIN + SECOND + phase // 2), MonotonicTime(SECOND), 0) == 0
    assert watch.look(LocalTime(BEGIN + 2 * SECOND + phase), MonotonicTime(2 * SECOND), 0) == 0
    moved = 10 * MILLISECOND
    assert watch.look(LocalTime(BEGIN + 3 * SECOND + phase + moved), MonotonicTime(3 * SECOND), 0) == moved


def test_a_move_against_what_the_hardware_slews_is_seen_at_once() -> None:
    watch, phase = ClockWatch(), 20 * MILLISECOND
    watch.look(LocalTime(BEGIN), MonotonicTime(0), 0)
    watch.slews(phase)
    assert watch.look(LocalTime(BEGIN + SECOND - phase), MonotonicTime(SECOND), 0) == -phase
