"""A port of a transparent clock: open or shut, and, peer to peer, the delay of its link (IEEE 1588-2019 8.3.3)."""

from __future__ import annotations

from msgspec import Struct

from ptpstack.core.context import PortContext
from ptpstack.core.datasets import DataSets
from ptpstack.core.delay_p2p import PeerDelay
from ptpstack.core.events import ForwardingChanged
from ptpstack.core.settings import DelayMechanism, PortSettings
from ptpstack.core.timers import Timer
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.outputs import Output
from ptpstack.engine.port_messages import PortCounters
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.types import PortIdentity


class TransparentClockPortDS(Struct, kw_only=True):
    """transparentClockPortDS (IEEE 1588-2019 8.3.3), with the delay mechanism."""

    port_identity: PortIdentity
    delay_mechanism: DelayMechanism
    log_min_pdelay_req_interval: int
    faulty_flag: bool
    mean_link_delay: TimeInterval


class TransparentPort:
    """One port; ``peer_delay`` is None end to end."""

    def __init__(
        self,
        settings: PortSettings,
        data_sets: DataSets,
        outputs: list[Output],
        delay_filter: DelayFilter,
    ) -> None:
        self.context = PortContext(settings, data_sets, outputs, random=lambda: 0.0)  # nothing is left to chance here
        self.is_open = False
        self.is_enabled = False
        """Whether the clock runs."""
        self.link_is_up = True
        self.clock_problem = ""
        """Why stamps of this port's clock compare with no other's; "": they do."""
        self.peer_delay: PeerDelay | None = None
        if settings.delay_mechanism is DelayMechanism.P2P:
            self.peer_delay = PeerDelay(self.context, delay_filter)

    @property
    def number(self) -> int:
        """portIdentity.portNumber."""
        return self.context.port_number

    @property
    def counters(self) -> PortCounters:
        """What passed and what was dropped."""
        return self.context.counters

    @property
    def port_ds(self) -> TransparentClockPortDS:
        """The port's data set."""
        port_ds = self.context.port_ds
        return TransparentClockPortDS(
            port_identity=port_ds.port_identity,
            delay_mechanism=port_ds.delay_mechanism,
            log_min_pdelay_req_interval=port_ds.log_min_pdelay_req_interval,
            faulty_flag=not self.is_open,
            mean_link_delay=port_ds.mean_link_delay,
        )

    def upstream_correction(self) -> TimeInterval | None:
        """Return what the link that a Sync came by adds to its correction (10.3.2, 11.6.2); None: not known yet."""
        asymmetry = self.context.settings.delay_asymmetry
        if self.peer_delay is None:
            return asymmetry
        return None if self.peer_delay.mean is None else self.peer_delay.mean + asymmetry

    def follow(self, now: MonotonicTime, reason: str) -> None:
        """Forward while nothing is in the way; *reason* is what changed."""
        opens = self.is_enabled and self.link_is_up and not self.clock_problem
        if opens is self.is_open:
            return
        self.is_open = opens
        self.context.tell(ForwardingChanged, forwards=opens, reason=reason)
        if opens:
            if self.peer_delay is not None:
                self.peer_delay.start(now)
            return
        self.context.timers.stop_all()
        self.context.forget_pending()
        if self.peer_delay is not None:
            self.peer_delay.reset()

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, now: MonotonicTime) -> None:
        """Take a step of the clock that stamps this port."""
        self.context.clock_stepped(delta, local, now)
        if self.peer_delay is not None:
            self.peer_delay.clock_stepped(delta)

    def handle_deadline(self, now: MonotonicTime) -> None:
        """Ask the peer when it is time."""
        for timer, deadline in self.context.timers.take_due(now):
            assert timer is Timer.PDELAY_REQ
            assert self.peer_delay is not None
            self.peer_delay.on_timer(deadline, now)
