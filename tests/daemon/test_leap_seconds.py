"""Who is believed about leap seconds, and what a clock shows while one passes; no leap second is due in this decade."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.realtime import Leap
from ptpstack.arbiter.leap_list import NTP_TO_UNIX_S
from ptpstack.daemon.leap_seconds import (
    ASSUMED_TAI_OFFSET_S,
    LeapListDoubted,
    LeapListRead,
    LeapSecondHeard,
    LeapSeconds,
    choose_tai_offset,
)
from ptpstack.daemon.utc_keeper import UtcKeeper
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.observe.events import OffsetSample
from ptpstack.servo.interface import ServoState
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime
from tests.daemon.kernel import FakeRealtimeClock, Kernel

DAY_S = 86_400
MIDNIGHT_S = 1_798_761_600  # 2027-01-01
EXPIRES_S = MIDNIGHT_S + 180 * DAY_S
NOON_S = MIDNIGHT_S - DAY_S // 2
VALID = TimeProperties(current_utc_offset=36, current_utc_offset_valid=True)
DOUBTFUL = TimeProperties(current_utc_offset=30, current_utc_offset_valid=False)
ARBITRARY = TimeProperties(ptp_timescale=False)


def written(path: Path, *, leap_s: int = 0, expires_s: int = EXPIRES_S) -> Path:
    """A list by which TAI - UTC is 37 s, and changes by *leap_s* at MIDNIGHT_S."""
    lines = [f"#@ {expires_s + NTP_TO_UNIX_S}", f"{1_483_228_800 + NTP_TO_UNIX_S} 37"]
    if leap_s:
        lines.append(f"{MIDNIGHT_S + NTP_TO_UNIX_S} {37 + leap_s}")
    path.write_text("\n".join(lines) + "\n")
    return path


def knowing(path: Path, utc_s: int = NOON_S, **keys: int) -> LeapSeconds:
    known = LeapSeconds([written(path, **keys)])
    known.look(utc_s)
    return known


ORDER = {
    "a timescale of its own": (ARBITRARY, True, 35, 34, 0),
    "a grandmaster that says it is valid": (VALID, True, 35, 34, 36),
    "the list": (DOUBTFUL, True, 35, 34, 37),
    "a receiver": (None, False, 35, 34, 35),
    "the kernel": (None, False, None, 34, 34),
    "the list that has expired": (None, None, None, 0, 37),
    "the list that has expired, not a kernel that only counted a leap second": (None, None, None, 1, 37),
    "the calendar": (None, False, None, 0, ASSUMED_TAI_OFFSET_S),
}


@pytest.mark.parametrize(("properties", "listed", "receiver_s", "kernel_s", "expected_s"), ORDER.values(), ids=ORDER)
def test_the_order_in_which_the_number_is_believed(  # noqa: PLR0917 (the columns of the table)
    properties: TimeProperties | None,
    listed: bool | None,
    receiver_s: int | None,
    kernel_s: int,
    expected_s: int,
    tmp_path: Path,
) -> None:
    known = LeapSeconds(())
    if listed is not False:
        known = knowing(tmp_path / "list", expires_s=EXPIRES_S if listed else NOON_S - 1)
    if receiver_s is not None:
        known.receiver_says(receiver_s)
    assert choose_tai_offset(properties, kernel_s, known, NOON_S).seconds == expected_s


def test_a_list_is_told_warned_of_thirty_days_before_it_expires_and_when_it_has(tmp_path: Path) -> None:
    known = LeapSeconds([tmp_path / "none", written(tmp_path / "list")])
    told = {days: known.look(EXPIRES_S - days * DAY_S) for days in (90, 40, 31, 29, 3, 0, -5)}
    assert [type(event) for event in told[90]] == [LeapListRead]
    assert told[40] == told[31] == told[3] == told[-5] == []
    (soon,), (over,) = told[29], told[0]
    assert isinstance(soon, LeapListDoubted)
    assert "expires soon" in str(soon)
    assert "has expired" in str(over)
    assert known.as_dict(EXPIRES_S)["expired"]


def test_a_new_list_is_read_without_a_restart_and_a_damaged_one_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "list", expires_s=NOON_S - 1)
    known = LeapSeconds([path])
    assert [type(event) for event in known.look(NOON_S)] == [LeapListRead, LeapListDoubted]
    assert known.look(NOON_S + 10) == []
    written(path, leap_s=1)
    os.utime(path, (1, 1))
    assert [type(event) for event in known.look(NOON_S + 3600)] == [LeapListRead]
    assert known.change_s(NOON_S + 3600) == 1
    path.write_text("noise")
    (doubt,) = known.look(NOON_S + 7200)
    assert "cannot be used" in str(doubt)
    assert known.change_s(NOON_S + 7200) == 1


def test_the_list_goes_before_what_servers_announce(tmp_path: Path) -> None:
    known = knowing(tmp_path / "list")
    (heard,) = known.sources_say(1, NOON_S)
    assert isinstance(heard, LeapSecondHeard)
    assert "list goes before" in str(heard)
    assert known.change_s(NOON_S) == 0
    expired = knowing(tmp_path / "old", expires_s=NOON_S - 1)
    expired.sources_say(1, NOON_S)
    assert expired.change_s(NOON_S) == 1


@pytest.mark.parametrize("utc_s", [NOON_S - 1, MIDNIGHT_S - DAY_S, MIDNIGHT_S - 20 * DAY_S, MIDNIGHT_S])
def test_an_announcement_of_another_time_than_the_last_hours_of_a_month_is_none(utc_s: int) -> None:
    known = LeapSeconds(())
    assert known.sources_say(1, utc_s) == []
    assert known.change_s(utc_s) == 0


def test_who_withdraws_an_announcement_before_midnight_has_none() -> None:
    known = LeapSeconds(())
    known.sources_say(-1, NOON_S)
    known.sources_say(0, NOON_S + 60)
    assert known.change_s(NOON_S + 60) == 0
    known.sources_say(0, MIDNIGHT_S + 1)
    assert known.guess(MIDNIGHT_S + 1).seconds == 37


class Passing:
    """A day's end as the kernel lives it: at midnight it does what it was told, and counts TAI - UTC on."""

    def __init__(self, known: LeapSeconds, leap_s: int, kernel_s: int) -> None:
        self.known, self.leap_s = known, leap_s
        self.clock = FakeRealtimeClock(Kernel(tai=kernel_s), NOON_S * 10**9, 37)
        self.keeper = UtcKeeper(self.clock, known)
        self.elapsed_s = 0.0
        self.leapt = False
        self.reference = self.true_tai() - int(self.clock.time())

    def true_tai(self) -> int:
        return round((NOON_S + 37 + self.elapsed_s) * 1e9) * NANOSECOND

    def run_until(self, elapsed_s: float) -> None:
        acts_s = DAY_S // 2 + min(self.leap_s, 0)  # it repeats the last second, or leaves that out
        told = {Leap.INSERT: 1, Leap.DELETE: -1, Leap.NONE: 0}
        self.elapsed_s = elapsed_s
        if elapsed_s >= acts_s and not self.leapt:
            self.leapt = True
            flag = next(leap for leap in told if leap.value == self.clock.kernel.status & (0x10 | 0x20))
            self.change_s = told[flag]
            self.clock.kernel.members["tai"] += self.change_s
        change_s = self.change_s if self.leapt else 0
        self.clock.utc_ns = round((NOON_S + elapsed_s - change_s) * 1e9)

    change_s = 0

    def follow(self) -> None:
        utc_s = self.clock.utc_ns // 10**9
        properties = self.known.properties(utc_s, self.clock.kernel_tai_offset_s())
        self.keeper.follow(properties, tell_kernel=True)

    def error_s(self) -> float:
        """How far the clock, on its PTP timescale, is from TAI."""
        return (int(self.clock.time()) - self.true_tai()) / SECOND


