"""One instance of IEEE 1588 and what it is wired to: it answers delay requests in a hurry. No protocol rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from hw.sockets import Received
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import LocalQuality
from ptpstack.daemon.following_driver import FollowingDriver, InstanceClock
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.engine.outputs import Output, UnicastBatch
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.observe.recorder import Recorder
from ptpstack.time import LocalTime, TimeInterval
from ptpstack.wire.types import ClockQuality


class BatchedPort(Protocol):
    """A port that sends to many unicast clients at once (``batched_port_io``)."""

    def send_batch(self, batch: UnicastBatch) -> None:
        """Send one message to each client of a slot."""

    def forget_stamps(self) -> None:
        """Give up the transmit stamps under way."""


class InstanceDriver(FollowingDriver[PtpInstance]):
    """Drives a PTP instance."""

    def __init__(self, name: str, instance: PtpInstance, clock: InstanceClock, loop: Loop, recorder: Recorder) -> None:
        super().__init__(name, instance, clock, loop, recorder)
        self._batched: dict[int, BatchedPort] = {}
        self.on_local_quality: Callable[[], None] = lambda: None
        """Called when the clock is worth something else, before anything is announced of it."""

    def serve_batches(self, port_number: int, port: BatchedPort) -> None:
        """Let the unicast clients of this port be served slot by slot by *port*."""
        self._batched[port_number] = port

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, ports: frozenset[int] | None = None) -> None:
        """Tell that the clock was moved by *delta* and reads *local*."""
        for number, port in self._batched.items():
            if ports is None or number in ports:
                port.forget_stamps()
        super().clock_stepped(delta, local, ports)

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

    def short_heads(self, port_number: int) -> frozenset[bytes]:
        """Return with which octets the frames begin that :meth:`receive_octets` may take."""
        return self.instance.short_heads(port_number)

    def receive_octets(self, port_number: int, frame: Received) -> bool:
        """Take a frame without decoding it, or say that it must be decoded."""
        stamp_ns = frame.stamp_ns
        ingress = None if stamp_ns is None else self._local_times[port_number](stamp_ns)
        outputs = self.instance.receive_octets(port_number, frame.payload, ingress, monotonic_now(), frame.source)
        if outputs is None:
            return False
        self._carry_out(outputs)
        return True

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
        self.on_local_quality()

    def _do(self, output: Output) -> None:
        if isinstance(output, UnicastBatch):
            self._batched[output.port_number].send_batch(output)
        else:
            super()._do(output)
