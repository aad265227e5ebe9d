"""The machine slept, stood still, or somebody set its clock: told once, and acted upon."""

from __future__ import annotations

import pytest

from hw.clock_set_watch import ClockSetWatch
from ptpstack.daemon.host_watch import HostSlept, HostWatch, asleep_now
from ptpstack.time import MILLISECOND, SECOND, MonotonicTime, TimeInterval
from tests.daemon.fakes import Workshop


class Watched(Workshop):
    def __init__(self) -> None:
        super().__init__()
        self.asleep: TimeInterval = 0
        self.now = MonotonicTime(0)
        self.woken = 0
        self.watch = HostWatch(
            woke=self._wake,
            clock_was_set=lambda: None,
            loop=self.loop,
            recorder=self.recorder,
            asleep=lambda: self.asleep,
            now=lambda: self.now,
        )

    def _wake(self) -> None:
        self.woken += 1

    def after(self, seconds: float, slept: float = 0.0) -> int:
        self.now += round(seconds * SECOND)
        self.asleep += round(slept * SECOND)
        self.watch.look()
        return self.woken


def test_nothing_is_told_while_it_runs() -> None:
    watched = Watched()
    assert [watched.after(1.0, slept=0.001) for _ in range(5)] == [0] * 5
    assert watched.after(4.0) == 0


@pytest.mark.parametrize(
    ("seconds", "slept", "told_s", "sign"),
    [(1.0, 3600.0, 3600.0, "CLOCK_BOOTTIME"), (90.0, 0.0, 90.0, "nothing ran"), (90.0, 30.0, 30.0, "CLOCK_BOOTTIME")],
    ids=["suspended", "stopped", "both"],
)
def test_a_sleep_is_told_once_and_everything_measured_anew(
    seconds: float, slept: float, told_s: float, sign: str
) -> None:
    watched = Watched()
    assert watched.after(seconds, slept) == 1
    assert watched.after(1.0) == 1
    (event,) = watched.events(HostSlept)
    assert event.seconds == told_s
    assert sign in event.sign


def test_the_kernel_knows_how_long_it_slept() -> None:
    before = asleep_now()
    assert before >= -MILLISECOND
    assert abs(asleep_now() - before) < 50 * MILLISECOND


def test_a_clock_that_nobody_sets_is_quiet() -> None:
    watch = ClockSetWatch()
    assert not watch.was_set()
    watch.close()
    watch.close()
