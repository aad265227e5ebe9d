"""PortAnnounceInformationExt: what a port hears whose state is set (IEEE 802.1AS-2020 10.3.14, Figure 10-16)."""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.engine.port_state import PortState
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.port_announce_receive import path_of
from ptpstack.gptp.priority import PriorityVector
from ptpstack.gptp.variables import InfoIs, PortVariables
from ptpstack.time import MonotonicTime
from ptpstack.wire.messages.announce import Announce


class State(Enum):
    """The states of the figure."""

    INITIALIZE = auto()
    RECEIVE = auto()


class PortAnnounceInformationExt(Machine):
    """Keeps the grandmaster that is announced to a port, without choosing by it."""

    def __init__(self, port: PortVariables) -> None:
        super().__init__(State.INITIALIZE)
        self._port = port
        self._received: Announce | None = None

    def receive(self, announce: Announce, now: MonotonicTime) -> None:
        """Take a qualified Announce."""
        self._received = announce
        self.run(now)
        self._received = None

    def refresh_deadline(self) -> None:
        """Nothing ages here."""

    def _is_disabled(self) -> bool:
        return not self._port.is_active

    def _has_received(self) -> bool:
        return self._received is not None and self._port.selected_state is PortState.SLAVE and self._port.is_active

    def _initialize(self) -> None:
        self._port.info_is = InfoIs.DISABLED
        self._port.port_priority = self._port.announce = None
        self._port.path_trace = ()
        self._port.reselect = True

    def _record(self) -> None:
        assert self._received is not None
        port, announce = self._port, self._received
        self._received = None
        port.info_is = InfoIs.RECEIVED
        port.announce = announce
        port.path_trace = path_of(announce)
        known, port.port_priority = port.port_priority, PriorityVector.of_announce(announce, port.port_number)
        port.reselect = port.reselect or known != port.port_priority

    ROWS = (
        (None, _is_disabled, State.INITIALIZE),
        (State.INITIALIZE, _has_received, State.RECEIVE),
        (State.RECEIVE, _has_received, State.RECEIVE),
    )
    ENTRY = {State.INITIALIZE: _initialize, State.RECEIVE: _record}  # noqa: RUF012 (declared in the base)
