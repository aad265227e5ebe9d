"""From `[servo]` to the settings that a servo takes, for a clock of given abilities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import UnsetType

from profiles.loader import Profile
from ptpstack.config.servo_table import Servo
from ptpstack.servo.bandwidth import BandwidthSettings
from ptpstack.servo.discipline import ServoSettings
from ptpstack.servo.filter_bank import FilterBankSettings
from ptpstack.servo.kalman import KalmanSettings
from ptpstack.servo.pi import PiSettings
from ptpstack.time import TimeInterval, interval_from_ns

HOST_GAINS = (0.7, 0.3)
"""phc2sys' proportional and integral constants, for a PI servo whose samples come from within the host."""


def step_threshold(table: Servo, followed: Iterable[Profile], *, hardware_timestamping: bool) -> TimeInterval:
    """Return how far off a clock is to be stepped at any time, 0: never, by *table* and the profiles it *followed*.

    A car's grandmaster may have its time later than the network is there, and nobody waits for a slew of milliseconds.
    Software stamps are off by more than the threshold now and then.
    """
    if not isinstance(table.step_threshold_ns, UnsetType):
        return interval_from_ns(table.step_threshold_ns)
    in_a_car = any("static_roles" in profile.gptp_rules for profile in followed)
    return interval_from_ns(table.first_step_threshold_ns) if in_a_car and hardware_timestamping else 0


def servo_settings(
    table: Servo,
    *,
    max_frequency_ppb: float,
    hardware_timestamping: bool,
    by_host: bool = False,
    followed: Iterable[Profile] = (),
) -> ServoSettings:
    """Return what *table* says for a clock that can be set to ±*max_frequency_ppb* and follows by *followed*.

    *by_host*: it follows another clock of the same host.
    """
    common: dict[str, Any] = {
        "first_step_threshold": interval_from_ns(table.first_step_threshold_ns),
        "step_threshold": step_threshold(table, followed, hardware_timestamping=hardware_timestamping),
        "max_frequency_ppb": min(table.max_frequency_ppb, max_frequency_ppb),
    }
    match table.type:
        case "pi":
            given = (table.proportional_const, table.integral_const)
            proportional_const, integral_const = HOST_GAINS if by_host and not any(given) else given
            return PiSettings(
                hardware_timestamping=hardware_timestamping,
                proportional_const=proportional_const,
                integral_const=integral_const,
                proportional_scale=table.proportional_scale,
                proportional_exponent=table.proportional_exponent,
                proportional_norm_max=table.proportional_norm_max,
                integral_scale=table.integral_scale,
                integral_exponent=table.integral_exponent,
                integral_norm_max=table.integral_norm_max,
                **common,
            )
        case "auto":
            return FilterBankSettings(max_slew_ppb=table.max_slew_ppb, **common)
        case "kalman":
            return KalmanSettings(oscillator=table.oscillator, max_slew_ppb=table.max_slew_ppb, **common)
        case "bandwidth":
            return BandwidthSettings(bandwidth_hz=table.bandwidth_hz, **common)
        case "linreg":
            return ServoSettings(**common)
