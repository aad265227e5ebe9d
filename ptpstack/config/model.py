"""The one typed model of the configuration: every key with its type, range, default and meaning.

TOML is converted into these structs, and ``ptpstack check --schema`` and docs/config.md are made from them.
``UNSET`` means that the profile, or else the standard, decides (``resolve.fill``).
What does not live here: reading files and saying what is wrong (``load``), rules between keys (``rules``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

from ptpstack.config.arbiter_table import Arbiter
from ptpstack.config.autosar_table import Autosar, AutosarOffset
from ptpstack.config.gptp_table import GptpInstanceKeys
from ptpstack.config.holdover_table import Holdover, Time
from ptpstack.config.hot_standby_table import HotStandby
from ptpstack.config.ntp_reference_table import NtpReference
from ptpstack.config.ntp_server_table import NtpServer, NtpServerNts
from ptpstack.config.ntp_table import Ntp, NtpSource
from ptpstack.config.port_table import AcceptableMaster, LocalPriority, LogInterval, Nanoseconds, Octet, Port
from ptpstack.config.process_tables import Control, LeapSeconds, Log, Realtime, State
from ptpstack.config.servo_table import Servo
from ptpstack.config.signal_fail_table import SignalFailTable
from ptpstack.config.sink_table import Sink
from ptpstack.config.synce_table import SyncE, SyncEInput, SyncEPort
from ptpstack.config.table import Table
from ptpstack.config.unicast_table import UnicastMaster, UnicastService

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

ALIASES = {"time_receiver_only": "slave_only", "time_transmitter_only": "master_only"}
"""IEEE 1588g-2022 spellings that are read as the key they stand for."""


BASES: dict[str, Callable[[int], str]] = {
    "sdo_id": hex,
    "clock_accuracy": hex,
    "offset_scaled_log_variance": hex,
    "mode": oct,
}
"""Keys whose numbers people write in another base."""


def written(key: str, value: str | float) -> str:
    """Return *value* as it would be written behind *key* (a name or a path) in the file."""
    base = BASES.get(key.rpartition(".")[2])
    return base(value) if base and isinstance(value, int) else json.dumps(value, ensure_ascii=False)


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


class Clock(Table, frozen=True):
    """A clock of this host that follows another one, or is followed; or a virtual PHC over software stamps.

    NAME is what `clock` and `follows` elsewhere in the file may say.
    """

    type: Annotated[
        Literal["phc", "soft", "system"],
        Meta(description="A PTP hardware clock, a virtual one for tests and demos, or the system clock."),
    ]
    device: Annotated[str, Meta(description="The hardware clock, /dev/ptpN (type phc).")] = ""
    follows: Annotated[
        str,
        Meta(
            description=(
                "The clock that this one is kept on: auto (that of the first instance whose clock is locked), system, "
                "/dev/ptpN, or the NAME of another `[clock.NAME]`; empty: none (types phc and system)."
            )
        ),
    ] = ""
    log_interval: Annotated[
        LogInterval, Meta(description="How often the two are compared, log2 seconds (with follows).")
    ] = 0
    readings: Annotated[
        int, Meta(ge=1, le=25, description="Readings a comparison, the narrowest of which counts (with follows).")
    ] = 5
    reference: Annotated[
        bool,
        Meta(description="That it is right by itself, so that others may follow it while nothing here steers it."),
    ] = False
    allow_timescale_mismatch: Annotated[
        bool,
        Meta(
            description="Follow also over 30 to 45 s, which looks like TAI taken for UTC (type system); NTP always is."
        ),
    ] = False
    offset_ns: Annotated[
        int, Meta(ge=-(10**18), le=10**18, description="How far ahead of the system clock it starts (type soft).")
    ] = 0
    frequency_error_ppb: Annotated[
        float, Meta(ge=-1e6, le=1e6, description="How much faster than the system clock it runs, ppb (type soft).")
    ] = 0.0


class PulseSource(Table, frozen=True):
    """A pulse per second on an input of a hardware clock, and what tells which second it is; NAME is free.

    It steers the clock, before any instance. The grandmasters on that clock announce what it is worth: their
    clock_accuracy and offset_scaled_log_variance hold while it is locked, and count as unknown otherwise.
    """

    type: Annotated[Literal["pps"], Meta(description="The kind of source.")]
    clock: Annotated[str, Meta(description="The hardware clock: /dev/ptpN, or the NAME of a `[clock.NAME]`.")]
    channel: Annotated[int, Meta(ge=0, le=255, description="Its external timestamp channel.")] = 0
    pin: Annotated[
        str, Meta(description="The pin to put on that channel, by name or index; empty: as it is wired or set.")
    ] = ""
    time_of_day: Annotated[
        Literal["gpsd", "nmea", "ubx", "system"],
        Meta(
            description=(
                "What names the seconds: gpsd, a receiver's NMEA sentences or UBX messages (whose TIM-TP corrects each "
                "pulse), or the system clock (NTP)."
            )
        ),
    ] = "system"
    gpsd_host: Annotated[str, Meta(min_length=1, description="Where gpsd runs (time_of_day gpsd).")] = "127.0.0.1"
    gpsd_port: Annotated[int, Meta(ge=1, le=65535, description="Its TCP port (time_of_day gpsd).")] = 2947
    serial_port: Annotated[str, Meta(description="The receiver's serial port (nmea, ubx).")] = ""
    baud_rate: Annotated[int, Meta(ge=50, le=4_000_000, description="Its speed (nmea, ubx).")] = 9600
    time_of_day_delay_ns: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000,
            description="From a pulse to what names its second; the default suits any below 1 s (nmea, ubx, gpsd).",
        ),
    ] = 500_000_000
    correction_ns: Annotated[
        Nanoseconds, Meta(description="Added to each stamp: minus the delay of cable, receiver and input.")
    ] = 0
    reference_grade: Annotated[
        Literal["prtc", "eprtc"],
        Meta(
            description=(
                "What the receiver is good for, by ITU-T G.8272 (100 or 40 ns) or G.8272.1 (30 ns); profiles with a "
                "table of clock qualities announce by it, instead of the three keys below."
            )
        ),
    ] = "prtc"
    locked_clock_class: Annotated[
        Octet, Meta(description="clockClass of the grandmasters on this clock while it is locked to the pulses.")
    ] = 6
    holdover_clock_class: Annotated[Octet, Meta(description="clockClass for a while after the pulses stopped.")] = 7
    holdover_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="How long; then clock_class of the instance holds. What an oscillator is good for: unverified.",
        ),
    ] = 300


class PulseOutput(Table, frozen=True):
    """Pulses that a hardware clock sends out; NAME is free."""

    clock: Annotated[str, Meta(description="The hardware clock: /dev/ptpN, or the NAME of a `[clock.NAME]`.")]
    channel: Annotated[int, Meta(ge=0, le=255, description="Its periodic output channel.")] = 0
    pin: Annotated[
        str, Meta(description="The pin to put on that channel, by name or index; empty: as it is wired or set.")
    ] = ""
    period_ns: Annotated[int, Meta(ge=1, le=10**12, description="From one rising edge to the next; 1 s is a PPS.")] = (
        1_000_000_000
    )
    width_ns: Annotated[int, Meta(ge=0, le=10**12, description="Length of a pulse; 0 leaves it to the hardware.")] = 0


class Config(Table, frozen=True):
    """A whole configuration file."""

    instance: Annotated[dict[str, Instance], Meta(description="The PTP instances, `[instance.NAME]` each.")] = field(
        default_factory=dict
    )
    clock: Annotated[dict[str, Clock], Meta(description="Clocks of this host, `[clock.NAME]` each.")] = field(
        default_factory=dict
    )
    source: Annotated[dict[str, PulseSource], Meta(description="References, `[source.NAME]` each.")] = field(
        default_factory=dict
    )
    output: Annotated[dict[str, PulseOutput], Meta(description="Pulses sent, `[output.NAME]` each.")] = field(
        default_factory=dict
    )
    synce: SyncE = field(default_factory=SyncE)
    sink: Annotated[dict[str, Sink], Meta(description="Where the time is told, `[sink.NAME]` each.")] = field(
        default_factory=dict
    )
    hot_standby: HotStandby = field(default_factory=HotStandby)
    ntp: Ntp = field(default_factory=Ntp)
    servo: Servo = field(default_factory=Servo)
    arbiter: Arbiter = field(default_factory=Arbiter)
    holdover: Holdover = field(default_factory=Holdover)
    time: Time = field(default_factory=Time)
    leap_seconds: LeapSeconds = field(default_factory=LeapSeconds)
    log: Log = field(default_factory=Log)
    control: Control = field(default_factory=Control)
    state: State = field(default_factory=State)
    realtime: Realtime = field(default_factory=Realtime)


TABLES: dict[str, type[Struct]] = {
    "[instance.NAME]": Instance,
    "[[instance.NAME.port]]": Port,
    "[[instance.NAME.port.unicast_master]]": UnicastMaster,
    "[instance.NAME.port.unicast_service]": UnicastService,
    "[[instance.NAME.acceptable_master]]": AcceptableMaster,
    "[instance.NAME.signal_fail]": SignalFailTable,
    "[instance.NAME.autosar]": Autosar,
    "[[instance.NAME.autosar.offset]]": AutosarOffset,
    "[clock.NAME]": Clock,
    "[source.NAME]": PulseSource,
    "[output.NAME]": PulseOutput,
    "[synce]": SyncE,
    "[[synce.port]]": SyncEPort,
    "[[synce.input]]": SyncEInput,
    "[hot_standby]": HotStandby,
    "[sink.NAME]": Sink,
    "[ntp]": Ntp,
    "[[ntp.source]]": NtpSource,
    "[[ntp.reference]]": NtpReference,
    "[ntp.server]": NtpServer,
    "[ntp.server.nts]": NtpServerNts,
    "[servo]": Servo,
    "[arbiter]": Arbiter,
    "[holdover]": Holdover,
    "[time]": Time,
    "[leap_seconds]": LeapSeconds,
    "[log]": Log,
    "[control]": Control,
    "[state]": State,
    "[realtime]": Realtime,
}
"""Every table of the file by the header that opens it."""
