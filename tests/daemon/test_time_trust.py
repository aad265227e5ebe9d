"""The first second: what time it is at least, certificates judged by that, and when the time is trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hw.realtime import RealtimeClock
from hw.timex import Timex
from ptpstack.daemon import build, ntp_build
from ptpstack.daemon.time_trust import DECADE_S, SystemClockSet, TimeTrust, TimeTrusted, TimeTrustLost, TimeUntrusted
from ptpstack.errors import HardwareError

INSTALLED_S = 1_700_000_000  # any checkout is younger
NOW_S = 4_000_000_000.0  # and this is older than none


class Machine:
    """A clock that reads *now_s*, a set of files, and a battery or none."""

    def __init__(self, folder: Path, now_s: float = NOW_S, *, rtc: bool = True, kept: bool = False) -> None:
        self.folder, self.now_s, self.monotonic_s, self.kept = folder, now_s, 100.0, kept
        self.files: list[Path] = []
        self.rtc = folder / "rtc"
        if rtc:
            (self.rtc / "rtc0").mkdir(parents=True)
        self.steps: list[float] = []

    def file(self, name: str, utc_s: float) -> None:
        path = self.folder / name
        path.write_text("")
        os.utime(path, (utc_s, utc_s))
        self.files.append(path)

    def step(self, seconds: float) -> None:
        self.steps.append(seconds)
        self.now_s += seconds

    def run(self, seconds: float) -> None:
        self.now_s += seconds
        self.monotonic_s += seconds

    def started(self) -> TimeTrust:
        return TimeTrust(
            str(self.folder / "state"),
            now_s=lambda: self.now_s,
            monotonic_s=lambda: self.monotonic_s,
            kernel_says_kept=lambda: self.kept,
            files=self.files,
            rtc=self.rtc,
        )


def test_a_clock_with_a_battery_that_reads_no_past_is_believed(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    trust = machine.started()
    assert trust.start(machine.step) == []
    assert machine.steps == []
    assert trust.window_s() is None


def test_the_floor_is_the_newest_of_what_is_known(tmp_path: Path) -> None:
    machine = Machine(tmp_path, now_s=0.0)
    assert machine.started().floor.why == "this program was installed then"
    machine.file("old", INSTALLED_S - 10_000_000)
    assert machine.started().floor.why == "this program was installed then"
    machine.file("os-release", NOW_S)
    assert machine.started().floor == (NOW_S, f"{tmp_path / 'os-release'} was written then")
    state = tmp_path / "state"
    state.mkdir()
    (state / "time").write_text("")
    os.utime(state / "time", (NOW_S + 5, NOW_S + 5))
    assert machine.started().floor == (NOW_S + 5, "this program knew the time then")


def test_a_clock_in_the_past_is_put_on_the_floor_and_both_are_told(tmp_path: Path) -> None:
    machine = Machine(tmp_path, now_s=10.0, rtc=False)
    machine.file("os-release", NOW_S)
    trust = machine.started()
    put, untrusted = trust.start(machine.step)
    assert isinstance(put, SystemClockSet)
    assert put.from_utc == "1970-01-01T00:00:10Z"
    assert machine.now_s == NOW_S
    assert isinstance(untrusted, TimeUntrusted)
    assert "1970-01-01T00:00:10Z, which has been" in str(untrusted)


def test_a_clock_that_only_the_floor_has_set_says_whose_time_it_shows_and_how_old_that_is(tmp_path: Path) -> None:
    machine = Machine(tmp_path, now_s=10.0, rtc=False)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "time").write_text("")
    os.utime(tmp_path / "state" / "time", (NOW_S, NOW_S))
    trust = machine.started()
    assert trust.what_it_reads() == ""
    trust.start(machine.step)
    machine.run(12.0)
    told = "its time is 2096-10-02T07:06:40Z (this program knew the time then), counted on for 12 s by itself"
    assert trust.what_it_reads() == trust.as_dict()["reads"] == told
    machine.kept = True
    assert trust.what_it_reads() == ""  # another program has set it
    machine.kept = False
    trust.clock_became(locked=True, lost=False, by="main", why="the servo is LOCKED")
    trust.clock_became(locked=False, lost=True, by="main", why="another hand moved it")
    assert trust.as_dict()["reads"] is None


def test_a_clock_that_is_not_ours_stays_where_it_is(tmp_path: Path) -> None:
    machine = Machine(tmp_path, now_s=10.0)
    machine.file("os-release", NOW_S)
    trust = machine.started()
    (untrusted,) = trust.start(None)
    assert isinstance(untrusted, TimeUntrusted)
    assert machine.now_s == 10.0
    assert trust.window_s() == (NOW_S, NOW_S + DECADE_S)


@pytest.mark.parametrize(("rtc", "kept", "is_open"), [(True, False, False), (False, True, False), (False, False, True)])
def test_without_a_battery_a_clock_is_believed_only_when_a_program_keeps_it(
    rtc: bool, kept: bool, is_open: bool, tmp_path: Path
) -> None:
    machine = Machine(tmp_path, rtc=rtc, kept=kept)
    trust = machine.started()
    assert trust.is_open() is is_open
    machine.kept = True
    assert not trust.is_open()


def test_the_window_moves_on_and_closes_when_the_clock_is_locked(tmp_path: Path) -> None:
    machine = Machine(tmp_path, now_s=10.0, rtc=False)
    machine.file("os-release", NOW_S)
    trust = machine.started()
    trust.start(machine.step)
    machine.run(60)
    assert trust.window_s() == (NOW_S + 60, NOW_S + DECADE_S)
    machine.now_s += 3 * 86_400  # the step that a source asks for
    (trusted,) = trust.clock_became(locked=True, lost=False, by="ntp", why="the servo is LOCKED")
    assert isinstance(trusted, TimeTrusted)
    assert trusted.log_was_behind_s == pytest.approx(3 * 86_400 + NOW_S - 10)
    assert "early" in str(trusted)
    assert trust.window_s() is None
    assert trust.clock_became(locked=True, lost=False, by="ntp", why="the servo is LOCKED") == []
    since = trust.as_dict()["trusted_since"]
    assert since is not None
    machine.run(5)
    assert trust.as_dict()["trusted_since"] == since


def test_what_nobody_knows_any_more_is_not_trusted_and_may_be_again(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    trust = machine.started()
    assert "nothing has measured" in trust.as_dict()["why_not"]
    trust.clock_became(locked=True, lost=False, by="main", why="the servo is LOCKED")
    assert trust.clock_became(locked=False, lost=False, by="", why="measurements stopped") == []  # holdover
    since = trust.as_dict()["trusted_since"]
    assert since
    (lost,) = trust.clock_became(locked=False, lost=True, by="", why="another hand moved it")
    assert lost == TimeTrustLost(why="another hand moved it", trusted_since=since, trusted_by="main")
    machine.kept = True  # by us, until then
    assert trust.as_dict() | {"trusted_since": None, "why_not": "another hand moved it"} == trust.as_dict()
    assert trust.clock_became(locked=False, lost=True, by="", why="measurements stopped before it was locked") == []
    assert trust.as_dict()["why_not"] == "another hand moved it"
    machine.run(10)
    (again,) = trust.clock_became(locked=True, lost=False, by="ntp", why="the servo is LOCKED")
    assert "times in the log" not in str(again)


def test_that_the_time_is_trusted_is_told_also_where_it_cannot_be_kept(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (tmp_path / "state").write_text("no folder")
    trust = machine.started()
    (trusted,) = trust.clock_became(locked=True, lost=False, by="ntp", why="the servo is LOCKED")
    assert isinstance(trusted, TimeTrusted)
    with pytest.raises(OSError, match="state"):
        trust.save()


def test_a_restart_begins_where_the_time_was_last_known(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    trust = machine.started()
    trust.save()
    assert not (tmp_path / "state").exists()  # what is not trusted is not kept
    trust.clock_became(locked=True, lost=False, by="ntp", why="the servo is LOCKED")
    machine.run(3600)
    trust.save()
    machine.now_s = 20.0
    again = machine.started()
    assert again.floor == (NOW_S + 3600, "this program knew the time then")
    again.start(machine.step)
    assert machine.now_s == NOW_S + 3600


def test_where_a_container_forbids_to_ask_the_kernel_nobody_keeps_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_clock_id: int, _timex: Timex) -> int:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(RealtimeClock.__init__, "__kwdefaults__", {"tai_offset_s": None, "adjtime": refused})
    with pytest.raises(HardwareError):
        RealtimeClock(tai_offset_s=0).is_synchronized()
    assert build._kernel_says_kept() is False
    assert ntp_build._kernel_tai_offset_s() == 0
