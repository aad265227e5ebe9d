"""SmpSynch over the whole cross product of what it depends on, and the classes of a power profile that lead to it."""

from itertools import product

import pytest

from profiles.loader import load_profile
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.clock_worth import Announced, Situation, worth
from ptpstack.arbiter.smp_synch import GLOBAL_CLASSES, SmpSynch, rule
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.wire.types import ClockQuality

S = ClockState
POWER_PROFILES = ("iec-61850-9-3", "c37-238-2017", "c37-238-2011")
CONFIGURED = Announced(ClockQuality(248, 0x21, 0x4E5D), TimeProperties())


@pytest.mark.parametrize(
    ("state", "clock_class", "is_grandmaster", "before", "value"),
    [
        (S.LOCKED, 6, False, 0, 2),
        (S.LOCKED, 7, False, 0, 2),
        (S.LOCKED, 52, False, 2, 1),
        (S.LOCKED, 187, False, 2, 1),
        (S.LOCKED, 248, False, 2, 1),
        (S.LOCKED, 6, True, 0, 2),
        (S.HOLDOVER_IN_SPEC, 7, True, 2, 2),
        (S.HOLDOVER_OUT_OF_SPEC, 52, True, 2, 0),
        (S.HOLDOVER_IN_SPEC, 248, True, 1, 1),
        (S.HOLDOVER_IN_SPEC, 248, True, 0, 0),
        (S.HOLDOVER_OUT_OF_SPEC, 248, True, 2, 0),
        (S.ACQUIRING, 6, False, 2, 0),
        (S.FREE_RUNNING, 248, True, 2, 0),
    ],
)
def test_what_samples_may_claim(
    state: ClockState, clock_class: int, is_grandmaster: bool, before: int, value: int
) -> None:
    ruling = rule(state, clock_class, is_grandmaster=is_grandmaster, before=SmpSynch(before))
    assert ruling.value == value
    assert ruling.rule


def test_global_is_never_claimed_without_a_reason() -> None:
    for state, clock_class, is_grandmaster, before in product(S, range(256), (False, True), SmpSynch):
        ruling = rule(state, clock_class, is_grandmaster=is_grandmaster, before=before)
        if ruling.value is SmpSynch.GLOBAL:
            held = state is S.HOLDOVER_IN_SPEC and before is SmpSynch.GLOBAL
            assert clock_class in GLOBAL_CLASSES or held, (state, clock_class, is_grandmaster, before)


@pytest.mark.parametrize("profile", POWER_PROFILES)
@pytest.mark.parametrize(
    ("state", "degradation", "clock_class", "accuracy"),
    [
        (S.LOCKED, "a", 6, 0x21),
        (S.HOLDOVER_IN_SPEC, "a", 7, 0xFE),
        (S.HOLDOVER_OUT_OF_SPEC, "a", 52, 0xFE),
        (S.HOLDOVER_OUT_OF_SPEC, "b", 187, 0xFE),
        (S.FREE_RUNNING, "b", 248, 0x21),
    ],
)
def test_a_grandmaster_of_a_power_profile_degrades_in_stages(
    profile: str, state: ClockState, degradation: str, clock_class: int, accuracy: int
) -> None:
    rows = load_profile(profile).clock_qualities()
    announced = worth(rows, Situation(state, "prtc", "none", None, degradation), CONFIGURED)
    assert (announced.quality.clock_class, announced.quality.clock_accuracy) == (clock_class, accuracy)
    assert announced.properties.time_traceable is (clock_class in GLOBAL_CLASSES)


@pytest.mark.parametrize("profile", POWER_PROFILES)
def test_the_stages_that_could_not_be_confirmed_say_so(profile: str) -> None:
    rows = load_profile(profile).clock_qualities()
    assert {row.clock_class for row in rows if row.unverified} == {52, 187}
    assert load_profile(profile).is_unverified("holdover_bound_ns", "default")
