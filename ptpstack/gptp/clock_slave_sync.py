"""ClockSlaveSync: the grandmaster's time where a Sync came in (IEEE 802.1AS-2020 10.2.13, Figure 10-9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

from ptpstack.engine.outputs import Measurement
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.sync_data import PortSyncSync
from ptpstack.gptp.variables import InstanceVariables
from ptpstack.time import MonotonicTime, offset_between


class State(Enum):
    """The states of the figure."""

    INITIALIZING = auto()
    SEND_SYNC_INDICATION = auto()


class ClockSlaveSync(Machine):
    """Gives a measurement for each Sync of the grandmaster to *deliver*."""

    def __init__(
        self,
        instance: InstanceVariables,
        links: Mapping[int, LinkPort],
        deliver: Callable[[Measurement, MonotonicTime], None],
    ) -> None:
        super().__init__(State.INITIALIZING)
        self._instance = instance
        self._links = links
        self._deliver = deliver
        self._received: PortSyncSync | None = None

    def receive(self, sync: PortSyncSync, now: MonotonicTime) -> None:
        """Take what SiteSyncSync hands out."""
        self._received = sync
        self.run(now)

    def _has_received(self) -> bool:
        return self._received is not None

    def _indicate(self) -> None:
        """Compute syncReceiptTime and syncReceiptLocalTime; the clock of a grandmaster here follows nobody."""
        assert self._received is not None
        sync, self._received = self._received, None
        instance = self._instance
        base = instance.grandmaster
        base.gm_time_base_indicator = sync.gm_time_base_indicator
        base.last_gm_phase_change = sync.last_gm_phase_change
        base.last_gm_freq_change = sync.last_gm_freq_change
        instance.rate_ratio = sync.rate_ratio
        if sync.ingress is None:
            return
        link = self._links[sync.local_port_number]
        mean_delay = round(link.mean_link_delay * sync.rate_ratio / link.neighbor_rate_ratio)
        left = sync.precise_origin_timestamp + sync.follow_up_correction_field + link.settings.delay_asymmetry
        instance.sync_receipt_time = left + mean_delay
        instance.sync_receipt_local_time = sync.ingress
        self._deliver(
            Measurement(
                port_number=sync.local_port_number,
                parent_port_identity=sync.source_port_identity,
                t1=left,
                t2=sync.ingress,
                offset_from_master=offset_between(sync.ingress, left) - mean_delay,
                mean_delay=mean_delay,
                log_sync_interval=sync.log_message_interval,
            ),
            self.now,
        )

    ROWS = (
        (State.INITIALIZING, _has_received, State.SEND_SYNC_INDICATION),
        (State.SEND_SYNC_INDICATION, _has_received, State.SEND_SYNC_INDICATION),
    )
    ENTRY = {State.SEND_SYNC_INDICATION: _indicate}  # noqa: RUF012 (declared in the base)
