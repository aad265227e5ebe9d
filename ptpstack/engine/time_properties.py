"""timePropertiesDS: which timescale an instance measures against, or serves (IEEE 1588-2019 8.2.4)."""

from __future__ import annotations

import msgspec

from ptpstack.wire.types import TimeSource


class TimeProperties(msgspec.Struct, frozen=True, kw_only=True):
    """The members of timePropertiesDS that a grandmaster announces (IEEE 1588-2019 8.2.4)."""

    current_utc_offset: int = 37
    current_utc_offset_valid: bool = False
    leap59: bool = False
    leap61: bool = False
    time_traceable: bool = False
    frequency_traceable: bool = False
    ptp_timescale: bool = True
    time_source: TimeSource = TimeSource.INTERNAL_OSCILLATOR
