"""What drives a sans-I/O engine: frames and stamps in, outputs carried out, a timer. No protocol rule.

Inputs are passed on with the time; outputs are carried out one after the other, also those that carrying
out causes. What does not live here: what else an engine of one kind takes and gives (``following_driver``,
``instance_driver``, ``gptp_driver``, ``transparent_driver``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from hw.sockets import Received
from profiles.loader import RefusedName
from ptpstack.core.instance import PtpInstance
from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.daemon.attachment import Attachment
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.port_io import PortIo
from ptpstack.engine.outputs import Output, Send
from ptpstack.events import Event
from ptpstack.gptp.instance import GptpInstance
from ptpstack.gptp.link_delay_service import LinkDelayService
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, LocalTime, TimeInterval
from ptpstack.wire.message import Message

Engine = TypeVar("Engine", bound=PtpInstance | TransparentClock | GptpInstance | LinkDelayService)


class StampingClock(Protocol):
    """The clock that stamps the frames."""

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Turn a socket's stamp into an instant of the clock."""


class ProtocolDriver(Generic[Engine]):
    """Drives the engine *instance*, called *name* in configuration and events, on frames stamped by *clock*."""

    def __init__(self, name: str, instance: Engine, clock: StampingClock, loop: Loop, recorder: Recorder) -> None:
        self.name = name
        self.instance: Engine = instance
        self.ports: dict[int, PortIo] = {}
        self._attachments: dict[int, Attachment] = {}
        self._local_time = clock.local_time
        self._local_times: dict[int, Callable[[int], LocalTime]] = {}
        self._recorder = recorder
        self._timer = loop.timer(self._on_deadline)
        self._outputs: deque[Output] = deque()
        self._carrying_out = False

    def attach(
        self,
        port_number: int,
        port_io: PortIo,
        *,
        refuses: Iterable[RefusedName] = (),
        clock: StampingClock | None = None,
    ) -> None:
        """Let the port's frames go by *port_io*, but for those that it *refuses*; *clock* stamps them, if not ours."""
        self._local_times[port_number] = clock.local_time if clock else self._local_time
        default = self.instance.default_ds
        self.ports[port_number] = port_io
        self._attachments[port_number] = port_io.attach(
            self, port_number, sdo_id=default.sdo_id, domain_number=default.domain_number, refuses=refuses
        )

    def start(self) -> None:
        """Let the protocol begin."""
        self._carry_out(self.instance.start(monotonic_now()))

    def stop(self) -> None:
        """Let the protocol end."""
        self._carry_out(self.instance.stop(monotonic_now()))
        self._timer.close()

    def answer(
        self,
        port_number: int,  # noqa: ARG002 (for others)
        frames: Sequence[Received],
    ) -> tuple[list[bytes], Sequence[Received]]:
        """Return the answers to the event frames that need no decoding, and the other frames: here all of them."""
        return [], frames

    def receive(self, port_number: int, message: Message, stamp_ns: int | None, source: Hashable) -> None:
        """Pass a message on."""
        ingress = None if stamp_ns is None else self._local_times[port_number](stamp_ns)
        self._carry_out(self.instance.receive(port_number, message, ingress, monotonic_now(), source))

    def short_heads(self, port_number: int) -> frozenset[bytes]:  # noqa: ARG002 (for others)
        """Return with which octets the frames begin that :meth:`receive_octets` may take: here none."""
        return frozenset()

    def receive_octets(self, port_number: int, frame: Received) -> bool:  # noqa: ARG002 (as above)
        """Take a frame without decoding it, or say that it must be decoded."""
        return False

    def transmitted(self, port_number: int, context: int, stamp_ns: int | None) -> None:
        """Pass an egress stamp, or its loss, on."""
        egress = None if stamp_ns is None else self._local_times[port_number](stamp_ns)
        self._carry_out(self.instance.transmitted(port_number, context, egress, monotonic_now()))

    def link_changed(self, port_number: int, *, up: bool) -> None:
        """Pass the state of a port's link on."""
        self._carry_out(self.instance.link_changed(port_number, up, monotonic_now()))

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, ports: frozenset[int] | None = None) -> None:
        """Tell that the clock, or that of *ports*, was moved by *delta* and reads *local*."""
        only = {} if ports is None else {"ports": ports}
        self._carry_out(self.instance.clock_stepped(delta, local, monotonic_now(), **only))

    def _on_deadline(self) -> None:
        now = monotonic_now()
        self._timer.set(now + SECOND)  # should a defect end the next line, the engine is not left without a timer
        self._carry_out(self.instance.handle_deadline(now))

    def _carry_out(self, outputs: Sequence[Output]) -> None:
        if self._carrying_out:
            self._outputs.extend(outputs)
            return
        if not outputs:
            self._timer.set(self.instance.next_deadline())
            return
        self._outputs.extend(outputs)
        self._carrying_out = True
        try:
            while self._outputs:
                self._do(self._outputs.popleft())
        finally:
            self._carrying_out = False
            self._timer.set(self.instance.next_deadline())

    def _do(self, output: Output) -> None:
        """Carry one output out."""
        if isinstance(output, Send):
            self.ports[output.port_number].send(self._attachments[output.port_number], output)
        elif isinstance(output, Event):
            self._recorder.record(output, self.name)
