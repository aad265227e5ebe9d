"""The keys of `[instance.NAME]`; what a profile decides is ``UNSET``."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType, field

from ptpstack.config.gptp_table import GptpInstanceKeys
from ptpstack.config.port_table import AcceptableMaster, LocalPriority, Octet, Port
from ptpstack.config.signal_fail_table import SignalFailTable

InstanceTypeName: TypeAlias = Literal["auto", "e2e-tc", "p2p-tc"]
TimeSourceName: TypeAlias = Literal[
    "atomic_clock",
    "gnss",
    "terrestrial_radio",
    "serial_time_code",
    "ptp",
    "ntp",
    "hand_set",
    "other",
    "internal_oscillator",
]


class Instance(GptpInstanceKeys, frozen=True):
    """One PTP instance, which is a clock in one domain; NAME is free."""

    profile: Annotated[str, Meta(description="The PTP profile that gives defaults and ranges.")] = "default-e2e"
    enforce_profile: Annotated[
        bool,
        Meta(description="Refuse what the profile does not allow; false widens the ranges to those listed here."),
    ] = True
    instance_type: Annotated[
        InstanceTypeName,
        Meta(
            description=(
                "auto: an ordinary clock, with several ports a boundary clock; e2e-tc, p2p-tc: a transparent clock, "
                "which hands messages on between its ports and tells how long they stayed."
            )
        ),
    ] = "auto"
    domain_number: Annotated[Octet | UnsetType, Meta(description="The domain.")] = UNSET
    sdo_id: Annotated[
        Annotated[int, Meta(ge=0, le=0xFFF)] | UnsetType,
        Meta(description="majorSdoId and minorSdoId as one number; isolates profiles from each other."),
    ] = UNSET
    priority1: Annotated[
        Octet | UnsetType, Meta(description="First rank in the choice of the grandmaster; lower wins.")
    ] = UNSET
    priority2: Annotated[Octet | UnsetType, Meta(description="Rank among clocks of equal quality; lower wins.")] = UNSET
    local_priority: Annotated[
        LocalPriority | UnsetType, Meta(description="Rank of this clock among others, here only (telecom profiles).")
    ] = UNSET
    slave_only: Annotated[bool, Meta(description="Never be a master (timeReceiverOnly).")] = False
    clock_class: Annotated[
        Octet | UnsetType, Meta(description="clockClass when grandmaster: 248, or 255 with slave_only.")
    ] = UNSET
    clock_accuracy: Annotated[
        Octet, Meta(description="clockAccuracy when grandmaster, the standard's code (0x21: 100 ns, 0xFE: unknown).")
    ] = 0xFE
    offset_scaled_log_variance: Annotated[
        Annotated[int, Meta(ge=0, le=0xFFFF)] | UnsetType,
        Meta(description="offsetScaledLogVariance when grandmaster (0xFFFF: not computed)."),
    ] = UNSET
    path_trace_enabled: Annotated[bool, Meta(description="Send and check the PATH_TRACE TLV.")] = False
    sync_while_uncalibrated: Annotated[
        bool,
        Meta(
            description=(
                "As a boundary clock, send Syncs also while the own clock does not show the grandmaster's time yet; "
                "false: until then the ports below announce that they are uncertain, and send none."
            )
        ),
    ] = False
    grandmaster_id: Annotated[
        Annotated[int, Meta(ge=0, le=0xFFFF)] | UnsetType,
        Meta(description="grandmasterID of IEEE C37.238, by which this clock as a grandmaster is known; 0: unused."),
    ] = UNSET
    time_inaccuracy_ns: Annotated[
        int,
        Meta(
            ge=0,
            le=0xFFFF_FFFF,
            description=(
                "By how much this clock may make the time worse, for IEEE C37.238: told by a locked grandmaster, "
                "added by a boundary or transparent clock; 4294967295: not known."
            ),
        ),
    ] = 0xFFFF_FFFF
    local_time: Annotated[
        str,
        Meta(
            description=(
                "A time zone as Europe/Berlin, told by a grandmaster in ALTERNATE_TIME_OFFSET_INDICATOR with its next "
                "change (tzdata); empty: none."
            )
        ),
    ] = ""
    smp_synch_file: Annotated[
        str,
        Meta(
            description=(
                "A file that holds SmpSynch for merging units (0 not synchronized, 1 local, 2 global), renewed each "
                "second: one that is older than 3 s counts as 0; empty: none, `ptpstack status` tells it anyway."
            )
        ),
    ] = ""
    max_steps_removed: Annotated[
        Annotated[int, Meta(ge=2, le=255)] | UnsetType,
        Meta(description="Announce messages from this many boundary clocks away or more are ignored."),
    ] = UNSET
    current_utc_offset: Annotated[
        int, Meta(ge=-0x8000, le=0x7FFF, description="TAI minus UTC that a grandmaster announces, seconds.")
    ] = 37
    current_utc_offset_valid: Annotated[bool, Meta(description="That current_utc_offset is known to be right.")] = False
    ptp_timescale: Annotated[bool, Meta(description="That the grandmaster's time is TAI since 1970.")] = True
    time_traceable: Annotated[bool, Meta(description="That the grandmaster's time is traceable to UTC.")] = False
    frequency_traceable: Annotated[bool, Meta(description="That its frequency is traceable to a primary one.")] = False
    time_source: Annotated[TimeSourceName, Meta(description="Where the grandmaster's time comes from.")] = (
        "internal_oscillator"
    )
    clock_identity: Annotated[
        Annotated[str, Meta(pattern="^([.:-]?[0-9A-Fa-f]){16}$", title="eight octets such as 001b19.fffe.000001")]
        | UnsetType,
        Meta(description="Eight octets such as 001b19.fffe.000001; otherwise made from the first interface's address."),
    ] = UNSET
    clock: Annotated[
        str,
        Meta(
            min_length=1,
            description=(
                "The clock to steer: auto (the PHCs of the ports if all have one, else the system clock), system, "
                "/dev/ptpN, or the NAME of a `[clock.NAME]`."
            ),
        ),
    ] = "auto"
    clock_alignment_ns: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000_000,
            description=(
                "Where ports have several hardware clocks: how near a port's clock must be to the one that follows "
                "the master, for its stamps to be used."
            ),
        ),
    ] = 1000
    free_running: Annotated[bool, Meta(description="Measure, never steer.")] = False
    learn_asymmetry: Annotated[
        bool,
        Meta(
            description=(
                "Assisted partial timing: while a `[source]` steers the clock, learn how asymmetric this instance's "
                "path is, and take that off its measurements; it steers the clock when the source is lost."
            )
        ),
    ] = False
    acceptable_master: Annotated[
        tuple[AcceptableMaster, ...],
        Meta(description="Who may be followed, `[[instance.NAME.acceptable_master]]` each; none: anybody."),
    ] = ()
    signal_fail: Annotated[
        SignalFailTable, Meta(description="When a master is no use, `[instance.NAME.signal_fail]`.")
    ] = field(default_factory=SignalFailTable)
    port: Annotated[tuple[Port, ...], Meta(description="The ports, `[[instance.NAME.port]]` each.")] = ()
