"""The data sets of a PTP instance, member by member as the standard names them (IEEE 1588-2019 8.2).

They hold what *is*; what was *set* is in ``settings.py``. Only the instance and its ports write them.
"""

from __future__ import annotations

import msgspec

from ptpstack.core.settings import (
    AcceptableMaster,
    DelayMechanism,
    InstanceSettings,
    PortSettings,
    SignalFailSettings,
)
from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import MILLISECOND, TimeInterval
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs.ieee_c37_238 import UNKNOWN_INACCURACY_NS
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

CALIBRATION_LIMIT: TimeInterval = MILLISECOND
"""A clock that is this far from its parent does not show the time of its grandmaster."""

FREE_RUNNING_CLOCK_CLASS = 248
"""The default of a clock that knows of no reference, as one that was just started: its time may be any (Table 4)."""

SLAVE_ONLY_CLOCK_CLASS = 255
"""IEEE 1588-2019 Table 4."""

PLAUSIBLE_LOG_INTERVALS = range(-10, 11)
"""What a master tells of intervals is believed within these."""


class DefaultDS(msgspec.Struct, kw_only=True):
    """IEEE 1588-2019 8.2.1."""

    clock_identity: ClockIdentity
    number_ports: int
    clock_quality: ClockQuality
    priority1: int
    priority2: int
    domain_number: int
    sdo_id: int
    slave_only: bool
    max_steps_removed: int
    local_priority: int | None = None
    by_quality_level: bool = False
    two_step_flag: bool = True

    @classmethod
    def of(cls, settings: InstanceSettings, number_ports: int) -> DefaultDS:
        """Return the data set that *settings* initialize; a slave-only clock has class 255 (7.6.2.5)."""
        quality = settings.clock_quality
        if settings.slave_only:
            quality = quality._replace(clock_class=SLAVE_ONLY_CLOCK_CLASS)
        return cls(
            clock_identity=settings.clock_identity,
            number_ports=number_ports,
            clock_quality=quality,
            priority1=settings.priority1,
            priority2=settings.priority2,
            domain_number=settings.domain_number,
            sdo_id=settings.sdo_id,
            slave_only=settings.slave_only,
            max_steps_removed=settings.max_steps_removed,
            local_priority=settings.local_priority,
            by_quality_level=settings.by_quality_level,
        )


class CurrentDS(msgspec.Struct, kw_only=True):
    """IEEE 1588-2019 8.2.2. ``offset_from_master`` is local − master."""

    steps_removed: int = 0
    offset_from_master: TimeInterval = 0
    mean_delay: TimeInterval = 0
    synchronization_uncertain: bool = False


class ParentDS(msgspec.Struct, kw_only=True):
    """IEEE 1588-2019 8.2.3."""

    parent_port_identity: PortIdentity
    grandmaster_identity: ClockIdentity
    grandmaster_clock_quality: ClockQuality
    grandmaster_priority1: int
    grandmaster_priority2: int

    @classmethod
    def of(cls, default: DefaultDS) -> ParentDS:
        """Return the data set of a clock that is its own grandmaster (Table 30)."""
        return cls(
            parent_port_identity=PortIdentity(default.clock_identity, 0),
            grandmaster_identity=default.clock_identity,
            grandmaster_clock_quality=default.clock_quality,
            grandmaster_priority1=default.priority1,
            grandmaster_priority2=default.priority2,
        )


class PortDS(msgspec.Struct, kw_only=True):
    """IEEE 1588-2019 8.2.15. The intervals are those in use, which a master may have changed."""

    port_identity: PortIdentity
    port_state: PortState = PortState.INITIALIZING
    delay_mechanism: DelayMechanism
    log_announce_interval: int
    announce_receipt_timeout: int
    log_sync_interval: int
    log_min_delay_req_interval: int
    log_min_pdelay_req_interval: int
    mean_link_delay: TimeInterval = 0
    version_number: int = 2
    minor_version_number: int
    delay_asymmetry: TimeInterval
    master_only: bool

    @classmethod
    def of(cls, settings: PortSettings, clock_identity: ClockIdentity) -> PortDS:
        """Return the data set that *settings* initialize."""
        return cls(
            port_identity=PortIdentity(clock_identity, settings.port_number),
            delay_mechanism=settings.delay_mechanism,
            log_announce_interval=settings.log_announce_interval,
            announce_receipt_timeout=settings.announce_receipt_timeout,
            log_sync_interval=settings.log_sync_interval,
            log_min_delay_req_interval=settings.log_min_delay_req_interval,
            log_min_pdelay_req_interval=settings.log_min_pdelay_req_interval,
            minor_version_number=settings.minor_version_number,
            delay_asymmetry=settings.delay_asymmetry,
            master_only=settings.master_only,
        )


class DataSets(msgspec.Struct):
    """Everything an instance's ports share."""

    default_ds: DefaultDS
    current_ds: CurrentDS
    parent_ds: ParentDS
    time_properties_ds: TimeProperties
    path_trace: tuple[ClockIdentity, ...] = ()
    own_tlvs: tuple[Tlv, ...] = ()
    """What a grandmaster adds to its Announces."""
    propagated_tlvs: tuple[Tlv, ...] = ()
    """What of the parent's Announces a boundary clock hands on (Table 52), but for PATH_TRACE and its inaccuracy."""
    extends_inaccuracy_by_ns: int | None = None
    """What a synchronized clock of the profile of IEEE C37.238 adds to that TLV; None: of another profile."""
    parent_is_uncertain: bool = False
    """synchronizationUncertain of the parent's last Announce."""
    is_uncertain: bool = False
    """synchronizationUncertain of the local clock as a grandmaster."""
    is_synchronized: bool = False
    """Whether a port is SLAVE, and so the local clock locked to its parent."""
    is_calibrated: bool = False
    """Whether the local clock was near its parent's when it was locked last, and has not been stepped since."""
    sync_while_uncalibrated: bool = False
    required_announce_tlvs: tuple[type[Tlv], ...] = ()
    signal_fail: SignalFailSettings | None = None
    acceptable_masters: dict[PortIdentity, AcceptableMaster] = msgspec.field(default_factory=dict)
    """By the port they send from, 0: from any (17.5); empty: everybody is acceptable."""

    def acceptable(self, sender: PortIdentity) -> AcceptableMaster | None:
        """Return the entry of the acceptable master table for *sender*, if there is one."""
        table = self.acceptable_masters
        return table.get(sender) or table.get(sender._replace(port_number=0))

    def calibrate(self) -> None:
        """Note how near the parent the local clock, which is locked, has come: a clock that slews may yet be far."""
        self.is_calibrated = abs(self.current_ds.offset_from_master) < CALIBRATION_LIMIT

    @property
    def follows_parent(self) -> bool:
        """Whether another clock is the grandmaster."""
        return self.parent_ds.grandmaster_identity != self.default_ds.clock_identity

    @property
    def own_inaccuracy_ns(self) -> int | None:
        """What this clock adds to IEEE_C37_238 now: not known while it is not synchronized; None: never anything."""
        if self.extends_inaccuracy_by_ns is None:
            return None
        return self.extends_inaccuracy_by_ns if self.is_synchronized else UNKNOWN_INACCURACY_NS

    @property
    def shows_announced_time(self) -> bool:
        """Whether the local clock shows the time of the grandmaster that is announced, so that Syncs are no lie."""
        return not self.follows_parent or self.is_calibrated or self.sync_while_uncalibrated
