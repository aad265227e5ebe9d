"""A gPTP instance, and the link delay service that several may share, and what they are wired to. No protocol rule."""

from __future__ import annotations

from collections.abc import Mapping

from ptpstack.daemon.events import LinkDelayNotKept
from ptpstack.daemon.following_driver import FollowingDriver
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.protocol_driver import ProtocolDriver
from ptpstack.daemon.state_store import StateStore
from ptpstack.engine.outputs import Output
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.events import MeanLinkDelayToKeep
from ptpstack.gptp.instance import GptpInstance
from ptpstack.gptp.link_delay_service import LinkDelayService
from ptpstack.observe.recorder import Recorder
from ptpstack.time import MonotonicTime, TimeInterval, interval_from_ns
from ptpstack.wire.types import ClockQuality

MEAN_LINK_DELAY = "mean_link_delay_ns"
LONGEST_LINK_NS = 1e9
"""What was kept and is more than this is no delay of a link."""


class KeptDelays:
    """The link delays of *interfaces*, by port number, kept over restarts in *store* (AVnu Automotive 6.2.2)."""

    def __init__(self, store: StateStore, interfaces: Mapping[int, str], recorder: Recorder) -> None:
        self._store = store
        self._interfaces = interfaces
        self._recorder = recorder

    def of(self, port_number: int) -> TimeInterval | None:
        """Return the delay from last time, None if there is none that is any use."""
        kept_ns = self._store.load(self._name(port_number)).get(MEAN_LINK_DELAY)
        if not isinstance(kept_ns, int | float) or not abs(kept_ns) < LONGEST_LINK_NS:
            return None
        return interval_from_ns(kept_ns)

    def keep(self, event: MeanLinkDelayToKeep) -> None:
        """Keep what *event* tells; a file that cannot be written is told."""
        name = self._name(event.port_number)
        try:
            self._store.save(name, {MEAN_LINK_DELAY: event.mean_link_delay_ns})
        except OSError as error:
            self._recorder.record(LinkDelayNotKept(port_number=event.port_number, reason=str(error)))

    def _name(self, port_number: int) -> str:
        return f"link {self._interfaces[port_number]}"


class GptpDriver(FollowingDriver[GptpInstance]):
    """Drives a gPTP instance; *kept_delays* are those of links that it measures by itself."""

    kept_delays: KeptDelays | None = None

    def set_local_quality(self, clock_quality: ClockQuality, time_properties: TimeProperties) -> None:
        """Tell what the clock is worth from now on, should this instance be the grandmaster."""
        self._carry_out(self.instance.set_local_quality(clock_quality, time_properties, monotonic_now()))

    def link_delay_changed(self, port_number: int, now: MonotonicTime) -> None:
        """Tell that the service judges the link of a port otherwise."""
        self._carry_out(self.instance.link_delay_changed(port_number, now))

    def _do(self, output: Output) -> None:
        super()._do(output)
        if isinstance(output, MeanLinkDelayToKeep) and self.kept_delays is not None:
            self.kept_delays.keep(output)


class LinkDelayDriver(ProtocolDriver[LinkDelayService]):
    """Drives the common mean link delay service."""
