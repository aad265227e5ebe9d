"""The CLOCK_MONOTONIC of a host and what it wakes: an error of its own, unlike the true time of the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ptpstack.sim.scheduler import Scheduler
from ptpstack.time import MonotonicTime, TimeInterval

MONOTONIC_RATE_ONE = 1 << 64


class HostAlarms:
    """Calls *wake* with whoever is due, by a clock that is wrong by *error_ppb*."""

    def __init__(
        self, scheduler: Scheduler, random: Random, wake: Callable[[int | None], None], error_ppb: float
    ) -> None:
        self._scheduler = scheduler
        self._wake_up = wake
        self._woken_at: dict[int | None, TimeInterval] = {}
        self._armed_for: dict[int | None, MonotonicTime] = {}
        self._start = random.randrange(1 << 70)
        self._rate = MONOTONIC_RATE_ONE + round(error_ppb * 1e-9 * MONOTONIC_RATE_ONE)

    def now(self) -> MonotonicTime:
        """Return the host's CLOCK_MONOTONIC."""
        return MonotonicTime(self._start + (self._scheduler.now * self._rate >> 64))

    def set(self, who: int | None, deadline: MonotonicTime) -> None:
        """Wake *who* at *deadline*, or when it was to be woken already if that is earlier, which is harmless."""
        armed_for = self._armed_for.get(who)
        if armed_for is None or deadline < armed_for:
            self._armed_for[who] = deadline
            due = ((int(deadline) - self._start) << 64) // self._rate + 1
            self._woken_at[who] = due
            self._scheduler.at(due, self._wake, who, due)

    def _wake(self, who: int | None, due: TimeInterval) -> None:
        if self._woken_at.get(who) != due:
            return  # an earlier alarm took its place
        del self._woken_at[who]
        del self._armed_for[who]
        self._wake_up(who)
