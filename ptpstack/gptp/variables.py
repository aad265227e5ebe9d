"""The variables that several machines share, by the standard's names.

Those of a whole instance (IEEE 802.1AS-2020 10.2.4, 10.3.9), and those of one port (10.2.5, 10.3.10).
"""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.priority import PriorityVector, SystemIdentity
from ptpstack.gptp.settings import NOT_GRANDMASTER_CAPABLE, GptpPortSettings, GptpSettings
from ptpstack.time import LocalTime, MonotonicTime, PtpTime, TimeInterval
from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.types import ClockIdentity, PortIdentity


class InfoIs(Enum):
    """Where what a port knows of a grandmaster comes from (10.3.10.2)."""

    RECEIVED = auto()
    MINE = auto()
    AGED = auto()
    DISABLED = auto()


class TimeBase(msgspec.Struct):
    """What a grandmaster says of jumps of its time (10.2.4.15 to 10.2.4.17)."""

    gm_time_base_indicator: int = 0
    last_gm_phase_change: TimeInterval = 0
    last_gm_freq_change: float = 0.0


class InstanceVariables:
    """What all machines of an instance share."""

    def __init__(self, settings: GptpSettings) -> None:
        self.settings = settings
        self.this_clock: ClockIdentity = settings.clock_identity
        self.system_identity = SystemIdentity(
            settings.priority1, *settings.clock_quality, settings.priority2, settings.clock_identity
        )
        self.sys_time_properties: TimeProperties = settings.time_properties
        self.gm_priority = PriorityVector.of_system(self.system_identity)
        self.gm_is_announced = not settings.external_port_configuration_enabled
        """Whether Announces, or this system itself, say who the grandmaster is: what may be announced on."""
        self.time_properties: TimeProperties = settings.time_properties
        self.path_trace: tuple[ClockIdentity, ...] = (settings.clock_identity,)
        self.gm_rate_ratio = 1.0
        """ClockSource / local clock: they are one here."""
        self.rate_ratio = 1.0
        """Grandmaster / local clock, of the last Sync."""
        self.sync_receipt_time: PtpTime | None = None
        self.sync_receipt_local_time: LocalTime | None = None
        self.clock_source = TimeBase()
        """Of the local clock, should it be the grandmaster's."""
        self.grandmaster = TimeBase()
        """Of the present grandmaster."""
        self.serves_default_time = False
        """No Sync came since the start, and for so long that the own clock's time is handed on."""

    @property
    def gm_present(self) -> bool:
        """Whether any system that may be the grandmaster is known (10.2.4.13)."""
        return self.gm_priority.root.priority1 < NOT_GRANDMASTER_CAPABLE

    @property
    def is_grandmaster(self) -> bool:
        """Whether it is this system; its port 0 is the slave port then (selectedState[0])."""
        return self.gm_priority.root.clock_identity == self.this_clock


class PortVariables:
    """What the machines of one port share."""

    def __init__(self, settings: GptpPortSettings) -> None:
        self.settings = settings
        self.port_oper = False
        self.as_capable = False
        self.selected_state = PortState.DISABLED
        self.neighbor_gptp_capable = False
        self.sync_locked = False
        self.one_step_tx_oper = settings.initial_one_step_tx_oper
        self.info_is = InfoIs.DISABLED
        self.updt_info = False
        self.new_info = False
        self.reselect = False
        self.selected = False
        self.port_priority: PriorityVector | None = None
        self.master_priority: PriorityVector | None = None
        self.announce: Announce | None = None
        """The Announce that portPriority is of."""
        self.path_trace: tuple[ClockIdentity, ...] = ()
        self.sync_source: PortIdentity | None = None
        """Whose Syncs came last; what a port that hears no Announces knows of a grandmaster."""
        self.sync_receipt_timeout_time: MonotonicTime | None = None
        self.sync_receipt_timeout_s = 0.0
        self.clock_problem = ""
        """Why the stamps of this port compare with no other's, where ports have clocks of their own."""

    @property
    def port_number(self) -> int:
        """ThisPort."""
        return self.settings.port_number

    @property
    def is_active(self) -> bool:
        """PortOper && ptpPortEnabled && asCapable."""
        return self.port_oper and self.as_capable

    @property
    def sends(self) -> bool:
        """Whether this port serves the time."""
        return self.is_active and self.selected_state is PortState.MASTER

    def parent_port_identity(self) -> PortIdentity | None:
        """Return whom this port heard of the grandmaster it knows from."""
        if self.info_is is not InfoIs.RECEIVED or self.port_priority is None:
            return None
        return self.port_priority.source_port_identity
