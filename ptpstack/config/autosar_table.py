"""The `[instance.NAME.autosar]` table: what AUTOSAR adds to Follow_Ups (PRS_TimeSyncProtocol)."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from ptpstack.config.table import Table

SecuredFieldName: TypeAlias = Literal[
    "message_length",
    "domain_number",
    "correction_field",
    "source_port_identity",
    "sequence_id",
    "precise_origin_timestamp",
]
DataId: TypeAlias = Annotated[int, Meta(ge=0, le=255)]


class AutosarOffset(Table, frozen=True):
    """Another time domain that this grandmaster tells by how much it is ahead (sub-TLV OFS)."""

    domain: Annotated[int, Meta(ge=16, le=31, description="The offset time domain.")]
    offset_ns: Annotated[int, Meta(ge=0, le=10**18, description="By how much it is ahead of this domain, ns.")]


class Autosar(Table, frozen=True):
    """The TLV of AUTOSAR's Time Synchronization over Ethernet in Follow_Ups: made, checked, handed on by relays."""

    crc_check: Annotated[
        Literal["validated", "not_validated", "optional", "ignored"],
        Meta(
            description=(
                "validated: a Follow_Up without a right Time Secured is no use; optional: a wrong CRC makes it no use, "
                "none is fine; not_validated: only unsecured ones are used; ignored: whatever they say."
            )
        ),
    ] = "optional"
    secured_fields: Annotated[
        tuple[SecuredFieldName, ...],
        Meta(description="The fields of each Follow_Up that its Time Secured covers; none: no Time Secured is sent."),
    ] = ()
    data_ids: Annotated[
        tuple[DataId, ...],
        Meta(min_length=16, max_length=16, description="The DataID list of the time domain, as the others have it."),
    ] = (0,) * 16
    secure_content: Annotated[
        bool, Meta(description="Send status, user data and offsets with a CRC of their own (0x50, 0x60, 0x44).")
    ] = True
    sync_to_gateway: Annotated[
        bool | None,
        Meta(description="As a grandmaster, send the status, with this bit SYNC_TO_GATEWAY; not given: no status."),
    ] = None
    user_data: Annotated[
        Annotated[str, Meta(pattern="^([0-9A-Fa-f]{2}){0,3}$", title="up to three octets such as 01CAFE")],
        Meta(description="As a grandmaster, send these octets; empty: none."),
    ] = ""
    offset: Annotated[
        tuple[AutosarOffset, ...], Meta(description="Offset domains told, `[[instance.NAME.autosar.offset]]` each.")
    ] = ()
