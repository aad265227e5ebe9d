"""What one port sends and hears: headers, sequence ids, counters, and the stamps of event messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import msgspec

from ptpstack.engine.events import MessageDiscarded, PortEventRecord, TransmitStampLost
from ptpstack.engine.outputs import Destination, Output, Send
from ptpstack.time import MILLISECOND, LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.message import Message
from ptpstack.wire.types import PortIdentity

STEP_QUARANTINE: TimeInterval = 10 * MILLISECOND
"""How long after a clock step frames are not trusted: they may have been stamped before it."""

LOG_INTERVAL_UNSPECIFIED = 0x7F
"""logMessageInterval where the standard defines none (IEEE 1588-2019 Table 42)."""

CORRECTION_OVERFLOW = (1 << 63) - 1
"""correctionField that says "too big to represent" (IEEE 1588-2019 13.3.2.9)."""

NANOSECOND_FRACTION = 0xFFFF
"""The bits of an instant that a wire timestamp cannot hold and correctionField takes."""

M = TypeVar("M", bound=Message)
StampHandler = Callable[[LocalTime, MonotonicTime], None]
LossHandler = Callable[[MonotonicTime], None]


class PortCounters(msgspec.Struct, kw_only=True):
    """What passed through a port, by the name of the message, and what was dropped, by reason."""

    received: Counter[str] = msgspec.field(default_factory=Counter)
    sent: Counter[str] = msgspec.field(default_factory=Counter)
    discarded: Counter[str] = msgspec.field(default_factory=Counter)


class PortMessages:
    """The messages of port *port_identity* in one domain, whose outputs go to *outputs*."""

    def __init__(
        self,
        port_identity: PortIdentity,
        outputs: list[Output],
        *,
        sdo_id: int,
        domain_number: int,
        minor_version_number: int,
        ingress_latency: TimeInterval,
        egress_latency: TimeInterval,
    ) -> None:
        self.port_identity = port_identity
        self.counters = PortCounters()
        self._outputs = outputs
        self._sdo_id = sdo_id
        self.domain_number = domain_number
        self._minor_version_number = minor_version_number
        self._ingress_latency = ingress_latency
        self._egress_latency = egress_latency
        self._sequence_ids: Counter[type[Message]] = Counter()
        self._next_context = 0
        self._pending: dict[int, tuple[Message, StampHandler, LossHandler | None]] = {}
        self._step: tuple[LocalTime, TimeInterval, MonotonicTime] | None = None

    @property
    def port_number(self) -> int:
        """portDS.portIdentity.portNumber."""
        return self.port_identity.port_number

    # -- outputs -------------------------------------------------------------------------------

    def emit(self, output: Output) -> None:
        """Append *output* to what this input gives."""
        self._outputs.append(output)

    def new(self, message_type: type[M], *, sequence_id: int | None = None, flags: int = 0, **body: Any) -> M:  # noqa: ANN401 (the fields of each type)
        """Return a message of this port; without *sequence_id* it takes the next of its type (7.3.7)."""
        if sequence_id is None:
            sequence_id = self._sequence_ids[message_type]
            self._sequence_ids[message_type] = (sequence_id + 1) & 0xFFFF
        return message_type(
            major_sdo_id=self._sdo_id >> 8,
            minor_sdo_id=self._sdo_id & 0xFF,
            minor_version_ptp=self._minor_version_number,
            domain_number=self.domain_number,
            source_port_identity=self.port_identity,
            sequence_id=sequence_id,
            flag_field=flags,
            **body,
        )

    def send_general(
        self, message: Message, destination: Destination = Destination.PRIMARY, address: Hashable = None
    ) -> None:
        """Send a general message."""
        self.counters.sent[type(message).__name__] += 1
        self.emit(Send(self.port_number, message, destination, address=address))

    def send_event(
        self,
        message: Message,
        on_stamp: StampHandler | None,
        destination: Destination = Destination.PRIMARY,
        address: Hashable = None,
        *,
        on_loss: LossHandler | None = None,
    ) -> None:
        """Send an event message; *on_stamp* gets the egress instant at the reference plane, or *on_loss* is called.

        ``None``: the NIC writes that instant into the message, and there is no stamp to wait for. With *address* it
        goes there instead of to the group.
        """
        self.counters.sent[type(message).__name__] += 1
        if on_stamp is None:
            self.emit(Send(self.port_number, message, destination, address=address))
            return
        context = self._next_context
        self._next_context += 1
        self._pending[context] = message, on_stamp, on_loss
        self.emit(Send(self.port_number, message, destination, context=context, address=address))

    def transmitted(self, context: int, egress: LocalTime | None, now: MonotonicTime) -> None:
        """Take the egress stamp of *context*; of a frame from before a step or a fault nothing is left to do."""
        message, on_stamp, on_loss = self._pending.pop(context, (None, None, None))
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
            if on_loss is not None:
                on_loss(now)
            return
        on_stamp(egress + self._egress_latency, now)

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
        return stamp - self._ingress_latency

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
