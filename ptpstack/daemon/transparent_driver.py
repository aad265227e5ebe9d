"""One transparent clock and what it is wired to: sockets, a clock that stamps, the recorder, a timer."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

from hw.sockets import Received
from ptpstack.core.outputs import Output, Send
from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.port_io import Attachment, PortIo
from ptpstack.events import Event
from ptpstack.observe.recorder import Recorder
from ptpstack.time import LocalTime, TimeInterval
from ptpstack.wire.message import Message


class StampingClock(Protocol):
    """The clock that stamps the frames."""

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Turn a socket's stamp into an instant of the clock."""


class TransparentDriver:
    """Drives the transparent clock *instance*, called *name* in configuration and events."""

    def __init__(
        self, name: str, instance: TransparentClock, clock: StampingClock, loop: Loop, recorder: Recorder
    ) -> None:
        self.name = name
        self.instance = instance
        self.ports: dict[int, PortIo] = {}
        self._attachments: dict[int, Attachment] = {}
        self._clock = clock
        self._recorder = recorder
        self._timer = loop.timer(self._on_deadline)

    def attach(self, port_number: int, port_io: PortIo) -> None:
        """Let the port's frames go by *port_io*."""
        default = self.instance.default_ds
        self.ports[port_number] = port_io
        self._attachments[port_number] = port_io.attach(
            self, port_number, sdo_id=default.sdo_id, domain_number=default.domain_number
        )

    def start(self) -> None:
        """Let the clock forward."""
        self._carry_out(self.instance.start(monotonic_now()))

    def stop(self) -> None:
        """Let it forward no more."""
        self._carry_out(self.instance.stop(monotonic_now()))
        self._timer.close()

    def answer(self, _port_number: int, frames: Sequence[Received]) -> tuple[list[bytes], Sequence[Received]]:
        """Leave all frames to decode: a transparent clock answers none at once."""
        return [], frames

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

    def _on_deadline(self) -> None:
        self._carry_out(self.instance.handle_deadline(monotonic_now()))

    def _carry_out(self, outputs: Sequence[Output]) -> None:
        try:
            for output in outputs:
                if isinstance(output, Send):
                    self.ports[output.port_number].send(self._attachments[output.port_number], output)
                elif isinstance(output, Event):
                    self._recorder.record(output, self.name)
        finally:
            self._timer.set(self.instance.next_deadline())
