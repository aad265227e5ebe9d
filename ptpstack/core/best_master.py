"""The best master clock algorithm over all ports of an instance (IEEE 1588-2019 9.3), and what its result brings.

What lives here: which port follows whom, and what the data sets become by it (Tables 30 and 33). What does not:
how two clocks compare (``comparison``), what one port is to do by itself (``state_decision``, Figure 33).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from ptpstack.core.announce_receiver import path_of
from ptpstack.core.announce_tlvs import handed_on
from ptpstack.core.comparison import ComparisonSet, compare
from ptpstack.core.datasets import FREE_RUNNING_CLOCK_CLASS, SLAVE_ONLY_CLOCK_CLASS, DataSets, ParentDS
from ptpstack.core.events import BestMasterSelected
from ptpstack.core.paired_port import let_paired_ports_stand_by
from ptpstack.core.port import Port
from ptpstack.core.port_states import ACTIVE_STATES, PortEvent
from ptpstack.core.settings import InstanceSettings, LocalQuality
from ptpstack.core.state_decision import Decision, DecisionCode, best_of, decide, reason_for
from ptpstack.core.unicast_choice import negotiate
from ptpstack.engine.events import LocalQualityChanged
from ptpstack.engine.outputs import Output
from ptpstack.engine.port_state import RECEIVING_STATES, PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import MonotonicTime
from ptpstack.wire.types import ClockQuality, PortIdentity


class BestMaster:
    """Who is followed, on which of *ports*, which may still be added; events go to *outputs*."""

    def __init__(
        self, settings: InstanceSettings, data_sets: DataSets, ports: Mapping[int, Port], outputs: list[Output]
    ) -> None:
        self._data_sets = data_sets
        self._ports = ports
        self._outputs = outputs
        self._slave_only = settings.slave_only
        self._own_time = settings.time_properties
        """The timePropertiesDS of the local clock as a grandmaster."""
        self._selected: PortIdentity | None = None
        self._when_parent_is_lost: LocalQuality | None = None

    # -- what the local clock is worth ---------------------------------------------------------------

    def set_local_quality(
        self,
        clock_quality: ClockQuality,
        time_properties: TimeProperties,
        now: MonotonicTime,
        *,
        uncertain: bool,
        when_parent_is_lost: LocalQuality | None,
    ) -> None:
        """Compare the local clock as this from now on, see :meth:`PtpInstance.set_local_quality`."""
        self._when_parent_is_lost = when_parent_is_lost
        self._data_sets.is_uncertain = uncertain
        if self._become(clock_quality, time_properties):
            self.decide(now)
        else:
            self.update_uncertainty()

    def _become(self, clock_quality: ClockQuality, time_properties: TimeProperties) -> bool:
        """Be worth *clock_quality*; return whether that is new."""
        data = self._data_sets
        if self._slave_only:
            clock_quality = clock_quality._replace(clock_class=SLAVE_ONLY_CLOCK_CLASS)
        old_quality, data.default_ds.clock_quality = data.default_ds.clock_quality, clock_quality
        if (old_quality, self._own_time) == (clock_quality, time_properties):
            return False
        self._own_time = time_properties
        self._outputs.append(
            LocalQualityChanged(
                clock_class=clock_quality.clock_class,
                previous_clock_class=old_quality.clock_class,
                clock_accuracy=clock_quality.clock_accuracy,
                time_traceable=time_properties.time_traceable,
            )
        )
        if data.parent_ds.grandmaster_identity == data.default_ds.clock_identity:
            data.parent_ds = ParentDS.of(data.default_ds)
            data.time_properties_ds = time_properties
        return True

    # -- state decisions -----------------------------------------------------------------------------

    def decide(self, now: MonotonicTime) -> None:
        """Run the algorithm over all ports and let each follow its decision (9.3.3)."""
        active = {number: port for number, port in self._ports.items() if port.state in ACTIVE_STATES}
        erbest = {number: port.announces.best() for number, port in active.items()}
        ebest = best_of(erbest)
        self._notice_lost_parent(ebest[1] if ebest else None, active.values())
        d0 = ComparisonSet.of_default_ds(self._data_sets.default_ds)
        decisions = {number: decide(d0, number, erbest[number], ebest) for number in active}
        slave = next((number for number, decision in decisions.items() if decision.code is DecisionCode.S1), None)
        if slave is not None and ebest is not None:
            candidates = [candidate for port in active.values() for candidate in port.announces.qualified()]
            self._update_from_parent(slave, ebest[1], reason_for(ebest[1], candidates, d0), now)
        else:
            self._update_from_local(d0, ebest)
        for number, decision in decisions.items():
            if active[number].state is not PortState.LISTENING or erbest[number] is not None:
                self._follow(active[number], decision, now)
        let_paired_ports_stand_by(active, erbest)
        self.update_uncertainty()
        negotiate(active, d0, self._data_sets.parent_ds.parent_port_identity, now)

    def _notice_lost_parent(self, ebest: ComparisonSet | None, active: Iterable[Port]) -> None:
        """Be worth what holdover is, if the parent is gone or runs free from now on, and nobody is better.

        One that only degrades tells the same time as before, and is followed on: holdover after holdover is no better.
        """
        data, held = self._data_sets, self._when_parent_is_lost
        if held is None or not data.follows_parent:
            return
        parent = data.parent_ds.parent_port_identity
        heard = {candidate.sender for port in active for candidate in port.announces.qualified()}
        restarted = ebest is not None and (
            ebest.grandmaster_clock_quality.clock_class >= FREE_RUNNING_CLOCK_CLASS > held.clock_quality.clock_class
        )
        if parent in heard and not restarted:
            return
        own = replace(ComparisonSet.of_default_ds(data.default_ds), grandmaster_clock_quality=held.clock_quality)
        if ebest is None or compare(own, ebest).better:
            self._become(held.clock_quality, held.time_properties)
            data.is_uncertain = held.uncertain
            self._when_parent_is_lost = None

    def update_uncertainty(self) -> None:
        """A clock that has a parent is uncertain as long as it is not a slave, or its parent is (8.2.2)."""
        data = self._data_sets
        data.is_synchronized = any(port.state is PortState.SLAVE for port in self._ports.values())
        if data.follows_parent:
            data.current_ds.synchronization_uncertain = data.parent_is_uncertain or not data.is_synchronized
        else:
            data.current_ds.synchronization_uncertain = data.is_uncertain

    def _follow(self, port: Port, decision: Decision, now: MonotonicTime) -> None:
        """Move *port* as decided; a master waits for qualification first (9.2.6.11)."""
        before = port.state
        match decision.code:
            case DecisionCode.S1:
                port.apply(PortEvent.RS_SLAVE, now, decision.rule)
            case DecisionCode.P1 | DecisionCode.P2:
                port.apply(PortEvent.RS_PASSIVE, now, decision.rule)
            case DecisionCode.M1 | DecisionCode.M2:
                port.apply(PortEvent.RS_GRAND_MASTER, now, decision.rule)
                if port.state is PortState.PRE_MASTER is not before:
                    port.qualify(0, now)
            case DecisionCode.M3:
                port.apply(PortEvent.RS_MASTER, now, decision.rule)
                if port.state is PortState.PRE_MASTER is not before:
                    port.qualify(self._data_sets.current_ds.steps_removed + 1, now)

    def _update_from_local(self, d0: ComparisonSet, ebest: tuple[int, ComparisonSet] | None) -> None:
        """The local clock is the grandmaster (Table 30)."""
        data = self._data_sets
        if self._selected == d0.sender:
            return
        self._selected = d0.sender
        data.current_ds.steps_removed = data.current_ds.offset_from_master = data.current_ds.mean_delay = 0
        data.parent_ds = ParentDS.of(data.default_ds)
        data.time_properties_ds = self._own_time
        data.path_trace = ()
        data.propagated_tlvs = ()
        if ebest is not None:
            rule = compare(d0, ebest[1]).rule
        elif data.default_ds.slave_only:
            rule = "no master is heard, and this clock is slave only: it waits"
        else:
            rule = "no other master is heard"
        self._outputs.append(
            BestMasterSelected(
                grandmaster_identity=d0.grandmaster_identity,
                parent_port_identity=None,
                port_number=None,
                decision="M1" if d0.grandmaster_clock_quality.clock_class < 128 else "M2",
                rule=rule,
            )
        )

    def _update_from_parent(self, number: int, best: ComparisonSet, reason: str, now: MonotonicTime) -> None:
        """Port *number* follows *best* (Table 33)."""
        data, port = self._data_sets, self._ports[number]
        announce = port.announces.newest_of(best.sender)
        assert announce is not None
        old = data.parent_ds
        data.current_ds.steps_removed = announce.steps_removed + 1
        data.parent_ds = ParentDS(
            parent_port_identity=best.sender,
            grandmaster_identity=announce.grandmaster_identity,
            grandmaster_clock_quality=announce.grandmaster_clock_quality,
            grandmaster_priority1=announce.grandmaster_priority1,
            grandmaster_priority2=announce.grandmaster_priority2,
        )
        data.time_properties_ds = TimeProperties.of(announce)
        data.path_trace = path_of(announce)
        data.propagated_tlvs = tuple(handed_on(announce))
        data.parent_is_uncertain = announce.synchronization_uncertain
        if self._selected != best.sender or old.grandmaster_identity != announce.grandmaster_identity:
            self._outputs.append(
                BestMasterSelected(
                    grandmaster_identity=announce.grandmaster_identity,
                    parent_port_identity=best.sender,
                    port_number=number,
                    decision="S1",
                    rule=reason,
                )
            )
        self._selected = best.sender
        if old.parent_port_identity != best.sender and port.state in RECEIVING_STATES:
            port.apply(PortEvent.RS_SLAVE_NEW_MASTER, now, f"{best.sender} is {reason}")
            port.follow_new_parent(now)
