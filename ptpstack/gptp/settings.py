"""What an operator or the profile sets on a gPTP instance and its ports, resolved to plain values."""

from __future__ import annotations

from enum import Enum

import msgspec

from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import MICROSECOND, SECOND, TimeInterval, interval_from_ns
from ptpstack.wire.tlvs.autosar import SubTlv
from ptpstack.wire.types import ClockIdentity, ClockQuality

GPTP_SDO_ID, CMLDS_SDO_ID = 0x100, 0x200
"""IEEE 802.1AS-2020 8.1, 11.2.17: of instances, and of the common link delay service."""

NOT_GRANDMASTER_CAPABLE = 255
"""priority1 of a system that is never the grandmaster (8.6.2.1)."""


class CrcCheck(Enum):
    """What is made of received CRCs (EthTSynRxCrcValidated)."""

    VALIDATED = "validated"
    NOT_VALIDATED = "not_validated"
    OPTIONAL = "optional"
    IGNORED = "ignored"


class AutosarSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one time domain. ``sub_tlvs`` is what this system says as a grandmaster; its CRCs are filled in."""

    crc_time_flags: int | None = None
    """Which fields of a Follow_Up are secured (``CrcTimeFlag``); None: no Time Secured is sent."""
    data_ids: tuple[int, ...] = (0,) * 16
    crc_check: CrcCheck = CrcCheck.OPTIONAL
    sub_tlvs: tuple[SubTlv, ...] = ()


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one link: cmldsLinkPortDS, or what portDS has of it without CMLDS (14.8, 14.16)."""

    port_number: int
    minor_version_number: int = 1
    log_pdelay_req_interval: int = 0
    mean_link_delay_thresh: TimeInterval = interval_from_ns(800)
    allowed_lost_responses: int = 9
    allowed_faults: int = 9
    as_capable_on_link_up: bool = False
    """AVnu Automotive 6.2.1.2: a link that is up is capable; what speaks against it is only told."""
    kept_mean_link_delay: TimeInterval | None = None
    """Of the last time, until there is a measurement (AVnu Automotive 6.2.2)."""
    oper_log_pdelay_req_interval: int | None = None
    """After the clock is synchronized; None: the initial one (AVnu Automotive 6.2.3)."""
    log_pdelay_retry_interval: int | None = None
    """How soon a first request that came to nothing is repeated (``pdelay_hurry.py``); None: at the interval."""
    delay_asymmetry: TimeInterval = 0
    ingress_latency: TimeInterval = 0
    egress_latency: TimeInterval = 0


class GptpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Configurable members of defaultDS and its neighbours (14.2)."""

    clock_identity: ClockIdentity
    domain_number: int = 0
    priority1: int = 246
    priority2: int = 248
    clock_quality: ClockQuality = ClockQuality(248, 0xFE, 0x436A)
    time_properties: TimeProperties = msgspec.field(default_factory=TimeProperties)
    external_port_configuration_enabled: bool = False
    announces: bool = True
    """False: Announces are neither sent nor expected, and the port that is set to be a slave has a grandmaster before
    it (AVnu Automotive 6.2.1.1); with external port configuration."""
    autosar: AutosarSettings | None = None
    """None: Follow_Ups have no AUTOSAR TLV, and what is received with one is not looked at."""
    default_time_after: TimeInterval | None = None
    """A relay whose grandmaster sent no Sync so long after the start serves its own clock's time until there is one
    (AVnu Automotive 6.3); None: it serves none."""
    empty_path_trace_when_too_long: bool = True
    """Whether a path that is too long is told by an empty TLV, or by none: the editions and AVnu disagree."""


class GptpPortSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Configurable members of portDS (14.8)."""

    link: LinkSettings
    two_step_flag: bool = True
    """False: the NIC can write the time into a Sync that leaves (oneStepTransmit)."""
    one_step_on_request: bool = False
    """It does so once the neighbour has said that it can take that (OneStepTxOperSetting); False: from the start."""
    log_announce_interval: int = 0
    announce_receipt_timeout: int = 3
    log_sync_interval: int = -3
    sync_receipt_timeout: int = 3
    log_gptp_capable_message_interval: int = 3
    gptp_capable_receipt_timeout: int = 9
    gptp_capable_state_machines_enabled: bool = True
    """False: take the neighbour for capable, and do not say that this port is."""
    desired_state: PortState = PortState.MASTER
    """With external port configuration (14.12)."""
    requested_log_pdelay_req_interval: int | None = None
    requested_log_sync_interval: int | None = None
    requested_log_announce_interval: int | None = None
    """What is asked of the neighbour once it is there; None: nothing."""
    oper_log_sync_interval: int | None = None
    """What a slave asks its neighbour for once it is synchronized; None: nothing (AVnu Automotive 6.2.3)."""
    obeys_only_sync_interval: bool = False
    """Of a neighbour's request, leave the other two intervals aside (AVnu Automotive 6.2.4)."""
    verifies_source_port_identity: bool = True
    """False: a Follow_Up may be from another port than its Sync (AVnu Automotive 6.3)."""
    sends_without_sync: bool = False
    """A relay goes on with the last time it had when no more Syncs come (AVnu Automotive 6.3)."""
    interval_request_edition: str = "2020"

    @property
    def port_number(self) -> int:
        """portDS.portIdentity.portNumber."""
        return self.link.port_number

    @property
    def sync_slow_down_after(self) -> int:
        """How many more Syncs go at the old interval when a neighbour asks for a longer one (10.2.5.18).

        AVnu Automotive 6.2.4 wants it within two intervals.
        """
        return 1 if self.obeys_only_sync_interval else self.sync_receipt_timeout

    @property
    def initial_one_step_tx_oper(self) -> bool:
        """Whether it sends in one step before the neighbour said anything."""
        return not self.two_step_flag and not self.one_step_on_request


PDELAY_CEASE_TIME: TimeInterval = 300 * SECOND
MULTIPLE_RESPONSES_MAX = 3
"""So many requests in a row that several ports answer end the requests for :data:`PDELAY_CEASE_TIME`."""

NEIGHBOR_JUMP_LIMIT: TimeInterval = MICROSECOND
NEIGHBOR_RATE_LIMIT = 1e-3
"""A neighbour's clock that moves by more than the one beside the other was stepped."""
