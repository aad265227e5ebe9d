"""From the configuration's `[servo]` to a servo for one clock. What does not live here: what servos do (``servo``)."""

from __future__ import annotations

from collections.abc import Sequence

from hw.clock import Clock
from hw.timestamping import Timestamping
from profiles.loader import Profile
from ptpstack.config.servo_settings import servo_settings
from ptpstack.config.servo_table import Servo as ServoConfig
from ptpstack.servo.interface import Servo
from ptpstack.servo.registry import make_servo


def servo_for(
    config: ServoConfig, clock: Clock, begins_at_ppb: float, *, by_host: bool, followed: Sequence[Profile]
) -> Servo:
    """Return the servo of *clock*, which runs at *begins_at_ppb* now.

    It follows instances of the profiles *followed*, or another clock of the host (*by_host*).
    """
    settings = servo_settings(
        config,
        max_frequency_ppb=clock.max_frequency_ppb,
        hardware_timestamping=clock.stamping is Timestamping.HARDWARE,
        by_host=by_host,
        followed=followed,
    )
    return make_servo(config.type, settings, begins_at_ppb, packet_selection=config.packet_selection and not by_host)
