"""One instance on the bench: the test is its network, its clock and its chance."""

from __future__ import annotations

from typing import Any, TypeVar

from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.engine.outputs import Measurement, Output, Send
from ptpstack.engine.port_state import PortState
from ptpstack.events import Event
from ptpstack.time import SECOND, LocalTime, MonotonicTime, PtpTime, TimeInterval, interval_from_seconds
from ptpstack.wire import messages
from ptpstack.wire.message import Flag, Message, decode, encode
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

T = TypeVar("T")
M = TypeVar("M", bound=Message)

OWN = ClockIdentity.from_text("0000aa.fffe.000001")
GM = ClockIdentity.from_text("0000bb.fffe.000001")
OTHER = ClockIdentity.from_text("0000cc.fffe.000001")


class LastDelay:
    """A filter that filters nothing, so that expected delays can be written down."""

    def __init__(self) -> None:
        self.resets = 0

    def update(self, value: TimeInterval) -> TimeInterval:
        return value

    path_changed = update

    def reset(self) -> None:
        self.resets += 1


class Bench:
    """Drives a `PtpInstance`; everything that it sends crosses the codec."""

    def __init__(
        self, ports: int = 1, *, port: dict[str, Any] | None = None, random: float = 0.5, **settings: Any
    ) -> None:
        settings.setdefault("clock_identity", OWN)
        numbered = [PortSettings(port_number=n + 1, **(port or {})) for n in range(ports)]
        self.random = random
        self.instance = PtpInstance(
            InstanceSettings(**settings), numbered, random=lambda: self.random, delay_filter=LastDelay
        )
        self.now = MonotonicTime(1000 * SECOND)
        self.outputs: list[Output] = []
        self.sequence_ids: dict[tuple[PortIdentity, type[Message]], int] = {}
        self._take(self.instance.start(self.now))

    # -- outputs -----------------------------------------------------------------------------------

    def _take(self, outputs: list[Output]) -> list[Output]:
        for output in outputs:
            if isinstance(output, Send):
                decode(encode(output.message))
        self.outputs += outputs
        return outputs

    def sent(self, kind: type[M]) -> list[M]:
        return [o.message for o in self.outputs if isinstance(o, Send) and isinstance(o.message, kind)]

    def sends(self, kind: type[Message]) -> list[Send]:
        return [o for o in self.outputs if isinstance(o, Send) and isinstance(o.message, kind)]

    def events(self, kind: type[T]) -> list[T]:
        return [o for o in self.outputs if isinstance(o, kind) and isinstance(o, Event)]

    def measurements(self) -> list[Measurement]:
        return [o for o in self.outputs if isinstance(o, Measurement)]

    def state(self, port: int = 1) -> PortState:
        return self.instance.ports[port].state

    # -- inputs ------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Let time pass; event frames get no stamp unless the test gives one."""
        end = self.now + interval_from_seconds(seconds)
        while (deadline := self.instance.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self._take(self.instance.handle_deadline(self.now))
        self.now = end

    def receive(
        self, message: Message, ingress: int | None = None, *, port: int = 1, address: Any = None
    ) -> list[Output]:
        stamp = None if ingress is None else LocalTime(ingress)
        return self._take(self.instance.receive(port, decode(encode(message)), stamp, self.now, address))

    def stamp(self, send: Send, egress: int | None) -> list[Output]:
        assert send.context is not None
        stamp = None if egress is None else LocalTime(egress)
        return self._take(self.instance.transmitted(send.port_number, send.context, stamp, self.now))

    def from_master(self, kind: type[M], sender: PortIdentity = PortIdentity(GM, 1), **fields: Any) -> M:
        """A message of a master, with the next sequence id of its type."""
        key = sender, kind
        sequence_id = fields.pop("sequence_id", self.sequence_ids.get(key, 0))
        self.sequence_ids[key] = (sequence_id + 1) & 0xFFFF
        return kind(source_port_identity=sender, sequence_id=sequence_id, **fields)

    def announce(self, sender: PortIdentity = PortIdentity(GM, 1), *, port: int = 1, **fields: Any) -> list[Output]:
        fields = {
            "grandmaster_identity": sender.clock_identity,
            "grandmaster_clock_quality": ClockQuality(6, 0x21, 0x4E5D),
            "grandmaster_priority1": 128,
            "grandmaster_priority2": 128,
            "log_message_interval": 1,
            "flag_field": Flag.PTP_TIMESCALE,
        } | fields
        return self.receive(self.from_master(messages.Announce, sender, **fields), port=port)

    def hear(self, seconds: float, sender: PortIdentity = PortIdentity(GM, 1), *, port: int = 1, **fields: Any) -> None:
        """Announces of *sender* every 2 s for *seconds*."""
        for _ in range(int(seconds / 2)):
            self.announce(sender, port=port, **fields)
            self.run(2)

    def sync(self, t1: int, t2: int, sender: PortIdentity = PortIdentity(GM, 1), **fields: Any) -> list[Output]:
        """A two-step Sync that left at *t1* and came in at *t2*."""
        sync = self.from_master(messages.Sync, sender, flag_field=Flag.TWO_STEP, **fields)
        outputs = self.receive(sync, t2)
        follow_up = self.from_master(
            messages.FollowUp, sender, sequence_id=sync.sequence_id, precise_origin_timestamp=PtpTime(t1)
        )
        return outputs + self.receive(follow_up)


def slave(port: dict[str, Any] | None = None, **settings: Any) -> Bench:
    """A slave that has just selected the grandmaster."""
    bench = Bench(port=port, slave_only=True, **settings)
    bench.hear(4)
    assert bench.state() is PortState.UNCALIBRATED
    return bench
