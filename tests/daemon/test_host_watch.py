"""The machine slept, or somebody set its clock: told once, and acted upon."""

from __future__ import annotations

import pytest

from hw.clock_set_watch import ClockSetWatch
from ptpstack.daemon.host_watch import HostSlept, HostWatch, asleep_now
from ptpstack.time import MILLISECOND, SECOND, TimeInterval
from tests.daemon.fakes import Workshop


class Watched(Workshop):
    def __init__(self) -> None:
        super().__init__()
        self.asleep: TimeInterval = 0
        self.woken = 0
        self.set = 0
        self.watch = HostWatch(
            woke=self._wake,
            clock_was_set=self._set,
            loop=self.loop,
            recorder=self.recorder,
            asleep=lambda: self.asleep,
        )

    def _wake(self) -> None:
        self.woken += 1

    def _set(self) -> None:
        self.set += 1
        assert self.woken  # it is known before anybody asks who set the clock

    def after_sleep(self, seconds: float) -> int:
        self.asleep += round(seconds * SECOND)
        self.watch.look()
        return self.woken


def test_nothing_is_told_while_it_runs() -> None:
    watched = Watched()
    assert [watched.after_sleep(0.001) for _ in range(5)] == [0] * 5


def test_a_sleep_is_told_once_and_everything_measured_anew() -> None:
    watched = Watched()
    assert watched.after_sleep(3600) == 1
    assert watched.after_sleep(0) == 1
    (event,) = watched.events(HostSlept)
    assert event.seconds == 3600
    assert "slept for 3600.0 s" in str(event)


def test_the_kernel_sets_the_clock_at_the_wake_and_nobody_else_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    monkeypatch.setattr(ClockSetWatch, "was_set", lambda _watch: True)
    watched.watch.start()
    watched.asleep += SECOND
    watched.watch._on_set()
    watched.watch.stop()
    assert (watched.woken, watched.set) == (1, 1)


def test_the_kernel_knows_how_long_it_slept() -> None:
    before = asleep_now()
    assert before >= -MILLISECOND
    assert abs(asleep_now() - before) < 50 * MILLISECOND


def test_a_clock_that_nobody_sets_is_quiet() -> None:
    watch = ClockSetWatch()
    assert not watch.was_set()
    watch.close()
    watch.close()
