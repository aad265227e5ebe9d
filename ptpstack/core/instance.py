"""A PTP instance: the door to its data sets, its ports and the best master clock algorithm over them.

The driver calls the input methods and carries out what each returns (``engine.outputs``). ``now`` is always the
host's monotonic time; instants of frames are on the instance's local clock. Nothing here blocks or waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence

from ptpstack.core.best_master import BestMaster
from ptpstack.core.context import PortContext
from ptpstack.core.datasets import CurrentDS, DataSets, DefaultDS, ParentDS
from ptpstack.core.delay_responder import DelayResponder
from ptpstack.core.port import Port
from ptpstack.core.port_states import PortEvent
from ptpstack.core.settings import InstanceSettings, LocalQuality, PortSettings
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.outputs import Output
from ptpstack.engine.port_state import RECEIVING_STATES
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.message import Message
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.types import ClockIdentity, ClockQuality


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
        self.ports: dict[int, Port] = {}
        self._best_master = BestMaster(settings, self._data_sets, self.ports, self._outputs)
        for port in ports:
            self.ports[port.port_number] = Port(
                PortContext(port, self._data_sets, self._outputs, random),
                path_trace_enabled=settings.path_trace_enabled,
                delay_filter=delay_filter(),
                decide=self._best_master.decide,
            )

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
        self._best_master.decide(now)
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
                    self._best_master.update_uncertainty()
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
        self._best_master.set_local_quality(
            clock_quality, time_properties, now, uncertain=uncertain, when_parent_is_lost=when_parent_is_lost
        )
        return self._take()

    def set_announce_tlvs(self, tlvs: tuple[Tlv, ...]) -> None:
        """Take what the Announces carry from now on while this clock is the grandmaster, in this order."""
        self._data_sets.own_tlvs = tlvs

    def _take(self) -> list[Output]:
        if not self._outputs:
            return []
        taken = self._outputs.copy()
        self._outputs.clear()
        return taken
