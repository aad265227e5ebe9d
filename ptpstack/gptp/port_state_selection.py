"""PortStateSelection: the grandmaster, and the state of each port (IEEE 802.1AS-2020 10.3.13, Figure 10-15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.priority import PriorityVector, reason_between
from ptpstack.gptp.variables import InfoIs, InstanceVariables, PortVariables
from ptpstack.wire.types import PortIdentity


class State(Enum):
    """The states of the figure."""

    INIT_BRIDGE = auto()
    STATE_SELECTION = auto()


class PortStateSelection(Machine):
    """One for an instance; *select* is told of the state of each port, with the reason."""

    def __init__(
        self,
        instance: InstanceVariables,
        ports: Mapping[int, PortVariables],
        select: Callable[[PortVariables, PortState, str], None],
    ) -> None:
        super().__init__(State.INIT_BRIDGE)
        self.rule = "nothing was heard of another one"
        self._instance = instance
        self._ports = ports
        self._select = select

    def _is_asked(self) -> bool:
        return any(port.reselect for port in self._ports.values())

    def _select_states(self) -> None:
        """Choose anew (clearReselectTree, updtStatesTree, setSelectedTree)."""
        for port in self._ports.values():
            port.reselect = False
        self._choose_grandmaster()
        for port in self._ports.values():
            self._choose_state(port)
        for port in self._ports.values():
            port.selected = True

    def _choose_grandmaster(self) -> None:
        """Take the best of this system and of the paths that the ports know (gmPriority)."""
        instance = self._instance
        candidates = [PriorityVector.of_system(instance.system_identity)]
        sources: list[PortVariables | None] = [None]
        for port in self._ports.values():
            known = port.port_priority
            if port.info_is is not InfoIs.RECEIVED or known is None:
                continue
            if known.source_port_identity.clock_identity != instance.this_clock:
                candidates.append(known.as_path())
                sources.append(port)
        best = min(range(len(candidates)), key=candidates.__getitem__)
        others = [candidate for number, candidate in enumerate(candidates) if number != best]
        self.rule = reason_between(candidates[best], min(others)) if others else "nothing was heard of another one"
        instance.gm_priority = candidates[best]
        source = sources[best]
        if source is None or source.announce is None:
            instance.time_properties = instance.sys_time_properties
            instance.path_trace = (instance.this_clock,)
        else:
            instance.time_properties = TimeProperties.of(source.announce)
            instance.path_trace = (*source.path_trace, instance.this_clock)

    def _choose_state(self, port: PortVariables) -> None:
        gm = self._instance.gm_priority
        sender = PortIdentity(self._instance.this_clock, port.port_number)
        master = port.master_priority = PriorityVector(gm.root, gm.steps_removed, sender, port.port_number)
        known = port.port_priority
        match port.info_is:
            case InfoIs.DISABLED:
                self._select(port, PortState.DISABLED, "the port is not asCapable")
            case InfoIs.AGED:
                port.updt_info = True
                self._select(port, PortState.MASTER, "nothing is heard of a grandmaster here")
            case InfoIs.MINE:
                port.updt_info = known != master
                self._select(port, PortState.MASTER, "nobody is heard here that announces a better one")
            case InfoIs.RECEIVED if known is not None:
                self._choose_by_vectors(port, known, master)

    def _choose_by_vectors(self, port: PortVariables, known: PriorityVector, master: PriorityVector) -> None:
        port.updt_info = False
        gm = self._instance.gm_priority
        if gm.port_number == port.port_number:
            self._select(port, PortState.SLAVE, self.rule)
        elif master >= known:
            where = f"port {gm.port_number}" if gm.port_number else "this system"
            self._select(port, PortState.PASSIVE, f"{where} has the best way, and the neighbour's is no worse")
        else:
            port.updt_info = True
            self._select(port, PortState.MASTER, reason_between(master, known))

    ROWS = (
        (State.INIT_BRIDGE, _is_asked, State.STATE_SELECTION),
        (State.STATE_SELECTION, _is_asked, State.STATE_SELECTION),
    )
    ENTRY = {State.STATE_SELECTION: _select_states}  # noqa: RUF012 (declared in the base)
