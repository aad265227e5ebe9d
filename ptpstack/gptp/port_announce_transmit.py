"""PortAnnounceTransmit: tells the neighbour of the grandmaster (IEEE 802.1AS-2020 10.3.16, Figure 10-18)."""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.interval_settings import AnnounceIntervalSetting
from ptpstack.gptp.machine import Machine, always, following
from ptpstack.gptp.variables import InstanceVariables, PortVariables
from ptpstack.time import interval_from_log2_seconds
from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.tlv import encoded_size
from ptpstack.wire.tlvs.path_trace import PathTrace

TLV_CAPACITY = 1500 - Announce.body_end
"""Octets of TLVs that an Announce has room for, as it must fit in one frame."""


class State(Enum):
    """The states of the figure."""

    TRANSMIT_INIT = auto()
    IDLE = auto()
    TRANSMIT_PERIODIC = auto()
    TRANSMIT_ANNOUNCE = auto()


class PortAnnounceTransmit(Machine):
    """Announces at the interval of *setting*, and at once when there is something new."""

    def __init__(
        self,
        instance: InstanceVariables,
        port: PortVariables,
        messages: PortMessages,
        setting: AnnounceIntervalSetting,
    ) -> None:
        super().__init__(State.TRANSMIT_INIT)
        self._instance = instance
        self._port = port
        self._messages = messages
        self._setting = setting

    def _may_not_send(self) -> bool:
        instance = self._instance
        announces = instance.settings.announces and instance.gm_is_announced
        return not self._port.sends or not announces or self._setting.current_log_interval is None

    def _may_send(self) -> bool:
        return not self._may_not_send()

    def _is_new(self) -> bool:
        return self._port.new_info and self._port.selected and not self._port.updt_info

    def _is_due(self) -> bool:
        return self.expired and self._port.selected and not self._port.updt_info

    def _initialize(self) -> None:
        self.deadline = None
        self._port.new_info = True

    def _wait(self) -> None:
        log_interval = self._setting.next_log_interval()
        if log_interval is None:
            return
        interval = interval_from_log2_seconds(log_interval)
        grid = self.deadline if self.deadline is not None and self.expired else self.now
        self.deadline = following(grid, interval, self.now)

    def _renew(self) -> None:
        self._port.new_info = True

    def _announce(self) -> None:
        instance = self._instance
        self._port.new_info = False
        root = instance.gm_priority.root
        properties = instance.time_properties
        self._messages.send_general(
            self._messages.new(
                Announce,
                flags=properties.flags,
                log_message_interval=self._setting.current_log_interval,
                current_utc_offset=properties.current_utc_offset,
                grandmaster_priority1=root.priority1,
                grandmaster_clock_quality=root.clock_quality,
                grandmaster_priority2=root.priority2,
                grandmaster_identity=root.clock_identity,
                steps_removed=instance.gm_priority.steps_removed,
                time_source=properties.time_source,
                tlvs=self._path(),
            )
        )

    def _path(self) -> tuple[PathTrace, ...]:
        """Return the path to this system; one that is too long is left out, or empty (10.3.9.23)."""
        path = PathTrace(self._instance.path_trace)
        if encoded_size(path) <= TLV_CAPACITY:
            return (path,)
        return (PathTrace(()),) if self._instance.settings.empty_path_trace_when_too_long else ()

    ROWS = (
        (None, _may_not_send, State.TRANSMIT_INIT),
        (State.TRANSMIT_INIT, _may_send, State.TRANSMIT_ANNOUNCE),
        (State.IDLE, _is_new, State.TRANSMIT_ANNOUNCE),
        (State.IDLE, _is_due, State.TRANSMIT_PERIODIC),
        (State.TRANSMIT_PERIODIC, always, State.TRANSMIT_ANNOUNCE),
        (State.TRANSMIT_ANNOUNCE, always, State.IDLE),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.TRANSMIT_INIT: _initialize,
        State.IDLE: _wait,
        State.TRANSMIT_PERIODIC: _renew,
        State.TRANSMIT_ANNOUNCE: _announce,
    }
