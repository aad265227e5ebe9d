"""timePropertiesDS in the flags of an Announce, both ways (IEEE 802.1AS-2020 10.6.2.2.8, 10.6.3.2)."""

from __future__ import annotations

from ptpstack.engine.time_properties import TimeProperties
from ptpstack.wire.message import Flag
from ptpstack.wire.messages.announce import Announce


def time_properties_of(announce: Announce) -> TimeProperties:
    """Return what *announce* says of the timescale."""
    return TimeProperties(
        current_utc_offset=announce.current_utc_offset,
        current_utc_offset_valid=announce.current_utc_offset_valid,
        leap59=announce.leap59,
        leap61=announce.leap61,
        time_traceable=announce.time_traceable,
        frequency_traceable=announce.frequency_traceable,
        ptp_timescale=announce.ptp_timescale,
        time_source=announce.time_source,
    )


def flags_of(properties: TimeProperties) -> int:
    """Return the flags of an Announce that say *properties*."""
    return (
        Flag.LEAP61 * properties.leap61
        | Flag.LEAP59 * properties.leap59
        | Flag.CURRENT_UTC_OFFSET_VALID * properties.current_utc_offset_valid
        | Flag.PTP_TIMESCALE * properties.ptp_timescale
        | Flag.TIME_TRACEABLE * properties.time_traceable
        | Flag.FREQUENCY_TRACEABLE * properties.frequency_traceable
    )
