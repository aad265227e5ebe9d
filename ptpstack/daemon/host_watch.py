"""What happens to the whole machine: it slept, or another program set the system clock.

After a sleep nothing that was measured says where the clocks are: they are acquired anew. A virtual machine that was
paused knows nothing of it by its own clocks; its sources tell (``ntp.ensemble``). A process that was only not scheduled
has lost nothing: its clocks ran on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from hw.clock_set_watch import ClockSetWatch
from ptpstack.daemon.events import Unavailable
from ptpstack.daemon.loop import Loop
from ptpstack.errors import HardwareError
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import MILLISECOND, NANOSECOND, TimeInterval, interval_to_seconds

LEAST_SLEEP: TimeInterval = 100 * MILLISECOND


class HostSlept(Event, frozen=True, kw_only=True):
    """The machine was suspended, and goes on: clocks are acquired anew."""

    severity: ClassVar[Severity] = Severity.WARNING

    seconds: float

    def __str__(self) -> str:
        return f"this machine slept for {self.seconds:.1f} s: clocks and sources are measured anew"


def asleep_now() -> TimeInterval:
    """Return for how long this machine has slept since it was booted: CLOCK_BOOTTIME - CLOCK_MONOTONIC."""
    asleep_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return asleep_ns * NANOSECOND


class HostWatch:
    """Calls *woke* after a sleep, and *clock_was_set* when CLOCK_REALTIME was set, by whomever."""

    def __init__(
        self,
        *,
        woke: Callable[[], None],
        clock_was_set: Callable[[], None],
        loop: Loop,
        recorder: Recorder,
        asleep: Callable[[], TimeInterval] = asleep_now,
    ) -> None:
        self._woke = woke
        self._clock_was_set = clock_was_set
        self._loop = loop
        self._recorder = recorder
        self._asleep_now = asleep
        self._asleep = asleep()
        self._set_watch: ClockSetWatch | None = None

    def start(self) -> None:
        """Listen from now on."""
        try:
            self._set_watch = ClockSetWatch()
        except HardwareError as error:
            self._recorder.record(Unavailable(what="word of a clock that is set", why=str(error)))
            return
        self._loop.watch(self._set_watch.fileno(), self._on_set)

    def stop(self) -> None:
        """Listen no more."""
        if self._set_watch is not None:
            self._loop.unwatch(self._set_watch.fileno())
            self._set_watch.close()
            self._set_watch = None

    def look(self) -> None:
        """See whether the machine slept; call it every second, and it is called when CLOCK_REALTIME was set."""
        asleep = self._asleep_now()
        slept, self._asleep = asleep - self._asleep, asleep
        if slept >= LEAST_SLEEP:
            self._recorder.record(HostSlept(seconds=round(interval_to_seconds(slept), 3)))
            self._woke()

    def _on_set(self) -> None:
        """The kernel sets the clock also when the machine wakes up."""
        assert self._set_watch is not None
        if self._set_watch.was_set():
            self.look()
            self._clock_was_set()
