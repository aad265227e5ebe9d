"""A servo's command, parted into the frequency that holds the clock and the phase that the hardware slews."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.arbiter.phase_writing import PhaseWriting, equivalent_ppb
from ptpstack.time import NANOSECOND, SECOND


@given(
    frequency_ppb=st.floats(-1e5, 1e5),
    slew_ppb=st.floats(-1e6, 1e6),
    interval=st.sampled_from([SECOND // 128, SECOND // 8, SECOND, 16 * SECOND]),
)
def test_both_parts_move_the_clock_as_far_as_the_command_does(
    frequency_ppb: float, slew_ppb: float, interval: int
) -> None:
    parted = PhaseWriting().part(frequency_ppb, slew_ppb, interval)
    assert equivalent_ppb(parted.frequency_ppb, parted.phase, interval) == pytest.approx(frequency_ppb, abs=1e-6)
    assert parted.phase % NANOSECOND == 0
    held_ppb = frequency_ppb - slew_ppb
    assert abs(parted.frequency_ppb - held_ppb) <= 0.5 * NANOSECOND / interval * 1e9 + 1e-6


def test_what_is_less_than_the_hardware_counts_stays_in_the_frequency() -> None:
    assert PhaseWriting().part(-20_000.4, -0.4, SECOND) == (-20_000.4, 0)


def test_what_is_more_than_it_takes_does_too() -> None:
    assert PhaseWriting(most=1_000 * NANOSECOND).part(-5_000.0, -2_000.0, SECOND) == (-5_000.0, 0)
    assert PhaseWriting(most=1_000 * NANOSECOND).part(-5_000.0, -900.0, SECOND) == (-4_100.0, -900 * NANOSECOND)
