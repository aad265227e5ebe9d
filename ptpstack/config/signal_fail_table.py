"""The `[instance.NAME.signal_fail]` table of the configuration file."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.table import Table


class SignalFailTable(Table, frozen=True):
    """When a master that announces well is no use all the same (packet timing signal fail, PTSF) and is not chosen.

    The waiting times are our choice: ITU-T leaves them to the operator.
    """

    enabled: Annotated[
        bool | UnsetType,
        Meta(
            description=(
                "That failing masters are not compared; unset: as the profile says (the telecom ones do), and with "
                "unicast masters."
            )
        ),
    ] = UNSET
    sync_timeout_s: Annotated[
        float, Meta(gt=0, le=3600, description="lossSync: no usable Sync of the parent for so long, seconds.")
    ] = 2.0
    delay_resp_timeout_s: Annotated[
        float,
        Meta(ge=0, le=3600, description="lossDelayResp: no answer to Delay_Reqs for so long, seconds; 0: not heeded."),
    ] = 2.0
    jitter_ns: Annotated[
        float,
        Meta(
            ge=0,
            le=1e9,
            description="unusable: offsets of the locked clock deviate by more (32 Syncs), ns; 0: not heeded.",
        ),
    ] = 0.0
    offset_ns: Annotated[
        float,
        Meta(
            ge=0,
            le=1e9,
            description="unusable: the offset of the locked clock left this range (8 Syncs), ns; 0: not heeded.",
        ),
    ] = 0.0
    synchronization_uncertain: Annotated[
        bool, Meta(description="That a master which announces synchronizationUncertain fails.")
    ] = False
    wait_to_restore_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="What failed must be in order for so long, seconds; doubled each time it soon fails again.",
        ),
    ] = 5.0
