"""The first measurement of a clock may bring an earlier offset along: then it tells the frequency as well.

What lives here: telling the servo. What does not: where that offset comes from (``core.slave``), and when the clock was
left alone since (``clock_discipline``).
"""

from __future__ import annotations

from ptpstack.arbiter.events import EarlierOffsetCounted
from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.servo.interface import Servo
from ptpstack.time import interval_to_ns, interval_to_seconds


def sample_earlier_offset(servo: Servo, clock: str, measurement: Measurement) -> list[Event]:
    """Let *servo* of *clock* sample what came before *measurement*, and return what there is to tell."""
    if (earlier := measurement.earlier) is None:
        return []
    command = servo.sample(*earlier)
    told = EarlierOffsetCounted(
        clock=clock,
        offset_ns=interval_to_ns(earlier.offset),
        elapsed_s=interval_to_seconds(measurement.t2 - earlier.local),
        frequency_ppb=command.frequency_ppb,
    )
    return [told, *command.events]
