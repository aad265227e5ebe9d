"""Tells who the grandmaster is whenever it is another one, another way to it, or it has another time base.

What does not live here: choosing it (``port_state_selection.py``, ``port_state_setting_ext.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ptpstack.events import Event
from ptpstack.gptp.events import GmTimeBaseChanged, GrandmasterSelected
from ptpstack.gptp.variables import InstanceVariables, PortVariables, TimeBase
from ptpstack.time import interval_to_ns
from ptpstack.wire.types import ClockIdentity, PortIdentity


class GrandmasterWatch:
    """Gives what is new to *tell*, and lets *ports* announce it."""

    def __init__(
        self, variables: InstanceVariables, ports: Collection[PortVariables], tell: Callable[[Event], None]
    ) -> None:
        self.gm_change_count = 0
        self._variables = variables
        self._ports = ports
        self._tell = tell
        self._selected: tuple[ClockIdentity, PortIdentity | None, bool] | None = None
        self._told_time_base: tuple[ClockIdentity, int] | None = None

    @property
    def parent(self) -> PortIdentity | None:
        """Whose Syncs count; None: this system is the grandmaster."""
        variables = self._variables
        return None if variables.is_grandmaster else variables.gm_priority.source_port_identity

    @property
    def time_base(self) -> TimeBase:
        """What is said of jumps of the time that holds now."""
        variables = self._variables
        return variables.clock_source if variables.is_grandmaster else variables.grandmaster

    def look(self, rule: str) -> None:
        """Tell when *rule* has chosen otherwise than before."""
        variables, parent = self._variables, self.parent
        gm = variables.gm_priority
        selected = gm.root.clock_identity, parent, variables.gm_present
        if selected == self._selected or not any(port.port_oper for port in self._ports):
            return
        if self._selected is not None and selected[0] != self._selected[0]:
            self.gm_change_count += 1
        self._selected = selected
        for port in self._ports:
            port.new_info = True
        self._tell(
            GrandmasterSelected(
                grandmaster_identity=gm.root.clock_identity,
                parent_port_identity=parent,
                port_number=gm.port_number if parent else None,
                gm_present=variables.gm_present,
                rule=rule,
            )
        )

    def time_base_of(self, port_number: int, base: TimeBase) -> None:
        """Tell when the same grandmaster has a new time *base*, by what came in at a port, or by itself (0)."""
        gm = self._variables.gm_priority.root.clock_identity
        told, self._told_time_base = self._told_time_base, (gm, base.gm_time_base_indicator)
        is_new = told is not None and told[0] == gm and told[1] != base.gm_time_base_indicator
        if is_new or (port_number == 0 and told != self._told_time_base):
            self._tell(
                GmTimeBaseChanged(
                    port_number=port_number,
                    gm_time_base_indicator=base.gm_time_base_indicator,
                    last_gm_phase_change_ns=interval_to_ns(base.last_gm_phase_change),
                    last_gm_freq_change_ppm=base.last_gm_freq_change * 1e6,
                )
            )
