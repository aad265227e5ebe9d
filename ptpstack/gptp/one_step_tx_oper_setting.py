"""OneStepTxOperSetting: whether a port sends in one step, as its neighbour can take (IEEE 802.1AS-2020 11.2.16).

A neighbour says so by a flag of its message interval requests. Until the first one, and after the link was down, it is
what the port begins with.

What lives here: when. What does not: sending (``md_sync_send.py``), whose flag is which (``signaling.py``).
"""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.events import OneStepTxOperChanged
from ptpstack.gptp.machine import Machine, always
from ptpstack.gptp.variables import PortVariables
from ptpstack.wire.types import PortIdentity


class State(Enum):
    """The states of the figure."""

    NOT_ENABLED = auto()
    INITIALIZE = auto()
    SET_ONE_STEP_TX_OPER = auto()


class OneStepTxOperSetting(Machine):
    """Sets ``one_step_tx_oper`` of *port*, which its settings make possible (oneStepTransmit) or not."""

    def __init__(self, port: PortVariables, messages: PortMessages) -> None:
        super().__init__(State.NOT_ENABLED)
        self.port_enabled = False
        self._port = port
        self._messages = messages
        self._request: tuple[bool, PortIdentity] | None = None

    def request(self, one_step_receive_capable: bool, source: PortIdentity) -> None:
        """Take what *source* says that it can receive; the next run obeys."""
        settings = self._port.settings
        if settings.one_step_on_request and not settings.two_step_flag:
            self._request = one_step_receive_capable, source

    def _is_disabled(self) -> bool:
        return not self.port_enabled

    def _is_enabled(self) -> bool:
        return self.port_enabled

    def _has_request(self) -> bool:
        return self._request is not None

    def _initialize(self) -> None:
        self._request = None
        self._port.one_step_tx_oper = self._port.settings.initial_one_step_tx_oper

    def _set(self) -> None:
        assert self._request is not None
        (capable, source), self._request = self._request, None
        if capable != self._port.one_step_tx_oper:
            self._port.one_step_tx_oper = capable
            self._messages.tell(OneStepTxOperChanged, one_step_tx_oper=capable, port_identity=source)

    ROWS = (
        (None, _is_disabled, State.NOT_ENABLED),
        (State.NOT_ENABLED, _is_enabled, State.INITIALIZE),
        (State.INITIALIZE, _has_request, State.SET_ONE_STEP_TX_OPER),
        (State.SET_ONE_STEP_TX_OPER, always, State.INITIALIZE),
    )
    ENTRY = {State.NOT_ENABLED: _initialize, State.SET_ONE_STEP_TX_OPER: _set}  # noqa: RUF012 (declared in the base)
