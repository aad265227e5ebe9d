"""What the roles of a port share: beside its messages its data sets, its timers and chance."""

from __future__ import annotations

from collections.abc import Callable

from ptpstack.core.datasets import DataSets, PortDS
from ptpstack.core.settings import PortSettings
from ptpstack.core.timers import Timers
from ptpstack.engine.outputs import Output
from ptpstack.engine.port_messages import PortMessages
from ptpstack.time import TimeInterval
from ptpstack.wire.types import PortIdentity


class PortContext(PortMessages):
    """The shared part of one port; the roles own the rest."""

    def __init__(
        self,
        settings: PortSettings,
        data_sets: DataSets,
        outputs: list[Output],
        random: Callable[[], float],
    ) -> None:
        default = data_sets.default_ds
        self.settings = settings
        self.data_sets = data_sets
        self.port_ds = PortDS.of(settings, default.clock_identity)
        self.timers = Timers()
        self.random = random
        self.clock_problem = ""
        """Why the stamps of this port's clock are no use; "": they are."""
        self.rate_asymmetry: Callable[[PortIdentity], TimeInterval] | None = None
        """What different link speeds add to the asymmetry of the path from a master."""
        super().__init__(
            self.port_ds.port_identity,
            outputs,
            sdo_id=default.sdo_id,
            domain_number=default.domain_number,
            minor_version_number=settings.minor_version_number,
            ingress_latency=settings.ingress_latency,
            egress_latency=settings.egress_latency,
        )

    @property
    def shows_announced_time(self) -> bool:
        """Whether the clock of this port shows the time that is announced, so that Syncs are no lie."""
        return self.data_sets.shows_announced_time and not self.clock_problem

    @property
    def delay_asymmetry(self) -> TimeInterval:
        """How much longer the way from the parent is than the mean of both ways (7.4.2)."""
        configured = self.settings.delay_asymmetry
        if self.rate_asymmetry is None:
            return configured
        return configured + self.rate_asymmetry(self.data_sets.parent_ds.parent_port_identity)