LOCKED = OffsetSample(
    clock="CLOCK_REALTIME",
    port_number=0,
    offset_ns=0.0,
    mean_delay_ns=0.0,
    frequency_ppb=0.0,
    state=ServoState.LOCKED,
    log_sync_interval=0,
    steering=True,
)


@given(
    leap_s=st.sampled_from([-1, 0, 1]),
    by_list=st.booleans(),
    kernel_s=st.sampled_from([0, 37]),
    looks=st.lists(st.floats(0.1, 3000.0), min_size=20, max_size=60),
    near=st.lists(st.floats(-4.0, 4.0), min_size=5, max_size=20),
)
def test_over_a_leap_second_utc_is_right_and_ptp_time_goes_on(  # noqa: PLR0917 (pytest and hypothesis fill them)
    leap_s: int,
    by_list: bool,
    kernel_s: int,
    looks: list[float],
    near: list[float],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("leap")
    known = knowing(folder / "list", leap_s=leap_s) if by_list else LeapSeconds(())
    passing = Passing(known, leap_s, kernel_s)
    passing.keeper.follow(known.properties(NOON_S, kernel_s), tell_kernel=True)
    passing.keeper.say_synchronized(LOCKED, MonotonicTime(0))
    ends_s = DAY_S // 2 + leap_s
    instants = {10.0, 20.0, ends_s + 30.0, ends_s + 7 * 3600.0, *(ends_s + offset for offset in near)}
    at = 20.0
    for gap in looks:
        at += gap
        instants.add(at)
    for instant in sorted(instants):
        passing.run_until(instant)
        utc_s = passing.clock.utc_ns // 10**9
        if not by_list:
            announced = leap_s if instant < ends_s + 60 else 0  # servers withdraw it a little late
            known.sources_say(announced, utc_s)
        passing.follow()
        if abs(instant - ends_s) > 3:
            assert passing.error_s() == pytest.approx(0, abs=1e-6)
    assert passing.change_s == leap_s
    utc_s = passing.clock.utc_ns // 10**9
    assert choose_tai_offset(None, passing.clock.kernel_tai_offset_s(), known, utc_s).seconds == 37 + leap_s
