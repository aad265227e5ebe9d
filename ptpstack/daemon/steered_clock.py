"""A clock that this program sets, and that others may step, steer or unload behind its back.

What lives here: carrying out commands, and noticing what others did; each is told. What does not: what the clock
should do, and who must hear of it (``clock_driver``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hw.clock import Clock
from hw.phc import ClockGone, Phc
from hw.soft_clock import SoftClock
from ptpstack.arbiter.phase_writing import PhaseWriting
from ptpstack.arbiter.sanity import is_timescale_mismatch
from ptpstack.daemon.clock_watch import ClockWatch
from ptpstack.daemon.events import ClockFailed, ClockLost, ClockMovedByOthers, ClockReopened, PhaseWritingChosen
from ptpstack.daemon.host_watch import LEAST_SLEEP, asleep_now
from ptpstack.errors import HardwareError
from ptpstack.events import Event
from ptpstack.servo.sanity import ClockCheck
from ptpstack.time import NANOSECOND, LocalTime, MonotonicTime, TimeInterval, interval_from_ns, interval_to_ns


def raw_now() -> MonotonicTime:
    """Return CLOCK_MONOTONIC_RAW, which nobody steers."""
    return MonotonicTime(time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) * NANOSECOND)


class Look(NamedTuple):
    """The clock read *local* when CLOCK_MONOTONIC_RAW read *raw* to *raw* + *bracket*; others *moved* it meanwhile."""

    local: LocalTime
    raw: MonotonicTime
    bracket: TimeInterval
    moved: TimeInterval


class SteeredClock:
    """*device* under the eyes of *check*. Events go to *record*.

    *reopen* finds a device again that went away with its driver; it raises ``HardwareError`` while that is not back.
    """

    def __init__(
        self,
        device: Clock,
        check: ClockCheck,
        record: Callable[[Sequence[Event]], None],
        reopen: Callable[[], Clock] | None,
    ) -> None:
        self.device = device
        self.check = check
        self.is_gone = False
        self._watch = ClockWatch()
        self._asleep = asleep_now()
        self._record = record
        self._reopen = reopen

    @property
    def frequency_ppb(self) -> float:
        """What it was set to last, by whomever."""
        return self._watch.frequency_ppb

    def begin(self) -> None:
        """Take the frequency that the clock is found at. Raises ``HardwareError``."""
        self._watch.set_frequency(self.device.frequency_ppb(), raw_now(), 0)

    def forget(self) -> None:
        """Take that nothing known of the clock's progress holds any more."""
        self.check.reset()
        self._watch.reset()

    # -- commands ----------------------------------------------------------------------------------------

    def set_frequency(self, frequency_ppb: float) -> bool:
        """Run *frequency_ppb* faster; whether the clock took it."""
        try:
            self.read_back()
            before = raw_now()
            self.device.set_frequency(frequency_ppb)
        except HardwareError as error:
            self.failed(error)
            return False
        self.check.set_frequency(frequency_ppb)
        self._watch.set_frequency(frequency_ppb, before, raw_now() - before)
        return True

    def frequency_in_fact_ppb(self) -> float | None:
        """Return what the clock made of the frequency that it was set to; None where it does not tell."""
        try:
            return self.device.frequency_ppb()
        except HardwareError:
            return None

    def step(self, delta: TimeInterval) -> bool:
        """Move the clock by *delta*; whether it moved."""
        try:
            self.device.step(delta)
        except HardwareError as error:
            self.failed(error)
            return False
        self.check.stepped(delta)
        self._watch.stepped(delta)
        return True

    def adjust_phase(self, phase: TimeInterval) -> bool:
        """Let the hardware slew by *phase*; whether it took it. Only a clock that can is asked."""
        assert isinstance(self.device, Phc)
        try:
            self.device.adjust_phase(phase)
        except HardwareError as error:
            self.failed(error)
            return False
        self._watch.slews(phase)
        return True

    # -- what others did -----------------------------------------------------------------------------------

    def look(self) -> Look:
        """Read the clock beside CLOCK_MONOTONIC_RAW, and tell by how much another hand moved it since the last look.

        CLOCK_MONOTONIC_RAW stands while the machine sleeps: what a clock then moved by is nobody's doing, and is told
        by ``host_watch``. Raises ``HardwareError``.
        """
        asleep = asleep_now()
        slept, self._asleep = asleep - self._asleep >= LEAST_SLEEP, asleep
        raw = raw_now()
        local = self.device.time()
        bracket = raw_now() - raw
        if isinstance(self.device, SoftClock):
            return Look(local, raw, bracket, 0)  # it watches the system clock by itself
        moved = self._watch.look(local, raw, bracket)
        if moved and not slept:
            mismatch = is_timescale_mismatch(moved)
            moved_ns = interval_to_ns(moved)
            self._record([ClockMovedByOthers(clock=self.device.name, moved_ns=moved_ns, tai_minus_utc=mismatch)])
        return Look(local, raw, bracket, moved)

    def read_back(self) -> None:
        """Tell of a frequency that was set elsewhere, once. Raises ``HardwareError``."""
        found_ppb = self.device.frequency_ppb()
        if elsewhere := self.check.frequency_read(found_ppb):
            self._record([elsewhere])
            self.check.set_frequency(found_ppb)
            self._watch.set_frequency(found_ppb, raw_now(), 0)  # how it ran until now is another hand's doing

    def reopen(self) -> bool:
        """Open the clock anew if it went away; whether it did. Raises ``HardwareError`` while it is not back."""
        try:
            self.device.time()
        except ClockGone as error:
            self.failed(error)
            if self._reopen is None:
                raise
        else:
            return False
        found = self._reopen()
        if found.stamping is not self.device.stamping:
            found.close()
            raise HardwareError("no hardware clock", where=self.device.name, why="its interface has none now")
        previous, self.device = self.device, found
        previous.close()
        self.is_gone = False
        self.begin()
        self.forget()
        self._record([ClockReopened(clock=found.name, previous=previous.name)])
        return True

    def failed(self, error: HardwareError) -> None:
        """Tell that the clock refused; that it is gone is told once."""
        if self.is_gone:
            return
        name = self.device.name
        if isinstance(error, ClockGone):
            self.is_gone = True
            self._record([ClockLost(clock=name)])
        else:
            reason = f"{error.what} ({error.why})" if error.why else error.what
            self._record([ClockFailed(clock=name, reason=reason)])


def phase_writing_of(clock: Clock) -> tuple[PhaseWriting | None, Event]:
    """Return how the phase of *clock* is written, None where its driver cannot, and what is to be told."""
    can = clock.capabilities if isinstance(clock, Phc) else None
    writes = can is not None and can.adjust_phase
    most_ns = can.max_phase_adj_ns if can is not None else 0
    told = PhaseWritingChosen(clock=clock.name, writes=writes, most_ns=most_ns)
    return (PhaseWriting(interval_from_ns(most_ns)) if writes else None), told
