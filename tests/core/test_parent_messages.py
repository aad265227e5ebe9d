"""The short way of the parent's messages: it does what the way by objects does, or nothing."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.core.settings import DelayMechanism
from ptpstack.engine.outputs import Measurement, Output
from ptpstack.engine.port_state import PortState
from ptpstack.errors import WireError
from ptpstack.time import MILLISECOND, SECOND, LocalTime, PtpTime
from ptpstack.wire import messages
from ptpstack.wire.message import Flag, Message, decode, encode
from ptpstack.wire.tlvs.pad import Pad
from ptpstack.wire.types import PortIdentity
from tests.core.bench import GM, OTHER, OWN, Bench

EPOCH = 1_700_000_000 * SECOND
PARENT = PortIdentity(GM, 1)
ETHERNET_PADDING = bytes(2)


def following(port: dict[str, Any], **settings: Any) -> Bench:
    """A slave that knows its path delay, and has one more Delay_Req and one more Sync under way."""
    bench = Bench(port=port, slave_only=True, **settings)
    domain = domain_of(**settings)
    bench.hear(4, **domain)
    assert bench.state() is PortState.UNCALIBRATED
    for number in range(3):
        left = EPOCH + number * SECOND
        ordinary = {"source_port_identity": PARENT, "sequence_id": number} | domain
        bench.receive(messages.Sync(flag_field=Flag.TWO_STEP, **ordinary), left + MILLISECOND)
        bench.receive(messages.FollowUp(precise_origin_timestamp=PtpTime(left), **ordinary))
        bench.run(1.5)
        for send in bench.sends(messages.DelayReq)[-1:]:
            bench.stamp(send, left + SECOND // 2)
            if number < 2:
                bench.receive(answer_to(send.message, left + SECOND // 2, PortIdentity(OWN, 1)))
    bench.receive(
        messages.Sync(source_port_identity=PARENT, sequence_id=3, flag_field=Flag.TWO_STEP, **domain),
        EPOCH + 3 * SECOND,
    )
    return bench


def domain_of(domain_number: int = 0, sdo_id: int = 0) -> dict[str, int]:
    return {"domain_number": domain_number, "major_sdo_id": sdo_id >> 8, "minor_sdo_id": sdo_id & 0xFF}


def answer_to(request: Message, receive_timestamp: int, requester: PortIdentity) -> messages.DelayResp:
    return messages.DelayResp(
        source_port_identity=PARENT,
        sequence_id=request.sequence_id,
        receive_timestamp=PtpTime(receive_timestamp),
        requesting_port_identity=requester,
        domain_number=request.domain_number,
        major_sdo_id=request.major_sdo_id,
        minor_sdo_id=request.minor_sdo_id,
    )


any_port = st.fixed_dictionaries(
    {
        "delay_mechanism": st.sampled_from(DelayMechanism),
        "minor_version_number": st.sampled_from([0, 1]),
        "ingress_latency": st.integers(-SECOND, SECOND),
        "delay_asymmetry": st.integers(-SECOND, SECOND),
    }
)
any_instance = st.fixed_dictionaries({"domain_number": st.integers(0, 255), "sdo_id": st.integers(0, 0xFFF)})
common = {
    "minor_version_ptp": st.sampled_from([0, 1, 1, 1, 2]),
    "correction_field": st.sampled_from([0, 0, 0, 1 << 16, -(1 << 40), (1 << 63) - 1]),
    "message_type_specific": st.integers(0, 9),
    "source_port_identity": st.sampled_from([PARENT] * 7 + [PortIdentity(OTHER, 1), PortIdentity(OWN, 1)]),
    "sequence_id": st.sampled_from([1, 2, 3, 3, 3, 4, 4, 5, 0xFFFF]),
    "control_field": st.integers(0, 255),
    "log_message_interval": st.sampled_from([0, -3, -7, 1, 0x7F, -128]),
    "tlvs": st.sampled_from([()] * 9 + [(Pad(bytes(4)),)]),
}
flags = st.sampled_from([0, 0, 0, Flag.TWO_STEP, Flag.TWO_STEP, Flag.UNICAST])
instants = st.sampled_from([0, *range(EPOCH, EPOCH + 9 * SECOND, SECOND), ((1 << 48) - 1) * SECOND])
requesters = st.sampled_from([PortIdentity(OWN, 1), PortIdentity(OWN, 1), PortIdentity(OTHER, 1), PortIdentity(OWN, 2)])
any_message = st.one_of(
    st.builds(messages.Sync, flag_field=flags, origin_timestamp=instants, **common),
    st.builds(messages.FollowUp, flag_field=flags, precise_origin_timestamp=instants, **common),
    st.builds(
        messages.DelayResp,
        flag_field=flags,
        receive_timestamp=instants,
        requesting_port_identity=requesters,
        **common,
    ),
)


def by_objects(bench: Bench, octets: bytes, stamp: LocalTime | None) -> list[Output]:
    return bench.instance.receive(1, decode(octets), stamp, bench.now, "their address")


def by_octets(bench: Bench, octets: bytes, stamp: LocalTime | None) -> list[Output] | None:
    return bench.instance.receive_octets(1, octets, stamp, bench.now, "their address")


def seen(bench: Bench) -> tuple[object, ...]:
    """What can be seen of an instance."""
    instance = bench.instance
    port = instance.ports[1]
    return instance.current_ds, port.port_ds, port.counters, instance.next_deadline()


frames = st.fixed_dictionaries(
    {
        "message": any_message,
        "in_domain": st.sampled_from([True] * 9 + [False]),
        "stamp": st.sampled_from([None, *range(EPOCH, EPOCH + 9 * SECOND, SECOND)]),
        "damage": st.sampled_from([()] * 9 + [(place, 0xFF) for place in range(0, 54, 5)]),
        "kept": st.sampled_from([60] * 9 + [0, 7, 43, 44, 53]),
    }
)


def octets_of(frame: dict[str, Any], domain: dict[str, int]) -> bytes:
    message: Message = copy.copy(frame["message"])
    for name, value in (domain if frame["in_domain"] else {}).items():
        setattr(message, name, value)
    octets = bytearray(encode(message))
    if frame["damage"] and frame["damage"][0] < len(octets):
        octets[frame["damage"][0]] = frame["damage"][1]
    return bytes(octets[: frame["kept"]]) + ETHERNET_PADDING


@given(
    settings=any_instance,
    port=any_port,
    taken=st.lists(frames, min_size=1, max_size=4),
    stepped=st.sampled_from([0, 0, 0, SECOND, -SECOND]),
    wait_s=st.sampled_from([0.0, 0.1]),
)
def test_octets_and_objects_do_the_same(
    *, settings: dict[str, int], port: dict[str, Any], taken: list[dict[str, Any]], stepped: int, wait_s: float
) -> None:
    bench, other = (following(port, **settings) for _ in range(2))
    for each in (bench, other):
        if stepped:
            each.instance.clock_stepped(stepped, LocalTime(EPOCH + 3 * SECOND + stepped), each.now)
        each.run(wait_s)
    for frame in taken:
        octets = octets_of(frame, domain_of(**settings))
        ingress = None if frame["stamp"] is None else LocalTime(frame["stamp"])
        before = copy.deepcopy(seen(bench))
        outputs = by_octets(bench, octets, ingress)
        if outputs is None:
            assert seen(bench) == before
            with suppress(WireError):
                outputs = by_objects(bench, octets, ingress)
        with suppress(WireError):
            assert outputs == by_objects(other, octets, ingress)
        assert seen(bench) == seen(other)


@pytest.mark.parametrize("minor_version", [0, 1])
@pytest.mark.parametrize("padding", [b"", ETHERNET_PADDING], ids=["bare", "padded to Ethernet's least length"])
def test_an_ordinary_sync_with_its_follow_up_goes_the_short_way(minor_version: int, padding: bytes) -> None:
    bench = following({})
    sync = messages.Sync(
        source_port_identity=PARENT,
        sequence_id=4,
        flag_field=Flag.TWO_STEP,
        minor_version_ptp=minor_version,
        log_message_interval=-3,
    )
    follow_up = messages.FollowUp(
        source_port_identity=PARENT,
        sequence_id=4,
        minor_version_ptp=minor_version,
        precise_origin_timestamp=PtpTime(EPOCH + 4 * SECOND),
    )
    assert by_octets(bench, encode(sync) + padding, LocalTime(EPOCH + 4 * SECOND + MILLISECOND)) == []
    outputs = by_octets(bench, encode(follow_up) + padding, None)
    assert outputs is not None
    (measurement,) = (output for output in outputs if isinstance(output, Measurement))
    assert measurement.t1 == EPOCH + 4 * SECOND
    assert measurement.t2 == EPOCH + 4 * SECOND + MILLISECOND
    assert measurement.log_sync_interval == -3


@pytest.mark.parametrize("requester", [PortIdentity(OWN, 1), PortIdentity(OTHER, 1)], ids=["to us", "to another"])
def test_an_answer_goes_the_short_way(requester: PortIdentity) -> None:
    bench = following({})
    request = bench.sent(messages.DelayReq)[-1]
    answer = answer_to(request, EPOCH + 2 * SECOND + SECOND // 2, requester)
    answer.log_message_interval = -3
    port = bench.instance.ports[1]
    before = port.counters.received["DelayResp"]
    assert by_octets(bench, encode(answer), None) is not None
    assert port.counters.received["DelayResp"] == before + 1
    assert (port.port_ds.log_min_delay_req_interval == -3) is (requester == PortIdentity(OWN, 1))


def test_what_was_stamped_before_a_step_goes_the_way_on_which_that_is_told() -> None:
    bench = following({})
    bench.instance.clock_stepped(SECOND, LocalTime(EPOCH + 4 * SECOND), bench.now)
    sync = messages.Sync(source_port_identity=PARENT, sequence_id=4, flag_field=Flag.TWO_STEP)
    assert by_octets(bench, encode(sync), LocalTime(EPOCH + 4 * SECOND)) is None


def test_nothing_goes_the_short_way_before_there_is_a_parent() -> None:
    bench = Bench(slave_only=True)
    assert bench.state() is PortState.LISTENING
    sync = messages.Sync(source_port_identity=PARENT, flag_field=Flag.TWO_STEP)
    assert by_octets(bench, encode(sync), LocalTime(EPOCH)) is None


def test_what_is_malformed_goes_the_way_on_which_that_is_told() -> None:
    bench = following({})
    octets = bytearray(encode(messages.FollowUp(source_port_identity=PARENT, sequence_id=3)))
    octets[40:44] = b"\xff" * 4
    assert by_octets(bench, bytes(octets), None) is None
    with pytest.raises(WireError):
        by_objects(bench, bytes(octets), None)


def test_the_heads_tell_what_may_go_the_short_way() -> None:
    bench = following({}, domain_number=7, sdo_id=0x123)
    heads = bench.instance.short_heads(1)
    sync = messages.Sync(domain_number=7, major_sdo_id=1, minor_sdo_id=0x23, flag_field=Flag.TWO_STEP)
    assert encode(sync)[:8] in heads
    sync.domain_number = 8
    assert encode(sync)[:8] not in heads
