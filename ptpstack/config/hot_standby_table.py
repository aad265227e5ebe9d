"""The `[hot_standby]` table: two gPTP instances on one clock, one ready to take over (IEEE 802.1ASdm-2024)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ptpstack.config.table import Table


class HotStandby(Table, frozen=True):
    """Two gPTP instances that steer one clock, the second as soon as the first one's Syncs are overdue.

    The standard leaves the values to the application: all of them are unverified.
    """

    primary: Annotated[
        str, Meta(description="The instance that is followed while it is there; empty: no hot standby.")
    ] = ""
    secondary: Annotated[str, Meta(description="The instance that takes over, in another domain.")] = ""
    primary_secondary_offset_thresh_ns: Annotated[
        int, Meta(ge=1, le=1_000_000_000, description="How far their times may differ and still count as redundant.")
    ] = 1000
    log_sync_time_thresh: Annotated[
        int,
        Meta(
            ge=-128,
            le=10,
            description="How long both must be in order before they count as redundant again, log2 seconds; -128: not.",
        ),
    ] = 0
    offset_from_time_transmitter_max_ns: Annotated[
        int, Meta(ge=1, le=1_000_000_000, description="An offset beyond it speaks against an instance.")
    ] = 1000
    rx_sync_count_thresh: Annotated[
        int, Meta(ge=1, le=100_000, description="Syncs in a row before an instance counts as synchronized.")
    ] = 8
    offset_max_exceeded_count_thresh: Annotated[
        int, Meta(ge=1, le=100_000, description="Offsets beyond the limit in a row that end that.")
    ] = 3
    offset_max_met_count_thresh: Annotated[
        int, Meta(ge=1, le=100_000, description="Offsets within the limit in a row that it takes.")
    ] = 3
