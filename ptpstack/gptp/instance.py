"""A gPTP instance: an end station (one port) or a relay in one domain (IEEE 802.1AS-2020 clause 10).

It has the inputs and outputs of every engine (``engine.outputs``): ``now`` is the host's monotonic time, instants of
frames are on the local clock. What lives here: how the machines of all ports are joined. What does not: any figure.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.events import LocalQualityChanged, PortStateChanged
from ptpstack.engine.outputs import GrandmasterRank, Measurement, Output
from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.clock_master_sync_offset import ClockMasterSyncOffset
from ptpstack.gptp.clock_master_sync_receive import ClockMasterSyncReceive
from ptpstack.gptp.clock_master_sync_send import ClockMasterSyncSend
from ptpstack.gptp.clock_slave_sync import ClockSlaveSync
from ptpstack.gptp.datasets import CurrentDS, DefaultDS, ParentDS
from ptpstack.gptp.default_time import DefaultTime
from ptpstack.gptp.grandmaster_watch import GrandmasterWatch
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.machine import earliest
from ptpstack.gptp.messages import GptpMessages
from ptpstack.gptp.port import GptpPort
from ptpstack.gptp.port_state_selection import PortStateSelection
from ptpstack.gptp.port_state_setting_ext import PortStateSettingExt
from ptpstack.gptp.priority import SystemIdentity
from ptpstack.gptp.settings import GPTP_SDO_ID, NOT_GRANDMASTER_CAPABLE, GptpPortSettings, GptpSettings
from ptpstack.gptp.site_sync_sync import SiteSyncSync
from ptpstack.gptp.sync_data import PortSyncSync
from ptpstack.gptp.variables import InstanceVariables, PortVariables
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.message import Message
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

SETTLING_ROUNDS = 8


class GptpInstance:
    """An end station or relay. *links* are those of the common service; a port without one measures by itself.

    *delay_filter* makes the filter of one port's link delays.
    """

    def __init__(
        self,
        settings: GptpSettings,
        ports: Sequence[GptpPortSettings],
        *,
        delay_filter: Callable[[], DelayFilter],
        links: Mapping[int, LinkPort] | None = None,
    ) -> None:
        self._settings = settings
        self._outputs: list[Output] = []
        self._variables = InstanceVariables(settings)
        self._port_variables = {port.port_number: PortVariables(port) for port in ports}
        self._site_sync = SiteSyncSync(self._variables, self._port_variables, self._hand_out, self._refuse)
        self.ports = {
            port.port_number: self._make_port(port, delay_filter, (links or {}).get(port.port_number)) for port in ports
        }
        self._clock_slave = ClockSlaveSync(
            self._variables, {number: port.link for number, port in self.ports.items()}, self._measured
        )
        self._clock_master_send = ClockMasterSyncSend(
            self._variables, self._clock_master_log_sync_interval, self._site_sync.receive
        )
        self._clock_master_receive = ClockMasterSyncReceive(self._variables)
        self._clock_master_offset = ClockMasterSyncOffset(self._variables)
        self._selection: PortStateSelection | PortStateSettingExt
        chooser = PortStateSettingExt if settings.external_port_configuration_enabled else PortStateSelection
        self._selection = chooser(self._variables, self._port_variables, self._select)
        self._default_time = DefaultTime(self._variables, self._outputs.append)
        self._watch = GrandmasterWatch(self._variables, self._port_variables.values(), self._outputs.append)
        self._begin_at: MonotonicTime | None = None
        self._down: set[int] = set()
        self._last_measurement: Measurement | None = None

    def _make_port(
        self, settings: GptpPortSettings, delay_filter: Callable[[], DelayFilter], link: LinkPort | None
    ) -> GptpPort:
        messages = GptpMessages(
            PortIdentity(self._settings.clock_identity, settings.port_number),
            self._outputs,
            settings.link,
            sdo_id=GPTP_SDO_ID,
            domain_number=self._settings.domain_number,
        )
        return GptpPort(
            self._variables,
            self._port_variables[settings.port_number],
            messages,
            link or LinkPort(messages, settings.link, delay_filter()),
            owns_link=link is None,
            deliver=self._site_sync.receive,
        )

    # -- what others read ----------------------------------------------------------------------------

    @property
    def default_ds(self) -> DefaultDS:
        """14.2."""
        system = self._variables.system_identity
        return DefaultDS(
            clock_identity=self._settings.clock_identity,
            number_ports=len(self.ports),
            clock_quality=system.clock_quality,
            priority1=system.priority1,
            priority2=system.priority2,
            gm_capable=system.priority1 < NOT_GRANDMASTER_CAPABLE,
            domain_number=self._settings.domain_number,
            sdo_id=GPTP_SDO_ID,
            external_port_configuration_enabled=self._settings.external_port_configuration_enabled,
        )

    @property
    def current_ds(self) -> CurrentDS:
        """14.3."""
        variables = self._variables
        measurement = None if variables.is_grandmaster else self._last_measurement
        base = self._watch.time_base
        return CurrentDS(
            steps_removed=variables.gm_priority.steps_removed,
            offset_from_master=measurement.offset_from_master if measurement else 0,
            mean_delay=measurement.mean_delay if measurement else 0,
            last_gm_phase_change=base.last_gm_phase_change,
            last_gm_freq_change=base.last_gm_freq_change,
            gm_timebase_indicator=base.gm_time_base_indicator,
            gm_change_count=self._watch.gm_change_count,
            gm_present=variables.gm_present,
            serves_default_time=variables.serves_default_time,
        )

    @property
    def parent_ds(self) -> ParentDS:
        """14.4."""
        variables, root = self._variables, self._variables.gm_priority.root
        return ParentDS(
            parent_port_identity=self._watch.parent or PortIdentity(self._settings.clock_identity, 0),
            cumulative_rate_ratio=1.0 if variables.is_grandmaster else variables.rate_ratio,
            grandmaster_identity=root.clock_identity,
            grandmaster_clock_quality=root.clock_quality,
            grandmaster_priority1=root.priority1,
            grandmaster_priority2=root.priority2,
        )

    @property
    def time_properties_ds(self) -> TimeProperties:
        """14.5."""
        return self._variables.time_properties

    @property
    def is_grandmaster(self) -> bool:
        """Whether it is this system that the others follow, or would."""
        return self._variables.is_grandmaster

    @property
    def path_trace(self) -> tuple[ClockIdentity, ...]:
        """The systems from the grandmaster to this one, both included (10.3.9.23)."""
        return self._variables.path_trace

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` wants to be called, if ever."""
        deadlines = (port.next_deadline() for port in self.ports.values())
        return earliest(self._begin_at, self._clock_master_send.deadline, self._default_time.deadline, *deadlines)

    # -- inputs ----------------------------------------------------------------------------------------

    def start(self, now: MonotonicTime) -> list[Output]:
        """Let every port that has a link begin at the first deadline, which is now: the driver opens them meanwhile."""
        self._begin_at = now
        return self._take()

    def _begin(self, now: MonotonicTime) -> None:
        self._begin_at = None
        self._clock_master_send.enabled = True
        self._default_time.begin(now)
        for number in self.ports.keys() - self._down:
            self.ports[number].set_oper(True, now)

    def stop(self, now: MonotonicTime) -> list[Output]:
        """Let every port end; nothing is due afterwards."""
        self._begin_at = None
        self._clock_master_send.enabled = False
        for port in self.ports.values():
            port.set_oper(False, now)
        return self._settle(now)

    def link_changed(self, port_number: int, up: bool, now: MonotonicTime) -> list[Output]:
        """Take the state of a port's link (portOper)."""
        (self._down.discard if up else self._down.add)(port_number)
        if self._begin_at is None:
            self.ports[port_number].set_oper(up, now)
        return self._settle(now)

    def link_delay_changed(self, port_number: int, now: MonotonicTime) -> list[Output]:
        """Take that the common service judges the link of a port otherwise."""
        self.ports[port_number].update_as_capable(now)
        return self._settle(now)

    def receive(
        self,
        port_number: int,
        message: Message,
        ingress: LocalTime | None,
        now: MonotonicTime,
        _address: Hashable = None,
    ) -> list[Output]:
        """Take a decoded message that came in at *ingress*; other domains' are ignored (8.1)."""
        if message.domain_number == self._settings.domain_number and message.sdo_id == GPTP_SDO_ID:
            self.ports[port_number].receive(message, ingress, now)
            return self._settle(now)
        return self._take()

    def transmitted(self, port_number: int, context: int, egress: LocalTime | None, now: MonotonicTime) -> list[Output]:
        """Take the egress stamp of the event message sent with *context*; None says that there is none."""
        self.ports[port_number].transmitted(context, egress, now)
        return self._settle(now)

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        """Run every timer that is due by *now*."""
        if self._begin_at is not None:
            self._begin(now)
        for port in self.ports.values():
            port.handle_deadline(now)
        self._default_time.run_if_due(now)
        self._clock_master_send.run_if_due(now)
        return self._settle(now)

    def clock_stepped(
        self, delta: TimeInterval, local: LocalTime, now: MonotonicTime, ports: frozenset[int] | None = None
    ) -> list[Output]:
        """Carry stored instants over a step of the local clock, or of that of *ports* where there are several.

        A grandmaster's is a new time base for everybody.
        """
        stepped = frozenset(self.ports) if ports is None else ports
        for number, port in self.ports.items():
            port.sync_send.clock_stepped(delta, stepped)
            if number in stepped:
                port.clock_stepped(delta, local, now)
        variables = self._variables
        if variables.sync_receipt_local_time is not None:
            variables.sync_receipt_local_time += delta
        if variables.is_grandmaster and stepped == frozenset(self.ports):
            self._clock_master_receive.clock_stepped(delta, now)
            self._watch.time_base_of(0, variables.clock_source)
        return self._settle(now)

    def set_clock_problem(self, port_number: int, problem: str, now: MonotonicTime) -> list[Output]:
        """Take why the stamps of a port's own clock compare with no other's, or that they do ("")."""
        self.ports[port_number].set_clock_problem(problem)
        return self._settle(now)

    def servo_locked(self, locked: bool, now: MonotonicTime) -> list[Output]:
        """Take the servo's state: intervals depend on it, time does not: a relay hands it on without its own clock."""
        for port in self.ports.values():
            port.servo_locked(locked, now)
        return self._take()

    def set_local_quality(
        self, clock_quality: ClockQuality, time_properties: TimeProperties, now: MonotonicTime
    ) -> list[Output]:
        """Take what the local clock is worth from now on, should this system be the grandmaster."""
        variables = self._variables
        old = variables.system_identity
        if (old.clock_quality, variables.sys_time_properties) == (clock_quality, time_properties):
            return []
        variables.system_identity = SystemIdentity(
            old.priority1, *clock_quality, old.priority2, self._settings.clock_identity
        )
        variables.sys_time_properties = time_properties
        self._outputs.append(
            LocalQualityChanged(
                clock_class=clock_quality.clock_class,
                previous_clock_class=old.clock_class,
                clock_accuracy=clock_quality.clock_accuracy,
                time_traceable=time_properties.time_traceable,
            )
        )
        for port in self._port_variables.values():
            port.reselect = True
        return self._settle(now)

    # -- how the machines come to rest -------------------------------------------------------------------

    def _settle(self, now: MonotonicTime) -> list[Output]:
        """Let role selection and the ports' machines run until none has anything to do."""
        for _ in range(SETTLING_ROUNDS):
            for port in self.ports.values():
                port.announce_information.run(now)
            if not any(port.reselect for port in self._port_variables.values()):
                break
            self._selection.run(now)
        self._watch.look(self._selection.rule)
        for port in self.ports.values():
            port.messages.ptp_timescale = self._variables.time_properties.ptp_timescale
        self._clock_master_send.run(now)
        for port in self.ports.values():
            port.operational_intervals.run(now)
            port.sync_send.run(now)
            port.announce_transmit.run(now)
        return self._take()

    def _take(self) -> list[Output]:
        taken = self._outputs.copy()
        self._outputs.clear()
        return taken

    def _select(self, port: PortVariables, state: PortState, reason: str) -> None:
        """Give a port its state."""
        if port.selected_state is state:
            return
        old, port.selected_state = port.selected_state, state
        port.new_info = state is PortState.MASTER
        self._outputs.append(
            PortStateChanged(port_number=port.port_number, old_state=old, new_state=state, reason=reason)
        )

    # -- the way of a Sync ---------------------------------------------------------------------------------

    def _clock_master_log_sync_interval(self) -> int:
        """Return the least interval at which a port sends (10.7.2.4)."""
        wanted = [port.sync_interval.current_log_interval for port in self.ports.values()]
        return min((interval for interval in wanted if interval is not None), default=0)

    def _hand_out(self, sync: PortSyncSync, now: MonotonicTime) -> None:
        if sync.local_port_number:
            self._default_time.sync_came(now)
        for port in self.ports.values():
            port.sync_send.receive(sync, now)
        self._clock_slave.receive(sync, now)
        if sync.local_port_number:
            self._watch.time_base_of(sync.local_port_number, self._variables.grandmaster)

    def _refuse(self, sync: PortSyncSync, reason: str) -> None:
        if sync.local_port_number:
            self.ports[sync.local_port_number].counters.discarded[f"Sync: {reason}"] += 1

    def _measured(self, measurement: Measurement, now: MonotonicTime) -> None:
        self._last_measurement = measurement
        priority = self._variables.gm_priority
        quality = priority.root.clock_quality
        measurement.rank = GrandmasterRank(quality.clock_class, quality.clock_accuracy, priority.steps_removed)
        self._outputs.append(measurement)
        self._clock_master_offset.sync_receipt_time(now)
