"""The structures that carry synchronization between the machines (IEEE 802.1AS-2020 10.2.2)."""

from __future__ import annotations

import msgspec

from ptpstack.time import LocalTime, MonotonicTime, PtpTime, TimeInterval
from ptpstack.wire.tlvs.autosar import SubTlv
from ptpstack.wire.types import PortIdentity


class MdSync(msgspec.Struct, kw_only=True):
    """What one Sync, with its Follow_Up, said (MDSyncReceive)."""

    source_port_identity: PortIdentity
    sequence_id: int
    log_message_interval: int
    precise_origin_timestamp: PtpTime
    follow_up_correction_field: TimeInterval
    rate_ratio: float
    """Grandmaster / sender."""
    upstream_tx_time: LocalTime
    """When it left the sender, by the local clock."""
    ingress: LocalTime
    gm_time_base_indicator: int
    last_gm_phase_change: TimeInterval
    last_gm_freq_change: float
    autosar: tuple[SubTlv, ...] = ()


class PortSyncSync(msgspec.Struct, kw_only=True):
    """The grandmaster's time at one instant of the local clock, as it goes from port to port (PortSyncSync)."""

    local_port_number: int
    """Where it came in; 0: by the clock of this grandmaster."""
    sync_receipt_timeout_time: MonotonicTime | None
    source_port_identity: PortIdentity
    log_message_interval: int
    rate_ratio: float = 1.0
    """Grandmaster / local."""
    precise_origin_timestamp: PtpTime = PtpTime(0)
    follow_up_correction_field: TimeInterval = 0
    upstream_tx_time: LocalTime | None = None
    """None: the local clock *is* the grandmaster's, at any instant."""
    ingress: LocalTime | None = None
    gm_time_base_indicator: int = 0
    last_gm_phase_change: TimeInterval = 0
    last_gm_freq_change: float = 0.0
    autosar: tuple[SubTlv, ...] | None = None
    """What the grandmaster says by AUTOSAR's TLV; None: it is this system."""
