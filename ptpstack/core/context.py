"""What the roles of a port share: its data sets, outputs, timers, sequence ids and pending egress stamps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ptpstack.core.datasets import DataSets, PortCounters, PortDS
from ptpstack.core.events import MessageDiscarded, PortEventRecord, TransmitStampLost
from ptpstack.core.outputs import Destination, Output, Send
from ptpstack.core.settings import PortSettings
from ptpstack.core.timers import Timers
from ptpstack.time import MILLISECOND, LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.message import Message

STEP_QUARANTINE: TimeInterval = 10 * MILLISECOND
"""How long after a clock step frames are not trusted: they may have been stamped before it."""

LOG_INTERVAL_UNSPECIFIED = 0x7F
"""logMessageInterval where the standard defines none (IEEE 1588-2019 Table 42)."""

NANOSECOND_FRACTION = 0xFFFF
"""The bits of an instant that a wire timestamp cannot hold and correctionField takes."""

M = TypeVar("M", bound=Message)
StampHandler = Callable[[LocalTime, MonotonicTime], None]


class DelayFilter(Protocol):
    """A filter of path delays, injected by the driver (``ptpstack.servo.filters``)."""

    def update(self, value: TimeInterval) -> TimeInterval:
        """Take one raw delay and return the filtered one."""

    def reset(self) -> None:
        """Forget all samples."""


class PortContext:
    """The shared part of one port; the roles own the rest."""

    def __init__(
        self,
        settings: PortSettings,
        data_sets: DataSets,
        outputs: list[Output],
        random: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.data_sets = data_sets
        self.port_ds = PortDS.of(settings, data_sets.default_ds.clock_identity)
        self.counters = PortCounters()
        self.timers = Timers()
        self.random = random
        self._outputs = outputs
        self._sequence_ids: Counter[type[Message]] = Counter()
        self._next_context = 0
        self._pending: dict[int, tuple[Message, StampHandler]] = {}
        self._step: tuple[LocalTime, TimeInterval, MonotonicTime] | None = None

    @property
    def port_number(self) -> int:
        """portDS.portIdentity.portNumber."""
        return self.settings.port_number

    # -- outputs -------------------------------------------------------------------------------

    def emit(self, output: Output) -> None:
        """Append *output* to what this input gives."""
        self._outputs.append(output)

    def new(self, message_type: type[M], *, sequence_id: int | None = None, flags: int = 0, **body: Any) -> M:  # noqa: ANN401 (the fields of each type)
        """Return a message of this port; without *sequence_id* it takes the next of its type (7.3.7)."""
        default = self.data_sets.default_ds
        if sequence_id is None:
            sequence_id = self._sequence_ids[message_type]
            self._sequence_ids[message_type] = (sequence_id + 1) & 0xFFFF
        return message_type(
            major_sdo_id=default.sdo_id >> 8,
            minor_sdo_id=default.sdo_id & 0xFF,
            minor_version_ptp=self.port_ds.minor_version_number,
            domain_number=default.domain_number,
            source_port_identity=self.port_ds.port_identity,
            sequence_id=sequence_id,
            flag_field=flags,
            **body,
        )

    def send_general(
        self, message: Message, destination: Destination = Destination.PRIMARY, address: object = None
    ) -> None:
        """Send a general message."""
        self.counters.sent[type(message).__name__] += 1
        self.emit(Send(self.port_number, message, destination, address=address))

    def send_event(
        self, message: Message, on_stamp: StampHandler | None, destination: Destination = Destination.PRIMARY
    ) -> None:
        """Send an event message; *on_stamp* gets the egress instant at the reference plane, if it comes.

        ``None``: the NIC writes that instant into the message, and there is no stamp to wait for.
        """
        self.counters.sent[type(message).__name__] += 1
        if on_stamp is None:
            self.emit(Send(self.port_number, message, destination))
            return
        context = self._next_context
        self._next_context += 1
        self._pending[context] = message, on_stamp
        self.emit(Send(self.port_number, message, destination, context=context))

    def transmitted(self, context: int, egress: LocalTime | None, now: MonotonicTime) -> None:
        """Take the egress stamp of *context*; of a frame from before a step or a fault nothing is left to do."""
        message, on_stamp = self._pending.pop(context, (None, None))
        if message is None or on_stamp is None:
            return
        if egress is None:
            self.counters.discarded["transmit stamp lost"] += 1
            self.emit(
                TransmitStampLost(
                    port_number=self.port_number,
                    message=message.message_type.name,
                    sequence_id=message.sequence_id,
                    total=self.counters.discarded["transmit stamp lost"],
                )
            )
            return
        on_stamp(egress + self.settings.egress_latency, now)

    def forget_pending(self) -> None:
        """Ignore the stamps of everything sent so far."""
        self._pending.clear()

    def discard(self, message: Message, reason: str) -> None:
        """Count a message that a rule rejects and say which."""
        self.counters.discarded[reason] += 1
        self.emit(
            MessageDiscarded(
                port_number=self.port_number,
                message=message.message_type.name,
                port_identity=message.source_port_identity,
                reason=reason,
            )
        )

    def tell(self, event: type[PortEventRecord], **fields: Any) -> None:  # noqa: ANN401 (the event's own fields)
        """Emit *event* with this port's number."""
        self.emit(event(port_number=self.port_number, **fields))

    # -- ingress stamps --------------------------------------------------------------------------

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, now: MonotonicTime) -> None:
        """Note that the clock moved by *delta* to *local*: frames in flight carry stamps of before."""
        self.forget_pending()
        self._step = local, delta, now

    def ingress(self, message: Message, stamp: LocalTime | None, now: MonotonicTime) -> LocalTime | None:
        """Return the ingress instant at the reference plane, or None (counted) if the stamp is no use."""
        if stamp is None:
            self.discard(message, "no receive stamp")
            return None
        if self.is_from_before_step(stamp, now):
            self.discard(message, "stamped before a clock step")
            return None
        return stamp - self.settings.ingress_latency

    def is_from_before_step(self, stamp: LocalTime, now: MonotonicTime) -> bool:
        """Tell whether a frame is handled right after a step, or stamped where the clock can not have been since."""
        if self._step is None:
            return False
        local, delta, stepped_at = self._step
        elapsed = now - stepped_at
        if elapsed < STEP_QUARANTINE:
            return True
        if delta > 0:
            return stamp < local
        return stamp > local + elapsed + elapsed // 1000 + MILLISECOND
