"""The alternate best master clock algorithm of ITU-T G.8275: localPriority, and several active grandmasters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ptpstack.core.comparison import Comparison, ComparisonSet, Ordering, compare
from ptpstack.core.events import BestMasterSelected
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.engine.port_state import PortState
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity
from tests.core.bench import GM, OTHER, OWN, Bench, LastDelay


def identity(number: int) -> ClockIdentity:
    return ClockIdentity(number.to_bytes(8, "big"))


PRIMARY, FREE = ClockQuality(6, 0x21, 0x4E5D), ClockQuality(165, 0xFE, 0xFFFF)
BASE = ComparisonSet(
    grandmaster_priority1=128,
    grandmaster_identity=identity(100),
    grandmaster_clock_quality=PRIMARY,
    grandmaster_priority2=128,
    steps_removed=3,
    sender=PortIdentity(identity(50), 1),
    receiver=PortIdentity(identity(7), 1),
    local_priority=128,
)
OTHER_GRANDMASTER = replace(BASE, grandmaster_identity=identity(200), sender=PortIdentity(identity(60), 1))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"grandmaster_clock_quality": ClockQuality(5, 0x21, 0x4E5D)}, "clockClass 5 < 6"),
        ({"grandmaster_clock_quality": ClockQuality(6, 0x20, 0x4E5D)}, "clockAccuracy 0x20 < 0x21"),
        ({"grandmaster_clock_quality": ClockQuality(6, 0x21, 0x4B32)}, "offsetScaledLogVariance 0x4b32 < 0x4e5d"),
        ({"grandmaster_priority2": 1}, "priority2 1 < 128"),
        ({"local_priority": 1}, "localPriority 1 < 128"),
        ({"steps_removed": 1}, "stepsRemoved 1 < 3"),
    ],
)
def test_the_first_attribute_that_differs_decides(change: dict[str, object], rule: str) -> None:
    better = replace(OTHER_GRANDMASTER, **change)
    assert compare(better, BASE) == Comparison(Ordering.BETTER, rule)
    assert compare(BASE, better).ordering is Ordering.WORSE


def test_priority1_is_never_looked_at() -> None:
    assert compare(replace(BASE, grandmaster_priority1=255, local_priority=1), BASE).better
    assert compare(replace(OTHER_GRANDMASTER, grandmaster_priority1=0), BASE).ordering is Ordering.WORSE_BY_TOPOLOGY


def test_of_two_primary_references_the_nearer_is_better_whatever_its_identity() -> None:
    nearer = replace(OTHER_GRANDMASTER, steps_removed=1)
    assert compare(nearer, BASE).better
    as_near = compare(OTHER_GRANDMASTER, BASE)
    assert as_near == Comparison(Ordering.WORSE_BY_TOPOLOGY, f"sender {OTHER_GRANDMASTER.sender} > {BASE.sender}")


def test_of_two_others_the_lower_identity_is_better_however_far() -> None:
    far = replace(BASE, grandmaster_clock_quality=FREE, steps_removed=9)
    near = replace(OTHER_GRANDMASTER, grandmaster_clock_quality=FREE, steps_removed=1)
    assert compare(far, near).rule.startswith("grandmasterIdentity")
    assert compare(far, near).better


def test_local_priority_is_preferred_to_a_short_path_to_the_same_grandmaster() -> None:
    assert compare(replace(BASE, local_priority=1, steps_removed=9), replace(BASE, steps_removed=1)).better


sides = st.builds(
    lambda number, clock_class, priority2, local_priority, steps, sender: replace(
        BASE,
        grandmaster_identity=identity(number),
        grandmaster_clock_quality=ClockQuality(clock_class, 0x21, 0x4E5D),
        grandmaster_priority2=priority2,
        local_priority=local_priority,
        steps_removed=steps,
        sender=PortIdentity(identity(sender), 1),
    ),
    st.integers(1, 3),
    st.sampled_from([6, 7, 127, 128, 165]),
    st.integers(1, 2),
    st.integers(1, 2),
    st.integers(0, 3),
    st.integers(8, 10),
)


@given(sides, sides)
def test_it_is_antisymmetric(a: ComparisonSet, b: ComparisonSet) -> None:
    assert compare(a, b).ordering == -compare(b, a).ordering


class TestInAnInstance:
    def boundary(self, *local_priorities: int) -> Bench:
        bench = Bench()
        bench.instance = PtpInstance(
            InstanceSettings(clock_identity=OWN, local_priority=128),
            [PortSettings(port_number=n, local_priority=value) for n, value in enumerate(local_priorities, 1)],
            random=lambda: 0.5,
            delay_filter=LastDelay,
        )
        bench.outputs.clear()
        bench._take(bench.instance.start(bench.now))
        return bench

    @pytest.mark.parametrize(("local_priorities", "chosen"), [((1, 2), GM), ((2, 1), OTHER)])
    def test_the_port_with_the_lower_local_priority_is_the_slave(
        self, local_priorities: tuple[int, int], chosen: ClockIdentity
    ) -> None:
        bench = self.boundary(*local_priorities)
        for _ in range(5):
            bench.announce(PortIdentity(GM, 1), port=1)
            bench.announce(PortIdentity(OTHER, 1), port=2, grandmaster_priority1=1)
            bench.run(2)
        assert bench.instance.parent_ds.grandmaster_identity == chosen
        number = local_priorities.index(1) + 1
        assert bench.state(number) is PortState.UNCALIBRATED
        if chosen == OTHER:  # which was heard second
            assert bench.events(BestMasterSelected)[-1].rule.endswith("localPriority 1 < 2")
