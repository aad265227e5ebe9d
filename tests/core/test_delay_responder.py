"""The short way from a Delay_Req to its Delay_Resp: the same octets as by objects, or none."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.core.settings import DelayMechanism
from ptpstack.engine.outputs import Destination, Send
from ptpstack.engine.port_state import PortState
from ptpstack.errors import WireError
from ptpstack.time import MILLISECOND, SECOND, LocalTime, MonotonicTime
from ptpstack.wire import messages
from ptpstack.wire.message import Flag, Message, decode, encode
from ptpstack.wire.tlvs.pad import Pad
from ptpstack.wire.types import ClockIdentity, PortIdentity
from tests.core.bench import OWN, Bench

SLAVE = PortIdentity(ClockIdentity.from_text("0000dd.fffe.000001"), 3)
NOON = 1_700_000_000 * SECOND
ETHERNET_PADDING = bytes(2)


def master(port: dict[str, object] | None = None, **settings: object) -> Bench:
    """A clock that nobody answered and that therefore serves."""
    bench = Bench(port=port, **settings)
    bench.run(7.5)
    assert bench.state() is PortState.MASTER
    return bench


def by_octets(bench: Bench, octets: bytes, stamp: int) -> bytes | None:
    responder = bench.instance.delay_responder(1)
    return responder and responder.answer(octets, LocalTime(stamp), bench.now)


def by_objects(bench: Bench, octets: bytes, stamp: int) -> bytes:
    (send,) = bench.instance.receive(1, decode(octets), LocalTime(stamp), bench.now, "their address")
    assert isinstance(send, Send)
    assert (send.destination, send.context, send.address) == (Destination.PRIMARY, None, None)
    return encode(send.message)


any_port = st.fixed_dictionaries(
    {
        "minor_version_number": st.sampled_from([0, 1]),
        "log_min_delay_req_interval": st.integers(-10, 10),
        "ingress_latency": st.integers(-SECOND, SECOND),
    }
)
any_instance = st.fixed_dictionaries({"domain_number": st.integers(0, 255), "sdo_id": st.integers(0, 0xFFF)})
any_identity = st.builds(PortIdentity, st.binary(min_size=8, max_size=8).map(ClockIdentity), st.integers(0, 0xFFFF))
mostly = {"correction_field": st.integers(-(1 << 63), (1 << 63) - 1), "message_type_specific": st.integers(0, 9)}
any_request = st.builds(
    messages.DelayReq,
    minor_version_ptp=st.sampled_from([0, 1, 1, 2]),
    flag_field=st.sampled_from([0, 0, 0, Flag.UNICAST, Flag.TWO_STEP, Flag.PROFILE_SPECIFIC_1]),
    source_port_identity=any_identity | st.just(PortIdentity(OWN, 2)),
    sequence_id=st.integers(0, 0xFFFF),
    control_field=st.integers(0, 255),
    log_message_interval=st.integers(-128, 127),
    origin_timestamp=st.integers(0, (1 << 48) - 1).map(lambda seconds: seconds * SECOND),
    tlvs=st.sampled_from([(), (), (Pad(bytes(4)),)]),
    **mostly,
)
damage = st.lists(st.tuples(st.integers(0, 53), st.integers(0, 255)), max_size=2)


@given(
    settings=any_instance,
    port=any_port,
    request=any_request,
    same_domain=st.sampled_from([True, True, True, False]),
    stamp=st.integers(-SECOND, (1 << 49) * SECOND) | st.integers(NOON, NOON + SECOND),
    damage=damage,
    kept=st.integers(0, 60) | st.just(60),
)
def test_octets_and_objects_answer_alike(
    *,
    settings: dict[str, int],
    port: dict[str, object],
    request: messages.DelayReq,
    same_domain: bool,
    stamp: int,
    damage: list[tuple[int, int]],
    kept: int,
) -> None:
    bench = master(port=port, **settings)
    if same_domain:
        request.domain_number = settings["domain_number"]
        request.major_sdo_id, request.minor_sdo_id = divmod(settings["sdo_id"], 0x100)
    frame = bytearray(encode(request))
    for place, octet in damage:
        if place < len(frame):
            frame[place] = octet
    octets = bytes(frame)[:kept] + ETHERNET_PADDING
    before = copy.deepcopy(bench.instance.ports[1].counters)
    answer = by_octets(bench, octets, stamp)
    if answer is None:
        assert bench.instance.ports[1].counters == before
        return
    other = master(port=port, **settings)
    assert answer == by_objects(other, octets, stamp)
    assert bench.instance.ports[1].counters == other.instance.ports[1].counters
    assert bench.instance.next_deadline() == other.instance.next_deadline()


@pytest.mark.parametrize("minor_version", [0, 1])
@pytest.mark.parametrize("padding", [b"", ETHERNET_PADDING], ids=["bare", "padded to Ethernet's least length"])
@pytest.mark.parametrize("correction", [0, 12345, -(1 << 40)])
def test_an_ordinary_request_goes_the_short_way(minor_version: int, padding: bytes, correction: int) -> None:
    request = messages.DelayReq(
        source_port_identity=SLAVE, minor_version_ptp=minor_version, sequence_id=7, correction_field=correction
    )
    answer = by_octets(master(), encode(request) + padding, NOON + 3)
    assert answer is not None
    response = decode(answer)
    assert isinstance(response, messages.DelayResp)
    assert (response.receive_timestamp, response.correction_field) == (NOON, correction - 3)
    assert (response.requesting_port_identity, response.sequence_id) == (SLAVE, 7)


UNUSUAL: dict[str, Message] = {
    "another message": messages.Sync(source_port_identity=SLAVE),
    "another domain": messages.DelayReq(source_port_identity=SLAVE, domain_number=1),
    "another sdoId": messages.DelayReq(source_port_identity=SLAVE, major_sdo_id=1),
    "a later version": messages.DelayReq(source_port_identity=SLAVE, minor_version_ptp=2),
    "unicast": messages.DelayReq(source_port_identity=SLAVE, flag_field=Flag.UNICAST),
    "any other flag": messages.DelayReq(source_port_identity=SLAVE, flag_field=Flag.ALTERNATE_MASTER),
    "a TLV": messages.DelayReq(source_port_identity=SLAVE, tlvs=(Pad(bytes(2)),)),
    "its own": messages.DelayReq(source_port_identity=PortIdentity(OWN, 2)),
    "a correction that would overflow": messages.DelayReq(source_port_identity=SLAVE, correction_field=-(1 << 63)),
}


@pytest.mark.parametrize("message", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_unusual_goes_the_long_way(message: Message) -> None:
    assert by_octets(master(), encode(message), NOON + 1) is None


def test_a_malformed_request_goes_the_long_way_where_it_is_counted() -> None:
    octets = bytearray(encode(messages.DelayReq(source_port_identity=SLAVE)))
    octets[40:44] = (1_000_000_000).to_bytes(4, "big")
    assert by_octets(master(), bytes(octets), NOON) is None
    assert by_octets(master(), bytes(octets[:43]), NOON) is None
    with pytest.raises(WireError):
        decode(bytes(octets))


def test_a_stamp_from_before_a_step_goes_the_long_way_where_it_is_discarded() -> None:
    bench, octets = master(), encode(messages.DelayReq(source_port_identity=SLAVE))
    bench.instance.clock_stepped(SECOND, LocalTime(NOON), bench.now)
    bench.now = MonotonicTime(int(bench.now) + 100 * MILLISECOND)
    assert by_octets(bench, octets, NOON - MILLISECOND) is None
    assert by_octets(bench, octets, NOON + MILLISECOND) is not None


@pytest.mark.parametrize("mechanism", [DelayMechanism.P2P, DelayMechanism.NO_MECHANISM])
def test_without_the_end_to_end_mechanism_there_is_no_short_way(mechanism: DelayMechanism) -> None:
    bench = master(port={"delay_mechanism": mechanism})
    assert bench.instance.delay_responder(1) is None
    assert by_octets(bench, encode(messages.DelayReq(source_port_identity=SLAVE)), NOON) is None


def test_only_a_master_answers() -> None:
    bench = Bench()
    assert bench.state() is PortState.LISTENING
    assert bench.instance.delay_responder(1) is None
    assert by_octets(bench, encode(messages.DelayReq(source_port_identity=SLAVE)), NOON) is None
    assert master().instance.delay_responder(1) is not None
