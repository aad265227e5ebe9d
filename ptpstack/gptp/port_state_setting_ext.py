"""PortStateSettingExt: every port has the state that it is set to (IEEE 802.1AS-2020 10.3.15, Figure 10-17)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.priority import PriorityVector, SystemIdentity
from ptpstack.gptp.variables import InstanceVariables, PortVariables
from ptpstack.wire.types import ClockIdentity, PortIdentity


class State(Enum):
    """The states of the figure."""

    INITIALIZE = auto()
    STATE_SETTING = auto()


class PortStateSettingExt(Machine):
    """One for an instance, in the place of PortStateSelection; an instance without a slave port is the grandmaster."""

    def __init__(
        self,
        instance: InstanceVariables,
        ports: Mapping[int, PortVariables],
        select: Callable[[PortVariables, PortState, str], None],
    ) -> None:
        super().__init__(State.INITIALIZE)
        self.rule = "external port configuration"
        self._instance = instance
        self._ports = ports
        self._select = select

    def _is_asked(self) -> bool:
        return any(port.reselect for port in self._ports.values())

    def _set_states(self) -> None:
        for port in self._ports.values():
            port.reselect = False
        self._take_grandmaster()
        for port in self._ports.values():
            if not port.is_active:
                self._select(port, PortState.DISABLED, "the port is not asCapable")
            else:
                self._select(port, port.settings.desired_state, self.rule)
            gm, sender = self._instance.gm_priority, PortIdentity(self._instance.this_clock, port.port_number)
            port.master_priority = PriorityVector(gm.root, gm.steps_removed, sender, port.port_number)
            port.selected, port.updt_info = True, False
            port.new_info = True

    def _take_grandmaster(self) -> None:
        """Take it from the slave port; before that port heard of one, it is who sends Syncs there, or nobody."""
        instance = self._instance
        slaves = [port for port in self._ports.values() if port.settings.desired_state is PortState.SLAVE]
        if not slaves:
            instance.gm_is_announced = True
            instance.gm_priority = PriorityVector.of_system(instance.system_identity)
            instance.time_properties = instance.sys_time_properties
            instance.path_trace = (instance.this_clock,)
            return
        slave = slaves[0]
        hears_none = slave.port_priority is None and not instance.gm_is_announced
        if hears_none or not instance.settings.announces:
            instance.gm_priority = _unannounced(slave)
        elif slave.port_priority is not None and slave.announce is not None:
            instance.gm_is_announced = True
            instance.gm_priority = slave.port_priority.as_path()
            instance.time_properties = TimeProperties.of(slave.announce)
            instance.path_trace = (*slave.path_trace, instance.this_clock)

    ROWS = (
        (State.INITIALIZE, _is_asked, State.STATE_SETTING),
        (State.STATE_SETTING, _is_asked, State.STATE_SETTING),
    )
    ENTRY = {State.STATE_SETTING: _set_states}  # noqa: RUF012 (declared in the base)


NOBODY = ClockIdentity(bytes(8))


def _unannounced(slave: PortVariables) -> PriorityVector:
    """Return the grandmaster behind a port that hears no Announces: all that is known of it is who sends Syncs."""
    source = slave.sync_source or PortIdentity(NOBODY, 0)
    root = SystemIdentity(0, 248, 0xFE, 0x436A, 0, source.clock_identity)
    return PriorityVector(root, 1, source, slave.port_number)
