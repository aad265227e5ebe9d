"""One instance whose measurements a clock may follow, of whichever engine. No protocol rule."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from ptpstack.core.instance import PtpInstance
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.protocol_driver import ProtocolDriver, StampingClock
from ptpstack.engine.events import PortStateChanged
from ptpstack.engine.outputs import Measurement, Output
from ptpstack.engine.port_state import RECEIVING_STATES
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.instance import GptpInstance
from ptpstack.observe.recorder import Recorder

FollowingEngine = TypeVar("FollowingEngine", bound=PtpInstance | GptpInstance)


class InstanceClock(StampingClock, Protocol):
    """The clock that stamps an instance's frames, as seen from the instance."""

    def take(self, user: FollowingDriver[Any], measurement: Measurement) -> None:
        """Judge and follow a measurement."""

    def parent_lost(self, name: str) -> None:
        """Expect no measurement of instance *name*."""


class FollowingDriver(ProtocolDriver[FollowingEngine]):
    """Drives an instance, whose measurements *clock* takes."""

    def __init__(
        self, name: str, instance: FollowingEngine, clock: InstanceClock, loop: Loop, recorder: Recorder
    ) -> None:
        super().__init__(name, instance, clock, loop, recorder)
        self._clock = clock

    @property
    def time_properties(self) -> TimeProperties:
        """The timescale that this instance measures against, or serves."""
        return self.instance.time_properties_ds

    def servo_locked(self, *, locked: bool) -> None:
        """Tell what the servo made of the last sample."""
        self._carry_out(self.instance.servo_locked(locked, monotonic_now()))

    def set_clock_problem(self, port_number: int, problem: str) -> None:
        """Pass on why the stamps of a port are no use, or that they are ("")."""
        self._carry_out(self.instance.set_clock_problem(port_number, problem, monotonic_now()))

    def _do(self, output: Output) -> None:
        if isinstance(output, Measurement):
            self._clock.take(self, output)
            return
        super()._do(output)
        if isinstance(output, PortStateChanged) and output.old_state in RECEIVING_STATES:
            self._check_parent()

    def _check_parent(self) -> None:
        """Without a port that follows a parent there will be no measurement."""
        if not any(port.state in RECEIVING_STATES for port in self.instance.ports.values()):
            self._clock.parent_lost(self.name)
