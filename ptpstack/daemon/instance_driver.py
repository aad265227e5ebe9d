"""One PTP instance and what it is wired to: beside what every engine has, a clock that follows. No protocol rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hw.sockets import Received
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import LocalQuality
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.protocol_driver import ProtocolDriver, StampingClock
from ptpstack.engine.events import PortStateChanged
from ptpstack.engine.outputs import Measurement, Output
from ptpstack.engine.port_state import RECEIVING_STATES
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.observe.recorder import Recorder
from ptpstack.wire.types import ClockQuality


class InstanceClock(StampingClock, Protocol):
    """The clock that stamps an instance's frames, as seen from the instance."""

    def take(self, user: InstanceDriver, measurement: Measurement) -> None:
        """Judge and follow a measurement."""

    def parent_lost(self, name: str) -> None:
        """Expect no measurement of instance *name*."""


class InstanceDriver(ProtocolDriver[PtpInstance]):
    """Drives a PTP instance, whose measurements *clock* takes."""

    def __init__(self, name: str, instance: PtpInstance, clock: InstanceClock, loop: Loop, recorder: Recorder) -> None:
        super().__init__(name, instance, clock, loop, recorder)
        self._clock = clock

    @property
    def time_properties(self) -> TimeProperties:
        """The timescale that this instance measures against, or serves."""
        return self.instance.time_properties_ds

    def answer(self, port_number: int, frames: Sequence[Received]) -> tuple[list[bytes], Sequence[Received]]:
        """Return the answers to the event frames that the instance can answer at once, and the other frames."""
        responder = self.instance.delay_responder(port_number)
        if responder is None:
            return [], frames
        answers, others, now, local_time = [], [], monotonic_now(), self._local_times[port_number]
        for frame in frames:
            stamp_ns = frame.stamp_ns
            answer = None if stamp_ns is None else responder.answer(frame.payload, local_time(stamp_ns), now)
            if answer is None:
                others.append(frame)
            else:
                answers.append(answer)
        return answers, others

    def servo_locked(self, *, locked: bool) -> None:
        """Tell what the servo made of the last sample."""
        self._carry_out(self.instance.servo_locked(locked, monotonic_now()))

    def set_local_quality(
        self,
        clock_quality: ClockQuality,
        time_properties: TimeProperties,
        *,
        uncertain: bool = False,
        when_parent_is_lost: LocalQuality | None = None,
    ) -> None:
        """Tell what the clock is worth from now on, should this instance be a grandmaster."""
        self._carry_out(
            self.instance.set_local_quality(
                clock_quality,
                time_properties,
                monotonic_now(),
                uncertain=uncertain,
                when_parent_is_lost=when_parent_is_lost,
            )
        )

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
