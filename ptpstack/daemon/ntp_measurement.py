"""What NTP sources say together, as a measurement like a PTP port's."""

from __future__ import annotations

from ntp.combination import Combined
from ptpstack.engine.outputs import Measurement
from ptpstack.time import SECOND, LocalTime, PtpTime, TimeInterval
from ptpstack.wire.types import ClockIdentity, PortIdentity

LONGEST_DELAY: TimeInterval = SECOND
"""What the arbiter takes as a delay at most; a bound beyond it is a second and more anyway."""


def measurement_of(
    combined: Combined, local: LocalTime, log_interval: int, tai_offset_s: int, *, is_utc: bool
) -> Measurement:
    """Put what is combined as if a port 0 had measured it when the clock read *local*, over a path as its bound.

    *is_utc*: servers say it, and NTP is UTC; a program beside may be wrong about the timescale.
    """
    return Measurement(
        port_number=0,
        parent_port_identity=PortIdentity(ClockIdentity(), 0),
        t1=PtpTime(int(local) - combined.offset),
        t2=local,
        offset_from_master=combined.offset,
        mean_delay=min(combined.bound, LONGEST_DELAY),
        log_sync_interval=log_interval,
        ptp_timescale=True if tai_offset_s else None,
        is_utc=is_utc,
    )
