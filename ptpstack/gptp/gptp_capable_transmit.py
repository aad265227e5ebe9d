"""GptpCapableTransmit: tells the neighbour that this port invokes gPTP (IEEE 802.1AS-2020 10.4.1, Figure 10-21)."""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.interval_settings import GptpCapableIntervalSetting
from ptpstack.gptp.machine import Machine, always, following
from ptpstack.gptp.variables import PortVariables
from ptpstack.time import MonotonicTime, interval_from_log2_seconds
from ptpstack.wire.messages.signaling import Signaling
from ptpstack.wire.tlvs.ieee_802_1as import GptpCapable


class State(Enum):
    """The states of the figure."""

    NOT_ENABLED = auto()
    INITIALIZE = auto()
    TRANSMIT_TLV = auto()
    WAITING = auto()


class GptpCapableTransmit(Machine):
    """Sends the gPTP-capable TLV at the interval of *setting*."""

    def __init__(self, port: PortVariables, messages: PortMessages, setting: GptpCapableIntervalSetting) -> None:
        super().__init__(State.NOT_ENABLED)
        self._port = port
        self._messages = messages
        self._setting = setting

    def hurry(self, now: MonotonicTime) -> None:
        """Send at once: there is a neighbour that may not know yet."""
        if self.state is State.WAITING:
            self.deadline = now
            self.run(now)

    def _is_disabled(self) -> bool:
        return not (self._port.port_oper and self._port.settings.gptp_capable_state_machines_enabled)

    def _is_enabled(self) -> bool:
        return not self._is_disabled()

    def _is_due(self) -> bool:
        may_say_it_again = self.deadline is None and self._setting.current_log_interval is not None
        return self.expired or may_say_it_again

    def _disable(self) -> None:
        self.deadline = None

    def _transmit(self) -> None:
        log_interval, told = self._setting.next_log_interval(), self._setting.current_log_interval
        if log_interval is None or told is None:
            self.deadline = None
            return
        self.deadline = following(self.deadline or self.now, interval_from_log2_seconds(log_interval), self.now)
        self._messages.send_general(self._messages.new(Signaling, tlvs=(GptpCapable(told),)))

    ROWS = (
        (None, _is_disabled, State.NOT_ENABLED),
        (State.NOT_ENABLED, _is_enabled, State.INITIALIZE),
        (State.INITIALIZE, always, State.TRANSMIT_TLV),
        (State.TRANSMIT_TLV, always, State.WAITING),
        (State.WAITING, _is_due, State.TRANSMIT_TLV),
    )
    ENTRY = {State.NOT_ENABLED: _disable, State.TRANSMIT_TLV: _transmit}  # noqa: RUF012 (declared in the base)
