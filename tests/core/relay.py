"""A transparent clock on the bench, and the messages of those around it."""

from __future__ import annotations

from typing import Any, TypeVar

from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.engine.outputs import Output, Send
from ptpstack.events import Event
from ptpstack.time import MICROSECOND, NANOSECOND, SECOND, LocalTime, MonotonicTime, PtpTime
from ptpstack.wire import messages
from ptpstack.wire.message import Flag, Message, decode, encode
from ptpstack.wire.types import ClockIdentity, PortIdentity
from tests.core.bench import GM, OTHER, OWN, LastDelay

T = TypeVar("T")
M = TypeVar("M", bound=Message)

MASTER = PortIdentity(GM, 1)
SLAVE = PortIdentity(ClockIdentity.from_text("0000dd.fffe.000001"), 1)
PEER = PortIdentity(OTHER, 1)
ORIGIN = PtpTime(1_700_000_000 * SECOND)
IN, OUT, OUT_TOO = 1, 2, 3
LINK = 300 * NANOSECOND
STAY = 5 * MICROSECOND


class Relay:
    """A transparent clock on the bench, whose messages cross the codec."""

    def __init__(
        self,
        mechanism: DelayMechanism = DelayMechanism.E2E,
        ports: int = 3,
        *,
        extends_inaccuracy_by_ns: int | None = None,
        **port: Any,
    ) -> None:
        self.clock = TransparentClock(
            InstanceSettings(clock_identity=OWN, extends_inaccuracy_by_ns=extends_inaccuracy_by_ns),
            [PortSettings(port_number=n, delay_mechanism=mechanism, **port) for n in range(1, ports + 1)],
            delay_filter=LastDelay,
        )
        self.now = MonotonicTime(1000 * SECOND)
        self.outputs: list[Output] = []
        self._take(self.clock.start(self.now))

    def _take(self, outputs: list[Output]) -> list[Output]:
        for output in outputs:
            if isinstance(output, Send):
                output.message = decode(encode(output.message))
        self.outputs += outputs
        return outputs

    def receive(self, message: Message, ingress: int | None = None, *, port: int = IN) -> list[Send]:
        stamp = None if ingress is None else LocalTime(ingress)
        outputs = self._take(self.clock.receive(port, decode(encode(message)), stamp, self.now))
        return [output for output in outputs if isinstance(output, Send)]

    def leave(self, send: Send, egress: int | None) -> list[Send]:
        assert send.context is not None
        stamp = None if egress is None else LocalTime(egress)
        outputs = self._take(self.clock.transmitted(send.port_number, send.context, stamp, self.now))
        return [output for output in outputs if isinstance(output, Send)]

    def wait(self, interval: int) -> None:
        self.now += interval

    def sends(self, kind: type[Message]) -> list[Send]:
        return [output for output in self.outputs if isinstance(output, Send) and isinstance(output.message, kind)]

    def events(self, kind: type[T]) -> list[T]:
        return [output for output in self.outputs if isinstance(output, kind) and isinstance(output, Event)]

    def discarded(self, port: int = IN) -> dict[str, int]:
        return dict(self.clock.ports[port].counters.discarded)

    def measure_links(self) -> None:
        """Let every port know that its link takes LINK."""
        self._take(self.clock.handle_deadline(self.now))
        for send in self.sends(messages.PdelayReq):
            self.leave(send, 0)
            request = send.message
            response = messages.PdelayResp(
                source_port_identity=PEER,
                sequence_id=request.sequence_id,
                requesting_port_identity=request.source_port_identity,
            )
            self.receive(response, 2 * LINK, port=send.port_number)
        self.outputs.clear()


def p2p() -> Relay:
    relay = Relay(DelayMechanism.P2P)
    relay.measure_links()
    return relay


def sync(sequence_id: int = 0, *, two_step: bool = True, **fields: Any) -> messages.Sync:
    flags = Flag.PTP_TIMESCALE | Flag.TWO_STEP * two_step
    usual = {"source_port_identity": MASTER, "flag_field": flags, "log_message_interval": -3}
    return messages.Sync(sequence_id=sequence_id, **(usual | fields))


def follow_up(sequence_id: int = 0, origin: PtpTime = ORIGIN, **fields: Any) -> messages.FollowUp:
    return messages.FollowUp(
        source_port_identity=MASTER, sequence_id=sequence_id, precise_origin_timestamp=origin, **fields
    )


def delay_req(sequence_id: int = 0, **fields: Any) -> messages.DelayReq:
    return messages.DelayReq(source_port_identity=SLAVE, sequence_id=sequence_id, **fields)


def delay_resp(sequence_id: int = 0, **fields: Any) -> messages.DelayResp:
    return messages.DelayResp(
        source_port_identity=MASTER,
        sequence_id=sequence_id,
        requesting_port_identity=SLAVE,
        **({"receive_timestamp": ORIGIN} | fields),
    )
