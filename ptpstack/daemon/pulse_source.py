"""Pulses from outside, a PPS of a GNSS receiver, as the reference of a hardware clock, and what that makes of it.

What lives here: from a stamped edge and the time of day to a measurement, and what the grandmasters on the clock may
say of themselves while the pulses come, and after. What does not: stamping edges and numbering seconds (``hw``),
steering (``clock_driver.py``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from msgspec.structs import replace

from hw.clock import Clock
from hw.external_timestamps import ExternalTimestamp
from hw.time_of_day import TimeOfDay
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.config.pulse_tables import PulseSource as PulseSourceConfig
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.leap_seconds import choose_tai_offset
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.utc_keeper import TaiOffsetAssumed
from ptpstack.engine.outputs import Measurement
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import HardwareError
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, LocalTime, MonotonicTime, TimeInterval, interval_from_ns, offset_between
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity, TimeSource

CHECK_INTERVAL: TimeInterval = SECOND
LEAST_PERIOD: TimeInterval = SECOND // 2
"""An edge that comes sooner after another is the end of a pulse, or noise."""

NUMBERS = re.compile(r"[-+]?[0-9.]+")
UNKNOWN_ACCURACY, UNKNOWN_VARIANCE = 0xFE, 0xFFFF
ACCURACY_OF_GRADE = {"prtc": 0x21, "eprtc": 0x20}


class PulsesDoubted(Event, frozen=True, kw_only=True):
    """Pulses come, and which seconds they begin is not known well enough."""

    severity: ClassVar[Severity] = Severity.WARNING

    clock: str
    time_of_day: str
    doubt: str

    def __str__(self) -> str:
        return f"{self.clock}: pulses are not used: {self.doubt} ({self.time_of_day})"


class PulsesNumbered(Event, frozen=True, kw_only=True):
    """Pulses come, and it is known which seconds they begin."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    time_of_day: str

    def __str__(self) -> str:
        return f"{self.clock}: pulses come, {self.time_of_day} names their seconds"


class PulseInputs(Protocol):
    """Where edges come from (``hw.external_timestamps``)."""

    def enable(self, channel: int) -> object:
        """Stamp edges from now on. Raises ``HardwareError``."""

    def fileno(self) -> int:
        """What becomes readable when an edge has come."""

    def read(self) -> list[ExternalTimestamp]:
        """Return the edges."""

    def close(self) -> None:
        """Stamp no more."""


class Grandmaster(Protocol):
    """An instance on the clock, as seen from its reference."""

    def set_local_quality(self, clock_quality: ClockQuality, time_properties: TimeProperties) -> None:
        """Take what the clock is worth."""


@dataclass(frozen=True, slots=True)
class Served:
    """A grandmaster on the clock, and what its configuration says that the clock is worth by itself."""

    grandmaster: Grandmaster
    quality: ClockQuality
    properties: TimeProperties
    announces_by_profile: bool = False
    """Its profile has a table of what to announce (``announced_worth``)."""


