"""What the `[arbiter]` table says, in the words of those who decide: the same in the daemon and in the simulator."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from ptpstack.arbiter.new_time import NewTimeSettings
from ptpstack.config.arbiter_table import Arbiter as ArbiterTable
from ptpstack.time import TimeInterval, interval_from_ns, interval_from_seconds

Order: TypeAlias = Literal["configuration", "quality"]


class ArbiterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who goes first (*order*), after how long it takes a clock back, and what that does when it meets another time."""

    order: Order = "configuration"
    return_after: TimeInterval = 0
    new_time: NewTimeSettings = NewTimeSettings()


def arbiter_settings(table: ArbiterTable, first_step_threshold_ns: float) -> ArbiterSettings:
    """Return what *table* says, beside the servo's threshold."""
    return ArbiterSettings(
        order=table.order or "configuration",
        return_after=interval_from_seconds(table.return_after_s),
        new_time=NewTimeSettings(
            timescale_change=table.timescale_change,
            step_on_new_grandmaster=table.step_on_new_grandmaster,
            first_step_threshold=interval_from_ns(first_step_threshold_ns),
        ),
    )
