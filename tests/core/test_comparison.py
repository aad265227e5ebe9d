"""The data set comparison algorithm (IEEE 1588-2019 Figures 34 and 35)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ptpstack.core.comparison import ComparisonSet, Ordering, compare
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity


def identity(number: int) -> ClockIdentity:
    return ClockIdentity(number.to_bytes(8, "big"))


BASE = ComparisonSet(
    grandmaster_priority1=128,
    grandmaster_identity=identity(100),
    grandmaster_clock_quality=ClockQuality(248, 0xFE, 0xFFFF),
    grandmaster_priority2=128,
    steps_removed=0,
    sender=PortIdentity(identity(100), 1),
    receiver=PortIdentity(identity(7), 1),
)
OTHER_GRANDMASTER = replace(BASE, grandmaster_identity=identity(200), sender=PortIdentity(identity(200), 1))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"grandmaster_priority1": 127}, "priority1 127 < 128"),
        ({"grandmaster_clock_quality": ClockQuality(6, 0xFE, 0xFFFF)}, "clockClass 6 < 248"),
        ({"grandmaster_clock_quality": ClockQuality(248, 0x21, 0xFFFF)}, "clockAccuracy 0x21 < 0xfe"),
        ({"grandmaster_clock_quality": ClockQuality(248, 0xFE, 0x4E5D)}, "offsetScaledLogVariance 0x4e5d < 0xffff"),
        ({"grandmaster_priority2": 1}, "priority2 1 < 128"),
        ({"grandmaster_identity": identity(99)}, "grandmasterIdentity 000000.0000.000063 < 000000.0000.000064"),
    ],
)
def test_the_first_attribute_that_differs_decides_between_grandmasters(change: dict[str, object], rule: str) -> None:
    better = replace(OTHER_GRANDMASTER, **change)
    assert compare(better, BASE) == (Ordering.BETTER, rule)
    assert compare(BASE, better).ordering is Ordering.WORSE


def test_an_earlier_attribute_outweighs_all_later_ones() -> None:
    best_but_priority1 = replace(
        OTHER_GRANDMASTER,
        grandmaster_priority1=129,
        grandmaster_clock_quality=ClockQuality(6, 0x20, 0),
        grandmaster_priority2=0,
        grandmaster_identity=identity(1),
    )
    assert compare(best_but_priority1, BASE).ordering is Ordering.WORSE


def test_steps_removed_does_not_count_between_different_grandmasters() -> None:
    near = replace(OTHER_GRANDMASTER, steps_removed=0)
    assert compare(near, replace(BASE, steps_removed=9)).ordering is Ordering.WORSE


RECEIVER_BELOW = PortIdentity(identity(7), 1)
RECEIVER_ABOVE = PortIdentity(identity(300), 1)


@pytest.mark.parametrize(
    ("a_steps", "b_steps", "change_a", "change_b", "expected"),
    [
        (1, 3, {}, {}, Ordering.BETTER),
        (3, 1, {}, {}, Ordering.WORSE),
        # One apart: the receiver of the farther one against its sender.
        (2, 1, {"receiver": RECEIVER_BELOW}, {}, Ordering.WORSE),
        (2, 1, {"receiver": RECEIVER_ABOVE}, {}, Ordering.WORSE_BY_TOPOLOGY),
        (2, 1, {"receiver": BASE.sender}, {}, Ordering.ERROR),
        (1, 2, {}, {"receiver": RECEIVER_BELOW}, Ordering.BETTER),
        (1, 2, {}, {"receiver": RECEIVER_ABOVE}, Ordering.BETTER_BY_TOPOLOGY),
        (1, 2, {}, {"receiver": BASE.sender}, Ordering.ERROR),
        # Equal: the lower sender, then the lower receiving port.
        (1, 1, {"sender": PortIdentity(identity(50), 1)}, {}, Ordering.BETTER_BY_TOPOLOGY),
        (1, 1, {"sender": PortIdentity(identity(100), 2)}, {}, Ordering.WORSE_BY_TOPOLOGY),
        (1, 1, {"receiver": PortIdentity(identity(7), 2)}, {}, Ordering.WORSE_BY_TOPOLOGY),
        (1, 1, {}, {}, Ordering.ERROR),
    ],
)
def test_one_grandmaster_by_two_ways_is_judged_by_topology(
    a_steps: int, b_steps: int, change_a: dict[str, object], change_b: dict[str, object], expected: Ordering
) -> None:
    a = replace(BASE, steps_removed=a_steps, **change_a)
    b = replace(BASE, steps_removed=b_steps, **change_b)
    assert compare(a, b).ordering is expected


small = st.integers(1, 3)
comparison_sets = st.builds(
    ComparisonSet,
    grandmaster_priority1=small,
    grandmaster_identity=small.map(identity),
    grandmaster_clock_quality=st.builds(ClockQuality, small, small, small),
    grandmaster_priority2=small,
    steps_removed=st.integers(0, 4),
    sender=st.builds(PortIdentity, small.map(identity), small),
    receiver=st.builds(PortIdentity, st.integers(10, 12).map(identity), small),
)


@given(comparison_sets, comparison_sets)
def test_what_is_better_one_way_is_worse_the_other_way(a: ComparisonSet, b: ComparisonSet) -> None:
    assert compare(a, b).ordering == -compare(b, a).ordering
