"""What a servo is told that `[servo]` leaves open."""

from __future__ import annotations

from typing import Any

import pytest

from profiles.loader import load_profile
from ptpstack.config.servo_settings import servo_settings
from ptpstack.config.servo_table import Servo
from ptpstack.time import interval_to_ns


@pytest.mark.parametrize(
    ("profile", "hardware", "given", "threshold_ns"),
    [
        ("avnu-automotive", True, {}, 20_000),
        ("avnu-automotive", True, {"first_step_threshold_ns": 5_000}, 5_000),
        ("avnu-automotive", True, {"step_threshold_ns": 1_000}, 1_000),
        ("avnu-automotive", True, {"step_threshold_ns": 0}, 0),
        ("avnu-automotive", False, {}, 0),
        ("gptp", True, {}, 0),
        ("g8275-1", True, {}, 0),
    ],
)
def test_a_clock_is_stepped_at_any_time_in_a_car_or_where_that_is_asked_for(
    profile: str, hardware: bool, given: dict[str, Any], threshold_ns: int
) -> None:
    settings = servo_settings(
        Servo(**given), max_frequency_ppb=1e6, hardware_timestamping=hardware, followed=[load_profile(profile)]
    )
    assert interval_to_ns(settings.step_threshold) == threshold_ns
