"""No input, in whatever order, makes a transparent clock raise, or send what no frame can hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.engine.outputs import Output, Send
from ptpstack.time import MILLISECOND, SECOND, LocalTime, MonotonicTime
from ptpstack.wire import messages
from ptpstack.wire.message import Message, decode, encode
from ptpstack.wire.types import ClockIdentity, PortIdentity
from tests.core.bench import GM, OTHER, OWN, LastDelay
from tests.wire.strategies import any_message

PORTS = (1, 2, 3)
SENDERS = [PortIdentity(GM, 1), PortIdentity(OTHER, 1), PortIdentity(ClockIdentity(b"\xdd" * 8), 1)]
PASSED_AS_THEY_ARE = (messages.Announce, messages.Signaling, messages.Management)

senders, numbers = st.sampled_from(SENDERS), st.integers(0, 3)
ours = st.builds(
    lambda message, sender, number: replace(
        message,
        major_sdo_id=0,
        minor_sdo_id=0,
        domain_number=0,
        source_port_identity=sender,
        sequence_id=number,
        **({"requesting_port_identity": SENDERS[2]} if isinstance(message, messages.DelayResp) else {}),
    ),
    any_message,
    senders,
    numbers,
)
stamps = st.none() | st.integers(0, 1 << 70).map(LocalTime)
inputs = st.one_of(
    st.tuples(st.just("receive"), st.sampled_from(PORTS), ours, stamps),
    st.tuples(st.just("stamp"), st.integers(0, 20), stamps),
    st.tuples(st.just("link"), st.sampled_from(PORTS), st.booleans()),
    st.tuples(st.just("wait"), st.integers(0, 3 * SECOND)),
    st.tuples(st.just("step"), st.integers(-(1 << 62), 1 << 62)),
)


class Trouble:
    """A transparent clock, and what of its sends waits for a stamp."""

    def __init__(self, mechanism: DelayMechanism) -> None:
        self.clock = TransparentClock(
            InstanceSettings(clock_identity=OWN, extends_inaccuracy_by_ns=50),
            [PortSettings(port_number=n, delay_mechanism=mechanism, delay_asymmetry=77) for n in PORTS],
            delay_filter=LastDelay,
        )
        self.now = MonotonicTime(1000 * SECOND)
        self.waiting: list[Send] = []
        self.take(self.clock.start(self.now), None, None)

    def take(self, outputs: list[Output], ingress_port: int | None, came: Message | None) -> None:
        for send in (output for output in outputs if isinstance(output, Send)):
            decode(encode(send.message))
            if came is not None and isinstance(came, PASSED_AS_THEY_ARE):
                assert send.port_number != ingress_port
            if send.context is not None:
                self.waiting.append(send)

    def do(self, kind: str, *values: object) -> None:
        match kind, values:
            case "receive", (port, message, stamp):
                assert isinstance(message, Message)
                copy = decode(encode(message))
                self.take(self.clock.receive(port, copy, stamp, self.now), port, copy)
                assert copy == decode(encode(message)), "what came in is not changed: others may have it"
            case "stamp", (number, stamp) if self.waiting:
                send = self.waiting.pop(number % len(self.waiting))
                self.take(self.clock.transmitted(send.port_number, send.context, stamp, self.now), None, None)
            case "link", (port, up):
                self.take(self.clock.link_changed(port, up, self.now), None, None)
            case "wait", (interval,):
                self.now += interval
                self.take(self.clock.handle_deadline(self.now), None, None)
            case "step", (delta,):
                local = LocalTime(max(0, (1 << 62) + delta))
                self.take(self.clock.clock_stepped(delta, local, self.now), None, None)
        self.now += MILLISECOND


@given(st.sampled_from([DelayMechanism.E2E, DelayMechanism.P2P]), st.lists(inputs, max_size=40))
def test_whatever_comes_in_whatever_order(mechanism: DelayMechanism, course: list[tuple[object, ...]]) -> None:
    trouble = Trouble(mechanism)
    for kind, *values in course:
        trouble.do(str(kind), *values)
