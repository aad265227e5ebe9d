"""One clock of this host kept on another: PHC → CLOCK_REALTIME, CLOCK_REALTIME → PHC, PHC → PHC.

What lives here: when to compare, and whether the other clock is worth following now. What does not: comparing
(``clock_comparison.py``), and what follows from it (``clock_driver.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from hw.realtime import RealtimeClock
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.daemon.clock_comparison import Comparison, compare
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.engine.outputs import Measurement
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import HardwareError
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import MonotonicTime, TimeInterval, interval_from_log2_seconds, interval_to_ns
from ptpstack.wire.types import ClockIdentity, PortIdentity

LATE_INTERVALS = 8
"""A comparison that is older than this many intervals says nothing any more."""


class FollowingChanged(Event, frozen=True, kw_only=True):
    """A clock follows another one from now on, or none, and why."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    follows: str | None
    why: str

    def __str__(self) -> str:
        return f"{self.clock}: follows {self.follows or 'no clock'}: {self.why}"


class Followable(Protocol):
    """A clock that may be followed, and whether it is worth it."""

    @property
    def driver(self) -> ClockDriver:
        """The clock."""

    @property
    def name(self) -> str:
        """What people call it."""

    def worth(self) -> tuple[bool, str]:
        """Return whether the clock is worth following now, and why. Raises ``HardwareError``."""


@dataclass(frozen=True, slots=True)
class FollowedClock:
    """A clock that may be followed; *is_reference*: though nothing here steers it."""

    driver: ClockDriver
    is_reference: bool = False

    @property
    def name(self) -> str:
        """What people call the clock."""
        return self.driver.clock.name

    def worth(self) -> tuple[bool, str]:
        """Return whether the clock is worth following now, and why. Raises ``HardwareError``."""
        clock, arbiter = self.driver.clock, self.driver.arbiter
        if arbiter.state is ClockState.LOCKED:
            return True, "it is locked"
        if arbiter.state is ClockState.HOLDOVER_IN_SPEC:
            return True, "it is in holdover, in spec"
        if self.is_reference:
            return True, "the configuration says that it is a reference"
        if isinstance(clock, RealtimeClock) and not arbiter.has_candidates:
            kept = clock.is_synchronized()
            return kept, f"{'some' if kept else 'no'} program keeps it, by the kernel's flag"
        return False, f"{clock.name} is {arbiter.state.label}: {arbiter.rule}"


class ClockFollower:
    """Lets *driver*'s clock follow the first of *sources* that is worth it; called *name* in the configuration.

    *on_compared* is called after each attempt to compare.
    """

    def __init__(
        self,
        name: str,
        driver: ClockDriver,
        sources: Sequence[Followable],
        *,
        log_interval: int,
        readings: int,
        loop: Loop,
        recorder: Recorder,
        on_compared: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._driver = driver
        self._sources = sources
        self._log_interval = log_interval
        self._readings = readings
        self._recorder = recorder
        self._timer = loop.timer(self._on_tick)
        self._due = MonotonicTime(0)
        self._on_compared = on_compared
        self._followed: Followable | None = None
        self._why = "not compared yet"
        self._last: Comparison | None = None
        self._compared_at = MonotonicTime(0)

    @property
    def time_properties(self) -> TimeProperties | None:
        """The timescale of the clock that is followed; None: nobody tells."""
        return self._followed.driver.time_properties if self._followed else None

    def servo_locked(self, *, locked: bool) -> None:
        """Nothing depends on it here."""

    @property
    def followed(self) -> ClockDriver | None:
        """The clock that is followed now."""
        return self._followed.driver if self._followed else None

    def offset_from(self, source: Followable) -> TimeInterval | None:
        """Return how far ahead of *source* the clock was when they were compared lately; None: they were not."""
        interval = interval_from_log2_seconds(self._log_interval)
        is_late = monotonic_now() - self._compared_at > LATE_INTERVALS * interval
        return None if self._last is None or self._followed is not source or is_late else self._last.offset

    def start(self) -> None:
        """Compare from now on."""
        self._due = monotonic_now()
        self._timer.set(self._due)

    def stop(self) -> None:
        """Compare no more."""
        self._timer.close()

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        return {
            "clock": self._followed.name if self._followed else None,
            "why": self._why,
            "method": self._last.method if self._last else None,
            "uncertainty_ns": interval_to_ns(self._last.uncertainty) if self._last else None,
        }

    def _on_tick(self) -> None:
        interval = interval_from_log2_seconds(self._log_interval)
        self._due = max(self._due + interval, monotonic_now())
        self._timer.set(self._due)
        try:
            source = self._choose()
            if source is not None and self._timescale_is_known(source):
                self._last = compare(self._driver.clock, source.driver.clock, self._readings)
                self._compared_at = monotonic_now()
                self._driver.take(self, self._measurement(source, self._last))
        except HardwareError as error:
            reason = f"{error.what} ({error.why})" if error.why else error.what
            self._recorder.record(ClockFailed(clock=error.where or self._driver.clock.name, reason=reason), self.name)
        self._on_compared()

    def _choose(self) -> Followable | None:
        """Return the first clock that is worth it, and tell when that is another one than before."""
        reasons = list[str]()
        for source in self._sources:
            is_worth_it, why = source.worth()
            if is_worth_it:
                self._become(source, why)
                return source
            reasons.append(why)
        self._become(None, "; ".join(reasons))
        return None

    def _become(self, source: Followable | None, why: str) -> None:
        if (source, why) != (self._followed, self._why):
            name = source.name if source else None
            self._recorder.record(FollowingChanged(clock=self._driver.clock.name, follows=name, why=why), self.name)
        self._followed, self._why = source, why

    def _timescale_is_known(self, source: Followable) -> bool:
        """Read a system clock that others keep on the timescale they tell the kernel."""
        if not isinstance(source.driver.clock, RealtimeClock) or source.driver.arbiter.has_candidates:
            return True
        return not source.driver.read_timescale(None)

    def _measurement(self, source: Followable, comparison: Comparison) -> Measurement:
        """Put a comparison as if a port 0 had measured it, over a path as long as the comparison is uncertain."""
        return Measurement(
            port_number=0,
            parent_port_identity=PortIdentity(ClockIdentity(), self._sources.index(source)),
            t1=comparison.source,
            t2=comparison.local,
            offset_from_master=comparison.offset,
            mean_delay=comparison.uncertainty,
            log_sync_interval=self._log_interval,
        )
