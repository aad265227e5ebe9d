"""What a relay serves whose grandmaster is silent from the start: its own clock's time (AVnu Automotive 6.3).

Those behind it have one common time then, though not the grandmaster's. The first Sync ends that for good.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from ptpstack.events import Event
from ptpstack.gptp.events import DefaultTimeServed
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.variables import InstanceVariables
from ptpstack.time import MonotonicTime, interval_to_seconds


class State(Enum):
    """The states."""

    OFF = auto()
    WAITING = auto()
    SERVING = auto()


class DefaultTime(Machine):
    """Keeps serves_default_time of an instance, and gives what it decides to *tell*."""

    def __init__(self, instance: InstanceVariables, tell: Callable[[Event], None]) -> None:
        super().__init__(State.OFF)
        self._instance = instance
        self._tell = tell
        self._begins = False
        self._has_sync = False

    def begin(self, now: MonotonicTime) -> None:
        """Take that the instance begins."""
        self._begins = self._instance.settings.default_time_after is not None
        self.run(now)

    def sync_came(self, now: MonotonicTime) -> None:
        """Take that there is a grandmaster's time."""
        if self.state is not State.OFF:
            self._has_sync = True
            self.run(now)

    def _has_begun(self) -> bool:
        return self._begins

    def _is_late(self) -> bool:
        return self.expired

    def _is_over(self) -> bool:
        return self._has_sync or (self.expired and self._instance.is_grandmaster)

    @property
    def _after_s(self) -> float:
        return interval_to_seconds(self._instance.settings.default_time_after or 0)

    def _wait(self) -> None:
        self._begins = False
        self.deadline = self.now + (self._instance.settings.default_time_after or 0)

    def _serve(self) -> None:
        self.deadline = None
        self._instance.serves_default_time = True
        self._tell(DefaultTimeServed(serves=True, after_s=self._after_s))

    def _end(self) -> None:
        self.deadline = None
        self._has_sync = False
        if self._instance.serves_default_time:
            self._instance.serves_default_time = False
            self._tell(DefaultTimeServed(serves=False, after_s=self._after_s))

    ROWS = (
        (State.OFF, _has_begun, State.WAITING),
        ((State.WAITING, State.SERVING), _is_over, State.OFF),
        (State.WAITING, _is_late, State.SERVING),
    )
    ENTRY = {State.WAITING: _wait, State.SERVING: _serve, State.OFF: _end}  # noqa: RUF012 (declared in the base)
