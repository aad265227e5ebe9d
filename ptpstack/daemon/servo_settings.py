"""From the configuration's `[servo]` to a servo for one clock. What does not live here: what servos do (``servo``)."""

from __future__ import annotations

from typing import Any

from hw.clock import Clock
from hw.timestamping import Timestamping
from ptpstack.config.servo_table import Servo as ServoConfig
from ptpstack.servo.bandwidth import BandwidthSettings
from ptpstack.servo.discipline import ServoSettings
from ptpstack.servo.filter_bank import FilterBankSettings
from ptpstack.servo.interface import Servo
from ptpstack.servo.kalman import KalmanSettings
from ptpstack.servo.pi import PiSettings
from ptpstack.servo.registry import make_servo
from ptpstack.time import interval_from_ns

HOST_GAINS = (0.7, 0.3)
"""phc2sys' proportional and integral constants, for a PI servo whose samples come from within the host."""


def servo_for(config: ServoConfig, clock: Clock, begins_at_ppb: float, *, by_host: bool) -> Servo:
    """Return the servo of *clock*, which runs at *begins_at_ppb* now and follows another one of the *by_host*."""
    return make_servo(
        config.type,
        _settings(config, clock, by_host=by_host),
        begins_at_ppb,
        packet_selection=config.packet_selection and not by_host,
    )


def _settings(config: ServoConfig, clock: Clock, *, by_host: bool) -> ServoSettings:
    common: dict[str, Any] = {
        "first_step_threshold": interval_from_ns(config.first_step_threshold_ns),
        "step_threshold": interval_from_ns(config.step_threshold_ns),
        "max_frequency_ppb": min(config.max_frequency_ppb, clock.max_frequency_ppb),
    }
    match config.type:
        case "pi":
            given = (config.proportional_const, config.integral_const)
            proportional_const, integral_const = HOST_GAINS if by_host and not any(given) else given
            return PiSettings(
                hardware_timestamping=clock.stamping is Timestamping.HARDWARE,
                proportional_const=proportional_const,
                integral_const=integral_const,
                proportional_scale=config.proportional_scale,
                proportional_exponent=config.proportional_exponent,
                proportional_norm_max=config.proportional_norm_max,
                integral_scale=config.integral_scale,
                integral_exponent=config.integral_exponent,
                integral_norm_max=config.integral_norm_max,
                **common,
            )
        case "auto":
            return FilterBankSettings(max_slew_ppb=config.max_slew_ppb, **common)
        case "kalman":
            return KalmanSettings(oscillator=config.oscillator, max_slew_ppb=config.max_slew_ppb, **common)
        case "bandwidth":
            return BandwidthSettings(bandwidth_hz=config.bandwidth_hz, **common)
        case "linreg":
            return ServoSettings(**common)
