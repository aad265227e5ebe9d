"""PortSyncSyncReceive: adds the link to what came over it (IEEE 802.1AS-2020 10.2.8, Figure 10-4)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.sync_data import MdSync, PortSyncSync
from ptpstack.gptp.variables import PortVariables
from ptpstack.time import MonotonicTime, interval_from_log2_seconds, interval_to_seconds


class State(Enum):
    """The states of the figure."""

    DISCARD = auto()
    RECEIVED_SYNC = auto()


class PortSyncSyncReceive(Machine):
    """Gives a PortSyncSync for each MDSyncReceive to *deliver*."""

    def __init__(
        self, port: PortVariables, link: LinkPort, deliver: Callable[[PortSyncSync, MonotonicTime], None]
    ) -> None:
        super().__init__(State.DISCARD)
        self._port = port
        self._link = link
        self._deliver = deliver
        self._received: MdSync | None = None

    def receive(self, sync: MdSync, now: MonotonicTime) -> None:
        """Take an MDSyncReceive."""
        self._received = sync
        self.run(now)

    def _is_disabled(self) -> bool:
        return not self._port.is_active

    def _has_received(self) -> bool:
        return self._received is not None

    def _discard(self) -> None:
        self._received = None

    def _pass_on(self) -> None:
        """Compound the rates, and set when the next Sync is overdue (setPSSyncPSSR)."""
        assert self._received is not None
        sync, self._received = self._received, None
        if self._port.sync_source != sync.source_port_identity:
            self._port.sync_source = sync.source_port_identity
            self._port.reselect = True
        timeout = self._port.settings.sync_receipt_timeout * interval_from_log2_seconds(sync.log_message_interval)
        self._deliver(
            PortSyncSync(
                local_port_number=self._port.port_number,
                sync_receipt_timeout_time=self.now + timeout,
                source_port_identity=sync.source_port_identity,
                log_message_interval=sync.log_message_interval,
                rate_ratio=sync.rate_ratio + (self._link.neighbor_rate_ratio - 1.0),
                precise_origin_timestamp=sync.precise_origin_timestamp,
                follow_up_correction_field=sync.follow_up_correction_field,
                upstream_tx_time=sync.upstream_tx_time,
                ingress=sync.ingress,
                gm_time_base_indicator=sync.gm_time_base_indicator,
                last_gm_phase_change=sync.last_gm_phase_change,
                last_gm_freq_change=sync.last_gm_freq_change,
                autosar=sync.autosar,
            ),
            self.now,
        )
        if self._port.parent_port_identity() == sync.source_port_identity:
            self._port.sync_receipt_timeout_time = self.now + timeout
            self._port.sync_receipt_timeout_s = interval_to_seconds(timeout)

    ROWS = (
        (None, _is_disabled, State.DISCARD),
        (State.DISCARD, _has_received, State.RECEIVED_SYNC),
        (State.RECEIVED_SYNC, _has_received, State.RECEIVED_SYNC),
    )
    ENTRY = {State.DISCARD: _discard, State.RECEIVED_SYNC: _pass_on}  # noqa: RUF012 (declared in the base)