class PulseSource:
    """Lets *driver*'s clock follow the pulses that *open_inputs* finds on it; called *name* in the configuration."""

    def __init__(
        self,
        name: str,
        config: PulseSourceConfig,
        driver: ClockDriver,
        time_of_day: TimeOfDay,
        *,
        open_inputs: Callable[[Clock], PulseInputs],
        kernel_tai_offset_s: Callable[[], int],
        served: Sequence[Served],
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.name = name
        self._config = config
        self._driver = driver
        self._open_inputs = open_inputs
        self._clock = driver.clock
        self._inputs: PulseInputs | None = None
        self._time_of_day = time_of_day
        self._kernel_tai_offset_s = kernel_tai_offset_s
        self._served = served
        self._loop = loop
        self._recorder = recorder
        self._check_timer = loop.timer(self._on_check)
        self._time_of_day_timer = loop.timer(self._on_time_of_day)
        self._watched_fd = -1
        self._last_edge: LocalTime | None = None
        self._doubt: str | None = None
        self._locked_at: MonotonicTime | None = None
        self._clock_class: int | None = None
        self._said_assumed = False
        self.time_properties = TimeProperties()
        """The timescale of the pulses."""

    def start(self) -> None:
        """Follow the pulses from now on. Raises ``HardwareError``."""
        self._choose_timescale()
        self._watch_pulses()
        self._watch_time_of_day()
        self._say_quality()
        self._driver.on_state.append(self._announce_worth)
        self._check_timer.set(monotonic_now() + CHECK_INTERVAL)

    def stop(self) -> None:
        """Let go of the input and of the time of day."""
        self._check_timer.close()
        self._time_of_day_timer.close()
        self._loop.unwatch(self._watched_fd)
        self._time_of_day.close()
        self._forget_pulses()

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        return {
            "clock": self._driver.clock.name,
            "time_of_day": self._time_of_day.name,
            "doubt": "no pulse yet" if self._doubt is None else self._doubt,
            "clock_class": self._clock_class,
        }

    @property
    def clock_accuracy(self) -> int:
        """What the grandmasters on the clock are to say while it is locked; unknown without any."""
        if self._served and self._served[0].announces_by_profile:
            return ACCURACY_OF_GRADE[self._config.reference_grade]
        return self._served[0].quality.clock_accuracy if self._served else UNKNOWN_ACCURACY

    def clock_stepped(self, delta: TimeInterval, _local: LocalTime) -> None:
        """Carry the last edge over a step of the clock."""
        if self._last_edge is not None:
            self._last_edge += delta

    def servo_locked(self, *, locked: bool) -> None:
        """The clock's state tells more; see ``_on_check``."""

    # -- pulses ----------------------------------------------------------------------------------------

    def _watch_pulses(self) -> None:
        """Take edges of the clock as it is now. Raises ``HardwareError``."""
        self._clock = self._driver.clock
        self._inputs = self._open_inputs(self._clock)
        self._inputs.enable(self._config.channel)
        self._loop.watch(self._inputs.fileno(), self._on_edges)

    def _forget_pulses(self) -> None:
        if self._inputs is not None:
            self._loop.unwatch(self._inputs.fileno())
            self._inputs.close()
            self._inputs = None

    def _on_edges(self) -> None:
        assert self._inputs is not None
        try:
            edges = self._inputs.read()
            local_now, now = self._driver.clock.time(), monotonic_now()
        except HardwareError as error:
            self._failed(error)
            self._forget_pulses()  # it would be readable for ever
            return
        for edge in edges:
            age = local_now - edge.time
            if 0 <= age < SECOND and self._is_pulse(edge.time):
                self._take(edge.time, now - age)

    def _is_pulse(self, edge: LocalTime) -> bool:
        previous, self._last_edge = self._last_edge, edge
        return previous is None or abs(edge - previous) > LEAST_PERIOD

    def _take(self, edge: LocalTime, at: MonotonicTime) -> None:
        second = self._time_of_day.second_of(at)
        self._tell_doubt(second.doubt)
        if not second.is_valid:
            return
        try:
            self._choose_timescale()
        except HardwareError as error:
            self._failed(error)
            return
        pulse = second.ptp_time(self.time_properties.current_utc_offset)
        stamp = edge + interval_from_ns(self._config.correction_ns) + second.early_by
        measurement = Measurement(
            port_number=0,
            parent_port_identity=PortIdentity(ClockIdentity(), 0),
            t1=pulse,
            t2=stamp,
            offset_from_master=offset_between(stamp, pulse),
            mean_delay=0,
            log_sync_interval=0,
            ptp_timescale=True,
        )
        self._driver.take(self, measurement)

    def _watch_pulses_again(self) -> None:
        """The clock went away with its driver, and may be back."""
        self._forget_pulses()
        try:
            self._watch_pulses()
        except HardwareError as error:
            self._failed(error)

    def _failed(self, error: HardwareError) -> None:
        self._recorder.record(ClockFailed(clock=self._driver.clock.name, reason=str(error)), self.name)

    def _tell_doubt(self, doubt: str) -> None:
        """Tell a doubt when it is another one than before, its numbers apart."""
        before, self._doubt = self._doubt, doubt
        if before is None or NUMBERS.sub("", before) != NUMBERS.sub("", doubt):
            name, clock = self._time_of_day.name, self._driver.clock.name
            numbered = PulsesNumbered(clock=clock, time_of_day=name)
            self._recorder.record(
                PulsesDoubted(clock=clock, time_of_day=name, doubt=doubt) if doubt else numbered, self.name
            )

    # -- time of day -----------------------------------------------------------------------------------

    def _watch_time_of_day(self) -> None:
        self._watched_fd = self._time_of_day.fileno()
        if self._watched_fd >= 0:
            self._loop.watch(self._watched_fd, self._on_time_of_day)
        self._time_of_day_timer.set(self._time_of_day.wake_at)

    def _on_time_of_day(self) -> None:
        self._loop.unwatch(self._watched_fd)  # receiving may close it, and another may get its number
        self._time_of_day.receive(monotonic_now())
        self._watch_time_of_day()

    def _choose_timescale(self) -> None:
        """TAI - UTC as the first instance on the clock is configured to announce it, else by who knows it best."""
        configured = self._served[0].properties if self._served else None
        leap_seconds, utc_s = self._driver.leap_seconds, time.time_ns() // 1_000_000_000
        offset = choose_tai_offset(configured, self._kernel_tai_offset_s(), leap_seconds, utc_s)
        change_s = leap_seconds.change_s(utc_s)
        if offset.assumed and not self._said_assumed:
            assumed = TaiOffsetAssumed(clock=self._driver.clock.name, tai_offset_s=offset.seconds)
            self._recorder.record(assumed, self.name)
        self._said_assumed = offset.assumed
        self.time_properties = TimeProperties(
            current_utc_offset=offset.seconds,
            current_utc_offset_valid=not offset.assumed,
            leap61=change_s > 0,
            leap59=change_s < 0,
            time_traceable=True,
            frequency_traceable=True,
        )

    # -- what the clock is worth -------------------------------------------------------------------------

    def _on_check(self) -> None:
        now = monotonic_now()
        self._check_timer.set(now + CHECK_INTERVAL)
        if self._inputs is None or self._clock is not self._driver.clock:
            self._watch_pulses_again()
        self._announce_worth()

    def _announce_worth(self, _state: ClockState | None = None) -> None:
        now = monotonic_now()
        arbiter = self._driver.arbiter
        holdover = self._config.holdover_seconds * SECOND
        if arbiter.writer == self.name and arbiter.state is ClockState.LOCKED:
            self._locked_at = now
            self._announce(self._config.locked_clock_class)
        elif self._locked_at is not None and self._is_held_well() and now - self._locked_at < holdover:
            self._announce(self._config.holdover_clock_class)
        else:
            self._locked_at = None
            self._announce(None)

    def _is_held_well(self) -> bool:
        """Whether the clock is in holdover within its stated bound, or just measures these pulses again."""
        arbiter = self._driver.arbiter
        if arbiter.writer == self.name:
            return True
        return arbiter.writer is None and arbiter.state is ClockState.HOLDOVER_IN_SPEC

    def _announce(self, clock_class: int | None) -> None:
        """Let the grandmasters say *clock_class*, if that is new; None: the one that they are configured to say."""
        if clock_class != self._clock_class:
            self._clock_class = clock_class
            self._say_quality()

    def _say_quality(self) -> None:
        """Tell the grandmasters what the clock is worth; while it is locked their configuration knows how accurate."""
        for served in self._served:
            if served.announces_by_profile:
                continue
            quality, properties = served.quality, served.properties
            if self._clock_class != self._config.locked_clock_class:
                quality = ClockQuality(quality.clock_class, UNKNOWN_ACCURACY, UNKNOWN_VARIANCE)
            if self._clock_class is not None:
                quality = quality._replace(clock_class=self._clock_class)
                properties = replace(self.time_properties, time_source=self._time_source(properties))
            served.grandmaster.set_local_quality(quality, properties)

    def _time_source(self, configured: TimeProperties) -> TimeSource:
        """A receiver names the seconds, or else the configuration must know."""
        return configured.time_source if self._config.time_of_day == "system" else TimeSource.GNSS
