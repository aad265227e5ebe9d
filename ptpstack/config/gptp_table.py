"""Keys of an instance and its ports that mean something with profile gptp only (IEEE 802.1AS-2020 clause 14)."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.autosar_table import Autosar
from ptpstack.config.table import Table

LogInterval: TypeAlias = Annotated[int, Meta(ge=-10, le=10)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=255)]
DesiredStateName: TypeAlias = Literal["master", "slave", "passive", "disabled"]


class GptpInstanceKeys(Table, frozen=True):
    """What a gPTP instance has beside what every instance has."""

    external_port_configuration_enabled: Annotated[
        bool,
        Meta(description="Give each port its desired_state, instead of choosing by Announces (gPTP)."),
    ] = False
    autosar: Annotated[
        Autosar | UnsetType, Meta(description="What AUTOSAR adds to Follow_Ups, `[instance.NAME.autosar]`.")
    ] = UNSET
    path_trace_when_too_long: Annotated[
        Literal["empty", "absent"],
        Meta(
            description=(
                "How an Announce tells that the path no longer fits: by an empty PATH_TRACE, or by none (gPTP; "
                "IEEE 802.1AS and AVnu disagree: unverified)."
            )
        ),
    ] = "empty"


class GptpPortKeys(Table, frozen=True):
    """What a port of a gPTP instance has beside what every port has."""

    sync_receipt_timeout: Annotated[
        Annotated[int, Meta(ge=2, le=255)] | UnsetType,
        Meta(description="Sync intervals of silence after which the grandmaster counts as gone (gPTP)."),
    ] = UNSET
    oper_log_sync_interval: Annotated[
        LogInterval | UnsetType,
        Meta(description="As a slave, the interval of Sync to ask for once synchronized, log2 seconds (gPTP)."),
    ] = UNSET
    oper_log_pdelay_req_interval: Annotated[
        LogInterval | UnsetType,
        Meta(description="The interval of Pdelay_Req once synchronized, log2 seconds (gPTP)."),
    ] = UNSET
    log_pdelay_retry_interval: Annotated[
        LogInterval | UnsetType,
        Meta(
            description=(
                "How soon a first Pdelay_Req that came to nothing is repeated, log2 seconds: from link-up on and from "
                "the first Sync on, then after twice as long each time up to the interval, until a delay is known; "
                "unset: at the interval (gPTP; nothing that was read allows or forbids it: unverified)."
            )
        ),
    ] = UNSET
    test_status: Annotated[
        bool,
        Meta(
            description=(
                "Tell each second how far this station is, by AVnu's Test Status message (gPTP in test; the layout of "
                "its own fields is unverified)."
            )
        ),
    ] = False
    mean_link_delay_thresh_ns: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000_000)] | UnsetType,
        Meta(
            description=(
                "The link delay above which the port is not asCapable: something without gPTP is between (gPTP). "
                "Software stamps need much more than the default."
            )
        ),
    ] = UNSET
    allowed_lost_responses: Annotated[
        Count | UnsetType, Meta(description="Pdelay_Req in a row that may stay unanswered (gPTP).")
    ] = UNSET
    allowed_faults: Annotated[
        Count | UnsetType, Meta(description="Measurements in a row that may miss the threshold (gPTP).")
    ] = UNSET
    log_gptp_capable_message_interval: Annotated[
        LogInterval | UnsetType,
        Meta(description="How often the port says that it is gPTP-capable, log2 seconds (gPTP)."),
    ] = UNSET
    gptp_capable_receipt_timeout: Annotated[
        Count | UnsetType,
        Meta(description="Such intervals of silence after which the neighbour counts as not gPTP-capable (gPTP)."),
    ] = UNSET
    gptp_capable_state_machines_enabled: Annotated[
        bool,
        Meta(
            description=(
                "Say and want to hear that a port is gPTP-capable; false: take the neighbour for capable, as for "
                "linuxptp, which never says it (gPTP)."
            )
        ),
    ] = True
    desired_state: Annotated[
        DesiredStateName | UnsetType,
        Meta(description="The port's state with external_port_configuration_enabled (gPTP)."),
    ] = UNSET
    request_log_pdelay_req_interval: Annotated[
        LogInterval | UnsetType,
        Meta(description="The interval of Pdelay_Req to ask the neighbour for, log2 seconds (gPTP)."),
    ] = UNSET
    request_log_sync_interval: Annotated[
        LogInterval | UnsetType,
        Meta(description="The interval of Sync to ask the neighbour for, log2 seconds (gPTP)."),
    ] = UNSET
    request_log_announce_interval: Annotated[
        LogInterval | UnsetType,
        Meta(description="The interval of Announce to ask the neighbour for, log2 seconds (gPTP)."),
    ] = UNSET
    one_step_on_request: Annotated[
        bool,
        Meta(
            description=(
                "With two_step = false: send in one step once the neighbour has said, by a flag of a message interval "
                "request, that it can take that, and in two before (gPTP)."
            )
        ),
    ] = False
    interval_request_edition: Annotated[
        Literal["2011", "2020"],
        Meta(description="The edition whose flags such a request has: implementations disagree, unverified (gPTP)."),
    ] = "2020"
