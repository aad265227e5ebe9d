"""From a filled configuration to the settings of the gPTP engine (``ptpstack.gptp.settings``)."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ptpstack.config.model import Instance
from ptpstack.config.port_table import Port
from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.gptp.settings import NOT_GRANDMASTER_CAPABLE, GptpPortSettings, GptpSettings, LinkSettings
from ptpstack.time import interval_from_ns
from ptpstack.wire.types import ClockIdentity, ClockQuality

DESIRED_STATES = {
    "master": PortState.MASTER,
    "slave": PortState.SLAVE,
    "passive": PortState.PASSIVE,
    "disabled": PortState.DISABLED,
}


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
        external_port_configuration_enabled=values.external_port_configuration_enabled,
        empty_path_trace_when_too_long=values.path_trace_when_too_long == "empty",
    )


def gptp_port_settings(port_number: int, port: Port) -> GptpPortSettings:
    """Return the settings of a port."""
    return GptpPortSettings(
        link=link_settings(port_number, port),
        two_step_flag=port.two_step,
        log_announce_interval=_decided(port.log_announce_interval),
        announce_receipt_timeout=_decided(port.announce_receipt_timeout),
        log_sync_interval=_decided(port.log_sync_interval),
        sync_receipt_timeout=_decided(port.sync_receipt_timeout),
        log_gptp_capable_message_interval=_decided(port.log_gptp_capable_message_interval),
        gptp_capable_receipt_timeout=_decided(port.gptp_capable_receipt_timeout),
        gptp_capable_state_machines_enabled=port.gptp_capable_state_machines_enabled,
        desired_state=DESIRED_STATES[port.desired_state or "master"],
        requested_log_pdelay_req_interval=_or_none(port.request_log_pdelay_req_interval),
        requested_log_sync_interval=_or_none(port.request_log_sync_interval),
        requested_log_announce_interval=_or_none(port.request_log_announce_interval),
        interval_request_edition=port.interval_request_edition,
    )


def link_settings(port_number: int, port: Port) -> LinkSettings:
    """Return what concerns the link of a port, whoever measures it."""
    return LinkSettings(
        port_number=port_number,
        minor_version_number=port.minor_version_number,
        log_pdelay_req_interval=_decided(port.log_min_pdelay_req_interval),
        mean_link_delay_thresh=interval_from_ns(_decided(port.mean_link_delay_thresh_ns)),
        allowed_lost_responses=_decided(port.allowed_lost_responses),
        allowed_faults=_decided(port.allowed_faults),
        delay_asymmetry=interval_from_ns(port.delay_asymmetry_ns),
        ingress_latency=interval_from_ns(port.ingress_latency_ns),
        egress_latency=interval_from_ns(port.egress_latency_ns),
    )


def _decided(value: int | UnsetType) -> int:
    if value is UNSET or isinstance(value, UnsetType):
        raise ValueError("the profile leaves a value open that gPTP needs")
    return value


def _or_none(value: int | UnsetType) -> int | None:
    return None if isinstance(value, UnsetType) else value
