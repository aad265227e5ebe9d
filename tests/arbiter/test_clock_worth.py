"""ITU-T G.8275.1 tables 2 and 3: what a clock announces by its state, its reference and its frequency."""

from itertools import product

import pytest

from profiles.loader import FrequencyName, ReferenceName, load_profile
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.clock_worth import Announced, SettledState, Situation, worth
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.wire.types import ClockQuality, TimeSource

ROWS = load_profile("g8275-1").clock_quality
CONFIGURED = Announced(ClockQuality(248, 0xFE, 0xFFFF), TimeProperties())
S = ClockState
REFERENCES: tuple[ReferenceName, ...] = ("eprtc", "prtc", "ptp", "other")
FREQUENCIES: tuple[FrequencyName, ...] = ("category_1", "category_2", "category_3", "none")
TRACEABLE = TimeProperties(
    current_utc_offset=37, current_utc_offset_valid=True, time_traceable=True, frequency_traceable=True
)


def received(clock_class: int) -> Announced:
    return Announced(ClockQuality(clock_class, 0x21, 0x4E5D), TRACEABLE)


def announced(
    state: ClockState, reference: ReferenceName, frequency: FrequencyName = "none", clock_class: int = 6
) -> Announced:
    return worth(ROWS, Situation(state, reference, frequency, received(clock_class)), CONFIGURED)


@pytest.mark.parametrize(
    ("state", "reference", "frequency", "quality"),
    [
        (S.LOCKED, "prtc", "none", ClockQuality(6, 0x21, 0x4E5D)),
        (S.LOCKED, "eprtc", "none", ClockQuality(6, 0x20, 0x4B32)),
        (S.HOLDOVER_IN_SPEC, "prtc", "none", ClockQuality(7, 0xFE, 0xFFFF)),
        (S.HOLDOVER_OUT_OF_SPEC, "prtc", "category_1", ClockQuality(140, 0xFE, 0xFFFF)),
        (S.HOLDOVER_OUT_OF_SPEC, "prtc", "category_2", ClockQuality(150, 0xFE, 0xFFFF)),
        (S.HOLDOVER_OUT_OF_SPEC, "eprtc", "category_3", ClockQuality(160, 0xFE, 0xFFFF)),
        (S.HOLDOVER_OUT_OF_SPEC, "prtc", "none", ClockQuality(248, 0xFE, 0xFFFF)),
        (S.HOLDOVER_IN_SPEC, "ptp", "none", ClockQuality(135, 0xFE, 0xFFFF)),
        (S.HOLDOVER_OUT_OF_SPEC, "ptp", "category_1", ClockQuality(165, 0xFE, 0xFFFF)),
        (S.FREE_RUNNING, "other", "none", ClockQuality(248, 0xFE, 0xFFFF)),
        (S.LOCKED, "ptp", "none", ClockQuality(248, 0xFE, 0xFFFF)),  # the parent's is announced
    ],
)
def test_the_class_follows_from_the_situation(
    state: ClockState, reference: ReferenceName, frequency: FrequencyName, quality: ClockQuality
) -> None:
    assert announced(state, reference, frequency).quality == quality


@pytest.mark.parametrize(("was", "in_spec", "out_of_spec"), [(6, 135, 165), (7, 135, 165), (140, 140, 165), (248,) * 3])
def test_a_boundary_clock_in_holdover_is_never_better_than_what_it_followed(
    was: int, in_spec: int, out_of_spec: int
) -> None:
    assert announced(S.HOLDOVER_IN_SPEC, "ptp", clock_class=was).quality.clock_class == in_spec
    assert announced(S.HOLDOVER_OUT_OF_SPEC, "ptp", clock_class=was).quality.clock_class == out_of_spec


def test_flags_in_spec_stay_and_out_of_spec_go() -> None:
    held, lost = announced(S.HOLDOVER_IN_SPEC, "ptp"), announced(S.HOLDOVER_OUT_OF_SPEC, "ptp")
    assert (held.properties.time_traceable, held.properties.current_utc_offset_valid, held.uncertain) == (
        True,
        True,
        False,
    )
    assert (lost.properties.time_traceable, lost.properties.current_utc_offset_valid, lost.uncertain) == (
        False,
        False,
        True,
    )
    assert lost.properties.current_utc_offset == 37


def test_frequency_is_traceable_while_the_physical_layer_is_of_category_1() -> None:
    for state, reference in product((S.HOLDOVER_IN_SPEC, S.HOLDOVER_OUT_OF_SPEC), ("prtc", "ptp")):
        for frequency in FREQUENCIES:
            flag = announced(state, reference, frequency).properties.frequency_traceable  # type: ignore[arg-type]
            assert flag == (frequency == "category_1"), (state, reference, frequency)


def test_a_receiver_is_the_source_of_time_unless_the_operator_knows_better() -> None:
    assert announced(S.LOCKED, "prtc").properties.time_source is TimeSource.GNSS


def test_every_situation_has_a_row_and_only_a_reference_makes_a_primary_class() -> None:
    for state, reference, frequency in product(ClockState, REFERENCES, FREQUENCIES):
        if state is S.ACQUIRING:
            continue
        clock_class = announced(state, reference, frequency).quality.clock_class
        primary = reference in ("prtc", "eprtc") and state in (S.LOCKED, S.HOLDOVER_IN_SPEC)
        assert (clock_class <= 127) == primary, (state, reference, frequency)


def test_what_the_operator_says_of_a_free_running_clock_holds() -> None:
    configured = Announced(ClockQuality(6, 0x21, 0x4E5D), TRACEABLE)  # kept by something that this program does not see
    assert worth(ROWS, Situation(S.FREE_RUNNING, "other", "none", None), configured) == configured


@pytest.mark.parametrize(
    ("states", "counts"),
    [
        ((S.ACQUIRING,), S.FREE_RUNNING),
        ((S.ACQUIRING, S.LOCKED), S.LOCKED),
        ((S.LOCKED, S.ACQUIRING), S.HOLDOVER_OUT_OF_SPEC),
        ((S.LOCKED, S.HOLDOVER_IN_SPEC, S.ACQUIRING), S.HOLDOVER_IN_SPEC),
        ((S.LOCKED, S.HOLDOVER_IN_SPEC, S.ACQUIRING, S.LOCKED), S.LOCKED),
    ],
)
def test_acquiring_is_worth_what_was_before_but_no_more_than_holdover(
    states: tuple[ClockState, ...], counts: ClockState
) -> None:
    settled = SettledState()
    for state in states:
        settled.take(state)
    assert settled.state is counts
