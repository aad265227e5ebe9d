"""A PTP instance: the data sets, the ports, and the best master clock algorithm over them.

The driver calls the input methods and carries out what each returns (``engine.outputs``). ``now`` is always the
host's monotonic time; instants of frames are on the instance's local clock. Nothing here blocks or waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence

from msgspec.structs import replace

from ptpstack.core.announce_receiver import path_of
from ptpstack.core.announce_tlvs import handed_on
from ptpstack.core.comparison import ComparisonSet, compare
from ptpstack.core.context import PortContext
from ptpstack.core.datasets import (
    FREE_RUNNING_CLOCK_CLASS,
    SLAVE_ONLY_CLOCK_CLASS,
    CurrentDS,
    DataSets,
    DefaultDS,
    ParentDS,
)
from ptpstack.core.delay_responder import DelayResponder
from ptpstack.core.events import BestMasterSelected
from ptpstack.core.paired_port import let_paired_ports_stand_by
from ptpstack.core.port import Port
from ptpstack.core.port_states import ACTIVE_STATES, PortEvent
from ptpstack.core.settings import InstanceSettings, LocalQuality, PortSettings
from ptpstack.core.state_decision import Decision, DecisionCode, best_of, decide, reason_for
from ptpstack.core.unicast_choice import negotiate
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.events import LocalQualityChanged
from ptpstack.engine.outputs import Output
from ptpstack.engine.port_state import RECEIVING_STATES, PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.message import Message
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity


class PtpInstance:
    """An ordinary (one port) or boundary clock (several) in one domain.

    *random* returns a number in [0, 1); *delay_filter* makes the filter of one port's path delays.
    """

    def __init__(
        self,
        settings: InstanceSettings,
        ports: Sequence[PortSettings],
        *,
        random: Callable[[], float],
        delay_filter: Callable[[], DelayFilter],
    ) -> None:
        default = DefaultDS.of(settings, len(ports))
        self._settings = settings
        self._data_sets = DataSets(
            default,
            CurrentDS(),
            ParentDS.of(default),
            settings.time_properties,
            sync_while_uncalibrated=settings.sync_while_uncalibrated,
            extends_inaccuracy_by_ns=settings.extends_inaccuracy_by_ns,
            required_announce_tlvs=settings.required_announce_tlvs,
            acceptable_masters={entry.port_identity: entry for entry in settings.acceptable_masters},
            signal_fail=settings.signal_fail,
        )
        self._outputs: list[Output] = []
        self._selected: PortIdentity | None = None
        self._when_parent_is_lost: LocalQuality | None = None
        self.ports: dict[int, Port] = {
            port.port_number: Port(
                PortContext(port, self._data_sets, self._outputs, random),
                path_trace_enabled=settings.path_trace_enabled,
                delay_filter=delay_filter(),
                decide=self._state_decision,
            )
            for port in ports
        }

    # -- what others read ----------------------------------------------------------------------------

    @property
    def default_ds(self) -> DefaultDS:
        """IEEE 1588-2019 8.2.1."""
        return self._data_sets.default_ds

    @property
    def current_ds(self) -> CurrentDS:
        """IEEE 1588-2019 8.2.2."""
        return self._data_sets.current_ds

    @property
    def parent_ds(self) -> ParentDS:
        """IEEE 1588-2019 8.2.3."""
        return self._data_sets.parent_ds

    @property
    def time_properties_ds(self) -> TimeProperties:
        """IEEE 1588-2019 8.2.4."""
        return self._data_sets.time_properties_ds

    @property
    def path_trace(self) -> tuple[ClockIdentity, ...]:
        """The clocks between the grandmaster and the parent, both included (16.2)."""
        return self._data_sets.path_trace

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called, if ever."""
        earliest: MonotonicTime | None = None
        for port in self.ports.values():
            deadline = port.next_deadline()
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        return earliest

    # -- inputs ----------------------------------------------------------------------------------------

    def start(self, now: MonotonicTime) -> list[Output]:
        """Bring every port from INITIALIZING to LISTENING."""
        for port in self.ports.values():
            port.apply(PortEvent.INITIALIZATION_COMPLETE, now)
        return self._take()

    def stop(self, now: MonotonicTime) -> list[Output]:
        """Disable every port; nothing is due afterwards."""
        for port in self.ports.values():
            port.apply(PortEvent.DESIGNATED_DISABLED, now)
        return self._take()

    def delay_responder(self, port_number: int) -> DelayResponder | None:
        """Return what may answer event frames of this port until the next input, None if nothing may.

        Frames that it has no answer for go to :meth:`receive`; its answers go to the primary group.
        """
        return self.ports[port_number].delay_responder

    def receive(
        self,
        port_number: int,
        message: Message,
        ingress: LocalTime | None,
        now: MonotonicTime,
        address: Hashable = None,
    ) -> list[Output]:
        """Take a decoded message that came in at *ingress* from *address*; other domains' are ignored (7.1)."""
        default = self._data_sets.default_ds
        if message.domain_number == default.domain_number and message.sdo_id == default.sdo_id:
            self.ports[port_number].receive(message, ingress, now, address)
        return self._take()

    def short_heads(self, port_number: int) -> frozenset[bytes]:
        """Return with which octets the frames begin that :meth:`receive_octets` of a port may take."""
        return self.ports[port_number].parent_messages.heads

    def receive_octets(
        self, port_number: int, octets: bytes, ingress: LocalTime | None, now: MonotonicTime, address: Hashable = None
    ) -> list[Output] | None:
        """Take a frame as :meth:`receive` would, without decoding it; None, where it takes only the message."""
        if not self.ports[port_number].parent_messages.take(octets, ingress, now, address):
            return None
        return self._take()

    def transmitted(self, port_number: int, context: int, egress: LocalTime | None, now: MonotonicTime) -> list[Output]:
        """Take the egress stamp of the event message sent with *context*; None says that there is none."""
        self.ports[port_number].transmitted(context, egress, now)
        return self._take()

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        """Run every timer that is due by *now*."""
        for port in self.ports.values():
            port.handle_deadline(now)
        return self._take()

    def link_changed(self, port_number: int, up: bool, now: MonotonicTime) -> list[Output]:
        """Take the state of a port's link: without one a port is FAULTY (9.2.5)."""
        self.ports[port_number].fault.link_changed(up, now)
        self._state_decision(now)
        return self._take()

    def clock_stepped(
        self, delta: TimeInterval, local: LocalTime, now: MonotonicTime, *, ports: Collection[int] | None = None
    ) -> list[Output]:
        """Carry stored instants over a step of the local clock by *delta*, after which it reads *local*.

        Where there are several, it is the clock of *ports* that was moved.
        """
        moved = [self.ports[number] for number in (self.ports if ports is None else ports)]
        if ports is None or any(port.state in RECEIVING_STATES for port in moved):
            self._data_sets.is_calibrated = False
        for port in moved:
            port.clock_stepped(delta, local, now)
        return self._take()

    def set_clock_problem(self, port_number: int, problem: str, _now: MonotonicTime) -> list[Output]:
        """Take why the stamps of a port's own clock are no use to serve others, or that they are ("")."""
        self.ports[port_number].set_clock_problem(problem)
        return self._take()

    def servo_locked(self, locked: bool, now: MonotonicTime) -> list[Output]:
        """Take the servo's state; call it after every sample (MASTER_CLOCK_SELECTED, SYNCHRONIZATION_FAULT)."""
        event = PortEvent.MASTER_CLOCK_SELECTED if locked else PortEvent.SYNCHRONIZATION_FAULT
        for port in self.ports.values():
            if port.state in RECEIVING_STATES:
                if port.apply(event, now):
                    self._update_uncertainty()
                if locked:
                    self._data_sets.calibrate()
        return self._take()

    def set_local_quality(
        self,
        clock_quality: ClockQuality,
        time_properties: TimeProperties,
        now: MonotonicTime,
        *,
        uncertain: bool = False,
        when_parent_is_lost: LocalQuality | None = None,
    ) -> list[Output]:
        """Take what the local clock is worth from now on: its reference came or went (8.2.1.3.1, 7.6.2.5).

        With *uncertain* it says so as a grandmaster. *when_parent_is_lost* is what it will be worth as soon as its
        parent is lost, or counts as free-running: not one Announce goes out that says anything else.
        """
        self._when_parent_is_lost = when_parent_is_lost
        self._data_sets.is_uncertain = uncertain
        if self._become(clock_quality, time_properties):
            self._state_decision(now)
        else:
            self._update_uncertainty()
        return self._take()

    def _become(self, clock_quality: ClockQuality, time_properties: TimeProperties) -> bool:
        """Be worth *clock_quality*; return whether that is new."""
        data = self._data_sets
        if self._settings.slave_only:
            clock_quality = clock_quality._replace(clock_class=SLAVE_ONLY_CLOCK_CLASS)
        old_quality, data.default_ds.clock_quality = data.default_ds.clock_quality, clock_quality
        if (old_quality, self._settings.time_properties) == (clock_quality, time_properties):
            return False
        self._settings = replace(self._settings, time_properties=time_properties)
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

    def set_announce_tlvs(self, tlvs: tuple[Tlv, ...]) -> None:
        """Take what the Announces carry from now on while this clock is the grandmaster, in this order."""
        self._data_sets.own_tlvs = tlvs

    def _take(self) -> list[Output]:
        if not self._outputs:
            return []
        taken = self._outputs.copy()
        self._outputs.clear()
        return taken

    # -- the best master clock algorithm ------------------------------------------------------------------

    def _state_decision(self, now: MonotonicTime) -> None:
        """Run the algorithm over all ports and let each follow its decision (9.3.3)."""
        active = {number: port for number, port in self.ports.items() if port.state in ACTIVE_STATES}
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
        self._update_uncertainty()
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

    def _update_uncertainty(self) -> None:
        """A clock that has a parent is uncertain as long as it is not a slave, or its parent is (8.2.2)."""
        data = self._data_sets
        data.is_synchronized = any(port.state is PortState.SLAVE for port in self.ports.values())
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
        data.time_properties_ds = self._settings.time_properties
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
        data, port = self._data_sets, self.ports[number]
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
