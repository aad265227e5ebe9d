"""The choice of the grandmaster by priority vectors, which is plain lexicographic."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.engine.port_state import PortState
from ptpstack.gptp.events import GrandmasterSelected
from ptpstack.gptp.priority import PriorityVector, SystemIdentity, reason_between
from ptpstack.time import SECOND
from ptpstack.wire.messages import Announce, Sync
from ptpstack.wire.tlvs import PathTrace
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity
from tests.gptp.rig import NEIGHBOR, OWN, STRANGER, Rig


def capable(**settings: object) -> Rig:
    rig = Rig(gptp_capable_state_machines_enabled=False, **settings)
    rig.run(3)
    return rig


octets = st.integers(0, 255)
identities = st.binary(min_size=8, max_size=8).map(ClockIdentity)
vectors = st.builds(
    PriorityVector,
    st.builds(SystemIdentity, octets, octets, octets, st.integers(0, 0xFFFF), octets, identities),
    st.integers(0, 0xFFFF),
    st.builds(PortIdentity, identities, st.integers(0, 0xFFFF)),
    st.integers(0, 0xFFFF),
)


def as_octets(vector: PriorityVector) -> bytes:
    root = vector.root
    return (
        bytes([root.priority1, root.clock_class, root.clock_accuracy])
        + root.offset_scaled_log_variance.to_bytes(2, "big")
        + bytes([root.priority2])
        + root.clock_identity
        + vector.steps_removed.to_bytes(2, "big")
        + vector.source_port_identity.clock_identity
        + vector.source_port_identity.port_number.to_bytes(2, "big")
        + vector.port_number.to_bytes(2, "big")
    )


@given(vectors, vectors)
def test_vectors_compare_as_their_28_octets_do(one: PriorityVector, other: PriorityVector) -> None:
    assert len(as_octets(one)) == 28
    assert (one < other) == (as_octets(one) < as_octets(other))


@given(vectors, vectors)
def test_a_reason_names_what_differs(one: PriorityVector, other: PriorityVector) -> None:
    better, worse = sorted((one, other))
    assert "<" in reason_between(better, worse)


class TestChoice:
    @pytest.mark.parametrize(
        ("field", "better", "worse"),
        [
            ("grandmaster_priority1", 100, 247),
            ("clock_class", 6, 250),
            ("clock_accuracy", 0x20, 0xFF),
            ("offset_scaled_log_variance", 0x1000, 0x5000),
            ("grandmaster_priority2", 100, 249),
        ],
    )
    def test_each_member_decides(self, field: str, better: int, worse: int) -> None:
        for value, state in ((better, PortState.SLAVE), (worse, PortState.MASTER)):
            rig = capable()
            quality = ClockQuality(248, 0xFE, 0x436A)
            announce = Announce(
                **rig.header(),
                log_message_interval=0,
                grandmaster_priority1=246,
                grandmaster_priority2=248,
                grandmaster_clock_quality=quality,
                grandmaster_identity=ClockIdentity(b"\x02" + bytes(6) + b"\x04"),
                tlvs=(PathTrace((NEIGHBOR.clock_identity,)),),
            )
            if field in quality._fields:
                announce.grandmaster_clock_quality = quality._replace(**{field: value})
            else:
                setattr(announce, field, value)
            rig.receive(announce, stamped=False)
            assert rig.port.state is state

    def test_one_announce_is_enough(self) -> None:
        rig = capable()
        rig.announces()
        assert rig.port.state is PortState.SLAVE
        (*_, selected) = rig.events_of(GrandmasterSelected)
        assert selected.parent_port_identity == NEIGHBOR
        assert selected.rule == "priority1 100 < 246"

    def test_a_word_of_the_same_port_replaces_what_it_said_before(self) -> None:
        rig = capable()
        rig.announces(priority1=100)
        rig.announces(priority1=250)
        assert rig.port.state is PortState.MASTER

    def test_an_inferior_word_of_another_changes_nothing(self) -> None:
        rig = capable()
        rig.announces(priority1=100)
        rig.announces(priority1=110, source=STRANGER, grandmaster=STRANGER.clock_identity)
        assert rig.instance.parent_ds.parent_port_identity == NEIGHBOR

    def test_the_steps_count_from_the_grandmaster(self) -> None:
        rig = capable()
        rig.announces(steps_removed=4)
        assert rig.instance.current_ds.steps_removed == 5

    def test_the_flags_of_the_grandmaster_are_taken_over(self) -> None:
        rig = capable()
        rig.announces(flag_field=0x0001 | 0x0004 | 0x0008 | 0x0010, current_utc_offset=38)
        properties = rig.instance.time_properties_ds
        assert (properties.leap61, properties.current_utc_offset, properties.time_traceable) == (True, 38, True)
        rig.announces(flag_field=0x0008, current_utc_offset=37)
        rig.run(0.01)
        assert rig.instance.path_trace == (NEIGHBOR.clock_identity, OWN)

    def test_without_any_that_may_be_grandmaster_nobody_sends_syncs(self) -> None:
        rig = capable(settings={"priority1": 255})
        rig.run(2)
        assert not rig.instance.current_ds.gm_present
        assert rig.sent_of(Sync) == []

    def test_a_system_that_may_not_be_grandmaster_follows_any(self) -> None:
        rig = capable(settings={"priority1": 255})
        rig.announces(priority1=254)
        assert rig.port.state is PortState.SLAVE


class TestWhatDoesNotCount:
    def test_an_announce_of_this_system(self) -> None:
        rig = capable()
        rig.announces(source=PortIdentity(OWN, 2), priority1=1)
        assert rig.port.counters.discarded["sent by this system"] == 1

    @pytest.mark.parametrize(("steps", "counts"), [(254, True), (255, False), (65535, False)])
    def test_one_from_too_far(self, steps: int, counts: bool) -> None:
        rig = capable()
        rig.announces(steps_removed=steps)
        assert (rig.port.state is PortState.SLAVE) == counts

    def test_one_that_came_through_this_system(self) -> None:
        rig = capable()
        rig.announces(path=(NEIGHBOR.clock_identity, OWN, STRANGER.clock_identity))
        assert rig.port.state is PortState.MASTER
        assert rig.port.counters.discarded["this system is in its path trace: a loop"] == 1

    def test_one_before_the_port_is_capable(self) -> None:
        rig = Rig()
        rig.announces()
        assert rig.port.counters.discarded["the port is not asCapable"] == 1


class TestAnnouncing:
    def test_a_grandmaster_announces_itself_at_the_interval(self) -> None:
        rig = capable(settings={"priority1": 50}, log_announce_interval=-1)
        since = rig.now
        rig.run(5)
        announces = rig.sent_of(Announce, since=since)
        assert len(announces) == pytest.approx(10, abs=1)
        assert announces[0].grandmaster_priority1 == 50
        assert announces[0].tlvs == (PathTrace((OWN,)),)
        assert announces[0].steps_removed == 0

    def test_gptp_br_c_24_1_a_path_that_is_too_long_is_told_as_set(self) -> None:
        long = tuple(ClockIdentity(number.to_bytes(8, "big")) for number in range(180))
        for empty, tlvs in ((True, (PathTrace(()),)), (False, ())):
            rig = capable(settings={"empty_path_trace_when_too_long": empty})
            rig.announces(path=long)
            transmit = rig.port.announce_transmit
            assert transmit._path() == tlvs

    def test_a_slave_port_announces_nothing(self) -> None:
        rig = capable()
        rig.announces()
        since = rig.now
        rig.run(0.9)
        assert rig.sent_of(Announce, since=since) == []

    def test_quality_that_changes_is_announced_at_once(self) -> None:
        rig = capable(settings={"priority1": 50})
        rig.run(0.5)
        since, properties = rig.now, rig.instance.time_properties_ds
        rig.take(rig.instance.set_local_quality(ClockQuality(6, 0x21, 0x4E5D), properties, rig.now))
        (announce,) = rig.sent_of(Announce, since=since)
        assert announce.grandmaster_clock_quality == ClockQuality(6, 0x21, 0x4E5D)


@pytest.mark.parametrize(("up", "capable_", "better"), list(product([True, False], repeat=3)))
def test_the_state_of_a_port_is_a_function_of_three_things(up: bool, capable_: bool, better: bool) -> None:
    rig = Rig(gptp_capable_state_machines_enabled=False, link_delay_ns=300 if capable_ else 5000)
    rig.run(3)
    rig.announces(priority1=100 if better else 250)
    if not up:
        rig.take(rig.instance.link_changed(1, False, rig.now))
    expected = PortState.DISABLED
    if up and capable_:
        expected = PortState.SLAVE if better else PortState.MASTER
    assert rig.port.state is expected


def test_a_stopped_instance_has_nothing_due() -> None:
    rig = capable()
    rig.announces()
    rig.take(rig.instance.stop(rig.now))
    assert rig.instance.next_deadline() is None
    sent = len(rig.sent)
    rig.run(10 * SECOND / SECOND)
    assert len(rig.sent) == sent
