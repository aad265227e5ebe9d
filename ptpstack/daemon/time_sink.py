"""Tells another program of this host, which keeps the system clock, by how much that is off.

What lives here: what is told, and when it is worth telling. What does not: the octets (``ntp.reference``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from hw.realtime import RealtimeClock
from hw.soft_clock import SoftClock
from ntp.reference.shm import ShmOutput
from ntp.reference.sock import SockOutput, SockSample
from ntp.wire.packet import Leap
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.config.sink_table import Sink
from ptpstack.daemon.clock_comparison import CrossTimestamped
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.errors import HardwareError
from ptpstack.events import Event, Severity
from ptpstack.observe.events import OffsetSample
from ptpstack.observe.recorder import Recorder
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime, TimeInterval, interval_from_log2_seconds

SILENCE: TimeInterval = 16 * SECOND
"""So long what measured the system clock first keeps the word; then another that measures it may tell."""

PRECISION = -20
READINGS = 5


class SinkChanged(Event, frozen=True, kw_only=True):
    """The time is told to another program from now on, or not, and why."""

    severity: ClassVar[Severity] = Severity.NOTICE

    sink: str
    telling: bool
    why: str

    def __str__(self) -> str:
        return f"sink {self.sink}: {'tells the time' if self.telling else 'tells nothing'}: {self.why}"


class Writer(Protocol):
    """Where samples go."""

    def write(self, sample: SockSample, precision: int) -> None:
        """Hand *sample* over, known to 2**precision s. Raises ``HardwareError``."""

    def close(self) -> None:
        """Write no more."""


class TimeSink:
    """Tells by *open_writer*'s writer what *driver*'s clock, or what measures it, says of the system clock."""

    def __init__(
        self,
        name: str,
        config: Sink,
        driver: ClockDriver,
        *,
        open_writer: Callable[[], Writer],
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.name = name
        self._config = config
        self._driver = driver
        self._open_writer = open_writer
        self._recorder = recorder
        self._timer = loop.timer(self._on_tick)
        self._writer: Writer | None = None
        self._told = 0
        self._offset_s: float | None = None
        self._state: tuple[bool, str] | None = None
        self._measured_by: tuple[str, MonotonicTime] | None = None

    def start(self) -> None:
        """Tell from now on."""
        if isinstance(self._driver.clock, RealtimeClock):
            self._driver.on_sample.append(self._take)
            self._become(telling=False, why="nothing has measured the system clock yet")
        else:
            self._timer.set(monotonic_now())

    def stop(self) -> None:
        """Tell no more."""
        self._timer.close()
        if self._take in self._driver.on_sample:
            self._driver.on_sample.remove(self._take)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        place = self._config.path or f"SHM unit {self._config.unit}"
        return {
            "clock": self._driver.clock.name,
            "to": place,
            "told": self._told,
            "system_clock_off_ns": None if self._offset_s is None else -self._offset_s * 1e9,
            "why": self._state[1] if self._state else "",
        }

    # -- a clock that is kept here -------------------------------------------------------------------------

    def _on_tick(self) -> None:
        self._timer.set(monotonic_now() + interval_from_log2_seconds(self._config.log_interval))
        state = self._driver.arbiter.state
        if state not in (ClockState.LOCKED, ClockState.HOLDOVER_IN_SPEC):
            self._become(telling=False, why=f"{self._driver.clock.name} is {state.label}")
            return
        try:
            system_ns, true_ns = self._compared()
        except HardwareError as error:
            self._become(telling=False, why=str(error))
            return
        self._tell(system_ns, (true_ns - system_ns) / 1e9, f"{self._driver.clock.name} is {state.label}")

    def _compared(self) -> tuple[int, int]:
        """Return what the system clock and the kept one read at one instant, as UTC. Raises ``HardwareError``."""
        clock, utc_offset_s = self._driver.clock, self._driver.utc_offset_s()
        if utc_offset_s is None:
            raise HardwareError("how far its timescale is from UTC is not known", where=clock.name)
        if isinstance(clock, SoftClock):
            system_ns = time.time_ns()
            reading = int(clock.local_time(system_ns))
        else:
            assert isinstance(clock, CrossTimestamped)
            cross = clock.cross_timestamp(READINGS)
            system_ns, reading = int(cross.system) // NANOSECOND, int(cross.phc)
        return system_ns, (reading - utc_offset_s * SECOND) // NANOSECOND

    # -- the system clock itself, measured --------------------------------------------------------------------

    def _take(self, sample: OffsetSample, name: str) -> None:
        now = monotonic_now()
        if self._measured_by is not None and self._measured_by[0] != name and now - self._measured_by[1] < SILENCE:
            return
        self._measured_by = name, now
        self._tell(time.time_ns(), -sample.offset_ns / 1e9, f"{name} measures the system clock")

    # -- telling ----------------------------------------------------------------------------------------------

    def _tell(self, system_ns: int, offset_s: float, why: str) -> None:
        properties = self._driver.time_properties
        leap = Leap.NONE
        if properties is not None and (properties.leap61 or properties.leap59):
            leap = Leap.INSERT if properties.leap61 else Leap.DELETE
        try:
            if self._writer is None:
                self._writer = self._open_writer()
            self._writer.write(SockSample(system_ns, offset_s, leap=leap), PRECISION)
        except HardwareError as error:
            self._become(telling=False, why=str(error))
            return
        self._told += 1
        self._offset_s = offset_s
        self._become(telling=True, why=why)

    def _become(self, *, telling: bool, why: str) -> None:
        if self._state != (telling, why):
            self._state = telling, why
            self._recorder.record(
                SinkChanged(sink=self.name.removeprefix("sink."), telling=telling, why=why), self.name
            )


def make_writer(config: Sink) -> Writer:
    """Return what *config* describes. Raises ``HardwareError``."""
    return SockOutput(config.path) if config.type == "sock" else ShmOutput(config.unit, config.mode)
