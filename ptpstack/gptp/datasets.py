"""The data sets of a gPTP instance, member by member as the standard names them (IEEE 802.1AS-2020 clause 14).

They are made of the machines' variables when somebody looks.
"""

from __future__ import annotations

import msgspec

from ptpstack.engine.port_state import PortState
from ptpstack.time import TimeInterval
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity


class DefaultDS(msgspec.Struct, kw_only=True):
    """14.2."""

    clock_identity: ClockIdentity
    number_ports: int
    clock_quality: ClockQuality
    priority1: int
    priority2: int
    gm_capable: bool
    domain_number: int
    sdo_id: int
    external_port_configuration_enabled: bool


class CurrentDS(msgspec.Struct, kw_only=True):
    """14.3. ``offset_from_master`` is local − master; ``serves_default_time`` is ours (AVnu Automotive 6.3)."""

    steps_removed: int
    offset_from_master: TimeInterval
    mean_delay: TimeInterval
    last_gm_phase_change: TimeInterval
    last_gm_freq_change: float
    gm_timebase_indicator: int
    gm_change_count: int
    gm_present: bool
    serves_default_time: bool


class ParentDS(msgspec.Struct, kw_only=True):
    """14.4. ``cumulative_rate_ratio`` is grandmaster / local."""

    parent_port_identity: PortIdentity
    cumulative_rate_ratio: float
    grandmaster_identity: ClockIdentity
    grandmaster_clock_quality: ClockQuality
    grandmaster_priority1: int
    grandmaster_priority2: int


class PortDS(msgspec.Struct, kw_only=True):
    """14.8, with what the link says (14.16), and what AVnu Automotive counts (9.2, 9.3) since the start.

    ``hears_sync`` is ours: usable Syncs come, the next one not being overdue.
    """

    port_identity: PortIdentity
    port_state: PortState
    delay_mechanism: str
    as_capable: bool
    as_capable_reason: str
    is_measuring_delay: bool
    mean_link_delay: TimeInterval
    mean_link_delay_thresh: TimeInterval
    delay_asymmetry: TimeInterval
    neighbor_rate_ratio: float
    neighbor_gptp_capable: bool
    neighbor_port_identity: PortIdentity | None
    current_log_announce_interval: int | None
    announce_receipt_timeout: int
    current_log_sync_interval: int | None
    sync_receipt_timeout: int
    sync_locked: bool
    one_step_receive: bool
    one_step_transmit: bool
    one_step_tx_oper: bool
    current_log_pdelay_req_interval: int | None
    lost_responses: int
    detected_faults: int
    hears_sync: bool
    link_up_count: int
    link_down_count: int
    sync_receipt_timeout_count: int
    non_continuous_sync_count: int
    pdelay_resp_timeout_count: int
    mean_link_delay_exceeded_count: int
    minor_version_number: int
