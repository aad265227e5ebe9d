"""What an operator or a profile sets on an instance and its ports, resolved to plain values.

Ranges and defaults are the profile's business (``profiles``); names and files are ``config``'s.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from ptpstack.core.unicast_settings import UnicastClientSettings, UnicastServiceSettings
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import TimeInterval
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity


class DelayMechanism(IntEnum):
    """portDS.delayMechanism (IEEE 1588-2019 Table 21)."""

    E2E = 0x01
    P2P = 0x02
    NO_MECHANISM = 0xFE


class LocalQuality(msgspec.Struct, frozen=True, kw_only=True):
    """What the local clock is worth as a grandmaster."""

    clock_quality: ClockQuality
    time_properties: TimeProperties
    uncertain: bool = False


class AcceptableMaster(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of acceptableMasterTableDS (IEEE 1588-2019 17.5); port 0: any port of that clock."""

    port_identity: PortIdentity
    alternate_priority1: int = 0
    """Taken for the announced grandmasterPriority1 here, but 0, which changes nothing."""


class SignalFailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When a master fails (packet timing signal fail); what is 0 is not looked at."""

    sync_timeout: TimeInterval
    delay_resp_timeout: TimeInterval
    jitter_limit_ns: float
    """Standard deviation of offsets while locked."""
    offset_limit_ns: float
    """Median of a few offsets while locked."""
    heeds_uncertain: bool
    wait_to_restore: TimeInterval


class InstanceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Configurable members of defaultDS and its neighbours (IEEE 1588-2019 8.2.1)."""

    clock_identity: ClockIdentity
    domain_number: int = 0
    sdo_id: int = 0x000
    priority1: int = 128
    priority2: int = 128
    slave_only: bool = False
    clock_quality: ClockQuality = ClockQuality(248, 0xFE, 0xFFFF)
    time_properties: TimeProperties = msgspec.field(default_factory=TimeProperties)
    path_trace_enabled: bool = False
    sync_while_uncalibrated: bool = False
    local_priority: int | None = None
    """defaultDS.localPriority of ITU-T G.8275; with it masters are compared by the alternate algorithm."""
    by_quality_level: bool = False
    """Compare masters by their quality level, as ITU-T G.8265.1."""
    extends_inaccuracy_by_ns: int | None = None
    """What a clock adds to IEEE_C37_238 TLVs on their way; None: it is no clock of that profile."""
    required_announce_tlvs: tuple[type[Tlv], ...] = ()
    max_steps_removed: int = 255
    acceptable_masters: tuple[AcceptableMaster, ...] = ()
    """Those whose Announces are considered; empty: everybody's."""
    signal_fail: SignalFailSettings | None = None
    """When masters fail (PTSF); None: the standard alone decides."""


class PortSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Configurable members of portDS and timestampCorrectionPortDS (IEEE 1588-2019 8.2.15, 8.2.16)."""

    port_number: int
    delay_mechanism: DelayMechanism = DelayMechanism.E2E
    master_only: bool = False
    asks_by_unicast: bool = False
    """Delay_Req goes to the parent alone (hybrid operation), not to the group."""
    local_priority: int | None = None
    paired_port: int = 0
    """The port on the other network of a redundant one (``paired_port``); 0: none."""
    two_step_flag: bool = True
    minor_version_number: int = 1
    log_announce_interval: int = 1
    announce_receipt_timeout: int = 3
    log_sync_interval: int = 0
    log_min_delay_req_interval: int = 0
    log_min_pdelay_req_interval: int = 0
    delay_asymmetry: TimeInterval = 0
    ingress_latency: TimeInterval = 0
    egress_latency: TimeInterval = 0
    multicast: bool = True
    """Whether this port serves and hears the groups, or only whom it negotiated with."""
    unicast_client: UnicastClientSettings | None = None
    unicast_service: UnicastServiceSettings | None = None
    interface_rate_tlv: bool = False
    """Tell unicast clients how fast the link is, and heed what masters tell (ITU-T G.8275.2 Annex D)."""
    interface_bit_period: int = 0
    """Attoseconds; 0: not known, and then nothing is told or heeded."""
