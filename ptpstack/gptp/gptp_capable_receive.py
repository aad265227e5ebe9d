"""GptpCapableReceive: whether the neighbour says that it invokes gPTP (IEEE 802.1AS-2020 10.4.2, Figure 10-22)."""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.gptp.machine import Machine, sensible
from ptpstack.gptp.variables import PortVariables
from ptpstack.time import MonotonicTime, interval_from_log2_seconds
from ptpstack.wire.tlvs.ieee_802_1as import GptpCapable


class State(Enum):
    """The states of the figure."""

    NOT_ENABLED = auto()
    INITIALIZE = auto()
    RECEIVED_TLV = auto()


class GptpCapableReceive(Machine):
    """Keeps neighborGptpCapable of one port."""

    def __init__(self, port: PortVariables) -> None:
        super().__init__(State.NOT_ENABLED)
        self._port = port
        self._received: GptpCapable | None = None

    def receive(self, tlv: GptpCapable, now: MonotonicTime) -> None:
        """Take the TLV."""
        self._received = tlv
        self.run(now)

    def _is_disabled(self) -> bool:
        return not self._port.port_oper

    def _is_enabled(self) -> bool:
        return self._port.port_oper

    def _has_received(self) -> bool:
        return self._received is not None

    def _is_overdue(self) -> bool:
        return self.expired

    def _forget(self) -> None:
        self._received = self.deadline = None
        self._port.neighbor_gptp_capable = False

    def _take(self) -> None:
        assert self._received is not None
        tlv, self._received = self._received, None
        interval = interval_from_log2_seconds(sensible(tlv.log_gptp_capable_message_interval))
        self.deadline = self.now + self._port.settings.gptp_capable_receipt_timeout * interval
        self._port.neighbor_gptp_capable = True

    ROWS = (
        (None, _is_disabled, State.NOT_ENABLED),
        (State.NOT_ENABLED, _is_enabled, State.INITIALIZE),
        (State.INITIALIZE, _has_received, State.RECEIVED_TLV),
        (State.RECEIVED_TLV, _has_received, State.RECEIVED_TLV),
        (State.RECEIVED_TLV, _is_overdue, State.INITIALIZE),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.NOT_ENABLED: _forget,
        State.INITIALIZE: _forget,
        State.RECEIVED_TLV: _take,
    }
