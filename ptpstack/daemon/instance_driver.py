"""One PTP instance and what it is wired to: sockets, a clock, the recorder, a timer. No protocol rule.

Inputs are passed on with the time; outputs are carried out one after the other, also those that carrying
out causes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Protocol

from hw.sockets import Received
from ptpstack.core.events import PortStateChanged
from ptpstack.core.instance import PtpInstance
from ptpstack.core.outputs import Measurement, Output, Send
from ptpstack.core.port_states import RECEIVING_STATES
from ptpstack.core.settings import TimeProperties
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.port_io import Attachment, PortIo
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, LocalTime, TimeInterval
from ptpstack.wire.message import Message
from ptpstack.wire.types import ClockQuality


class InstanceClock(Protocol):
    """The clock that stamps an instance's frames, as seen from the instance."""

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Turn a socket's stamp into an instant of the clock."""

    def take(self, user: InstanceDriver, measurement: Measurement) -> None:
        """Judge and follow a measurement."""

    def parent_lost(self, name: str) -> None:
        """Expect no measurement of instance *name*."""


class InstanceDriver:
    """Drives *instance*, called *name* in configuration and events."""

    def __init__(self, name: str, instance: PtpInstance, clock: InstanceClock, loop: Loop, recorder: Recorder) -> None:
        self.name = name
        self.instance = instance
        self.ports: dict[int, PortIo] = {}
        self._attachments: dict[int, Attachment] = {}
        self._clock = clock
        self._recorder = recorder
        self._timer = loop.timer(self._on_deadline)
        self._outputs: deque[Output] = deque()
        self._carrying_out = False

    @property
    def time_properties(self) -> TimeProperties:
        """The timescale that this instance measures against, or serves."""
        return self.instance.time_properties_ds

    def attach(self, port_number: int, port_io: PortIo) -> None:
        """Let the port's frames go by *port_io*."""
        default = self.instance.default_ds
        self.ports[port_number] = port_io
        self._attachments[port_number] = port_io.attach(
            self, port_number, sdo_id=default.sdo_id, domain_number=default.domain_number
        )

    def start(self) -> None:
        """Let the protocol begin."""
        self._carry_out(self.instance.start(monotonic_now()))

    def stop(self) -> None:
        """Let the protocol end."""
        self._carry_out(self.instance.stop(monotonic_now()))
        self._timer.close()

    def answer(self, port_number: int, frames: Sequence[Received]) -> tuple[list[bytes], Sequence[Received]]:
        """Return the answers to the event frames that the instance can answer at once, and the other frames."""
        responder = self.instance.delay_responder(port_number)
        if responder is None:
            return [], frames
        answers, others, now, local_time = [], [], monotonic_now(), self._clock.local_time
        for frame in frames:
            stamp_ns = frame.stamp_ns
            answer = None if stamp_ns is None else responder.answer(frame.payload, local_time(stamp_ns), now)
            if answer is None:
                others.append(frame)
            else:
                answers.append(answer)
        return answers, others

    def receive(self, port_number: int, message: Message, stamp_ns: int | None, source: Hashable) -> None:
        """Pass a message on."""
        ingress = None if stamp_ns is None else self._clock.local_time(stamp_ns)
        self._carry_out(self.instance.receive(port_number, message, ingress, monotonic_now(), source))

    def transmitted(self, port_number: int, context: int, stamp_ns: int | None) -> None:
        """Pass an egress stamp, or its loss, on."""
        egress = None if stamp_ns is None else self._clock.local_time(stamp_ns)
        self._carry_out(self.instance.transmitted(port_number, context, egress, monotonic_now()))

    def link_changed(self, port_number: int, *, up: bool) -> None:
        """Pass the state of a port's link on."""
        self._carry_out(self.instance.link_changed(port_number, up, monotonic_now()))

    def clock_stepped(self, delta: TimeInterval, local: LocalTime) -> None:
        """Tell that the clock was moved by *delta* and reads *local*."""
        self._carry_out(self.instance.clock_stepped(delta, local, monotonic_now()))

    def servo_locked(self, *, locked: bool) -> None:
        """Tell what the servo made of the last sample."""
        self._carry_out(self.instance.servo_locked(locked, monotonic_now()))

    def set_local_quality(self, clock_quality: ClockQuality, time_properties: TimeProperties) -> None:
        """Tell what the clock is worth from now on, should this instance be a grandmaster."""
        self._carry_out(self.instance.set_local_quality(clock_quality, time_properties, monotonic_now()))

    def _on_deadline(self) -> None:
        now = monotonic_now()
        self._timer.set(now + SECOND)  # should a defect end the next line, the instance is not left without a timer
        self._carry_out(self.instance.handle_deadline(now))

    def _carry_out(self, outputs: Sequence[Output]) -> None:
        self._outputs.extend(outputs)
        if self._carrying_out:
            return
        self._carrying_out = True
        try:
            while self._outputs:
                output = self._outputs.popleft()
                match output:
                    case Send():
                        self.ports[output.port_number].send(self._attachments[output.port_number], output)
                    case Measurement():
                        self._clock.take(self, output)
                    case _:
                        self._recorder.record(output, self.name)
                        if isinstance(output, PortStateChanged) and output.old_state in RECEIVING_STATES:
                            self._check_parent()
        finally:
            self._carrying_out = False
            self._timer.set(self.instance.next_deadline())

    def _check_parent(self) -> None:
        """Without a port that follows a parent there will be no measurement."""
        if not any(port.state in RECEIVING_STATES for port in self.instance.ports.values()):
            self._clock.parent_lost(self.name)
