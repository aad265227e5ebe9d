"""timePropertiesDS: which timescale an instance measures against, or serves (IEEE 1588-2019 8.2.4)."""

from __future__ import annotations

from typing import Self

import msgspec

from ptpstack.wire.message import Flag
from ptpstack.wire.messages.announce import Announce
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

    @classmethod
    def of(cls, announce: Announce) -> Self:
        """Return what *announce* says of the timescale."""
        return cls(
            current_utc_offset=announce.current_utc_offset,
            current_utc_offset_valid=announce.current_utc_offset_valid,
            leap59=announce.leap59,
            leap61=announce.leap61,
            time_traceable=announce.time_traceable,
            frequency_traceable=announce.frequency_traceable,
            ptp_timescale=announce.ptp_timescale,
            time_source=announce.time_source,
        )

    @property
    def flags(self) -> int:
        """The flags of an Announce that say so (IEEE 1588-2019 Table 37)."""
        return (
            Flag.LEAP61 * self.leap61
            | Flag.LEAP59 * self.leap59
            | Flag.CURRENT_UTC_OFFSET_VALID * self.current_utc_offset_valid
            | Flag.PTP_TIMESCALE * self.ptp_timescale
            | Flag.TIME_TRACEABLE * self.time_traceable
            | Flag.FREQUENCY_TRACEABLE * self.frequency_traceable
        )
