"""A gPTP instance, and the link delay service that several may share, and what they are wired to. No protocol rule."""

from __future__ import annotations

from ptpstack.daemon.following_driver import FollowingDriver
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.protocol_driver import ProtocolDriver
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.instance import GptpInstance
from ptpstack.gptp.link_delay_service import LinkDelayService
from ptpstack.time import MonotonicTime
from ptpstack.wire.types import ClockQuality


class GptpDriver(FollowingDriver[GptpInstance]):
    """Drives a gPTP instance."""

    def set_local_quality(self, clock_quality: ClockQuality, time_properties: TimeProperties) -> None:
        """Tell what the clock is worth from now on, should this instance be the grandmaster."""
        self._carry_out(self.instance.set_local_quality(clock_quality, time_properties, monotonic_now()))

    def link_delay_changed(self, port_number: int, now: MonotonicTime) -> None:
        """Tell that the service judges the link of a port otherwise."""
        self._carry_out(self.instance.link_delay_changed(port_number, now))


class LinkDelayDriver(ProtocolDriver[LinkDelayService]):
    """Drives the common mean link delay service."""
