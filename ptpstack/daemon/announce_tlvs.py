"""What a grandmaster tells beside the data sets: the inaccuracy of IEEE C37.238, and a local time."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import tzinfo
from typing import Protocol

from ptpstack.config.instance_table import Instance
from ptpstack.core.instance import PtpInstance
from ptpstack.daemon.local_time import alternate_time_offset, leap_is_near
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.errors import HardwareError
from ptpstack.time import SECOND, LocalTime, TimeInterval
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs.ieee_c37_238 import (
    UNKNOWN_INACCURACY_NS,
    IeeeC37238,
    IeeeC37238Of2011,
    sum_of_inaccuracies_ns,
)

RENEW_INTERVAL: TimeInterval = SECOND
CLASSES_WITHIN_SPECIFICATION = (6, 7)
"""clockClass of a grandmaster whose inaccuracy is known: locked, or in holdover within limits."""


class ReadClock(Protocol):
    """The clock whose time is served."""

    def time(self) -> LocalTime:
        """Return its time. Raises ``HardwareError``."""


class AnnounceTlvs:
    """Renews the TLVs of *instance*, should it be the grandmaster, each second; *clock* tells what time it serves.

    *drifted_ns* asks by how much the clock may be further off than when it was locked; None: nobody knows.
    """

    def __init__(
        self,
        instance: PtpInstance,
        values: Instance,
        announce_tlv: str | None,
        zone: tzinfo | None,
        *,
        clock: Callable[[], ReadClock],
        drifted_ns: Callable[[], float | None] = lambda: 0.0,
        loop: Loop,
    ) -> None:
        self._instance = instance
        self._values = values
        self._announce_tlv = announce_tlv
        self._zone = zone
        self._clock = clock
        self._drifted_ns = drifted_ns
        self._local_time: tuple[tuple[int, bool], Tlv] | None = None
        self._timer = loop.timer(self._on_timer)

    def start(self) -> None:
        """Renew from now on."""
        self._on_timer()

    def stop(self) -> None:
        """Leave them as they are."""
        self._timer.close()

    def _on_timer(self) -> None:
        self._timer.set(monotonic_now() + RENEW_INTERVAL)
        self.renew()

    def renew(self) -> None:
        """Tell what holds now: no Announce of another clockClass goes out with the inaccuracy of the one before."""
        self._instance.set_announce_tlvs((*self._inaccuracy(), *self._alternate_time()))

    def _inaccuracy(self) -> tuple[Tlv, ...]:
        clock_class = self._instance.default_ds.clock_quality.clock_class
        drifted_ns = self._drifted_ns() if clock_class in CLASSES_WITHIN_SPECIFICATION else None
        inaccuracy_ns = UNKNOWN_INACCURACY_NS
        if drifted_ns is not None:
            inaccuracy_ns = sum_of_inaccuracies_ns(self._values.time_inaccuracy_ns, math.ceil(drifted_ns))
        grandmaster_id = self._values.grandmaster_id or 0
        match self._announce_tlv:
            case "ieee_c37_238_2017":
                return (IeeeC37238(grandmaster_id, inaccuracy_ns),)
            case "ieee_c37_238_2011":
                return (IeeeC37238Of2011(grandmaster_id, inaccuracy_ns),)
        return ()

    def _alternate_time(self) -> tuple[Tlv, ...]:
        """Return the local time, anew each minute and when a leap second is near; none of a clock that shows no TAI."""
        properties = self._instance.time_properties_ds
        if self._zone is None or not properties.ptp_timescale:
            return ()
        try:
            ptp_s = int(self._clock().time()) // SECOND
        except HardwareError:  # told by whoever steers it
            return ()
        utc_s, leap = ptp_s - properties.current_utc_offset, properties.leap61 - properties.leap59
        is_near = leap_is_near(utc_s, leap)
        if self._local_time is None or self._local_time[0] != (utc_s // 60, is_near):
            tlv = alternate_time_offset(self._zone, utc_s, properties.current_utc_offset, leap)
            self._local_time = (utc_s // 60, is_near), tlv
        return (self._local_time[1],)
