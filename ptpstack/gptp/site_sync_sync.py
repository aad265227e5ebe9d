"""SiteSyncSync: hands the grandmaster's time to all ports and the clock (IEEE 802.1AS-2020 10.2.7, Figure 10-3)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from ptpstack.engine.port_state import PortState
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.sync_data import PortSyncSync
from ptpstack.gptp.variables import InstanceVariables, PortVariables
from ptpstack.time import MonotonicTime


class State(Enum):
    """The states of the figure."""

    INITIALIZING = auto()
    RECEIVING_SYNC = auto()


class SiteSyncSync(Machine):
    """One for an instance; *refuse* is told of what came from anybody but the parent, and why that is no use."""

    def __init__(
        self,
        instance: InstanceVariables,
        ports: dict[int, PortVariables],
        deliver: Callable[[PortSyncSync, MonotonicTime], None],
        refuse: Callable[[PortSyncSync, str], None],
    ) -> None:
        super().__init__(State.INITIALIZING)
        self._instance = instance
        self._ports = ports
        self._deliver = deliver
        self._refuse = refuse
        self._received: PortSyncSync | None = None

    def receive(self, sync: PortSyncSync, now: MonotonicTime) -> None:
        """Take a PortSyncSync of any port, or of the clock."""
        reason = self._why_not(sync)
        if reason:
            self._refuse(sync, reason)
            return
        self._received = sync
        self.run(now)

    def _why_not(self, sync: PortSyncSync) -> str:
        if not self._instance.gm_present:
            return "no system may be the grandmaster"
        if sync.local_port_number == 0:
            serves = self._instance.is_grandmaster or self._instance.serves_default_time
            return "" if serves else "another system is the grandmaster"
        port = self._ports[sync.local_port_number]
        if port.selected_state is not PortState.SLAVE:
            return "the port does not follow a grandmaster"
        if port.clock_problem:
            return port.clock_problem
        if not self._instance.settings.external_port_configuration_enabled:
            parent = port.parent_port_identity()
            if parent != sync.source_port_identity:
                return "its sender is not the one that announced the grandmaster"
        return ""

    def _has_received(self) -> bool:
        return self._received is not None

    def _hand_out(self) -> None:
        assert self._received is not None
        sync, self._received = self._received, None
        self._deliver(sync, self.now)

    ROWS = (
        (State.INITIALIZING, _has_received, State.RECEIVING_SYNC),
        (State.RECEIVING_SYNC, _has_received, State.RECEIVING_SYNC),
    )
    ENTRY = {State.RECEIVING_SYNC: _hand_out}  # noqa: RUF012 (declared in the base)
