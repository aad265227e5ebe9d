"""UTC for the kernel: TAI - UTC by who knows it best, leap seconds on their day, and the word that its time is kept."""

import pytest

from hw.realtime import Leap
from hw.timex import Status
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.daemon.utc_keeper import (
    KEPT_IN_HOLDOVER,
    LeapSecondPlanned,
    SystemTimeKept,
    TaiOffsetAssumed,
    TimescaleFollowed,
    UtcKeeper,
    UtcPlan,
    plan,
)
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.observe.events import OffsetSample
from ptpstack.servo.interface import ServoState
from ptpstack.time import SECOND, MonotonicTime, UtcTime
from tests.daemon.kernel import FakeRealtimeClock, Kernel

DAY_S = 86_400
MIDNIGHT_S = 20_819 * DAY_S
NOON_NS = (MIDNIGHT_S + DAY_S // 2) * 10**9
VALID = TimeProperties(current_utc_offset=37, current_utc_offset_valid=True)
DOUBTFUL = TimeProperties(current_utc_offset=35, current_utc_offset_valid=False)
ARBITRARY = TimeProperties(current_utc_offset=37, current_utc_offset_valid=True, ptp_timescale=False)
LEAP61 = TimeProperties(current_utc_offset=37, current_utc_offset_valid=True, leap61=True)
LEAP59 = TimeProperties(current_utc_offset=37, current_utc_offset_valid=True, leap59=True)
AFTER_LEAP = TimeProperties(current_utc_offset=38, current_utc_offset_valid=True)


def started(kernel: Kernel, tai_offset_s: int = 37, utc_ns: int = NOON_NS) -> tuple[FakeRealtimeClock, UtcKeeper]:
    clock = FakeRealtimeClock(kernel, utc_ns, tai_offset_s)
    return clock, UtcKeeper(clock)


def kinds(events: list[object]) -> list[type]:
    return [type(event) for event in events]


@pytest.mark.parametrize(
    ("properties", "kernel_s", "expected_s", "told"),
    [
        (VALID, 36, 37, [TimescaleFollowed]),
        (DOUBTFUL, 36, 36, [TimescaleFollowed]),
        (DOUBTFUL, 0, 37, [TaiOffsetAssumed, TimescaleFollowed]),
        (None, 36, 36, [TimescaleFollowed]),
        (None, 0, 37, [TaiOffsetAssumed, TimescaleFollowed]),
        (ARBITRARY, 36, 0, [TimescaleFollowed]),
    ],
    ids=["announced", "kernel before doubt", "assumed before doubt", "kernel", "assumed", "arbitrary timescale"],
)
def test_the_clock_is_read_on_the_timescale_of_who_knows_it_best(
    properties: TimeProperties | None, kernel_s: int, expected_s: int, told: list[type]
) -> None:
    clock, keeper = started(Kernel(tai=kernel_s), tai_offset_s=10)
    moved, events = keeper.follow(properties)
    assert (clock.tai_offset_s, moved) == (expected_s, (expected_s - 10) * SECOND)
    assert kinds(events) == told
    assert clock.kernel_tai_offset_s() == kernel_s
    assert keeper.follow(properties) == (0, [])


@pytest.mark.parametrize(("properties", "kernel_s"), [(VALID, 37), (DOUBTFUL, 0), (ARBITRARY, 0), (None, 0)])
def test_the_kernel_learns_only_what_is_announced_as_valid(properties: TimeProperties | None, kernel_s: int) -> None:
    clock, keeper = started(Kernel())
    keeper.follow(properties, tell_kernel=True)
    assert clock.kernel_tai_offset_s() == kernel_s


PLANS = {
    "a leap second counts from 06:00": (6.0, LEAP61, UtcPlan(37), UtcPlan(37, Leap.INSERT)),
    "and until midnight": (23.99, LEAP59, UtcPlan(37, Leap.DELETE), UtcPlan(37, Leap.DELETE)),
    "early in the day it is the one that has been": (0.0, LEAP61, UtcPlan(37, Leap.INSERT), UtcPlan(38)),
    "so is one left out": (5.99, LEAP59, UtcPlan(37), UtcPlan(36)),
    "the number after it, after it": (0.01, AFTER_LEAP, UtcPlan(37, Leap.INSERT), UtcPlan(38)),
    "the number after it, too early": (23.99, AFTER_LEAP, UtcPlan(37, Leap.INSERT), UtcPlan(37, Leap.INSERT)),
    "withdrawn": (12.0, VALID, UtcPlan(37, Leap.INSERT), UtcPlan(37)),
    "nothing": (12.0, VALID, UtcPlan(37), UtcPlan(37)),
}


@pytest.mark.parametrize(("hour", "properties", "before", "after"), PLANS.values(), ids=PLANS.keys())
def test_a_leap_second_on_its_day(hour: float, properties: TimeProperties, before: UtcPlan, after: UtcPlan) -> None:
    utc = UtcTime((MIDNIGHT_S + round(hour * 3600)) * SECOND)
    assert plan(utc, properties, before) == after


def test_over_a_leap_second_ptp_time_goes_on_and_the_kernel_is_left_alone_in_the_ambiguous_seconds() -> None:
    kernel = Kernel(tai=37)
    clock, keeper = started(kernel)
    keeper.say_synchronized(sample(), at(0))
    assert kinds(keeper.follow(LEAP61, tell_kernel=True)[1]) == [LeapSecondPlanned]
    assert Status.INS in kernel.status

    clock.utc_ns = (MIDNIGHT_S + DAY_S) * 10**9 - 500_000_000
    kernel.members["tai"] = 38  # so does the kernel, as it repeats the second
    assert keeper.is_ambiguous()
    assert keeper.follow(LEAP61, tell_kernel=True) == (0, [])
    assert clock.kernel_tai_offset_s() == 38

    clock.utc_ns += 3 * 10**9
    assert not keeper.is_ambiguous()
    moved, events = keeper.follow(LEAP61, tell_kernel=True)
    assert moved == 0
    assert kinds(events) == [LeapSecondPlanned, TimescaleFollowed]
    assert (clock.tai_offset_s, clock.kernel_tai_offset_s()) == (38, 38)
    assert not kernel.status & (Status.INS | Status.DEL)
    assert keeper.follow(AFTER_LEAP, tell_kernel=True) == (0, [])


def test_a_step_makes_the_kernel_forget_a_leap_second_so_it_is_told_again_when_the_flag_was_down() -> None:
    kernel = Kernel(tai=37)
    clock, keeper = started(kernel)
    assert keeper.follow(LEAP61, tell_kernel=True) == (0, [])  # not before the clock is kept
    keeper.say_synchronized(sample(), at(0))
    keeper.follow(LEAP61, tell_kernel=True)
    assert Status.INS in kernel.status
    keeper.stepped()
    assert Status.INS not in kernel.status
    keeper.say_synchronized(sample(), at(1))
    clock.advance(1_900_000_000)
    assert keeper.follow(LEAP61, tell_kernel=True) == (0, [])
    clock.advance(200_000_000)
    assert kinds(keeper.follow(LEAP61, tell_kernel=True)[1]) == [LeapSecondPlanned]
    assert Status.INS in kernel.status


def test_before_the_clock_was_kept_its_time_of_day_says_nothing_about_leap_seconds() -> None:
    clock, keeper = started(Kernel(tai=37), utc_ns=MIDNIGHT_S * 10**9)
    assert keeper.follow(LEAP61, tell_kernel=True) == (0, [])
    assert clock.tai_offset_s == keeper.tai_offset_s == 37


def test_a_leap_second_that_the_kernel_was_not_told_of_moves_ptp_time() -> None:
    clock, keeper = started(Kernel(tai=37))
    keeper.follow(LEAP61, tell_kernel=True)
    clock.utc_ns = (MIDNIGHT_S + DAY_S + 5) * 10**9
    moved, events = keeper.follow(AFTER_LEAP, tell_kernel=True)
    assert (moved, kinds(events)) == (SECOND, [TimescaleFollowed])


def sample(offset_ns: float = 1500.0, uncertainty_ns: float = 2000.0) -> OffsetSample:
    return OffsetSample(
        clock="CLOCK_REALTIME",
        port_number=0,
        offset_ns=offset_ns,
        mean_delay_ns=uncertainty_ns,
        frequency_ppb=0.0,
        state=ServoState.LOCKED,
        log_sync_interval=0,
    )


def at(seconds: int) -> MonotonicTime:
    return MonotonicTime(seconds * SECOND)


def test_the_kernel_hears_that_its_clock_is_kept_and_how_well() -> None:
    kernel = Kernel()
    _, keeper = started(kernel)
    assert kinds(keeper.say_synchronized(sample(), at(0))) == [SystemTimeKept]
    assert keeper.say_synchronized(sample(), at(60)) == []
    assert Status.UNSYNC not in kernel.status
    assert (kernel.members["maxerror"], kernel.members["esterror"]) == (5, 3)


@pytest.mark.parametrize(
    ("state", "after_s", "kept"),
    [
        (ClockState.LOCKED, 10_000, True),
        (ClockState.HOLDOVER_IN_SPEC, KEPT_IN_HOLDOVER // SECOND - 1, True),
        (ClockState.HOLDOVER_IN_SPEC, KEPT_IN_HOLDOVER // SECOND, False),
        (ClockState.ACQUIRING, 1, True),
        (ClockState.FREE_RUNNING, 1, False),
    ],
)
def test_a_clock_counts_as_kept_for_a_while_in_holdover(state: ClockState, after_s: int, kept: bool) -> None:
    kernel = Kernel()
    _, keeper = started(kernel)
    keeper.say_synchronized(sample(), at(0))
    keeper.watch(ClockState.LOCKED, at(0))
    events = keeper.watch(state, at(after_s))
    assert kinds(events) == ([] if kept else [SystemTimeKept])
    assert (Status.UNSYNC not in kernel.status) is kept


def test_at_the_end_the_kernel_is_told_that_nobody_keeps_its_clock_and_no_leap_second_stays() -> None:
    kernel = Kernel()
    _, keeper = started(kernel)
    keeper.say_synchronized(sample(), at(0))
    keeper.follow(LEAP61, tell_kernel=True)
    assert kinds(keeper.give_up("the daemon ends")) == [LeapSecondPlanned, SystemTimeKept]
    assert kernel.status == Status.UNSYNC
    assert kernel.members["tai"] == 37
    assert keeper.give_up("the daemon ends") == []


def test_who_never_kept_it_says_nothing_at_the_end() -> None:
    kernel = Kernel()
    kernel.members["status"] = 0
    _, keeper = started(kernel)
    keeper.follow(VALID)
    assert keeper.give_up("the daemon ends") == []
    assert keeper.watch(ClockState.FREE_RUNNING, at(1)) == []
    assert kernel.status == Status(0)
