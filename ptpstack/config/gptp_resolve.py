"""From a filled configuration to the settings of the gPTP engine (``ptpstack.gptp.settings``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import UNSET, UnsetType

from profiles.loader import Profile, load_profile
from ptpstack.config.autosar_table import Autosar
from ptpstack.config.hot_standby_table import HotStandby
from ptpstack.config.instance_table import Instance
from ptpstack.config.port_table import Port
from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.autosar_crc import CrcTimeFlag
from ptpstack.gptp.hot_standby import HotStandbySettings
from ptpstack.gptp.instance_sync import InstanceSyncSettings
from ptpstack.gptp.settings import (
    NOT_GRANDMASTER_CAPABLE,
    AutosarSettings,
    CrcCheck,
    GptpPortSettings,
    GptpSettings,
    LinkSettings,
)
from ptpstack.time import interval_from_ns, interval_from_seconds
from ptpstack.wire.tlvs.autosar import SYNC_TO_GATEWAY, USER_DATA_OCTETS, OffsetTime, Status, SubTlv, UserData
from ptpstack.wire.types import ClockIdentity, ClockQuality

DEFAULT_TIME_AFTER = interval_from_seconds(20)
"""AVnu Automotive 6.3, startup."""

DESIRED_STATES = {
    "master": PortState.MASTER,
    "slave": PortState.SLAVE,
    "passive": PortState.PASSIVE,
    "disabled": PortState.DISABLED,
}


def has_static_roles(values: Instance) -> bool:
    """Whether the ports of an instance have the states that they are set to."""
    return values.external_port_configuration_enabled or "static_roles" in load_profile(values.profile).gptp_rules


def gptp_settings(values: Instance, identity: ClockIdentity, properties: TimeProperties) -> GptpSettings:
    """Return the settings of the instance that *values* describe; one that is slave_only is never grandmaster."""
    return GptpSettings(
        clock_identity=identity,
        domain_number=_decided(values.domain_number),
        priority1=NOT_GRANDMASTER_CAPABLE if values.slave_only else _decided(values.priority1),
        priority2=_decided(values.priority2),
        clock_quality=ClockQuality(
            _decided(values.clock_class), values.clock_accuracy, _decided(values.offset_scaled_log_variance)
        ),
        time_properties=properties,
        external_port_configuration_enabled=has_static_roles(values),
        announces="static_roles" not in load_profile(values.profile).gptp_rules,
        default_time_after=DEFAULT_TIME_AFTER if "default_time" in load_profile(values.profile).gptp_rules else None,
        autosar=None if isinstance(values.autosar, UnsetType) else _autosar(values.autosar),
        empty_path_trace_when_too_long=values.path_trace_when_too_long == "empty",
    )


def gptp_port_settings(port_number: int, port: Port, profile: Profile) -> GptpPortSettings:
    """Return the settings of a port."""
    rules = profile.gptp_rules
    return GptpPortSettings(
        link=link_settings(port_number, port, as_capable_on_link_up="as_capable_on_link_up" in rules),
        two_step_flag=port.two_step,
        one_step_on_request=port.one_step_on_request,
        log_announce_interval=_decided(port.log_announce_interval),
        announce_receipt_timeout=_decided(port.announce_receipt_timeout),
        log_sync_interval=_decided(port.log_sync_interval),
        sync_receipt_timeout=_decided(port.sync_receipt_timeout),
        log_gptp_capable_message_interval=_decided(port.log_gptp_capable_message_interval),
        gptp_capable_receipt_timeout=_decided(port.gptp_capable_receipt_timeout),
        gptp_capable_state_machines_enabled=(
            port.gptp_capable_state_machines_enabled and "as_capable_on_link_up" not in rules
        ),
        desired_state=DESIRED_STATES[port.desired_state or "master"],
        requested_log_pdelay_req_interval=_or_none(port.request_log_pdelay_req_interval),
        requested_log_sync_interval=_or_none(port.request_log_sync_interval),
        requested_log_announce_interval=_or_none(port.request_log_announce_interval),
        interval_request_edition=port.interval_request_edition,
        oper_log_sync_interval=_or_none(port.oper_log_sync_interval),
        obeys_only_sync_interval="obeys_only_sync_interval" in rules,
        verifies_source_port_identity="any_source_port_identity" not in rules,
        sends_without_sync="sends_without_sync" in rules,
    )


def link_settings(port_number: int, port: Port, *, as_capable_on_link_up: bool = False) -> LinkSettings:
    """Return what concerns the link of a port, whoever measures it."""
    return LinkSettings(
        port_number=port_number,
        minor_version_number=port.minor_version_number,
        log_pdelay_req_interval=_decided(port.log_min_pdelay_req_interval),
        mean_link_delay_thresh=interval_from_ns(_decided(port.mean_link_delay_thresh_ns)),
        allowed_lost_responses=_decided(port.allowed_lost_responses),
        allowed_faults=_decided(port.allowed_faults),
        as_capable_on_link_up=as_capable_on_link_up,
        oper_log_pdelay_req_interval=_or_none(port.oper_log_pdelay_req_interval),
        log_pdelay_retry_interval=_or_none(port.log_pdelay_retry_interval),
        delay_asymmetry=interval_from_ns(port.delay_asymmetry_ns),
        ingress_latency=interval_from_ns(port.ingress_latency_ns),
        egress_latency=interval_from_ns(port.egress_latency_ns),
    )


def _autosar(table: Autosar) -> AutosarSettings:
    flags = sum(CrcTimeFlag[name.upper()] for name in table.secured_fields)
    return AutosarSettings(
        crc_time_flags=flags or None,
        data_ids=table.data_ids,
        crc_check=CrcCheck(table.crc_check),
        sub_tlvs=tuple(_content(table)),
    )


def _content(table: Autosar) -> Iterator[SubTlv]:
    secured = table.secure_content
    if table.sync_to_gateway is not None:
        yield Status(SYNC_TO_GATEWAY * table.sync_to_gateway, secured=secured)
    if table.user_data:
        octets = bytes.fromhex(table.user_data)
        yield UserData(len(octets), octets.ljust(USER_DATA_OCTETS, b"\0"), secured=secured)
    for row in table.offset:
        yield OffsetTime(row.domain, *divmod(row.offset_ns, 1_000_000_000), secured=secured)


def hot_standby_settings(table: HotStandby, instances: Mapping[str, Instance]) -> HotStandbySettings | None:
    """Return the hot standby that *table* describes, of filled *instances*; None if it names none."""
    if not table.primary:
        return None
    ports = [port for name in (table.primary, table.secondary) for port in instances[name].port]
    return HotStandbySettings(
        primary=table.primary,
        secondary=table.secondary,
        primary_secondary_offset_thresh=interval_from_ns(table.primary_secondary_offset_thresh_ns),
        log_sync_time_thresh=table.log_sync_time_thresh,
        sync_receipt_timeout=max(_decided(port.sync_receipt_timeout) for port in ports),
        instance_sync=InstanceSyncSettings(
            offset_from_time_transmitter_max=interval_from_ns(table.offset_from_time_transmitter_max_ns),
            rx_sync_count_thresh=table.rx_sync_count_thresh,
            offset_max_exceeded_count_thresh=table.offset_max_exceeded_count_thresh,
            offset_max_met_count_thresh=table.offset_max_met_count_thresh,
        ),
    )


def _decided(value: int | UnsetType) -> int:
    if value is UNSET or isinstance(value, UnsetType):
        raise ValueError("the profile leaves a value open that gPTP needs")
    return value


def _or_none(value: int | UnsetType) -> int | None:
    return None if isinstance(value, UnsetType) else value
