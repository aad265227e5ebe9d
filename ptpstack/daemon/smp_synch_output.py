"""Where a merging unit on this host reads SmpSynch: a file of one digit, renewed each second, and `ptpstack status`.

What does not live here: the rule (``arbiter.smp_synch``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.smp_synch import Ruling, SmpSynch, rule
from ptpstack.core.instance import PtpInstance
from ptpstack.daemon.events import Unavailable
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, TimeInterval

INTERVAL: TimeInterval = SECOND


class SmpSynchChanged(Event, frozen=True, kw_only=True):
    """Samples stamped by the clock may claim more, or less, from now on."""

    severity: ClassVar[Severity] = Severity.NOTICE

    value: int
    previous: int
    rule: str

    def __str__(self) -> str:
        name = SmpSynch(self.value).name.lower().replace("_", " ")
        return f"SmpSynch is {self.value} ({name}), was {self.previous}: {self.rule}"


class WatchedClock(Protocol):
    """The clock of the instance (``clock_driver``)."""

    on_state: list[Callable[[ClockState], None]]


class SmpSynchOutput:
    """Tells what samples by the clock of *instance* may claim, in *path* ("" for status alone).

    *state* asks the clock's state. Events are those of the instance called *name*.
    """

    def __init__(
        self,
        name: str,
        instance: PtpInstance,
        clock: WatchedClock,
        *,
        state: Callable[[], ClockState],
        path: str,
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.name = name
        self._instance = instance
        self._clock = clock
        self._state = state
        self._path = path
        self._recorder = recorder
        self._timer = loop.timer(self._on_timer)
        self._ruling = Ruling(SmpSynch.NOT_SYNCHRONIZED, "not known yet")
        self._file_failed = ""

    def start(self) -> None:
        """Tell from now on."""
        self._clock.on_state.append(self._on_state)
        self._on_timer()

    def stop(self) -> None:
        """Leave behind that nothing keeps the clock any more."""
        self._timer.close()
        self._ruling = Ruling(SmpSynch.NOT_SYNCHRONIZED, "the daemon ended")
        self._write()

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        return {"value": int(self._ruling.value), "why": self._ruling.rule, "file": self._path}

    def _on_timer(self) -> None:
        self._timer.set(monotonic_now() + INTERVAL)
        self._on_state(self._state())

    def _on_state(self, state: ClockState) -> None:
        instance, before = self._instance, self._ruling
        parent = instance.parent_ds
        is_grandmaster = parent.grandmaster_identity == instance.default_ds.clock_identity
        clock_class = parent.grandmaster_clock_quality.clock_class
        self._ruling = rule(state, clock_class, is_grandmaster=is_grandmaster, before=before.value)
        if self._ruling.value is not before.value:
            changed = SmpSynchChanged(value=self._ruling.value, previous=before.value, rule=self._ruling.rule)
            self._recorder.record(changed, self.name)
        self._write()

    def _write(self) -> None:
        """Write in place, also the same again: how old the file is tells whether the daemon lives."""
        if not self._path:
            return
        try:
            # O_NONBLOCK: opening a pipe waits for its reader, and nothing here waits.
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
            try:
                os.pwrite(fd, b"%d\n" % self._ruling.value, 0)
            finally:
                os.close(fd)
        except OSError as error:
            if self._file_failed != str(error):
                self._file_failed = str(error)
                self._recorder.record(Unavailable(what=f"SmpSynch in {self._path}", why=str(error.strerror)), self.name)
        else:
            self._file_failed = ""
